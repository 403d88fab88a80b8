"""Reading ONNX files as networks: known sizes, every operator, fusing, quantisation seen through, and what is refused."""

import contextlib
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from onnx import TensorProto, helper

from hw_targets.float_lowering import lower_float
from hw_targets.lowering import lower_int8
from hw_targets.random_weights import random_weights
from hw_targets.weights import FloatLayer
from search_spaces.builder import Graph, Tensor
from search_spaces.cost import macs, params
from search_spaces.errors import UnreadableModel
from search_spaces.network import INPUT, Network
from search_spaces.registry import space
from tests.search_spaces.onnx_graphs import Board, mobilenet_v2, resnet_18, with_weights


def keys(board: Board, *outputs: str) -> list[str]:
    """The layer keys of a drawn graph."""
    return [layer.key for layer in Network.from_onnx(board.bytes(*outputs)).layers]


# --- Networks of known size -----------------------------------------------------------------------------------------


def test_mobilenet_v2_has_its_published_size() -> None:
    network = Network.from_onnx(mobilenet_v2())
    assert macs(network) == 300_774_272  # 300 M in the paper
    # 3,504,872 parameters with two for each of 17,056 channels of batch norm, of which folding leaves one
    assert params(network) == 3_504_872 - 17_056
    assert {layer.op for layer in network.layers} == {"conv", "add", "global_avg_pool", "linear"}
    assert sum(layer.activation == "relu6" for layer in network.layers) == 35
    assert sum(layer.is_depthwise for layer in network.layers) == 17


def test_resnet_18_has_its_published_size() -> None:
    network = Network.from_onnx(resnet_18())
    assert macs(network) == 1_814_073_344
    assert params(network) == 11_689_512 - 4_800
    assert network.layers[0].key == "conv 3x224x224>64x112x112 k7 s2 p3,3,3,3 relu"
    assert [layer.activation for layer in network.layers if layer.op == "add"] == ["relu"] * 8


def test_a_file_reads_like_its_bytes(tmp_path: Path) -> None:
    (tmp_path / "model.onnx").write_bytes(resnet_18())
    assert Network.from_onnx(tmp_path / "model.onnx") == Network.from_onnx(str(tmp_path / "model.onnx"))
    assert Network.from_onnx(tmp_path / "model.onnx") == Network.from_onnx(resnet_18())


# --- What the lowering writes, reads back as the same layers --------------------------------------------------------


def every_operator() -> Network:
    g = Graph((3, 32, 32))

    def append(name: str, op: str, inputs: tuple[Tensor, ...], out: tuple[int, int, int]) -> Tensor:
        return g._append(name, op, inputs, out)

    x = g.conv("stem", g.input, 8, kernel=3, stride=2, activation="hard_swish")
    y = g.conv(
        "leaky", g.conv("silu", x, 8, kernel=5, groups=8, activation="silu"), 8, dilation=2, activation="leaky_relu"
    )
    gate = g.conv("se.expand", g.conv("se.reduce", g.global_avg_pool("se.pool", y), 4, activation="relu"), 8,
                  activation="hard_sigmoid")  # fmt: skip
    y = g.add("add", g.mul("gate", y, gate), x, activation="relu6")
    gate = g.conv("gate2.conv", g.global_avg_pool("gate2.pool", y), 8, activation="sigmoid")
    y = g.mul("gate2", y, gate)
    a, b = g.max_pool("max", y, kernel=3, stride=2), g.avg_pool("mean", y, kernel=3, stride=2)
    y = append("both", "concat", (a, b), (16, 8, 8))
    y = g.add("twice", y, y, activation="hard_swish")
    y = g.conv("after", append("larger", "resize", (y,), (16, 16, 16)), 16, kernel=3, stride=2)
    logits = g.linear("classifier", g.linear("hidden", y, 12, activation="hard_swish"), 10)
    assert logits.shape == (10, 1, 1)
    return g.network("every")


def files(network: Network) -> list[bytes]:
    """The network as the INT8 and as the float file."""
    zeros = {
        layer.name: FloatLayer(np.zeros(layer.weight_shape, np.float32), np.zeros(layer.out_shape[0], np.float32))
        for layer in network.layers
        if layer.has_weights
    }
    return [lower_int8(network, random_weights(network)), lower_float(network, zeros)]


def largest_and_smallest(name: str, side: int) -> list[Network]:
    found = space(name, resolution=side, channels=1, classes=10)
    return [found.network(found.largest()), found.network(found.smallest())]


@pytest.mark.parametrize(
    "draw",
    [
        lambda: [every_operator()],
        lambda: largest_and_smallest("mobilenet", 8),
        lambda: largest_and_smallest("mobilenet:activation=hard_swish", 28),
        lambda: largest_and_smallest("resnet", 28),
        lambda: largest_and_smallest("resnet:block=bottleneck", 32),
    ],
    ids=["every operator", "mobilenet", "hard-swish", "resnet", "bottleneck"],
)
def test_a_lowered_network_reads_back_as_the_same_layers(draw: Callable[[], list[Network]]) -> None:
    for network, file in [(drawn, file) for drawn in draw() for file in files(drawn)]:
        read = Network.from_onnx(file)
        assert read.input_shape == network.input_shape
        assert [(layer.name, layer.key) for layer in read.layers] == [
            (layer.name, layer.key) for layer in network.layers
        ]
        assert [layer.inputs for layer in read.layers] == [layer.inputs for layer in network.layers]


# --- Single operators -----------------------------------------------------------------------------------------------


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
    network = Network.from_onnx(board.bytes(board.op("Add", first, f"{first}_1")))
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


# --- Fusing ---------------------------------------------------------------------------------------------------------


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
    layers = Network.from_onnx(board.bytes(x)).layers
    assert layers[-1].activation == activation
    assert layers[-1].op == ("conv" if activation else "onnx:Clip")


def swish(board: Board, x: str, form: str) -> str:
    """Hard-swish or SiLU in the forms that exporters write."""
    three, six = board.constant(3), board.constant(6)
    match form:
        case "sigmoid":
            return board.op("Mul", x, board.op("Sigmoid", x))
        case "hard_sigmoid":
            return board.op("Mul", board.op("HardSigmoid", x, alpha=1 / 6), x)
        case "divided gate":
            gate = board.op("Clip", board.op("Add", x, three), board.constant(0), six)
            return board.op("Mul", x, board.op("Div", gate, six))
        case "divided product":
            gate = board.op("Clip", board.op("Add", x, three), board.constant(0), six)
            return board.op("Div", board.op("Mul", x, gate), six)
    raise ValueError(form)


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


# --- Quantised files, layouts and shape arithmetic ------------------------------------------------------------------


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
    network = Network.from_onnx(board.bytes(board.gemm(x, 2, 4)))
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
    network = Network.from_onnx(board.bytes(board.gemm(x, 5, 2 * 6 * 8)), input_size=(3, 4))
    assert [layer.key for layer in network.layers] == ["resize 2x3x4>2x6x8", "linear 2x6x8>5x1x1"]


def test_what_no_output_needs_is_left_out() -> None:
    board = Board((1, 2, 4, 4))
    board.conv(board.x, 7, 2)
    assert keys(board, board.conv(board.x, 3, 2)) == ["conv 2x4x4>3x4x4 k1 s1 p0,0,0,0"]


def test_names_are_unique_and_never_the_input() -> None:
    board = Board((1, 2, 4, 4))
    x = board.conv(board.conv(board.x, 2, 2), 2, 2)
    model = board.model(x)
    for node in model.graph.node:
        node.name = INPUT
    names = [layer.name for layer in Network.from_onnx(model.SerializeToString()).layers]
    assert len(set(names)) == 2
    assert INPUT not in names


# --- What is refused ------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("data", [b"", b"\x00" * 64, b"PK\x03\x04 a zip file", resnet_18()[:100_000]])
def test_what_is_no_onnx_file_is_refused(data: bytes) -> None:
    with pytest.raises(UnreadableModel):
        Network.from_onnx(data)


def test_a_missing_file_and_a_folder_are_refused(tmp_path: Path) -> None:
    for path in (tmp_path / "none.onnx", tmp_path):
        with pytest.raises(UnreadableModel, match="Cannot read"):
            Network.from_onnx(path)


def test_large_files_are_refused_unread(tmp_path: Path) -> None:
    path = tmp_path / "large.onnx"
    with path.open("wb") as file:
        file.truncate(769 * 2**20)
    with pytest.raises(UnreadableModel, match="at most"):
        Network.from_onnx(path)


def test_too_many_nodes_are_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("search_spaces.onnx_file.MAX_NODES", 10)
    with pytest.raises(UnreadableModel, match="nodes"):
        Network.from_onnx(resnet_18())


def test_weights_kept_elsewhere_are_known_by_their_shapes_and_never_opened() -> None:
    board = Board((1, 2, 4, 4))
    model = board.model(board.conv(board.x, 3, 2))
    for tensor in model.graph.initializer:
        tensor.ClearField("raw_data")
        tensor.data_location = TensorProto.EXTERNAL
        tensor.external_data.add(key="location", value="/etc/hostname")
    network = Network.from_onnx(model.SerializeToString())
    assert [layer.key for layer in network.layers] == ["conv 2x4x4>3x4x4 k1 s1 p0,0,0,0"]


def test_an_open_input_size_has_to_be_said() -> None:
    board = Board(("n", 3, "h", "w"))
    data = board.bytes(board.conv(board.x, 2, 3))
    with pytest.raises(UnreadableModel, match="--input-size"):
        Network.from_onnx(data)
    assert Network.from_onnx(data, input_size=(6, 8)).input_shape == (3, 6, 8)
    assert Network.from_onnx(data, input_size=7).input_shape == (3, 7, 7)
    with pytest.raises(UnreadableModel, match="not possible"):
        Network.from_onnx(data, input_size=0)


def test_another_size_than_the_classifier_was_made_for_is_refused() -> None:
    board = Board((1, 2, 4, 4))
    data = board.bytes(board.gemm(board.op("Flatten", board.x), 3, 32))
    with pytest.raises(UnreadableModel, match="32 features"):
        Network.from_onnx(data, input_size=8)


def test_two_inputs_are_refused() -> None:
    board = Board((1, 2, 4, 4))
    board.inputs.append(helper.make_tensor_value_info("other", TensorProto.FLOAT, [1, 2, 4, 4]))
    with pytest.raises(UnreadableModel, match=r"2 \(image, other\)"):
        Network.from_onnx(board.bytes(board.op("Add", board.x, "other")))


def test_shapes_that_cannot_be_known_are_refused_with_the_node() -> None:
    board = Board((1, 2, 4, 4))
    x = board.op("NonZero", board.x)
    with pytest.raises(UnreadableModel) as caught:
        Network.from_onnx(board.bytes(board.op("Relu", x)))
    assert caught.value.facts["operator"] == "NonZero"


@pytest.mark.parametrize(
    "op, attributes",
    [
        ("Conv", {"strides": [0, 0]}),
        ("Conv", {"pads": [-9, 0, 0, 0]}),
        ("Conv", {"group": 0}),
        ("Transpose", {"perm": [0, 7, 1, 2]}),
    ],
)
def test_impossible_attributes_are_refused(op: str, attributes: dict[str, Any]) -> None:
    board = Board((1, 2, 4, 4))
    x = board.conv(board.x, 2, 2, **attributes) if op == "Conv" else board.op(op, board.x, **attributes)
    with pytest.raises(UnreadableModel):
        Network.from_onnx(board.bytes(x))


def test_a_model_that_computes_nothing_is_refused() -> None:
    board = Board((1, 2, 4, 4))
    with pytest.raises(UnreadableModel, match="nothing"):
        Network.from_onnx(board.bytes(board.op("Identity", board.x)))


def test_a_great_many_alike_names_and_a_long_chain_of_constants_take_no_time() -> None:
    board = Board((1, 1, 1, 1))
    x, constant = board.x, board.constant(1.0)
    for _ in range(2000):
        x, constant = board.op("Relu", x), board.op("Neg", constant)
    model = board.model(board.op("Clip", x, constant, board.constant(6)))
    for node in model.graph.node:
        node.name = "same"
    network = Network.from_onnx(with_weights(model, np.zeros(5000)).SerializeToString())
    assert len(network.layers) == 2001


@settings(max_examples=60, deadline=None)
@given(st.data())
def test_a_damaged_file_is_read_or_refused_but_never_a_crash(data: st.DataObject) -> None:
    board = Board((1, 3, 8, 8))
    x = board.norm(board.conv(board.x, 4, 3, 3, pads=[1] * 4), 4)
    blob = bytearray(board.bytes(board.gemm(board.op("Flatten", swish(board, board.quantise(x), "sigmoid")), 2, 256)))
    blob = blob[len(blob) // 3 :] if data.draw(st.booleans()) else blob
    for position in data.draw(st.lists(st.integers(0, len(blob) - 1), min_size=1, max_size=8)):
        blob[position] = data.draw(st.integers(0, 255))
    with contextlib.suppress(UnreadableModel):
        assert Network.from_onnx(bytes(blob)).layers


def test_a_local_function_is_inlined() -> None:
    board = Board((1, 2, 4, 4))
    model = board.model(board.op("Twice", board.conv(board.x, 2, 2), domain="local"))
    body = [helper.make_node("Relu", ["a"], ["b"])]
    opsets = [helper.make_opsetid("", 17)]
    model.functions.append(helper.make_function("local", "Twice", ["a"], ["b"], body, opsets))
    model.opset_import.append(helper.make_opsetid("local", 1))
    assert [layer.key for layer in Network.from_onnx(model.SerializeToString()).layers] == [
        "conv 2x4x4>2x4x4 k1 s1 p0,0,0,0 relu"
    ]
