"""Products of matrices in ONNX files, counted by hand."""

import numpy as np
import pytest

from search_spaces.cost import layer_params, macs, params, uncounted
from tests.search_spaces.onnx_graphs import Board, keys, read, tokens


def test_linear_layers_as_gemm_and_as_matmul_with_a_bias() -> None:
    board = Board((1, 2, 3, 3))
    x = board.gemm(board.op("Flatten", board.x), 5, 18)
    x = board.op("Add", board.op("MatMul", x, board.constant(np.zeros((5, 4)))), board.constant(np.zeros(4)))
    assert keys(board, board.op("Relu", x)) == ["linear 2x3x3>5x1x1", "linear 5x1x1>4x1x1 relu"]


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


def test_einsum_and_the_attention_operator_are_counted() -> None:
    board = Board((1, 4, 10, 8), opset=23)  # batch, heads, tokens, width
    scores = board.op("Einsum", board.x, board.x, equation="bhqd,bhkd->bhqk")
    assert macs(read(board, scores)) == 4 * 10 * 10 * 8
    assert macs(read(board, board.op("Attention", board.x, board.x, board.x))) == 2 * 4 * 10 * 10 * 8
