"""Multiply-accumulates and parameters of ONNX files, with numbers that can be worked out by hand."""

from typing import Any

import numpy as np
import pytest
from onnx import TensorProto, helper

from search_spaces.cost import layer_macs, layer_params, macs, params, uncounted, weight_bytes
from search_spaces.network import Network
from search_spaces.onnx_reader import read_onnx
from tests.search_spaces.onnx_graphs import Board


def read(board: Board, *outputs: str) -> Network:
    return read_onnx(board.bytes(*outputs))


def tokens(board: Board, x: str, out: int, into: int) -> str:
    """A linear layer of tokens as PyTorch exports it: a product, then its bias."""
    product = board.op("MatMul", x, board.constant(np.zeros((into, out))))
    return board.op("Add", board.constant(np.zeros(out)), product)


# --- Convolutions ---------------------------------------------------------------------------------------------------


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


# --- Products -------------------------------------------------------------------------------------------------------


def test_linear_layers_of_tokens_and_attention_are_counted() -> None:
    """One head over 9 tokens of width 8, with a mask; 9 = 8 patches of 2x2 and a class token."""
    board = Board((1, 3, 4, 8), opset=17)
    x = board.op("Reshape", board.conv(board.x, 8, 3, 2, strides=[2, 2]), board.constant([1, 8, 8], np.int64))
    x = board.op("Concat", board.constant(np.zeros((1, 1, 8))), board.op("Transpose", x, perm=[0, 2, 1]), axis=1)
    x = board.op("LayerNormalization", x, board.constant(np.ones(8)), board.constant(np.zeros(8)))
    q, k, v = (tokens(board, x, 8, 8) for _ in range(3))
    scores = board.op("MatMul", board.op("Mul", board.constant(0.35), q), board.op("Transpose", k, perm=[0, 2, 1]))
    scores = board.op("Softmax", board.op("Add", scores, board.constant(np.zeros((1, 1, 9, 9)))), axis=-1)
    mixed = board.op("Reshape", board.op("MatMul", scores, v), board.constant([9, 8], np.int64))
    network = read(board, board.gemm(mixed, 5, 8))
    assert uncounted(network) == ()
    assert macs(network) == 8 * 12 * 8 + 3 * 9 * 64 + 2 * 9 * 9 * 8 + 9 * 8 * 5
    assert params(network) == 8 * 13 + 8 + 16 + 3 * 72 + 5 * 9  # patches, class token, norm, projections, linear
    assert [layer_params(layer) for layer in network.layers if layer.op == "onnx:MatMul"] == [72, 72, 72, 0, 0]


def test_windows_in_the_place_of_the_batch_are_counted_all() -> None:
    board = Board((2, 4, 8, 6), opset=17)  # two images of 4 x 8 tokens, in windows of 4 x 4
    x = board.op("Reshape", board.x, board.constant([-1, 16, 6], np.int64))
    network = read(board, tokens(board, x, 5, 6))
    assert macs(network) == 2 * 16 * 6 * 5  # of one image
    assert params(network) == 6 * 5 + 5


def test_a_fixed_batch_is_not_counted() -> None:
    board = Board((4, 10, 6))
    x = tokens(board, board.x, 5, 6)
    assert macs(read(board, x)) == 10 * 6 * 5


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


@pytest.mark.parametrize("kind, gates", [("RNN", 1), ("GRU", 3), ("LSTM", 4)])
def test_recurrent_layers_use_each_weight_once_a_step(kind: str, gates: int) -> None:
    board = Board((20, "batch", 6))  # steps, batch, features
    weights = [board.constant(np.zeros((1, gates * 16, n))) for n in (6, 16)]
    x = board.op(kind, board.x, *weights, board.constant(np.zeros((1, 2 * gates * 16))), hidden_size=16, outputs=2)
    network = read(board, x)
    assert params(network) == gates * 16 * (6 + 16 + 2)
    assert network.input_shape == (6, 20, 1)
    assert macs(network) == 20 * gates * 16 * (6 + 16)


def test_a_recurrent_layer_quantised_while_running_counts_alike() -> None:
    board = Board((20, 1, 6))
    weights = [board.constant(np.zeros((1, n, 64)), np.int8) for n in (6, 16)]
    parameters = [board.constant(v, t) for v, t in ((0.1, np.float32), (0, np.int8)) * 2]
    bias = board.constant(np.zeros((1, 128)))
    x = board.op("DynamicQuantizeLSTM", board.x, *weights, bias, "", "", "", "", *parameters, domain="com.microsoft",
                 hidden_size=16)  # fmt: skip
    network = read(board, x)
    assert (macs(network), params(network)) == (20 * 64 * 22, 64 * 24)


def test_biases_of_volumes_belong_to_their_convolution() -> None:
    board = Board((1, 2, 4, 4, 4))
    x = board.op("Conv", board.x, board.constant(np.zeros((3, 2, 1, 1, 1))))
    network = read(board, board.op("Add", x, board.constant(np.zeros((1, 3, 1, 1, 1)))))
    assert (macs(network), params(network), len(network.layers)) == (3 * 2 * 64, 3 * 3, 1)


def test_einsum_and_the_attention_operator_are_counted() -> None:
    board = Board((1, 4, 10, 8), opset=23)  # batch, heads, tokens, width
    scores = board.op("Einsum", board.x, board.x, equation="bhqd,bhkd->bhqk")
    assert macs(read(board, scores)) == 4 * 10 * 10 * 8
    assert macs(read(board, board.op("Attention", board.x, board.x, board.x))) == 2 * 4 * 10 * 10 * 8


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


# --- What cannot be counted -----------------------------------------------------------------------------------------


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
