"""Hand-made ONNX files for the tests of the reader: a drawing board, and two networks of well-known size."""

from collections.abc import Sequence
from typing import Any

import numpy as np
import onnx
from numpy.typing import NDArray
from onnx import TensorProto, helper, numpy_helper

from search_spaces.network import Network
from search_spaces.onnx_reader import read_onnx

BIG = 4097
"""More elements than a constant whose value is looked at has."""


class Board:
    """Nodes of an ONNX graph being built; every method returns the name of its result."""

    def __init__(self, shape: Sequence[int | str], *, dtype: int = TensorProto.FLOAT, opset: int = 17) -> None:
        self.x = "image"
        self.nodes: list[onnx.NodeProto] = []
        self.constants: list[onnx.TensorProto] = []
        self.inputs = [helper.make_tensor_value_info(self.x, dtype, list(shape))]
        self.opset = opset

    def constant(self, value: Any, dtype: Any = np.float32) -> str:
        """An initialiser."""
        name = f"c{len(self.constants)}"
        self.constants.append(numpy_helper.from_array(np.asarray(value, dtype), name))
        return name

    def op(self, op: str, *inputs: str, outputs: int = 1, domain: str = "", **attributes: Any) -> str:
        """One node."""
        names = [f"t{len(self.nodes)}" + (f"_{i}" if i else "") for i in range(outputs)]
        self.nodes.append(helper.make_node(op, inputs, names, name=f"n{len(self.nodes)}", domain=domain, **attributes))
        return names[0]

    def conv(self, x: str, out: int, into: int, kernel: int = 1, *, bias: bool = True, **attributes: Any) -> str:
        """A convolution of an input with `into` channels to a filter."""
        weights = [self.constant(np.zeros((out, into, kernel, kernel)))] + (
            [self.constant(np.zeros(out))] if bias else []
        )
        return self.op("Conv", x, *weights, **attributes)

    def norm(self, x: str, channels: int) -> str:
        """Batch norm."""
        return self.op("BatchNormalization", x, *(self.constant(np.ones(channels)) for _ in range(4)))

    def gemm(self, x: str, out: int, features: int) -> str:
        """A linear layer as PyTorch exports it."""
        return self.op("Gemm", x, self.constant(np.zeros((out, features))), self.constant(np.zeros(out)), transB=1)

    def quantise(self, x: str, scale: float = 0.1, zero: int = 0, dtype: Any = np.uint8) -> str:
        """Quantisation and back."""
        parameters = [self.constant(scale), self.constant(zero, dtype)]
        return self.op("DequantizeLinear", self.op("QuantizeLinear", x, *parameters), *parameters)

    def model(self, *outputs: str) -> onnx.ModelProto:
        """The graph as a model."""
        outs = [onnx.ValueInfoProto(name=name) for name in outputs]
        for out in outs:
            out.type.tensor_type.elem_type = TensorProto.FLOAT
        graph = helper.make_graph(self.nodes, "drawn", self.inputs, outs, self.constants)
        return helper.make_model(graph, opset_imports=[helper.make_opsetid("", self.opset)])

    def bytes(self, *outputs: str) -> bytes:
        """The graph as a file."""
        data: bytes = self.model(*outputs).SerializeToString()
        return data


def mobilenet_v2() -> bytes:
    """MobileNetV2 1.0 at 224x224 with 1000 classes (Sandler et al. 2018, table 2), unfolded batch norms, dynamic batch."""
    board = Board(("batch", 3, 224, 224))

    def block(x: str, out: int, into: int, kernel: int = 1, relu6: bool = True, **attributes: Any) -> str:
        x = board.norm(board.conv(x, out, into, kernel, bias=False, pads=[kernel // 2] * 4, **attributes), out)
        return board.op("Clip", x, board.constant(0), board.constant(6)) if relu6 else x

    x, channels = block(board.x, 32, 3, 3, strides=[2, 2]), 32
    stages = [(1, 16, 1, 1), (6, 24, 2, 2), (6, 32, 3, 2), (6, 64, 4, 2), (6, 96, 3, 1), (6, 160, 3, 2), (6, 320, 1, 1)]
    for expansion, out, repeats, first in stages:
        for i in range(repeats):
            stride, hidden, start = first if i == 0 else 1, channels * expansion, x
            if expansion > 1:
                x = block(x, hidden, channels)
            x = block(x, hidden, 1, 3, group=hidden, strides=[stride, stride])
            x = block(x, out, hidden, relu6=False)
            if stride == 1 and channels == out:
                x = board.op("Add", start, x)
            channels = out
    x = board.op("GlobalAveragePool", block(x, 1280, 320))
    return board.bytes(board.gemm(board.op("Flatten", x), 1000, 1280))


def resnet_18() -> bytes:
    """ResNet-18 at 224x224 with 1000 classes (He et al. 2015, table 1)."""
    board = Board((1, 3, 224, 224))

    def block(x: str, out: int, into: int, kernel: int, stride: int = 1) -> str:
        pads = [kernel // 2] * 4
        return board.norm(board.conv(x, out, into, kernel, bias=False, pads=pads, strides=[stride, stride]), out)

    x, channels = board.op("Relu", block(board.x, 64, 3, 7, 2)), 64
    x = board.op("MaxPool", x, kernel_shape=[3, 3], strides=[2, 2], pads=[1, 1, 1, 1])
    for out in (64, 128, 256, 512):
        for i in range(2):
            stride = 2 if i == 0 and out > 64 else 1
            y = block(board.op("Relu", block(x, out, channels, 3, stride)), out, out, 3)
            shortcut = block(x, out, channels, 1, stride) if channels != out else x
            x, channels = board.op("Relu", board.op("Add", y, shortcut)), out
    shape = board.constant([1, 512], np.int64)
    x = board.op("Reshape", board.op("ReduceMean", x, axes=[2, 3], keepdims=1), shape)
    return board.bytes(board.gemm(x, 1000, 512))


def with_weights(model: onnx.ModelProto, value: NDArray[Any]) -> onnx.ModelProto:
    """The model with one more initialiser that nothing reads."""
    model.graph.initializer.append(numpy_helper.from_array(value, "unused"))
    return model


def read(board: Board, *outputs: str) -> Network:
    """A built graph as a network."""
    return read_onnx(board.bytes(*outputs))


def tokens(board: Board, x: str, out: int, into: int) -> str:
    """A linear layer of tokens as PyTorch exports it: a product, then its bias."""
    product = board.op("MatMul", x, board.constant(np.zeros((into, out))))
    return board.op("Add", board.constant(np.zeros(out)), product)


def keys(board: Board, *outputs: str) -> list[str]:
    """The layer keys of a built graph."""
    return [layer.key for layer in read(board, *outputs).layers]


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
