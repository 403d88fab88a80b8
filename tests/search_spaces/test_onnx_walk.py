"""The walk over an ONNX graph: weights that are shared, batches, and what cannot be counted."""

import numpy as np
from onnx import TensorProto, helper

from search_spaces.cost import layer_macs, macs, params, uncounted, weight_bytes
from search_spaces.network import Network
from search_spaces.onnx_reader import read_onnx
from tests.search_spaces.onnx_graphs import Board, read, tokens


def test_a_weight_that_several_layers_use_is_counted_once() -> None:
    board = Board((1, 3, 32, 32))
    x = board.conv(board.x, 32, 3, 3, pads=[1] * 4)
    weight, bias, slim = board.constant(np.zeros((9, 32, 3, 3))), board.constant(np.zeros(9)), np.zeros((9, 9, 1, 1))
    other = board.constant(slim)
    outputs = []
    for level in range(3):
        head = board.op("Conv", x, weight, bias, pads=[1] * 4)
        outputs.append(board.norm(board.op("Conv", head, other), 9))  # its weight is shared, its norm is not
        x = board.op("MaxPool", x, kernel_shape=[2, 2], strides=[2, 2]) if level < 2 else x
    network = read(board, *outputs)
    pixels = 32**2 + 16**2 + 8**2
    assert macs(network) == 32 * 27 * 32**2 + (9 * 288 + 81) * pixels
    assert params(network) == 32 * 28 + 9 * 289 + 9 * 9 + 3 * 9
    assert weight_bytes(network) == params(network) + 3 * (32 + 9 + 3 * 9)
    assert Network.from_json(network.to_json()) == network


def test_a_shared_weight_is_known_behind_its_own_dequantisation() -> None:
    board = Board((1, 4, 8, 8))
    integers, scale, x = board.constant(np.zeros((4, 4, 3, 3)), np.int8), board.constant(0.1), board.x
    for _ in range(2):
        x = board.op("Conv", x, board.op("DequantizeLinear", integers, scale), pads=[1] * 4)
    assert params(read(board, x)) == 4 * (4 * 9 + 1)


def test_a_fixed_batch_is_not_counted() -> None:
    board = Board((4, 10, 6))
    x = tokens(board, board.x, 5, 6)
    assert macs(read(board, x)) == 10 * 6 * 5


def test_operators_of_others_make_a_total_a_lower_bound() -> None:
    board = Board((1, 3, 8, 8))
    x = board.conv(board.x, 4, 3)
    stated = helper.make_tensor_value_info("secret", TensorProto.FLOAT, [1, 4, 8, 8])
    board.nodes.append(helper.make_node("Secret", [x], ["secret"], domain="company"))
    model = board.model(board.conv("secret", 2, 4))
    model.graph.value_info.append(stated)
    model.opset_import.append(helper.make_opsetid("company", 1))
    network = read_onnx(model.SerializeToString())
    assert uncounted(network) == ("Secret",)
    assert macs(network) == (4 * 3 + 2 * 4) * 64
    assert [layer_macs(layer) for layer in network.layers] == [768, 0, 512]


def test_a_loop_makes_a_total_a_lower_bound() -> None:
    board = Board((1, 2, 4, 4))
    value, flag = helper.make_tensor_value_info, TensorProto.BOOL
    body = helper.make_graph(
        [helper.make_node("Identity", ["go"], ["on"]), helper.make_node("Relu", ["carried"], ["next"])],
        "body",
        [value("i", TensorProto.INT64, []), value("go", flag, []), value("carried", TensorProto.FLOAT, [1, 2, 4, 4])],
        [value("on", flag, []), value("next", TensorProto.FLOAT, [1, 2, 4, 4])],
    )
    x = board.op("Loop", board.constant(3, np.int64), board.constant(True, np.bool_), board.x, body=body)
    model = board.model(board.conv(x, 2, 2))
    model.graph.value_info.append(value(x, TensorProto.FLOAT, [1, 2, 4, 4]))
    network = read_onnx(model.SerializeToString())
    assert uncounted(network) == ("Loop",)
