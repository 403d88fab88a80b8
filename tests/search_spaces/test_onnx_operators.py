"""Single operators of ONNX files as layers, and how layers are fused."""

from typing import Any

import numpy as np
import pytest

from search_spaces.cost import macs
from search_spaces.onnx_reader import read_onnx
from tests.search_spaces.onnx_graphs import Board, keys, swish


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


def test_axes_may_be_a_constant_input() -> None:
    board = Board((1, 2, 6, 6), opset=18)
    assert keys(board, board.op("ReduceMean", board.x, board.constant([2, 3], np.int64))) == [
        "global_avg_pool 2x6x6>2x1x1"
    ]


def test_linear_layers_as_gemm_and_as_matmul_with_a_bias() -> None:
    board = Board((1, 2, 3, 3))
    x = board.gemm(board.op("Flatten", board.x), 5, 18)
    x = board.op("Add", board.op("MatMul", x, board.constant(np.zeros((5, 4)))), board.constant(np.zeros(4)))
    assert keys(board, board.op("Relu", x)) == ["linear 2x3x3>5x1x1", "linear 5x1x1>4x1x1 relu"]


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


def test_broadcasting_over_channels_is_refused_by_name() -> None:
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
    assert [layer.key for layer in network.layers] == ["onnx:Split 4x4x4>2x4x4"] * 2 + ["add 2x4x4+2x4x4>2x4x4"]


def test_a_channel_shuffle_is_drawn_as_what_it_is() -> None:
    board = Board((1, 4, 2, 2))
    x = board.op("Reshape", board.conv(board.x, 4, 4), board.constant([0, 2, 2, 2, 2], np.int64))
    x = board.op("Reshape", board.op("Transpose", x, perm=[0, 2, 1, 3, 4]), board.constant([0, 4, 2, 2], np.int64))
    assert keys(board, board.conv(x, 1, 4)) == [
        "conv 4x2x2>4x2x2 k1 s1 p0,0,0,0",
        "onnx:Transpose 4x2x2>4x2x2",
        "conv 4x2x2>1x2x2 k1 s1 p0,0,0,0",
    ]


# --- Fusing -----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "op, attributes, activation",
    [
        ("Relu", {}, "relu"),
        ("Sigmoid", {}, "sigmoid"),
        ("LeakyRelu", {"alpha": 0.1}, "leaky_relu"),
        ("HardSwish", {}, "hard_swish"),
        ("HardSigmoid", {"alpha": 1 / 6}, "hard_sigmoid"),
    ],
)
def test_an_activation_belongs_to_the_layer_that_it_alone_reads(
    op: str, attributes: dict[str, Any], activation: str
) -> None:
    board = Board((1, 2, 4, 4))
    x = board.conv(board.x, 3, 2)
    y = board.op(op, x, **attributes)
    assert keys(board, y) == [f"conv 2x4x4>3x4x4 k1 s1 p0,0,0,0 {activation}"]
    assert keys(board, board.op("Concat", x, y, axis=1))[:2] == [
        "conv 2x4x4>3x4x4 k1 s1 p0,0,0,0",
        f"activation 3x4x4>3x4x4 {activation}",
    ]
    assert len(keys(board, x, y)) == 2  # an output is a reader, too


@pytest.mark.parametrize(
    "limits, activation", [((0, 6), "relu6"), ((0,), "relu"), ((0, np.inf), "relu"), ((-1, 1), None), ((0, 1), None)]
)
def test_a_clip_is_an_activation_where_its_limits_are_one(limits: tuple[float, ...], activation: str | None) -> None:
    board = Board((1, 2, 4, 4))
    x = board.op("Clip", board.conv(board.x, 2, 2), *(board.constant(limit) for limit in limits))
    layers = read_onnx(board.bytes(x)).layers
    assert layers[-1].activation == activation
    assert layers[-1].op == ("conv" if activation else "onnx:Clip")


@pytest.mark.parametrize(
    "form, activation",
    [
        ("sigmoid", "silu"),
        ("hard_sigmoid", "hard_swish"),
        ("divided gate", "hard_swish"),
        ("divided product", "hard_swish"),
    ],
)
@pytest.mark.parametrize("quantised", [False, True])
def test_gated_activations_are_one_layer_in_all_their_forms(form: str, activation: str, quantised: bool) -> None:
    board = Board((1, 2, 4, 4))
    x = board.conv(board.x, 2, 2)
    x = swish(board, board.quantise(x) if quantised else x, form)
    assert keys(board, x) == [f"conv 2x4x4>2x4x4 k1 s1 p0,0,0,0 {activation}"]


def test_batch_norms_and_scales_fold_forward_or_are_depthwise() -> None:
    board = Board((1, 3, 4, 4))
    x = board.op("Div", board.op("Sub", board.x, board.constant(np.zeros((1, 3, 1, 1)))), board.constant(58.4))
    x = board.norm(board.conv(x, 2, 3, bias=False), 2)
    x = board.op("Relu", board.op("Mul", x, board.constant(np.ones((2, 1, 1)))))
    assert keys(board, board.norm(x, 2)) == [
        "conv 3x4x4>2x4x4 k1 s1 p0,0,0,0 relu",
        "conv 2x4x4>2x4x4 k1 s1 p0,0,0,0 g2",
    ]


def test_a_closing_softmax_is_left_out_and_another_is_not() -> None:
    board = Board((1, 2, 1, 1))
    x = board.gemm(board.op("Flatten", board.x), 3, 2)
    soft = board.op("Softmax", x)
    assert keys(board, soft) == ["linear 2x1x1>3x1x1"]
    assert keys(board, board.gemm(soft, 2, 3))[1] == "onnx:Softmax 3x1x1>3x1x1"


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
