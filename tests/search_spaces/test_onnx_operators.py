"""Single operators of ONNX files as layers: padding, shapes, gates, norms."""

from typing import Any

import numpy as np
import pytest

from search_spaces.cost import macs, params
from search_spaces.onnx_reader import read_onnx
from tests.search_spaces.onnx_graphs import Board, keys, read, tokens


def test_a_pad_before_a_convolution_belongs_to_it() -> None:
    board = Board((1, 1, 6, 6))
    x = board.op("Pad", board.x, board.constant([0, 0, 0, 0, 0, 0, 1, 1], np.int64))
    assert keys(board, board.conv(x, 2, 1, 3, strides=[2, 2])) == ["conv 1x6x6>2x3x3 k3 s2 p0,0,1,1"]


@pytest.mark.parametrize(
    "pads, value, mode",
    [
        ([0, 1, 0, 0, 0, 0, 0, 0], 0, "constant"),
        ([0, 0, 1, 1, 0, 0, 1, 1], 1, "constant"),
        ([0, 0, 1, 1, 0, 0, 1, 1], 0, "reflect"),
    ],
)
def test_other_padding_is_an_operator_of_its_own(pads: list[int], value: float, mode: str) -> None:
    board = Board((1, 1, 6, 6))
    x = board.op("Pad", board.x, board.constant(pads, np.int64), board.constant(value), mode=mode)
    assert keys(board, board.conv(x, 2, 1 + pads[1]))[0].startswith("onnx:Pad")


def test_axes_may_be_a_constant_input() -> None:
    board = Board((1, 2, 6, 6), opset=18)
    assert keys(board, board.op("ReduceMean", board.x, board.constant([2, 3], np.int64))) == [
        "global_avg_pool 2x6x6>2x1x1"
    ]


def test_concatenation_and_both_ways_of_broadcasting_a_gate() -> None:
    board = Board((1, 2, 4, 4))
    gate = board.op("GlobalAveragePool", board.x)
    both = board.op("Concat", board.op("Mul", board.x, gate), board.op("Mul", gate, board.x), axis=-3)
    assert keys(board, both) == [
        "global_avg_pool 2x4x4>2x1x1",
        "mul 2x4x4+2x1x1>2x4x4",
        "mul 2x4x4+2x1x1>2x4x4",
        "concat 2x4x4+2x4x4>4x4x4",
    ]


def test_broadcasting_over_channels_is_rejected_by_name() -> None:
    board = Board((1, 2, 4, 4))
    mask = board.op("Sigmoid", board.conv(board.x, 1, 2))
    assert keys(board, board.op("Mul", board.x, mask))[-1] == "onnx:Mul 2x4x4+1x4x4>2x4x4"


def test_bilinear_resize_is_known_and_nearest_is_not() -> None:
    board = Board((1, 2, 4, 4))
    scales = board.constant([1, 1, 2, 2])
    x = board.op("Resize", board.op("Resize", board.x, "", scales, mode="linear"), "", scales, mode="nearest")
    assert keys(board, x) == ["resize 2x4x4>2x8x8", "onnx:Resize 2x8x8>2x16x16"]


def test_every_output_of_an_operator_that_is_read_is_a_layer() -> None:
    board = Board((1, 4, 4, 4))
    first = board.op("Split", board.x, outputs=2, axis=1)
    network = read_onnx(board.bytes(board.op("Add", first, f"{first}_1")))
    assert [layer.key for layer in network.layers] == [
        "slice 4x4x4>2x4x4 from0",
        "slice 4x4x4>2x4x4 from2",
        "add 2x4x4+2x4x4>2x4x4",
    ]


def test_a_channel_shuffle_is_drawn_as_what_it_is() -> None:
    board = Board((1, 4, 2, 2))
    x = board.op("Reshape", board.conv(board.x, 4, 4), board.constant([0, 2, 2, 2, 2], np.int64))
    x = board.op("Reshape", board.op("Transpose", x, perm=[0, 2, 1, 3, 4]), board.constant([0, 4, 2, 2], np.int64))
    assert keys(board, board.conv(x, 1, 4)) == [
        "conv 4x2x2>4x2x2 k1 s1 p0,0,0,0",
        "shuffle 4x2x2>4x2x2 g2",
        "conv 4x2x2>1x2x2 k1 s1 p0,0,0,0",
    ]


# --- Fusing -----------------------------------------------------------------------------------------------------------


def test_norms_count_no_products_and_have_parameters() -> None:
    norms: list[tuple[str, int, dict[str, Any]]] = [
        ("GroupNormalization", 21, {"num_groups": 2}),
        ("InstanceNormalization", 17, {}),
        ("InstanceNormalization", 8, {}),
        ("LayerNormalization", 17, {}),
        ("RMSNormalization", 23, {}),
    ]
    for op, opset, attributes in norms:
        board = Board((1, 3, 8, 8), opset=opset)
        constants = [board.constant(np.ones(8)) for _ in range(1 if op == "RMSNormalization" else 2)]
        x = board.op(op, board.conv(board.x, 8, 3), *constants, **attributes)
        network = read(board, board.op("GlobalAveragePool", x))
        assert network.layers[1].op == f"onnx:{op}"
        assert macs(network) == 8 * 3 * 64
        assert params(network) == 8 * 4 + 8 * len(constants)


def test_the_group_norm_of_opset_18_is_read_though_onnx_withdrew_it() -> None:
    board = Board((1, 3, 8, 8), opset=18)
    x = board.op("GroupNormalization", board.x, board.constant(np.ones(3)), board.constant(np.ones(3)), num_groups=3)
    assert [layer.op for layer in read(board, board.conv(x, 2, 3)).layers] == ["onnx:GroupNormalization", "conv"]


def test_norms_in_many_nodes_count_no_products() -> None:
    """Layer norm before opset 17: mean, square, root; its scale is no convolution."""
    board = Board((1, 10, 8))
    x = tokens(board, board.x, 8, 8)
    centred = board.op("Sub", x, board.op("ReduceMean", x, axes=[-1]))
    variance = board.op("ReduceMean", board.op("Pow", centred, board.constant(2)), axes=[-1])
    x = board.op("Div", centred, board.op("Sqrt", board.op("Add", variance, board.constant(1e-5))))
    x = board.op("Add", board.op("Mul", x, board.constant(np.ones(8))), board.constant(np.zeros(8)))
    network = read(board, x)
    assert (macs(network), params(network)) == (10 * 64, 72 + 16)


def test_a_group_norm_in_many_nodes_has_its_own_parameters_only() -> None:
    board = Board((1, 3, 4, 4))
    x = board.op("Reshape", board.conv(board.x, 8, 3), board.constant([0, 2, -1], np.int64))
    x = board.op("InstanceNormalization", x, board.constant(np.ones(2)), board.constant(np.zeros(2)))
    x = board.op("Reshape", x, board.constant([1, 8, 4, 4], np.int64))
    x = board.op("Mul", x, board.constant(np.ones((8, 1, 1))))
    network = read(board, board.op("Add", x, board.constant(np.zeros((8, 1, 1)))))
    assert (macs(network), params(network)) == (8 * 3 * 16, 8 * 4 + 16)
