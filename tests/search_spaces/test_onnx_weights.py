"""Weights of ONNX files, on graphs of a few nodes: each number by hand."""

from pathlib import Path

import numpy as np
import onnx
import pytest
from onnx import TensorProto, numpy_helper

from search_spaces.errors import UnreadableModel
from search_spaces.onnx_reader import read_onnx
from search_spaces.onnx_weights import TrainedNetwork, read_trained
from tests.search_spaces.onnx_graphs import Board


def pointwise(board: Board, weight: list[list[float]], bias: list[float] | None = None, x: str | None = None) -> str:
    """A 1x1 convolution."""
    constants = [board.constant(np.array(weight)[:, :, None, None])]
    constants += [] if bias is None else [board.constant(bias)]
    return board.op("Conv", x or board.x, *constants)


def only(file: TrainedNetwork) -> tuple[np.ndarray, np.ndarray]:
    """Weight and bias of the one layer that has any, without axes of size 1."""
    (layer,) = [layer for layer in file.network.layers if layer.has_weights]
    return file.weights[f"{layer.name}.weight"].squeeze(), file.weights[f"{layer.name}.bias"]


def test_a_convolution_without_a_bias_has_zeros() -> None:
    board = Board((1, 2, 4, 4))
    weight, bias = only(read_trained(board.bytes(pointwise(board, [[1, 2], [3, 4]]))))
    assert weight.tolist() == [[1, 2], [3, 4]] and bias.tolist() == [0, 0]


def test_batch_norm_is_folded_with_its_own_epsilon() -> None:
    board = Board((1, 1, 4, 4))
    norm = [board.constant([value]) for value in (3.0, 0.5, 2.0, 3.0)]  # gamma, beta, mean, variance
    x = board.op("BatchNormalization", pointwise(board, [[4.0]], [1.0]), *norm, epsilon=1.0)
    weight, bias = only(read_trained(board.bytes(x)))
    # 3 * (4 x + 1 - 2) / sqrt(3 + 1) + 0.5
    assert weight == pytest.approx(6.0) and bias.tolist() == [-1.0]


@pytest.mark.parametrize(
    ("op", "first", "expected"),
    [
        ("Mul", False, (8.0, 2.0)), ("Div", False, (2.0, 0.5)), ("Add", False, (4.0, 3.0)), ("Add", True, (4.0, 3.0)),
        ("Sub", False, (4.0, -1.0)), ("Sub", True, (-4.0, 1.0)),
    ],
)  # fmt: skip
def test_a_constant_after_a_layer(op: str, first: bool, expected: tuple[float, float]) -> None:
    """4 x + 1 times, by, plus, minus 2, and 2 minus it."""
    board = Board((1, 1, 4, 4))
    x, two = pointwise(board, [[4.0]], [1.0]), board.constant([[[2.0]]])
    weight, bias = only(read_trained(board.bytes(board.op(op, *((two, x) if first else (x, two))))))
    assert (float(weight), *bias.tolist()) == expected


def test_constants_are_applied_in_their_order() -> None:
    board = Board((1, 1, 4, 4))
    x = board.op("Add", pointwise(board, [[1.0]]), board.constant(3.0))
    weight, bias = only(read_trained(board.bytes(board.op("Mul", x, board.constant(2.0)))))
    assert float(weight) == 2.0 and bias.tolist() == [6.0]


def test_a_scale_without_a_layer_is_a_depthwise_convolution() -> None:
    board = Board((1, 2, 4, 4))
    x = board.op("MaxPool", board.x, kernel_shape=[2, 2], strides=[2, 2])
    x = board.op("Mul", x, board.constant(np.array([2.0, 3.0])[:, None, None]))
    file = read_trained(board.bytes(x))
    assert file.network.layers[-1].is_depthwise
    weight, bias = only(file)
    assert weight.tolist() == [2, 3] and bias.tolist() == [0, 0]


@pytest.mark.parametrize("transposed", [False, True])
def test_linear_layers(transposed: bool) -> None:
    """Alpha and beta; a weight of (out, in) or (in, out); the input flattened channel by channel."""
    board = Board((1, 2, 1, 2))
    rows = np.array([[1.0, 2, 3, 4], [5, 6, 7, 8]])
    weight = board.constant(rows if transposed else rows.T)
    x = board.op("Flatten", board.x)
    x = board.op("Gemm", x, weight, board.constant([1.0, 2.0]), alpha=10.0, beta=0.5, transB=int(transposed))
    file = read_trained(board.bytes(x))
    (layer,) = file.network.layers
    assert file.weights[f"{layer.name}.weight"].tolist() == [[[[10, 20]], [[30, 40]]], [[[50, 60]], [[70, 80]]]]
    assert file.weights[f"{layer.name}.bias"].tolist() == [0.5, 1.0]


def test_a_product_and_a_sum_are_a_linear_layer() -> None:
    board = Board((1, 2, 1, 1))
    x = board.op("MatMul", board.op("Flatten", board.x), board.constant([[1.0, 2, 3], [4, 5, 6]]))
    weight, bias = only(read_trained(board.bytes(board.op("Add", x, board.constant([7.0, 8, 9])))))
    assert weight.tolist() == [[1, 4], [2, 5], [3, 6]] and bias.tolist() == [7, 8, 9]


def test_one_initialiser_of_two_layers() -> None:
    board = Board((1, 1, 4, 4))
    weight = board.constant(np.full((1, 1, 1, 1), 3.0))
    file = read_trained(board.bytes(board.op("Conv", board.op("Relu", board.op("Conv", board.x, weight)), weight)))
    assert [value.item() for name, value in file.weights.items() if name.endswith("weight")] == [3.0, 3.0]


def test_constants_that_are_worked_out() -> None:
    """A weight that is stored transposed, and in half precision."""
    board = Board((1, 2, 4, 4))
    stored = board.constant(np.array([[1.0, 3.0], [2.0, 4.0]]), np.float16)
    weight = board.op("Transpose", board.op("Cast", stored, to=TensorProto.FLOAT), perm=[1, 0])
    weight = board.op("Unsqueeze", weight, board.constant([2, 3], np.int64))
    assert only(read_trained(board.bytes(board.op("Conv", board.x, weight))))[0].tolist() == [[1, 2], [3, 4]]


def test_weights_of_a_quantised_file() -> None:
    """Of integers with a scale for each channel, in an opset that the evaluator does not know."""
    board = Board((1, 1, 4, 4), opset=13)
    stored = board.constant(np.array([4, 10])[:, None, None, None], np.int8)
    parameters = [board.constant([0.5, 0.1]), board.constant([0, 5], np.int8)]
    weight = board.op("DequantizeLinear", stored, *parameters, axis=0)
    found, _ = only(read_trained(board.bytes(board.op("Conv", board.quantise(board.x), weight))))
    assert found == pytest.approx([2.0, 0.5])


# --- What the file does with its input itself ------------------------------------------------------------------------


def test_preprocessing_in_the_file() -> None:
    """(pixel - mean) / deviation, each channel with its own."""
    board = Board((1, 3, 4, 4))
    mean, deviation = (board.constant(np.array(values)[:, None, None]) for values in ([10.0, 20, 30], [2.0, 4, 5]))
    x = board.op("Div", board.op("Sub", board.x, mean), deviation)
    file = read_trained(board.bytes(pointwise(board, [[1.0, 1, 1]], x=x)))
    assert file.scale.tolist() == [1 / 2, 1 / 4, 1 / 5] and file.offset.tolist() == [-5, -5, -6]
    assert file.layout == "NCHW"


def test_preprocessing_before_a_transposition() -> None:
    """As TensorFlow's files have it: pixels last, scaled before the channels are moved to the front."""
    board = Board((1, 4, 4, 3))
    x = board.op("Sub", board.op("Mul", board.x, board.constant(1 / 128)), board.constant([1.0, 2, 3]))
    x = board.op("Transpose", x, perm=[0, 3, 1, 2])
    file = read_trained(board.bytes(pointwise(board, [[1.0, 1, 1]], x=x)))
    assert file.scale == pytest.approx([1 / 128] * 3) and file.offset.tolist() == [-1, -2, -3]
    assert file.layout == "NHWC" and file.network.input_shape == (3, 4, 4)


def test_names_of_classes_in_the_metadata() -> None:
    board = Board((1, 1, 4, 4))
    model = board.model(pointwise(board, [[1.0]]))
    onnx.helper.set_model_props(model, {"names": '{"0": "cat", "1": "dog"}'})
    assert read_trained(model.SerializeToString()).class_names == ("cat", "dog")


def test_an_open_size_is_filled_and_a_fixed_one_kept() -> None:
    for shape, read in (((1, 1, "h", "w"), (1, 6, 6)), ((1, 1, 4, "w"), (1, 4, 6)), ((1, 1, 4, 5), (1, 4, 5))):
        board = Board(shape)
        assert read_trained(board.bytes(pointwise(board, [[1.0]])), open_size=6).network.input_shape == read


# --- What cannot be read ---------------------------------------------------------------------------------------------


def test_weights_in_a_file_that_is_missing(tmp_path: Path) -> None:
    board = Board((1, 1, 4, 4))
    model = board.model(pointwise(board, [[1.0]]))
    onnx.save(model, tmp_path / "model.onnx", save_as_external_data=True, location="weights.bin", size_threshold=0)
    assert only(read_trained(tmp_path / "model.onnx"))[0].item() == 1.0
    with pytest.raises(UnreadableModel, match="Weights are not in the file"):
        read_trained((tmp_path / "model.onnx").read_bytes())
    (tmp_path / "weights.bin").unlink()
    with pytest.raises(UnreadableModel, match="Weights are not in the file"):
        read_trained(tmp_path / "model.onnx")


def test_weights_that_are_no_numbers() -> None:
    board = Board((1, 1, 4, 4))
    with pytest.raises(UnreadableModel, match="weights that are no numbers"):
        read_trained(board.bytes(pointwise(board, [[float("nan")]])))


def test_weights_that_are_integers() -> None:
    """A file of integer operators has its scales elsewhere."""
    board = Board((1, 1, 4, 4), dtype=TensorProto.UINT8)
    weight = board.constant(np.ones((1, 1, 1, 1)), np.uint8)
    x = board.op("Cast", board.op("ConvInteger", board.x, weight), to=TensorProto.FLOAT)
    with pytest.raises(UnreadableModel, match="are integers") as caught:
        read_trained(board.bytes(x))
    assert "floating-point file" in caught.value.fix


def test_a_mean_without_its_padding() -> None:
    board = Board((1, 1, 4, 4))
    x = pointwise(board, [[1.0]])
    counted = board.op("AveragePool", x, count_include_pad=1, kernel_shape=[3, 3], pads=[1, 1, 1, 1])
    assert read_trained(board.bytes(counted)).network.layers[-1].op == "avg_pool"
    left_out = board.op("AveragePool", x, kernel_shape=[3, 3], pads=[1, 1, 1, 1])
    with pytest.raises(UnreadableModel, match="leaves its padding out of the mean"):
        read_trained(board.bytes(left_out))


def test_another_slope() -> None:
    board = Board((1, 1, 4, 4))
    with pytest.raises(UnreadableModel, match="another slope"):
        read_trained(board.bytes(board.op("LeakyRelu", pointwise(board, [[1.0]]), alpha=0.2)))


def test_channels_in_another_order() -> None:
    board = Board((1, 3, 4, 4))
    x = board.op("Gather", board.x, board.constant([2, 1, 0], np.int64), axis=1)
    data = board.bytes(pointwise(board, [[1.0, 2, 3]], x=x))
    assert read_onnx(data).layers[-1].op == "conv"
    with pytest.raises(UnreadableModel, match="order of the image's channels"):
        read_trained(data)


def test_several_inputs() -> None:
    board = Board((1, 1, 4, 4))
    board.inputs.append(onnx.helper.make_tensor_value_info("other", TensorProto.FLOAT, [1, 1, 4, 4]))
    with pytest.raises(UnreadableModel, match="A model with one input is read"):
        read_trained(board.bytes(board.op("Add", pointwise(board, [[1.0]]), "other")))


def test_a_damaged_initialiser() -> None:
    board = Board((1, 1, 4, 4))
    model = board.model(pointwise(board, [[1.0]]))
    broken = numpy_helper.from_array(np.ones((1, 1, 1, 1), np.float32), "c0")
    broken.raw_data = b"\0"
    model.graph.initializer[0].CopyFrom(broken)
    with pytest.raises(UnreadableModel):
        read_trained(model.SerializeToString())
