"""Quantised files, layouts of the input, and shapes that a graph computes."""

import numpy as np
from onnx import TensorProto

from search_spaces.network import Network
from tests.search_spaces.onnx_graphs import Board, keys


def test_quantisation_is_seen_through() -> None:
    board = Board((1, 2, 4, 4), dtype=TensorProto.UINT8)
    x = board.op("DequantizeLinear", board.x, board.constant(1 / 255), board.constant(0, np.uint8))
    weight = board.op("DequantizeLinear", board.constant(np.ones((4, 2, 3, 3)), np.int8), board.constant(0.01))
    x = board.quantise(board.op("Relu", board.op("Conv", x, weight, pads=[1] * 4)), 0.03)
    x = board.quantise(board.op("MaxPool", x, kernel_shape=[2, 2], strides=[2, 2]), 0.03)
    assert keys(board, board.quantise(board.gemm(board.op("Flatten", x), 3, 16))) == [
        "conv 2x4x4>4x4x4 k3 s1 p1,1,1,1 relu",
        "max_pool 4x4x4>4x2x2 k2 s2 p0,0,0,0",
        "linear 4x2x2>3x1x1",
    ]


def test_files_of_integer_operators_are_read() -> None:
    board = Board((1, 2, 4, 4), dtype=TensorProto.UINT8)
    scale, zero, filters = (
        board.constant(0.1),
        board.constant(0, np.uint8),
        board.constant(np.ones((2, 2, 1, 1)), np.int8),
    )
    x = board.op("QLinearConv", board.x, scale, zero, filters, scale, board.constant(0, np.int8), scale, zero)
    x = board.op("QLinearAdd", x, scale, zero, board.x, scale, zero, scale, zero, domain="com.microsoft")
    assert keys(board, x) == ["conv 2x4x4>2x4x4 k1 s1 p0,0,0,0", "add 2x4x4+2x4x4>2x4x4"]


def test_an_input_with_channels_last_leaves_no_trace() -> None:
    board = Board((1, 6, 8, 3))
    x = board.op("Mul", board.x, board.constant([1.0, 2.0, 3.0]))
    x = board.conv(board.op("Transpose", x, perm=[0, 3, 1, 2]), 4, 3)
    x = board.op("Relu", board.op("Transpose", x, perm=[0, 2, 3, 1]))
    x = board.op("ReduceMean", x, axes=[1, 2], keepdims=0)
    network = Network.from_onnx(board.bytes(board.gemm(x, 2, 4)))
    assert network.input_shape == (3, 6, 8)
    assert [layer.key for layer in network.layers] == [
        "conv 3x6x8>4x6x8 k1 s1 p0,0,0,0 relu",
        "global_avg_pool 4x6x8>4x1x1",
        "linear 4x1x1>2x1x1",
    ]


def test_a_transposition_that_moves_data_stays() -> None:
    board = Board((1, 2, 3, 4))
    x = board.op("Flatten", board.op("Transpose", board.conv(board.x, 2, 2), perm=[0, 2, 3, 1]))
    assert keys(board, board.gemm(x, 5, 24))[1:] == ["onnx:Transpose 2x3x4>3x4x2", "linear 3x4x2>5x1x1"]


def test_shape_arithmetic_is_folded() -> None:
    """`x.view(x.size(0), -1)`, and an upsampling to twice the input's size computed from its shape."""
    board = Board(("batch", 2, "height", "width"))
    size = board.op("Slice", board.op("Shape", board.x), *(board.constant([v], np.int64) for v in (2, 4)))
    double = board.op("Cast", board.op("Mul", board.op("Cast", size, to=1), board.constant(2)), to=7)
    sizes = board.op("Concat", board.constant([1, 2], np.int64), double, axis=0)
    x = board.op("Resize", board.x, "", "", sizes, mode="linear")
    rows = board.op(
        "Unsqueeze",
        board.op("Gather", board.op("Shape", x), board.constant(0, np.int64)),
        board.constant([0], np.int64),
    )
    x = board.op("Reshape", x, board.op("Concat", rows, board.constant([-1], np.int64), axis=0))
    network = Network.from_onnx(board.bytes(board.gemm(x, 5, 2 * 6 * 8)), input_size=(3, 4))
    assert [layer.key for layer in network.layers] == ["resize 2x3x4>2x6x8", "linear 2x6x8>5x1x1"]
