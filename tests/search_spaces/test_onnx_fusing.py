"""How layers of ONNX files are fused: activations, gates, norms, and what closes a network."""

from typing import Any

import numpy as np
import pytest

from search_spaces.cost import macs
from search_spaces.onnx_reader import read_onnx
from tests.search_spaces.onnx_graphs import Board, keys, read, swish


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


@pytest.mark.parametrize("half", ["before", "after"])
@pytest.mark.parametrize("form", ["erf", "tanh"])
def test_gelu_is_one_layer_that_counts_nothing(form: str, half: str) -> None:
    board = Board((1, 4, 8, 8))
    x = board.conv(board.x, 4, 4)
    if form == "erf":
        inner = board.op("Erf", board.op("Div", x, board.constant(1.4142)))
    else:
        cube = board.op("Mul", board.constant(0.0447), board.op("Pow", x, board.constant(3)))
        inner = board.op("Tanh", board.op("Mul", board.constant(0.7979), board.op("Add", x, cube)))
    scaled = board.op("Mul", x, board.constant(0.5)) if half == "before" else x
    x = board.op("Mul", scaled, board.op("Add", inner, board.constant(1)))
    x = board.op("Mul", x, board.constant(0.5)) if half == "after" else x
    network = read(board, board.conv(x, 2, 4))
    assert [layer.op for layer in network.layers] == ["conv", "onnx:Gelu", "conv"]
    assert macs(network) == (4 + 2) * 4 * 64


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
