"""Supernet weights: extents, slices, initialisation and its bytes."""

import pytest
import torch

from nas.errors import StoreCorrupt
from nas.supernet_weights import SupernetWeights
from search_spaces.builder import Graph
from search_spaces.errors import InvalidSpace
from search_spaces.network import Network


def draw(channels: int, kernel: int, *, norm: bool = True) -> Network:
    g = Graph((3, 8, 8))
    x = g.conv("a", g.input, channels, kernel=3, activation="relu", norm=norm)
    x = g.conv("b", x, channels, kernel=kernel, groups=channels, activation="relu6", norm=norm)
    g.linear("c", g.global_avg_pool("pool", x), 5)
    return g.network("n")


SMALL, LARGE = draw(4, 3), draw(6, 7)


def weights() -> SupernetWeights:
    return SupernetWeights.of((*SMALL.layers, *LARGE.layers), seed=1)


def test_extents_are_the_largest_of_each_name() -> None:
    shapes = {name: tuple(tensor.shape) for name, tensor in weights().tensors.items()}
    assert shapes == {
        "a.weight": (6, 3, 3, 3), "a.gamma": (6,), "a.beta": (6,),
        "b.weight": (6, 1, 7, 7), "b.gamma": (6,), "b.beta": (6,),
        "c.weight": (5, 6, 1, 1), "c.bias": (5,),
    }  # fmt: skip


def test_slices_are_leading_channels_and_the_centred_kernel() -> None:
    whole = weights()
    views = whole.parameters(SMALL)
    assert torch.equal(views["b.weight"], whole.tensors["b.weight"][:4, :, 2:5, 2:5])
    assert torch.equal(views["c.weight"], whole.tensors["c.weight"][:, :4])
    views["a.gamma"].fill_(7.0)
    assert whole.tensors["a.gamma"].tolist() == [7.0, 7.0, 7.0, 7.0, 1.0, 1.0]


def test_a_linear_layer_slices_channels_of_a_map() -> None:
    def flat(channels: int) -> Network:
        g = Graph((channels, 2, 2))
        g.linear("c", g.input, 3)
        return g.network("flat")

    whole = SupernetWeights.of((*flat(4).layers, *flat(2).layers), seed=0)
    assert tuple(whole.tensors["c.weight"].shape) == (3, 4, 2, 2)
    assert torch.equal(whole.parameters(flat(2))["c.weight"], whole.tensors["c.weight"][:, :2])


def test_initial_values_depend_on_seed_and_name_alone() -> None:
    first, second = weights(), SupernetWeights.of((*reversed(LARGE.layers), *SMALL.layers), seed=1)
    assert all(torch.equal(first.tensors[name], second.tensors[name]) for name in first.tensors)
    assert not torch.equal(first.tensors["a.weight"], SupernetWeights.of(LARGE.layers, seed=2).tensors["a.weight"])


def test_layers_that_differ_in_kind_cannot_share_a_name() -> None:
    with pytest.raises(InvalidSpace, match="'a' cannot share weights"):
        SupernetWeights.of((*SMALL.layers, *draw(4, 3, norm=False).layers), seed=0)


def test_a_network_of_another_space_has_no_parameters_here() -> None:
    with pytest.raises(InvalidSpace, match="no parameters for layer"):
        weights().parameters(draw(7, 3))


def test_bytes_round_trip() -> None:
    whole = weights()
    blob = whole.to_bytes({"seed": 1})
    assert blob == whole.to_bytes({"seed": 1})
    copy = SupernetWeights.from_bytes(blob)
    assert copy.tensors.keys() == whole.tensors.keys()
    assert all(torch.equal(copy.tensors[name], whole.tensors[name]) for name in whole.tensors)
    with pytest.raises(StoreCorrupt):
        SupernetWeights.from_bytes(blob[:40])
