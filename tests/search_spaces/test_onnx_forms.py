"""Quantised files, layouts of the input, and shapes that a graph computes."""

from typing import Any

import numpy as np
import pytest
from onnx import TensorProto

from search_spaces.cost import macs, params
from search_spaces.errors import UnreadableModel
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


def test_an_input_with_channels_last_leaves_no_trace() -> None:
    board = Board((1, 6, 8, 3))
    x = board.op("Mul", board.x, board.constant([1.0, 2.0, 3.0]))
    x = board.conv(board.op("Transpose", x, perm=[0, 3, 1, 2]), 4, 3)
    x = board.op("Relu", board.op("Transpose", x, perm=[0, 2, 3, 1]))
    x = board.op("ReduceMean", x, axes=[1, 2], keepdims=0)
    network = read_onnx(board.bytes(board.gemm(x, 2, 4)))
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
    network = read_onnx(board.bytes(board.gemm(x, 5, 2 * 6 * 8)), input_size=(3, 4))
    assert [layer.key for layer in network.layers] == ["resize 2x3x4>2x6x8", "linear 2x6x8>5x1x1"]


# --- Quantised while running ----------------------------------------------------------------------------------------


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


# --- Where the channels are -----------------------------------------------------------------------------------------


def flipped(board: Board, x: str, axis: int, form: str) -> str:
    """The channels from last to first."""
    match form:
        case "slice":
            return board.op("Slice", x, *(board.constant([v], np.int64) for v in (-1, -(2**31), axis, -1)))
        case "gather":
            return board.op("Gather", x, board.constant([2, 1, 0], np.int64), axis=axis)
        case "split":
            first = board.op("Split", x, outputs=3, axis=axis)
            return board.op("Concat", f"{first}_2", f"{first}_1", first, axis=axis)
        case "one by one":
            parts = [board.op("Gather", x, board.constant(i, np.int64), axis=axis) for i in (2, 1, 0)]
            where = board.constant([axis], np.int64)
            return board.op("Concat", *(board.op("Unsqueeze", part, where) for part in parts), axis=axis)
    return x


@pytest.mark.parametrize("form", ["none", "slice", "gather", "split", "one by one"])
@pytest.mark.parametrize("shape", [("n", 6, 8, 3), (6, 8, 3), ("n", 3, 6, 8), (3, 6, 8)])
@pytest.mark.parametrize("scaled", [False, True])
def test_the_input_is_read_as_channels_height_width(shape: tuple[int | str, ...], form: str, scaled: bool) -> None:
    board = Board(shape, dtype=TensorProto.UINT8, opset=13)
    last, batched = shape[-1] == 3, len(shape) == 4
    x = flipped(
        board, board.op("Cast", board.x, to=TensorProto.FLOAT), len(shape) - 1 if last else len(shape) - 3, form
    )
    if scaled:
        x = board.op("Sub", x, board.constant(np.ones(3) if last else np.ones((3, 1, 1))))
        x = board.op("Mul", board.constant(1 / 58), x)
    if not batched:
        x = board.op("Unsqueeze", x, board.constant([0], np.int64))
    if last:
        x = board.op("Transpose", x, perm=[0, 3, 1, 2])
    network = read_onnx(board.bytes(board.conv(x, 4, 3, 3, pads=[1] * 4, strides=[2, 2])))
    assert network.input_shape == (3, 6, 8)
    assert macs(network) == 4 * 27 * 3 * 4
    assert network.layers[-1].key == "conv 3x6x8>4x3x4 k3 s2 p1,1,1,1"
    if form in ("none", "slice", "gather") and (last or not batched or form == "none"):
        assert len(network.layers) == 1


def test_a_batch_may_be_added_by_a_reshape_and_after_the_transposition() -> None:
    board = Board((6, 8, 3))
    x = board.op("Transpose", board.x, perm=[2, 0, 1])
    x = board.op("Reshape", x, board.constant([1, 3, 6, 8], np.int64))
    network = read_onnx(board.bytes(board.conv(x, 4, 3)))
    assert network.input_shape == (3, 6, 8)
    assert [layer.key for layer in network.layers] == ["conv 3x6x8>4x6x8 k1 s1 p0,0,0,0"]


def test_open_sizes_of_an_image_without_a_batch_are_its_height_and_width() -> None:
    board = Board(("h", "w", 3))
    x = board.op("Transpose", board.op("Unsqueeze", board.x, board.constant([0], np.int64)), perm=[0, 3, 1, 2])
    data = board.bytes(board.conv(x, 4, 3))
    assert read_onnx(data, input_size=(6, 8)).input_shape == (3, 6, 8)
    with pytest.raises(UnreadableModel, match="--input-size"):
        read_onnx(data)


def test_a_grey_image_without_channels_has_one() -> None:
    board = Board(("n", 6, 8))
    x = board.op("Unsqueeze", board.x, board.constant([1], np.int64))
    assert read_onnx(board.bytes(board.conv(x, 4, 1))).input_shape == (1, 6, 8)


def test_channels_that_are_cut_off_are_channels_of_the_input() -> None:
    board = Board((1, 6, 8, 4))
    x = board.op("Slice", board.x, *(board.constant([v], np.int64) for v in (0, 3, 3)))
    network = read_onnx(board.bytes(board.conv(board.op("Transpose", x, perm=[0, 3, 1, 2]), 4, 3)))
    assert network.input_shape == (4, 6, 8)
    assert network.layers[-1].key == "conv 3x6x8>4x6x8 k1 s1 p0,0,0,0"


def test_a_sequence_with_channels_last_is_read_as_channels_and_length() -> None:
    board = Board(("n", 20, 6))
    x = board.op("Conv", board.op("Transpose", board.x, perm=[0, 2, 1]), board.constant(np.zeros((4, 6, 3))))
    network = read_onnx(board.bytes(x))
    assert network.input_shape == (6, 20, 1)
    assert keys(board, x) == ["conv 6x20x1>4x18x1 k3x1 s1 p0,0,0,0"]


# --- Constants on either side ---------------------------------------------------------------------------------------


@pytest.mark.parametrize("first", [False, True])
@pytest.mark.parametrize("op", ["Mul", "Add", "Sub", "Sum"])
@pytest.mark.parametrize("shape", [(), (1,), (3, 1, 1), (1, 3, 1, 1)])
def test_a_constant_may_be_the_first_operand(op: str, first: bool, shape: tuple[int, ...]) -> None:
    board = Board((1, 3, 4, 4))
    constant = board.constant(np.ones(shape))
    x = board.op(op, *((constant, board.x) if first else (board.x, constant)))
    x = board.conv(x, 3, 3)
    x = board.op(op, *((constant, x) if first else (x, constant)))
    network = read_onnx(board.bytes(x))
    assert [layer.key for layer in network.layers] == ["conv 3x4x4>3x4x4 k1 s1 p0,0,0,0"]
    assert macs(network) == 3 * 3 * 16


def test_a_constant_divided_by_a_map_is_no_scale() -> None:
    board = Board((1, 3, 4, 4))
    assert keys(board, board.op("Div", board.constant(1.0), board.conv(board.x, 3, 3)))[1:] == ["onnx:Div 3x4x4>3x4x4"]
