"""Layouts of the input: channels last, batches that are missing or fixed, channels that are taken apart."""

import numpy as np
import pytest
from onnx import TensorProto

from search_spaces.cost import macs
from search_spaces.errors import UnreadableModel
from search_spaces.onnx_reader import read_onnx
from tests.search_spaces.onnx_graphs import Board, keys


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


# --- Quantised while running ----------------------------------------------------------------------------------------


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
