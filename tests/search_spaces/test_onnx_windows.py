"""Convolutions and pools of ONNX files: as layers, and counted by hand."""

from typing import Any

import numpy as np
import pytest

from search_spaces.cost import macs, params, uncounted
from tests.search_spaces.onnx_graphs import Board, keys, read


def test_convolutions_keep_stride_dilation_groups_and_lopsided_padding() -> None:
    board = Board((1, 4, 16, 16))
    x = board.conv(board.x, 8, 2, 3, group=2, strides=[2, 1], dilations=[1, 2], pads=[1, 2, 0, 3])
    assert keys(board, x) == ["conv 4x16x16>8x8x17 k3 s2x1 p1,2,0,3 d1x2 g2"]


@pytest.mark.parametrize(
    "auto_pad, expected", [("SAME_UPPER", "p0,0,1,1"), ("SAME_LOWER", "p1,1,0,0"), ("VALID", "p0,0,0,0")]
)
def test_auto_pad_becomes_padding(auto_pad: str, expected: str) -> None:
    board = Board((1, 1, 6, 6))
    assert expected in keys(board, board.conv(board.x, 1, 1, 3, strides=[2, 2], auto_pad=auto_pad))[0]


@pytest.mark.parametrize(
    "op, attributes, expected",
    [
        ("MaxPool", {"kernel_shape": [3, 3], "strides": [2, 2], "ceil_mode": 1}, "max_pool 2x6x6>2x3x3 k3 s2 p0,0,1,1"),
        ("MaxPool", {"kernel_shape": [2, 2]}, "max_pool 2x6x6>2x5x5 k2 s1 p0,0,0,0"),
        ("AveragePool", {"kernel_shape": [3, 3], "pads": [1] * 4}, "avg_pool 2x6x6>2x6x6 k3 s1 p1,1,1,1"),
        ("GlobalAveragePool", {}, "global_avg_pool 2x6x6>2x1x1"),
        ("GlobalMaxPool", {}, "max_pool 2x6x6>2x1x1 k6 s1 p0,0,0,0"),
        ("ReduceMean", {"axes": [-1, -2], "keepdims": 0}, "global_avg_pool 2x6x6>2x1x1"),
        ("ReduceMean", {"axes": [1]}, "onnx:ReduceMean 2x6x6>1x6x6"),
        ("LRN", {"size": 3}, "onnx:LRN 2x6x6>2x6x6"),
    ],
)
def test_pools(op: str, attributes: dict[str, Any], expected: str) -> None:
    board = Board((1, 2, 6, 6))
    assert keys(board, board.op(op, board.x, **attributes)) == [expected]


def test_convolutions_along_a_sequence_are_layers() -> None:
    board = Board((1, 6, 128))
    weight = board.constant(np.zeros((32, 2, 5)))
    x = board.op("Conv", board.x, weight, pads=[2, 2], strides=[2], group=3)
    x = board.op("MaxPool", board.op("Relu", board.norm(x, 32)), kernel_shape=[2], strides=[2])
    x = board.op("Flatten", board.op("GlobalAveragePool", x))
    network = read(board, board.gemm(x, 5, 32))
    assert network.input_shape == (6, 128, 1)
    assert [layer.key for layer in network.layers] == [
        "conv 6x128x1>32x64x1 k5x1 s2x1 p2,0,2,0 g3 relu",
        "max_pool 32x64x1>32x32x1 k2x1 s2x1 p0,0,0,0",
        "global_avg_pool 32x32x1>32x1x1",
        "linear 32x1x1>5x1x1",
    ]
    assert macs(network) == 32 * 2 * 5 * 64 + 5 * 32
    assert params(network) == 32 * (2 * 5 + 1) + 5 * 33


def test_padding_of_a_sequence_belongs_to_its_convolution() -> None:
    board = Board((1, 2, 8))
    x = board.op("Pad", board.x, board.constant([0, 0, 4, 0, 0, 0], np.int64))  # causal
    network = read(board, board.op("Conv", x, board.constant(np.zeros((3, 2, 5)))))
    assert [layer.key for layer in network.layers] == ["conv 2x8x1>3x8x1 k5x1 s1 p4,0,0,0"]


def test_convolutions_of_volumes_are_counted() -> None:
    board = Board((1, 4, 8, 8, 8))
    x = board.op("Conv", board.x, board.constant(np.zeros((8, 2, 3, 3, 3))), pads=[1] * 6, group=2)
    x = board.op("MaxPool", board.op("Relu", board.norm(x, 8)), kernel_shape=[2, 2, 2], strides=[2, 2, 2])
    x = board.op("ConvTranspose", x, board.constant(np.zeros((8, 4, 2, 2, 2))), strides=[2, 2, 2])
    network = read(board, x)
    assert macs(network) == 8 * 2 * 27 * 8**3 + 8 * 4 * 8 * 4**3
    assert params(network) == 8 * (2 * 27 + 1) + (8 * 4 * 8 + 4)
    assert uncounted(network) == ()


@pytest.mark.parametrize(
    "attributes, side",
    [
        ({"strides": [2, 2]}, 32),
        ({"strides": [2, 2], "pads": [1] * 4, "output_padding": [1, 1]}, 31),
        ({"strides": [2, 2], "output_shape": [33, 33]}, 33),
        ({"strides": [1, 1], "auto_pad": "SAME_UPPER"}, 16),
    ],
)
def test_a_transposed_convolution_counts_its_weights_at_each_pixel_that_it_reads(
    attributes: dict[str, Any], side: int
) -> None:
    board = Board((1, 8, 16, 16))
    x = board.op("ConvTranspose", board.x, board.constant(np.zeros((8, 3, 2, 2))), group=2, **attributes)
    network = read(board, x)
    assert network.layers[0].out_shape == (6, side, side)
    assert (macs(network), params(network)) == (8 * 3 * 4 * 16 * 16, 8 * 3 * 4 + 6)


def test_a_convolution_of_more_maps_than_images_is_counted_for_all_of_them() -> None:
    """Five windows of an image, as boxes of a detector are."""
    board = Board((1, 10, 4, 4))
    x = board.op("Reshape", board.x, board.constant([5, 2, 4, 4], np.int64))
    network = read(board, board.conv(x, 3, 2, 3))
    assert macs(network) == 5 * (3 * 2 * 9) * 2 * 2
    assert params(network) == 3 * (2 * 9 + 1)


def test_biases_of_volumes_belong_to_their_convolution() -> None:
    board = Board((1, 2, 4, 4, 4))
    x = board.op("Conv", board.x, board.constant(np.zeros((3, 2, 1, 1, 1))))
    network = read(board, board.op("Add", x, board.constant(np.zeros((1, 3, 1, 1, 1)))))
    assert (macs(network), params(network), len(network.layers)) == (3 * 2 * 64, 3 * 3, 1)
