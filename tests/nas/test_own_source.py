"""A user's own network: how pixels become its input, and batch norm that is put back."""

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch

from nas.batch_norm import with_batch_norm
from nas.errors import SourceUnavailable
from nas.interpreter import BNFolded, Training, run
from nas.own_source import CONVENTIONS, Convention, OwnSource, folded
from search_spaces.builder import Graph
from search_spaces.errors import InvalidSpace, UnreadableModel
from search_spaces.network import Network
from search_spaces.onnx_weights import TrainedNetwork
from tests.nas.own_networks import random_parameters, trained, written

IMAGENET, UNIT, RAW = CONVENTIONS[0], CONVENTIONS[1], CONVENTIONS[3]


def small(channels: int = 3) -> Network:
    """A convolution without padding, a second one, a classifier of 4 classes."""
    g = Graph((channels, 12, 12))
    x = g.conv("stem", g.input, 16, activation="relu", norm=False)
    x = g.conv("body", x, 16, kernel=3, stride=2, activation="relu", norm=False)
    g.linear("classifier", g.global_avg_pool("pool", x), 4)
    return g.network("small")


def outputs(network: Network, weights: dict[str, np.ndarray], images: torch.Tensor) -> torch.Tensor:
    parameters = {name: torch.from_numpy(np.ascontiguousarray(value)).double() for name, value in weights.items()}
    return run(network, images, BNFolded(parameters))


@pytest.fixture
def images() -> torch.Tensor:
    return torch.rand(6, 3, 12, 12, generator=torch.Generator().manual_seed(0), dtype=torch.float64)


@pytest.mark.parametrize("convention", CONVENTIONS, ids=lambda one: one.name)
def test_a_convention_becomes_part_of_the_first_layer(convention: Convention, images: torch.Tensor) -> None:
    file = trained(small())
    prepared = images.flip(1) if convention.reverse else images
    order = [2, 1, 0] if convention.reverse else [0, 1, 2]
    scale, offset = (torch.tensor(one)[order][:, None, None] for one in (convention.scale, convention.offset))
    expected = outputs(file.network, dict(file.weights), prepared * scale + offset)
    found = outputs(file.network, folded(file, convention, 3), images)
    assert torch.allclose(found, expected, rtol=1e-4, atol=1e-4 * float(expected.abs().max()))


def test_what_the_file_does_itself_comes_after(images: torch.Tensor) -> None:
    """A file that takes 0 to 255 and divides by it."""
    plain = trained(small())
    file = TrainedNetwork(plain.network, plain.weights, np.full(3, 1 / 255), np.zeros(3), "NCHW", ())
    expected = outputs(plain.network, dict(plain.weights), images)
    assert torch.allclose(outputs(plain.network, folded(file, RAW, 3), images), expected, rtol=1e-5, atol=1e-6)


def test_grey_images_are_all_three_colours(images: torch.Tensor) -> None:
    file, grey = trained(small()), images[:, :1]
    expected = outputs(file.network, dict(file.weights), grey.expand(-1, 3, -1, -1))
    assert torch.allclose(outputs(small(1), folded(file, UNIT, 1), grey), expected, rtol=1e-5, atol=1e-6)


def test_a_grey_network_sees_luminance(images: torch.Tensor) -> None:
    file = trained(small(1))
    luminance = (images * torch.tensor([0.299, 0.587, 0.114])[:, None, None]).sum(1, keepdim=True)
    expected = outputs(file.network, dict(file.weights), luminance)
    assert torch.allclose(outputs(small(3), folded(file, UNIT, 3), images), expected, rtol=1e-5, atol=1e-6)


def test_other_channels_are_rejected() -> None:
    with pytest.raises(InvalidSpace, match="reads 4 channels, and the images have 3"):
        folded(trained(small(4)), UNIT, 3)


def test_a_pool_of_the_image_is_rejected() -> None:
    g = Graph((3, 12, 12))
    g.linear("classifier", g.global_avg_pool("mean", g.max_pool("pool", g.input, kernel=3, stride=2)), 4)
    with pytest.raises(InvalidSpace, match="its layer 'pool' reads the image"):
        folded(trained(g.network("pooled")), IMAGENET, 3)


def test_batch_norm_is_put_back(images: torch.Tensor) -> None:
    """On the observed batch, training mode gives what the network without batch norm gives."""
    network = small()
    space_like = Network(
        network.name,
        network.input_shape,
        tuple(replace(layer, norm=layer.op == "conv") for layer in network.layers),
    )
    before = {name: torch.from_numpy(value).double() for name, value in random_parameters(network).items()}
    after = with_batch_norm(space_like, before, [images])
    assert set(after) - set(before) == {f"{name}.{role}" for name in ("stem", "body") for role in ("gamma", "beta")}
    assert set(before) - set(after) == {"stem.bias", "body.bias"}
    assert torch.allclose(run(space_like, images, Training(after)), run(network, images, BNFolded(before)), atol=1e-9)


def test_sources_of_files(tmp_path: Path) -> None:
    path = written(small(), tmp_path / "my net.onnx")
    source = OwnSource.of(path)
    assert (source.name, source.space, source.side) == ("my_net", str(path), 12)
    delivered = tmp_path / "cells" / "cpu"
    delivered.mkdir(parents=True)
    (delivered / "model.fp32.onnx").write_bytes(path.read_bytes())
    assert OwnSource.of(delivered).name == "cells-cpu"
    assert OwnSource.of(delivered).sha256 == source.sha256


def test_files_that_are_none(tmp_path: Path) -> None:
    with pytest.raises(SourceUnavailable, match="There is no file"):
        OwnSource.of(tmp_path / "none.onnx")
    with pytest.raises(SourceUnavailable, match="is no ONNX file") as caught:
        OwnSource.of(tmp_path / "model.pth")
    assert "torch.onnx.export" in caught.value.fix
    (tmp_path / "broken.onnx").write_bytes(b"no model")
    with pytest.raises(UnreadableModel):
        OwnSource.of(tmp_path / "broken.onnx")
