"""Spaces derived from a network: what can shrink, what cannot and why, and that every member fits together."""

import random
from dataclasses import replace
from pathlib import Path

import pytest

from search_spaces.builder import Graph, Tensor
from search_spaces.derived import Derivation, derive, kernel_sides, shrunk, title
from search_spaces.errors import InvalidSpace, UnreadableModel
from search_spaces.lattice import Lattice
from search_spaces.network import Layer, Network
from search_spaces.onnx_reader import read_onnx
from search_spaces.space import SearchSpace
from tests.search_spaces.onnx_graphs import mobilenet_v2, resnet_18


def residual(channels: int = 32, side: int = 16) -> Network:
    """A stem, a residual block, a strided convolution, another block, a classifier of 5 classes."""
    g = Graph((3, side, side))
    x = g.conv("stem", g.input, channels, kernel=3, activation="relu", norm=False)
    x = block(g, "one", x)
    x = g.conv("down", x, 2 * channels, kernel=5, stride=2, activation="relu", norm=False)
    x = block(g, "two", x)
    g.linear("classifier", g.global_avg_pool("pool", x), 5)
    return g.network("residual")


def block(g: Graph, name: str, x: Tensor) -> Tensor:
    y = g.conv(f"{name}a", x, x.shape[0], kernel=3, activation="relu", norm=False)
    return g.add(f"{name}sum", x, g.conv(f"{name}b", y, x.shape[0], kernel=3, norm=False), activation="relu")


def of(g: Graph, **size: int) -> SearchSpace:
    found = Derivation.of(g.network("net"))
    return found.space("net", **{"resolution": 16, "channels": 3, "classes": 5, **size})


def values(space: SearchSpace) -> dict[str, tuple[object, ...]]:
    return {choice.name: choice.values for choice in space.choices}


def keys(network: Network) -> list[str]:
    return [layer.key for layer in network.layers]


def test_the_choices_of_a_residual_network() -> None:
    space = Derivation.of(residual()).space("residual", resolution=16, channels=3, classes=5)
    assert values(space) == {
        "resolution": (12, 16),
        "b1.conv.width": (16, 24, 32),  # the trunk, which both blocks' sums read: coarse
        "b2.kept": (False, True),
        "b2.conv.width": (8, 16, 24, 32),  # within the block
        "b3.conv.width": (32, 48, 64),
        "b3.conv.kernel": (3, 5),
        "stages": (1, 2),  # the end before the halving, and the whole
        "b4.kept": (False, True),
        "b4.conv.width": (16, 32, 40, 48, 56, 64),
    }


def test_the_largest_member_is_the_network() -> None:
    network = residual()
    space = Derivation.of(network).space("residual", resolution=16, channels=3, classes=5)
    largest = space.network(space.largest())
    assert keys(largest) == keys(network)
    assert [layer.norm for layer in largest.layers if layer.op == "conv"] == [True] * 6
    assert not largest.layers[-1].norm


@pytest.mark.parametrize("file", [resnet_18, mobilenet_v2])
def test_the_largest_member_of_a_file_is_its_network(file: object) -> None:
    network = read_onnx(file())  # type: ignore[operator]
    derivation = Derivation.of(network)
    space = derivation.space("file", resolution=224, channels=3, classes=1000)
    assert keys(space.network(space.largest())) == keys(network)
    assert derivation.prunable_share == 1.0 and not derivation.frozen
    assert {derivation.names[layer.name] for layer in network.layers} == {
        layer.name for layer in space.network(space.largest()).layers
    }


@pytest.mark.parametrize("file", [resnet_18, mobilenet_v2])
def test_members_of_a_file_fit_together(file: object) -> None:
    space = Derivation.of(read_onnx(file())).space("file", resolution=64, channels=1, classes=7)  # type: ignore[operator]
    rng = random.Random(0)
    for _ in range(50):
        network = space.network(space.sample(rng))  # Network checks shapes and order
        assert network.input_shape[0] == 1 and network.layers[-1].out_shape == (7, 1, 1)
    assert Lattice.of(space).size > 10**6


def test_a_block_that_is_left_out_leaves_its_input() -> None:
    space = Derivation.of(residual()).space("residual", resolution=16, channels=3, classes=5)
    largest = {choice.name: choice.values[-1] for choice in space.choices}
    network = space.network(space.architecture({**largest, "b2.kept": False}))
    assert [layer.name for layer in network.layers][:2] == ["b1.conv", "b3.conv"]


def test_an_end_has_a_head_of_its_own() -> None:
    space = Derivation.of(residual()).space("residual", resolution=16, channels=3, classes=9)
    largest = {choice.name: choice.values[-1] for choice in space.choices}
    network = space.network(space.architecture({**largest, "stages": 1}))
    assert [layer.name for layer in network.layers][-3:] == ["b2.add", "head.pool1", "head.classifier1"]
    assert network.layers[-1].out_shape == (9, 1, 1)
    whole = space.network(space.largest())
    assert whole.layers[-1].name == "head.linear" and whole.layers[-1].out_shape == (9, 1, 1)


def test_another_number_of_channels_of_the_images() -> None:
    space = Derivation.of(residual()).space("residual", resolution=16, channels=1, classes=5)
    assert space.network(space.largest()).layers[0].in_shapes == ((1, 16, 16),)


def test_a_trunk_narrows_in_all_of_its_layers() -> None:
    space = Derivation.of(residual()).space("residual", resolution=16, channels=3, classes=5)
    largest = {choice.name: choice.values[-1] for choice in space.choices}
    network = space.network(space.architecture({**largest, "b1.conv.width": 16}))
    assert [network.by_name[name].out_shape[0] for name in ("b1.conv", "b2.conv", "b2.conv2", "b2.add")] == [
        16,
        32,
        16,
        16,
    ]


# --- What keeps its size, with its reason ----------------------------------------------------------------------------


def test_concatenated_channels_keep_their_number() -> None:
    """As in SqueezeNet: the squeeze shrinks, what is concatenated does not."""
    g = Graph((3, 16, 16))
    x = g.conv("squeeze", g.conv("stem", g.input, 32), 16)
    a, b = g.conv("a", x, 32), g.conv("b", x, 32, kernel=3)
    g.linear("classifier", g.global_avg_pool("pool", concat(g, "cat", a, b)), 5)
    derivation = Derivation.of(g.network("net"))
    assert [(one.layers, one.reason) for one in derivation.frozen] == [
        (("a",), "concatenated with other channels"),
        (("b",), "concatenated with other channels"),
    ] or [(one.layers, one.reason) for one in derivation.frozen] == [(("a", "b"), "concatenated with other channels")]
    assert set(derivation.widths) == {"stem", "squeeze"}
    assert "2 layers are concatenated with other channels and keep their channels" in derivation.describe()


def test_a_tensor_concatenated_with_itself() -> None:
    g = Graph((3, 16, 16))
    x = g.conv("twice", g.conv("stem", g.input, 32), 16)
    g.linear("classifier", g.global_avg_pool("pool", concat(g, "cat", x, x)), 5)
    space = of(g)
    assert set(values(space)) == {"resolution", "b1.conv.width"}
    members(space)


def test_inputs_of_a_concatenation_are_not_one_group() -> None:
    """Of different counts, which one group could not have."""
    g = Graph((3, 16, 16))
    x = g.conv("stem", g.input, 32)
    y = concat(g, "cat", g.conv("a", x, 16), g.conv("b", x, 48))
    y = g.conv("after", y, 32)
    g.linear("classifier", g.global_avg_pool("pool", y), 5)
    derivation = Derivation.of(g.network("net"))
    assert len({derivation.group_of[name] for name in ("a", "b")}) == 2
    members(of(g))


def test_a_concatenation_and_a_slice_of_it() -> None:
    """The slice takes channels of both parts."""
    g = Graph((3, 16, 16))
    x = g.conv("stem", g.input, 32)
    y = concat(g, "cat", g.conv("a", x, 32), g.conv("b", x, 32))
    part = (32, *y.shape[1:])
    g.layers.append(Layer("middle", "slice", (y.name,), (y.shape,), part, start=16))
    g.linear("classifier", g.global_avg_pool("pool", g.conv("after", Tensor("middle", part), 32)), 5)
    derivation = Derivation.of(g.network("net"))
    assert {name for one in derivation.frozen for name in one.layers} == {"a", "b"}
    assert set(derivation.widths) == {"stem", "after"}
    members(of(g))


def test_one_output_is_not_depthwise() -> None:
    """A convolution of one channel to one is an ordinary one: it does not join what it reads and what it writes."""
    g = Graph((1, 16, 16))
    x = g.conv("mask", g.conv("stem", g.input, 32), 1)
    x = g.conv("copy", x, 1, kernel=3)
    g.linear("classifier", g.global_avg_pool("pool", g.conv("wide", x, 32)), 5)
    space = of(g, channels=1)
    assert set(values(space)) == {"resolution", "b1.conv.width", "b4.conv.width"}
    members(space)


def test_convolutions_in_groups_narrow_by_whole_groups() -> None:
    """Groups of 12 channels each: multiples of 24, which are multiples of 8, too."""
    g = Graph((3, 16, 16))
    x = g.conv("grouped", g.conv("stem", g.input, 96), 96, kernel=3, groups=8)
    g.linear("classifier", g.global_avg_pool("pool", g.conv("after", x, 32)), 5)
    space = of(g)
    assert values(space)["b1.conv.width"] == (24, 48, 72, 96)
    largest = {choice.name: choice.values[-1] for choice in space.choices}
    grouped = space.network(space.architecture({**largest, "b1.conv.width": 24})).by_name["b2.conv"]
    assert (grouped.in_shapes[0][0], grouped.out_shape[0], grouped.groups) == (24, 24, 2)
    members(space)


def test_groups_of_other_sizes_keep_their_channels() -> None:
    g = Graph((3, 16, 16))
    x = g.conv("grouped", g.conv("stem", g.input, 32), 64, kernel=3, groups=4)
    g.linear("classifier", g.global_avg_pool("pool", g.conv("after", x, 32)), 5)
    derivation = Derivation.of(g.network("net"))
    assert {one.reason for one in derivation.frozen} == {"read or written by a convolution in groups of other sizes"}
    assert set(derivation.widths) == {"after"}
    members(of(g))


def test_a_gate_narrows_with_what_it_scales() -> None:
    g = Graph((3, 16, 16))
    x = g.conv("expand", g.conv("stem", g.input, 16), 64)
    x = g.conv("depthwise", x, 64, kernel=5, groups=64)
    gate = g.conv("gate", g.conv("reduce", g.global_avg_pool("squeeze", x), 16, norm=False), 64, norm=False)
    g.linear("classifier", g.global_avg_pool("pool", g.mul("scale", x, gate)), 5)
    space = of(g)
    largest = {choice.name: choice.values[-1] for choice in space.choices}
    network = space.network(space.architecture({**largest, "b2.conv.width": 32}))
    assert network.by_name["b4.conv2"].out_shape[0] == network.by_name["b4.mul"].out_shape[0] == 32
    assert not network.by_name["b4.conv"].norm
    members(space)


def test_many_choices_in_one_link_are_tied() -> None:
    """A block whose branches all start at its input: seven widths of six values would be 279,936 ways."""
    g = Graph((3, 16, 16))
    x = g.conv("stem", g.input, 64)
    total = x
    for index in range(7):
        total = g.add(f"sum{index}", total, g.conv(f"out{index}", g.conv(f"in{index}", x, 64, kernel=5), 64))
    g.linear("classifier", g.global_avg_pool("pool", total), 5)
    space = of(g)
    assert values(space)["b2.width"] == (0.25, 0.5, 0.625, 0.75, 0.875, 1.0)
    assert values(space)["b2.kernel"] == (3, 5)
    largest = {choice.name: choice.values[-1] for choice in space.choices}
    network = space.network(space.architecture({**largest, "b2.width": 0.5, "b2.kernel": 3}))
    inner = [layer for layer in network.layers if layer.name.startswith("b2.conv") and layer.kernel == (3, 3)]
    assert [layer.out_shape[0] for layer in inner] == [32] * 7
    members(space)


def test_a_flattened_feature_map_fixes_the_input() -> None:
    g = Graph((3, 16, 16))
    g.linear("classifier", g.conv("stem", g.input, 32, stride=2), 5)
    derivation = Derivation.of(g.network("net"))
    assert derivation.fixed_side == 16
    members(of(g))
    with pytest.raises(InvalidSpace, match="reads images of 16 pixels only"):
        derivation.space("net", resolution=32, channels=3, classes=5)


def test_asymmetric_padding_is_kept() -> None:
    g = Graph((3, 16, 16))
    x = g.conv("stem", g.input, 32, kernel=5, stride=2, norm=False)
    g.layers[0] = replace(g.layers[0], padding=(1, 1, 2, 2))
    g.linear("classifier", g.global_avg_pool("pool", x), 5)
    space = of(g)
    largest = {choice.name: choice.values[-1] for choice in space.choices}
    assert space.network(space.largest()).layers[0].padding == (1, 1, 2, 2)
    small = space.network(space.architecture({**largest, "b1.conv.kernel": 3})).layers[0]
    assert (small.kernel, small.padding) == ((3, 3), (0, 0, 1, 1))


def members(space: SearchSpace) -> None:
    """Fifty of a space build, the smallest and the largest among them."""
    rng = random.Random(0)
    for architecture in (space.smallest(), space.largest(), *(space.sample(rng) for _ in range(48))):
        assert space.network(architecture).layers[-1].out_shape == (5, 1, 1)
    assert Lattice.of(space).size >= 2


def concat(g: Graph, name: str, *inputs: Tensor) -> Tensor:
    shape = (sum(x.shape[0] for x in inputs), *inputs[0].shape[1:])
    return g._append(name, "concat", inputs, shape)


# --- What no space is derived from ------------------------------------------------------------------------------------


def test_unknown_operators_are_named() -> None:
    network = residual()
    layers = (replace(network.layers[0], op="onnx:Erf"), *network.layers[1:])
    with pytest.raises(InvalidSpace, match="not trained here \\(Erf\\)"):
        Derivation.of(replace(network, layers=layers))


def test_a_detector_is_no_classifier() -> None:
    network = residual()
    with pytest.raises(InvalidSpace, match="no classifier, since it gives \\(32, 16, 16\\), \\(5, 1, 1\\)"):
        Derivation.of(replace(network, outputs=("onesum", "classifier")))
    with pytest.raises(InvalidSpace, match="no classifier"):
        Derivation.of(Network("body", network.input_shape, network.layers[:4]))


def test_a_missing_file(tmp_path: Path) -> None:
    with pytest.raises(UnreadableModel, match="Cannot read"):
        derive(tmp_path / "none.onnx", side=32)


def test_names_of_files(tmp_path: Path) -> None:
    assert title(tmp_path / "my model.onnx") == "my_model"
    assert title(tmp_path / "solar" / "cpu" / "model.fp32.onnx") == "solar-cpu"


def test_widths_are_multiples() -> None:
    assert shrunk(64, (0.25, 0.5, 1.0)) == (16, 32, 64)
    assert shrunk(20, (0.5, 1.0)) == (8, 20)  # not 10: multiples of 4
    assert shrunk(6, (0.5, 1.0)) == (4, 6)
    assert shrunk(2, (0.5, 1.0)) == (2,)
    conv = residual().by_name["down"]
    assert kernel_sides(conv) == (3, 5)
    assert kernel_sides(replace(conv, kernel=(3, 3))) == (3,)
    assert kernel_sides(replace(conv, padding=(0, 0, 0, 0))) == (5,)
