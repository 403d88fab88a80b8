"""Quantised files, static and dynamic: quantisation is seen through."""

from typing import Any

import numpy as np
from onnx import TensorProto

from search_spaces.cost import macs, params
from search_spaces.onnx_reader import read_onnx
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


def test_dynamic_quantisation_is_seen_through() -> None:
    board = Board((1, 3, 8, 8))

    def quantised(x: str, op: str, weight: str, scale: str, **attributes: Any) -> str:
        integers = board.op("DynamicQuantizeLinear", x, outputs=3)
        zero = board.constant(0, np.int8)
        made = board.op(op, integers, weight, f"{integers}_2", zero, **attributes)
        scales = board.op("Mul", f"{integers}_1", scale)
        return board.op("Mul", board.op("Cast", made, to=TensorProto.FLOAT), scales)

    weight = board.constant(np.zeros((4, 3, 3, 3)), np.int8)
    x = quantised(board.x, "ConvInteger", weight, board.constant(np.full((1, 4, 1, 1), 0.1)), pads=[1] * 4)
    x = board.op("Relu", board.op("Add", x, board.constant(np.zeros((1, 4, 1, 1)))))
    x = board.op("Flatten", board.op("GlobalAveragePool", x))
    x = quantised(x, "MatMulInteger", board.constant(np.zeros((4, 5)), np.int8), board.constant(0.1))
    assert keys(board, board.op("Add", x, board.constant(np.zeros(5)))) == [
        "conv 3x8x8>4x8x8 k3 s1 p1,1,1,1 relu",
        "global_avg_pool 4x8x8>4x1x1",
        "linear 4x1x1>5x1x1",
    ]


def test_fused_dynamic_products_keep_their_bias() -> None:
    board = Board((1, 10, 6))
    weight, scale, zero = (board.constant(np.zeros((6, 5)), np.int8), board.constant(0.1), board.constant(0, np.int8))
    x = board.op(
        "DynamicQuantizeMatMul", board.x, weight, scale, zero, board.constant(np.zeros(5)), domain="com.microsoft"
    )
    network = read_onnx(board.bytes(x))
    assert (macs(network), params(network), len(network.layers)) == (10 * 6 * 5, 6 * 5 + 5, 1)
