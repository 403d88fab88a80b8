"""Emits a network as the INT8 ONNX file that targets run: QDQ form, straight from the `Network`, in milliseconds.

The rules are those of the quantised interpreter: activations uint8 affine per tensor, weights int8 symmetric per output
channel, biases int32 on the grid input scale x weight scale; q = clip(round_half_even(x / scale) + zero_point, 0, 255).
ReLU, ReLU6 and a hard-sigmoid after weights are the saturation of their range; sums, products and means are computed on
dequantised values and quantised again. A node is named `<layer>:<part>`, so that a profiler's kernels can be assigned to
their layers. Measured on ONNX Runtime 1.31, one thread: an int32 bias behind a DequantizeLinear becomes part of the kernel,
where a float bias on the same grid makes small networks 10-15 % slower (21.3 against 18.1 us); a linear as a QGemm is as fast
as the 1x1 convolution it is for one image, and up to 5 times as fast for 32.

Networks of the scheme `POWER_OF_TWO` take the same form with int8 tensors, zero points 0, and one scale for each weight. The
input is still uint8 pixels: they are divided by 255 and rounded to the scheme's own range by the first nodes, as the host of
an accelerator does. Such a file is an exchange format, whose outputs ONNX Runtime computes exactly; processors run it slowly.
Not here: activations that need more than saturation (`int8_activations.py`), float files, the choice of ranges.
"""

from typing import Final

import numpy as np
from numpy.typing import NDArray

from hw_targets.errors import UnsupportedLayer
from hw_targets.int8_activations import activate
from hw_targets.onnx_file import IMAGE, LOGITS, SEPARATOR, OnnxFile
from hw_targets.onnx_forms import conv, weightless
from hw_targets.scheme import INPUT_RANGE, Range
from hw_targets.weights import MOVES, PRE, QuantLayer, QuantWeights, fused_activation, passthrough_range
from search_spaces.network import INPUT, OPERATORS, Layer, Network

LOWERING_VERSION: Final = 1
"""Changes when the same network is lowered to other kernels: earlier latencies are then not comparable."""

_INT32: Final = np.iinfo(np.int32)


def lower_int8(network: Network, weights: QuantWeights, *, name: str | None = None) -> bytes:
    """The INT8 QDQ ONNX file of a network.

    Input `image`: uint8 (batch, channels, height, width), pixels 0-255; the scaling is inside. Output `logits`: float32,
    (batch, classes) for a vector, (batch, channels, height, width) for a feature map; further outputs have their layers' names.

    Args:
        network: what to lower.
        weights: of every layer with weights, and the ranges of every tensor (`QuantWeights`).
        name: title of the graph; the network's name when absent.

    Raises:
        UnsupportedLayer: a layer has an operator that has no INT8 form.
    """
    emitter = _Emitter(weights)
    for layer in network.layers:
        if layer.op not in OPERATORS:
            raise UnsupportedLayer(
                f"Layer {layer.name!r} has operator {layer.op!r}, which has no INT8 form.",
                fix=f"Use the operators {', '.join(sorted(OPERATORS))}.",
                facts={"layer": layer.name, "reason": f"operator {layer.op}"},
            )
        emitter.emit(layer)
    outputs = [emitter.output(network, layer, i) for i, layer in enumerate(network.outputs)]
    return emitter.file.to_bytes(name or network.name, network.input_shape, outputs)


class _Emitter:
    """The file so far, and for each tensor of the network its uint8 tensor in the file with its range."""

    def __init__(self, weights: QuantWeights) -> None:
        self.file = OnnxFile()
        self._weights = weights
        self._tensors: dict[str, tuple[str, Range]] = {INPUT: (self._image(), weights.ranges[INPUT])}
        self._matrices: set[str] = set()

    def _image(self) -> str:
        """The input as the quantised tensor that layers read."""
        of, file = self._weights.ranges[INPUT], self.file
        if not of.signed:
            return IMAGE
        pixels = file.node("Cast", [IMAGE], f"{INPUT}{SEPARATOR}cast", to=1)
        step = file.constant("step", np.asarray(INPUT_RANGE.scale, np.float32))
        return file.quantize(
            file.node("Mul", [pixels, step], f"{INPUT}{SEPARATOR}scaled"), of, f"{INPUT}{SEPARATOR}out"
        )

    def emit(self, layer: Layer) -> None:
        if layer.op in MOVES and passthrough_range(layer):
            tensor, of = self._tensors[layer.inputs[0]]
            self._tensors[layer.name] = (weightless(self.file, layer, [tensor]), of)
        elif layer.op == "activation" and layer.activation not in (None, "relu", "relu6"):
            to = self._weights.ranges[layer.name]
            gate = self._weights.scheme.sigmoid_range
            self._tensors[layer.name] = (activate(self.file, layer, *self._tensors[layer.inputs[0]], to, gate), to)
        else:
            value = self._value(layer, [self._read(layer, i) for i in range(len(layer.inputs))])
            self._tensors[layer.name] = self._activate(layer, value)
        if layer.op == "linear":
            self._matrices.add(self._tensors[layer.name][0])

    def output(self, network: Network, layer: str, number: int) -> tuple[str, tuple[int, ...]]:
        tensor, of = self._tensors[layer]
        title = LOGITS if number == 0 else layer
        shape: tuple[int, ...] = network.input_shape if layer == INPUT else network.by_name[layer].out_shape
        node = f"{layer}{SEPARATOR}output"
        if shape[1:] == (1, 1):
            tensor = self._as_matrix(tensor, f"{layer}{SEPARATOR}vector")
            shape = shape[:1]
        self.file.dequantize(tensor, of, node, output=title)
        return title, shape

    def _value(self, layer: Layer, inputs: list[str]) -> str:
        """A layer's float result before its activation."""
        if layer.op == "conv":
            return conv(self.file, layer, [*inputs, *self._weight(layer)])
        if layer.op == "linear":
            return self.file.node("Gemm", [*inputs, *self._weight(layer)], f"{layer.name}{SEPARATOR}gemm", transB=1)
        return weightless(self.file, layer, inputs)

    def _weight(self, layer: Layer) -> list[str]:
        """The dequantised weight and bias of a layer; a linear's weight is a matrix (out, in)."""
        own = self._weights.layers[layer.name]
        in_scale = np.float32(self._tensors[layer.inputs[0]][1].scale)
        if layer.activation == "hard_sigmoid" and fused_activation(layer, self._weights.scheme):
            own = _sixth_and_half(own, in_scale)
        values = own.weight.reshape(len(own.weight), -1) if layer.op == "linear" else own.weight
        name, file = layer.name + SEPARATOR, self.file
        scale: NDArray[np.float32] = own.weight_scale.astype(np.float32)
        if self._weights.scheme.power_of_two:
            scale = scale[:1].reshape(())
        title = "x".join(map(str, scale.shape)) or "scalar"
        weight = file.constant(f"{name}weight_int8", values)
        weight_scale = file.constant(f"{name}weight_scale", scale)
        zeros = file.constant(f"zeros{SEPARATOR}{title}", np.zeros(scale.shape, np.int8))
        bias = file.constant(f"{name}bias_int32", own.bias)
        bias_scale = file.constant(f"{name}bias_scale", np.asarray(in_scale * scale))
        return [
            file.node("DequantizeLinear", [weight, weight_scale, zeros], f"{name}weight", axis=0),
            file.node("DequantizeLinear", [bias, bias_scale], f"{name}bias", axis=0),
        ]

    def _read(self, layer: Layer, number: int) -> str:
        tensor, of = self._tensors[layer.inputs[number]]
        name = layer.name + SEPARATOR
        if layer.op == "linear":
            tensor = self._as_matrix(tensor, f"{name}flatten")
        elif tensor in self._matrices:
            map_shape = self.file.constant(f"map{SEPARATOR}shape", np.array([0, -1, 1, 1], np.int64))
            tensor = self.file.node("Reshape", [tensor, map_shape], f"{name}map{number}")
        return self.file.dequantize(tensor, of, f"{name}in{number}")

    def _as_matrix(self, tensor: str, name: str) -> str:
        """A tensor as (batch, features), which a linear's result already is."""
        return tensor if tensor in self._matrices else self.file.node("Flatten", [tensor], name)

    def _activate(self, layer: Layer, value: str) -> tuple[str, Range]:
        name, file = layer.name + SEPARATOR, self.file
        ranges = self._weights.ranges
        to = self._tensors[layer.inputs[0]][1] if passthrough_range(layer) else ranges[layer.name]
        if not fused_activation(layer, self._weights.scheme):
            pre = ranges[layer.name + PRE]
            gate = self._weights.scheme.sigmoid_range
            return activate(file, layer, file.quantize(value, pre, f"{name}pre"), pre, to, gate), to
        if layer.activation == "relu":
            value = file.node("Relu", [value], f"{name}relu")
        elif layer.activation == "relu6":
            value = file.node("Clip", [value, *_bounds(file, 0.0, 6.0)], f"{name}relu6")
        return file.quantize(value, to, f"{name}out"), to


def _sixth_and_half(layer: QuantLayer, in_scale: np.float32) -> QuantLayer:
    """Weights that compute x / 6 + 1/2, whose saturation to 0..1 is a hard-sigmoid."""
    grid = in_scale.astype(np.float64) * layer.weight_scale.astype(np.float64)
    bias = np.clip(layer.bias + np.rint(3 / grid), _INT32.min, _INT32.max).astype(np.int32)
    return QuantLayer(layer.weight, layer.weight_scale / np.float32(6), bias)


def _bounds(file: OnnxFile, low: float, high: float) -> list[str]:
    return [file.constant(f"bound{SEPARATOR}{v:g}", np.asarray(v, np.float32)) for v in (low, high)]
