"""Reading ONNX files as networks: known sizes, names, and what the lowering writes."""

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from onnx import helper

from hw_targets.float_lowering import lower_float
from hw_targets.lowering import lower_int8
from hw_targets.random_weights import random_weights
from hw_targets.weights import FloatLayer
from search_spaces.builder import Graph, Tensor
from search_spaces.cost import macs, params
from search_spaces.network import INPUT, Network
from search_spaces.onnx_reader import read_onnx
from search_spaces.registry import space
from tests.search_spaces.onnx_graphs import Board, keys, mobilenet_v2, resnet_18


def test_mobilenet_v2_has_its_published_size() -> None:
    network = read_onnx(mobilenet_v2())
    assert macs(network) == 300_774_272  # 300 M in the paper
    # 3,504,872 parameters with two for each of 17,056 channels of batch norm, of which folding leaves one
    assert params(network) == 3_504_872 - 17_056
    assert {layer.op for layer in network.layers} == {"conv", "add", "global_avg_pool", "linear"}
    assert sum(layer.activation == "relu6" for layer in network.layers) == 35
    assert sum(layer.is_depthwise for layer in network.layers) == 17


def test_resnet_18_has_its_published_size() -> None:
    network = read_onnx(resnet_18())
    assert macs(network) == 1_814_073_344
    assert params(network) == 11_689_512 - 4_800
    assert network.layers[0].key == "conv 3x224x224>64x112x112 k7 s2 p3,3,3,3 relu"
    assert [layer.activation for layer in network.layers if layer.op == "add"] == ["relu"] * 8


def test_a_file_reads_like_its_bytes(tmp_path: Path) -> None:
    (tmp_path / "model.onnx").write_bytes(resnet_18())
    assert read_onnx(tmp_path / "model.onnx") == read_onnx(str(tmp_path / "model.onnx"))
    assert read_onnx(tmp_path / "model.onnx") == read_onnx(resnet_18())


def test_what_no_output_needs_is_left_out() -> None:
    board = Board((1, 2, 4, 4))
    board.conv(board.x, 7, 2)
    assert keys(board, board.conv(board.x, 3, 2)) == ["conv 2x4x4>3x4x4 k1 s1 p0,0,0,0"]


def test_names_are_unique_and_never_the_input() -> None:
    board = Board((1, 2, 4, 4))
    x = board.conv(board.conv(board.x, 2, 2), 2, 2)
    model = board.model(x)
    for node in model.graph.node:
        node.name = INPUT
    names = [layer.name for layer in read_onnx(model.SerializeToString()).layers]
    assert len(set(names)) == 2
    assert INPUT not in names


def test_a_local_function_is_inlined() -> None:
    board = Board((1, 2, 4, 4))
    model = board.model(board.op("Twice", board.conv(board.x, 2, 2), domain="local"))
    body = [helper.make_node("Relu", ["a"], ["b"])]
    opsets = [helper.make_opsetid("", 17)]
    model.functions.append(helper.make_function("local", "Twice", ["a"], ["b"], body, opsets))
    model.opset_import.append(helper.make_opsetid("local", 1))
    assert [layer.key for layer in read_onnx(model.SerializeToString()).layers] == [
        "conv 2x4x4>2x4x4 k1 s1 p0,0,0,0 relu"
    ]


# --- What the lowering writes, reads back as the same layers --------------------------------------------------------


def every_operator() -> Network:
    g = Graph((3, 32, 32))

    def append(name: str, op: str, inputs: tuple[Tensor, ...], out: tuple[int, int, int]) -> Tensor:
        return g._append(name, op, inputs, out)

    x = g.conv("stem", g.input, 8, kernel=3, stride=2, activation="hard_swish")
    y = g.conv(
        "leaky", g.conv("silu", x, 8, kernel=5, groups=8, activation="silu"), 8, dilation=2, activation="leaky_relu"
    )
    gate = g.conv("se.expand", g.conv("se.reduce", g.global_avg_pool("se.pool", y), 4, activation="relu"), 8,
                  activation="hard_sigmoid")  # fmt: skip
    y = g.add("add", g.mul("gate", y, gate), x, activation="relu6")
    gate = g.conv("gate2.conv", g.global_avg_pool("gate2.pool", y), 8, activation="sigmoid")
    y = g.mul("gate2", y, gate)
    a, b = g.max_pool("max", y, kernel=3, stride=2), g.avg_pool("mean", y, kernel=3, stride=2)
    y = append("both", "concat", (a, b), (16, 8, 8))
    y = g.add("twice", y, y, activation="hard_swish")
    y = g.conv("after", append("larger", "resize", (y,), (16, 16, 16)), 16, kernel=3, stride=2)
    logits = g.linear("classifier", g.linear("hidden", y, 12, activation="hard_swish"), 10)
    assert logits.shape == (10, 1, 1)
    return g.network("every")


def files(network: Network) -> list[bytes]:
    """The network as the INT8 and as the float file."""
    zeros = {
        layer.name: FloatLayer(np.zeros(layer.weight_shape, np.float32), np.zeros(layer.out_shape[0], np.float32))
        for layer in network.layers
        if layer.has_weights
    }
    return [lower_int8(network, random_weights(network)), lower_float(network, zeros)]


def largest_and_smallest(name: str, side: int) -> list[Network]:
    found = space(name, resolution=side, channels=1, classes=10)
    return [found.network(found.largest()), found.network(found.smallest())]


@pytest.mark.parametrize(
    "draw",
    [
        lambda: [every_operator()],
        lambda: largest_and_smallest("mobilenet", 8),
        lambda: largest_and_smallest("mobilenet:activation=hard_swish", 28),
        lambda: largest_and_smallest("resnet", 28),
        lambda: largest_and_smallest("resnet:block=bottleneck", 32),
    ],
    ids=["every operator", "mobilenet", "hard-swish", "resnet", "bottleneck"],
)
def test_a_lowered_network_reads_back_as_the_same_layers(draw: Callable[[], list[Network]]) -> None:
    for network, file in [(network_of_graph, file) for network_of_graph in draw() for file in files(network_of_graph)]:
        read = read_onnx(file)
        assert read.input_shape == network.input_shape
        assert [(layer.name, layer.key) for layer in read.layers] == [
            (layer.name, layer.key) for layer in network.layers
        ]
        assert [layer.inputs for layer in read.layers] == [layer.inputs for layer in network.layers]
