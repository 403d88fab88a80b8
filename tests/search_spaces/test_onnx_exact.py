"""Files that compute something else than the layers read from them: their structure is read, their weights are not."""

import numpy as np
import pytest

from search_spaces.errors import UnreadableModel
from search_spaces.onnx_reader import read_onnx
from search_spaces.onnx_weights import read_trained
from tests.search_spaces.onnx_graphs import Board

AROUND = [0, 0, 1, 1, 0, 0, 1, 1]


def board(opset: int = 17) -> tuple[Board, str]:
    """A convolution of a map of 8 x 8 pixels with 4 channels."""
    made = Board((1, 4, 8, 8), opset=opset)
    return made, made.conv(made.x, 4, 4)


def reject(data: bytes, why: str) -> UnreadableModel:
    assert read_onnx(data).layers
    with pytest.raises(UnreadableModel, match=why) as caught:
        read_trained(data)
    return caught.value


def padded(made: Board, x: str) -> str:
    return made.op("Pad", x, made.constant(AROUND, np.int64))


def test_a_mean_over_zeros_that_the_file_has_put_around() -> None:
    made, x = board()
    data = made.bytes(made.op("AveragePool", padded(made, x), kernel_shape=[3, 3]))
    assert read_trained(data).network.layers[-1].padding == (1, 1, 1, 1)


@pytest.mark.parametrize("opset", [17, 19])
def test_a_mean_whose_last_windows_reach_over_the_padding(opset: int) -> None:
    """ONNX divides them by the pixels that are there, a layer by all."""
    made, x = board(opset)
    pool = made.op("AveragePool", x, kernel_shape=[3, 3], strides=[2, 2], ceil_mode=1, count_include_pad=1)
    reject(made.bytes(pool), "reach over its padding")


def test_a_mean_with_gaps() -> None:
    made, x = board(opset=19)
    reject(made.bytes(made.op("AveragePool", x, kernel_shape=[2, 2], dilations=[2, 2])), "has a dilation")


@pytest.mark.parametrize("activation", [None, "Relu", "Sigmoid", "LeakyRelu"])
def test_a_maximum_of_pixels_and_zeros_around_them(activation: str | None) -> None:
    """Zeros do not count where no pixel is smaller."""
    made, x = board()
    x = x if activation is None else made.op(activation, x)
    data = made.bytes(made.op("MaxPool", padded(made, x), kernel_shape=[3, 3], strides=[2, 2]))
    if activation in ("Relu", "Sigmoid"):
        assert read_trained(data).network.layers[-1].op == "max_pool"
    else:
        reject(data, "negative numbers and the zeros around them")


def test_a_maximum_with_a_window_of_padding_alone() -> None:
    """ONNX Runtime leaves it out, the shape that ONNX infers has it."""
    made, x = board()
    pool = made.op("MaxPool", x, kernel_shape=[2, 2], strides=[3, 3], pads=[1, 1, 1, 1], ceil_mode=1)
    reject(made.bytes(pool), "starts outside of its input")


def test_batch_norm_of_the_batch() -> None:
    made, x = board()
    constants = [made.constant(np.ones(4)) for _ in range(4)]
    norm = made.op("BatchNormalization", x, *constants, outputs=3, training_mode=1)
    assert "evaluation mode" in reject(made.bytes(norm), "statistics of its batch").fix


@pytest.mark.parametrize("channels", [1, 4])
def test_batch_norm_of_flattened_pixels(channels: int) -> None:
    made = Board((1, 4, 8, 8))
    x = made.norm(made.op("Flatten", made.conv(made.x, channels, 4)), channels * 64)
    reject(made.bytes(made.gemm(x, 3, channels * 64)), "flattened pixels")


@pytest.mark.parametrize(
    ("between", "zero", "dtype", "exact"),
    [
        (None, 0, np.uint8, False), (None, -128, np.int8, False), (None, 128, np.uint8, True), (None, 0, np.int8, True),
        ("Relu", 0, np.uint8, True), ("LeakyRelu", 0, np.uint8, False),
    ],
)  # fmt: skip
def test_a_range_that_stands_for_an_activation(
    between: str | None, zero: int, dtype: type[np.generic], exact: bool
) -> None:
    """ONNX Runtime's tool removes a ReLU where the range that follows begins at zero."""
    made, x = board()
    x = made.quantise(x if between is None else made.op(between, x), zero=zero, dtype=dtype)
    data = made.bytes(made.conv(x, 2, 4))
    if exact:
        assert len(read_trained(data).weights) == 4
    else:
        assert "floating-point file" in reject(data, "in the place of an activation").fix


def test_ranges_of_the_image_and_of_pooled_maps() -> None:
    made = Board((1, 4, 8, 8))
    x = made.op("Relu", made.conv(made.quantise(made.x), 4, 4))
    x = made.quantise(made.op("GlobalAveragePool", made.quantise(made.op("Add", x, x))))
    assert read_trained(made.bytes(x)).weights


def test_weights_in_blocks_with_a_scale_each() -> None:
    made = Board((1, 4, 1, 1), opset=21)
    stored = made.constant([[1, 2], [3, 4], [5, 6], [7, 8]], np.int8)
    scales, zeros = made.constant([[1.0, 2.0], [10.0, 20.0]]), made.constant([[0, 0], [1, 1]], np.int8)
    weight = made.op("DequantizeLinear", stored, scales, zeros, axis=0, block_size=2)
    file = read_trained(made.bytes(made.op("Gemm", made.op("Flatten", made.x), weight)))
    (found,) = [value.squeeze().tolist() for name, value in file.weights.items() if name.endswith("weight")]
    assert found == [[1, 3, 40, 60], [4, 8, 100, 140]]
