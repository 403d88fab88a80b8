"""How ONNX Runtime runs a quantised ONNX file: which of its layers run on integers, which in float, and how to change that.

The runtime's optimised graph decides: a convolution that stays `Conv` there runs in float, whatever surrounds it in the
file. Nothing is measured here, and no layer of a network is read (`search_spaces.onnx_reader` does that).
"""

import re
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final, Literal

from search_spaces.errors import UnreadableModel
from search_spaces.network import Shape

if TYPE_CHECKING:
    import onnx

Activations = Literal["uint8", "int8", "dynamic", "none"]
"""What values between layers are stored as: one of two integer types, integers with ranges computed in each run, or float."""

_INTEGER_LAYERS: Final = frozenset(
    {"QLinearConv", "QLinearMatMul", "QGemm", "ConvInteger", "MatMulInteger", "MatMulIntegerToFloat", "DynamicQuantizeMatMul"}
)  # fmt: skip
_FLOAT_LAYERS: Final = frozenset({"Conv", "FusedConv", "ConvTranspose", "Gemm", "FusedGemm", "MatMul", "FusedMatMul"})
_CONVERSIONS: Final = frozenset({"QuantizeLinear", "DequantizeLinear", "DynamicQuantizeLinear", "Cast"})
_MOVES: Final = frozenset(
    {"Transpose", "Reshape", "Flatten", "Squeeze", "Unsqueeze", "Identity", "ReorderInput", "ReorderOutput", "Shape", "Constant"}
)  # fmt: skip
_SUFFIX: Final = re.compile(r"(_token_\d+|_nchwc|_quant)+$")
_SHOWN: Final = 8


@dataclass(frozen=True, slots=True)
class FileKernels:
    """How the runtime runs a quantised file.

    Attributes:
        activations: what the file stores values between layers as.
        layers: number of convolutions and matrix products.
        float_layers: names of those of them that run in float.
        float_operators: how many others run in float, by operator.
        conversions: operators that only turn floats into integers or back, each time the file runs.
    """

    activations: Activations
    layers: int
    float_layers: tuple[str, ...]
    float_operators: Mapping[str, int]
    conversions: int


def is_quantized(model: "onnx.ModelProto") -> bool:
    """Whether a file holds operators of quantisation."""
    return any(n.op_type in _CONVERSIONS - {"Cast"} or n.op_type in _INTEGER_LAYERS for n in model.graph.node)


def close_input(model: "onnx.ModelProto", shape: Shape) -> None:
    """Sets the open sizes of the one input from (channels, height, width), or of (height, width, channels).

    The batch, if it is open, stays so. Changes the model.

    Raises:
        UnreadableModel: the input has other sizes than these.
    """
    image = _image(model)
    sizes = list(image.type.tensor_type.shape.dim)[-3:]
    channels, height, width = shape
    for layout in ((channels, height, width), (height, width, channels)):
        if all(size.dim_value in (0, value) for size, value in zip(sizes, layout, strict=False)):
            for size, value in zip(sizes, layout, strict=False):
                size.dim_value = value
            return
    raise UnreadableModel(
        f"The input {image.name!r} does not have the sizes {shape}.", fix="Export the model with its input size."
    )


def fixed_batch(model: "onnx.ModelProto") -> int:
    """How many images one run takes: 1 where the file leaves that open, or has no such size."""
    sizes = _image(model).type.tensor_type.shape.dim
    return max(1, int(sizes[0].dim_value)) if len(sizes) > 3 else 1


def _image(model: "onnx.ModelProto") -> "onnx.ValueInfoProto":
    constants = {constant.name for constant in model.graph.initializer}
    image: onnx.ValueInfoProto
    (image,) = (given for given in model.graph.input if given.name not in constants)
    return image


def read_kernels(model: "onnx.ModelProto", optimised: "onnx.ModelProto") -> FileKernels:
    """How a file is run, by the runtime's optimised graph."""
    types = _integer_tensors(optimised)
    layers, float_layers, others, conversions = 0, list[str](), Counter[str](), 0
    original = _Original(model)
    for node in optimised.graph.node:
        if node.op_type in _CONVERSIONS:
            conversions += node.op_type != "Cast"
        elif node.op_type in _INTEGER_LAYERS:
            layers += 1
        elif node.op_type in _FLOAT_LAYERS:
            layers += 1
            float_layers.append(original.layer(node))
        elif node.op_type not in _MOVES and node.input and node.input[0] not in types:
            others[node.op_type] += 1
    return FileKernels(_activations(model), layers, tuple(float_layers), dict(others), conversions)


def advice(kernels: FileKernels) -> tuple[str, ...]:
    """What to change in the file so that more of it runs on integers, in one or two sentences each; none where all of it does."""
    suggestions: list[str] = []
    if kernels.float_layers:
        listed = ", ".join(kernels.float_layers[:_SHOWN]) + (" …" if len(kernels.float_layers) > _SHOWN else "")
        suggestions.append(
            f"{len(kernels.float_layers)} of {kernels.layers} convolutions and matrix products run in float: {listed}. "
            + _ADVICE[kernels.activations]
        )
    if kernels.activations == "dynamic":
        suggestions.append(
            "Value ranges are computed again in each run, which costs time after every layer. Quantise statically, with calibration "
            "images (`onnxruntime.quantization.quantize_static`)."
        )
    if kernels.activations == "int8" and not kernels.float_layers:
        suggestions.append(f"All layers run on integers. {_ADVICE['int8']}")
    if kernels.float_operators and kernels.activations == "uint8":
        counted = ", ".join(f"{count} {name}" for name, count in sorted(kernels.float_operators.items()))
        suggestions.append(
            f"{counted} run in float, with {kernels.conversions} conversions in the whole file. Quantise the inputs and "
            "outputs of these operators, too, or replace them (ReLU costs nothing after a convolution)."
        )
    return tuple(suggestions)


_ADVICE: Final[Mapping[Activations, str]] = {
    "int8": "The file stores activations as int8, for which ONNX Runtime has fewer and slower kernels on x86: export it again with "
    "uint8 activations (`activation_type=QuantType.QUInt8`), weights in int8.",
    "uint8": "Quantise their inputs, weights and outputs, too: leave no node out (`nodes_to_exclude`).",
    "dynamic": "Quantise them, too: leave no node or operator out.",
    "none": "Only weights are quantised, which makes the file smaller and not faster: quantise the activations, too, as uint8.",
}


def _activations(model: "onnx.ModelProto") -> Activations:
    """By the zero points of what is quantised at run time; int8 where any of it is."""
    graph = model.graph
    zero_types = {constant.name: constant.data_type for constant in graph.initializer}
    constants = (node for node in graph.node if node.op_type == "Constant")
    zero_types |= {node.output[0]: a.t.data_type for node in constants for a in node.attribute if a.name == "value"}
    found: set[Activations] = set()
    for node in graph.node:
        if node.op_type in ("DynamicQuantizeLinear", "DynamicQuantizeMatMul"):
            found.add("dynamic")
            continue
        of_constant = node.op_type == "QuantizeLinear" and node.input[0] in zero_types
        if node.op_type.startswith(("QuantizeLinear", "QLinear")) and not of_constant:
            found.add(_integer(node.input, 2, zero_types))
    for kind in ("int8", "dynamic", "uint8"):
        if kind in found:
            return kind
    return "none"


def _integer(inputs: Sequence[str], zero: int, types: Mapping[str, int]) -> Activations:
    signed = len(inputs) > zero and types.get(inputs[zero]) == 3  # TensorProto.INT8; unsigned when absent
    return "int8" if signed else "uint8"


def _integer_tensors(model: "onnx.ModelProto") -> set[str]:
    """Names of the tensors that are not float, as far as operators determine it: moving or picking values keeps their type."""
    floats = {1, 10, 11, 16}  # TensorProto.FLOAT, FLOAT16, DOUBLE, BFLOAT16
    graph = model.graph
    found = {c.name for c in graph.initializer if c.data_type not in floats}
    found |= {given.name for given in graph.input if given.type.tensor_type.elem_type not in floats}
    for node in graph.node:
        if node.op_type in ("DequantizeLinear", "MatMulIntegerToFloat", "DynamicQuantizeMatMul"):
            continue
        if node.op_type == "Cast":
            integer = any(a.name == "to" and a.i not in floats for a in node.attribute)
        elif node.op_type == "QGemm":
            integer = len(node.input) > 7  # without a scale of its output that is float
        elif node.op_type in _CONVERSIONS | _INTEGER_LAYERS or node.op_type.startswith("QLinear"):
            integer = True
        else:
            integer = bool(node.input) and node.input[0] in found
        if integer:
            found.update(node.output)
    return found


class _Original:
    """Finds a node of the optimised graph in the file that it came from."""

    def __init__(self, model: "onnx.ModelProto") -> None:
        self._names = {node.name for node in model.graph.node if node.name}
        self._maker = {output: node for node in model.graph.node for output in node.output}

    def layer(self, node: "onnx.NodeProto") -> str:
        """The name of its layer in the file; else that of its output."""
        name = _SUFFIX.sub("", node.name)
        if name in self._names:
            return name
        maker = self._maker.get(name) or self._maker.get(node.output[0])  # some nodes are named for their output
        while maker is not None and maker.op_type not in _FLOAT_LAYERS:
            maker = self._maker.get(maker.input[0]) if maker.input else None
        if maker is not None:
            return str(maker.name or maker.output[0])
        return str(node.name or node.output[0])
