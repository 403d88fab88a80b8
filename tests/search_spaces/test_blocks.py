"""The blocks that stages are made of: their layers, and where they have a shortcut."""

import pytest

from search_spaces.blocks import BLOCKS, round_channels
from search_spaces.builder import Graph


def built(block: str, *, channels: int = 16, stride: int = 1, expansion: float = 2.0, se: bool = False) -> Graph:
    """One block on a map of 16 channels and 8x8 pixels."""
    g = Graph((16, 8, 8))
    BLOCKS[block](g, g.input, channels=channels, kernel=3, expansion=expansion, stride=stride, activation="relu", se=se)
    return g


def test_channels_are_rounded_to_multiples_of_eight() -> None:
    assert [round_channels(count) for count in (1, 11, 12, 20.1, 32)] == [8, 8, 16, 24, 32]


@pytest.mark.parametrize(
    ("block", "layers"),
    [
        ("inverted_residual", ["expand", "depthwise", "project", "add"]),
        ("fused_inverted_residual", ["fused", "project", "add"]),
        ("basic", ["first", "second", "add"]),
        ("bottleneck", ["reduce", "convolve", "restore", "add"]),
        ("conv", ["conv"]),
    ],
)
def test_layers_of_a_block(block: str, layers: list[str]) -> None:
    g = built(block)
    assert [layer.name for layer in g.layers] == layers
    assert g.layers[-1].out_shape == (16, 8, 8)
    assert {layer.out_shape[0] for layer in g.layers[:-1]} <= {16, 32}  # inner channels are twice as many


@pytest.mark.parametrize("block", sorted(BLOCKS))
def test_a_stride_and_other_channels(block: str) -> None:
    g = built(block, channels=24, stride=2)
    assert g.layers[-1].out_shape == (24, 4, 4)
    names = [layer.name for layer in g.layers]
    assert ("add" in names) == ("shortcut" in names) == (block in ("basic", "bottleneck"))


def test_an_expansion_of_one_expands_nothing() -> None:
    assert [layer.name for layer in built("inverted_residual", expansion=1).layers] == ["depthwise", "project", "add"]


@pytest.mark.parametrize("block", sorted(BLOCKS))
def test_squeeze_and_excite_gates_by_means(block: str) -> None:
    layers = {layer.name: layer for layer in built(block, se=True).layers}
    assert layers["se.gate"].activation == "hard_sigmoid"
    assert layers["se.scale"].inputs[1] == "se.gate"
    assert layers["se.reduce"].out_shape[0] == round_channels(layers["se.scale"].out_shape[0] / 4)
