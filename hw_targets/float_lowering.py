"""Emits a network as a float32 ONNX file: the exported `model.fp32.onnx`, with the same input and outputs as the INT8 one.

For reading, comparing and other toolchains; no target runs it. The INT8 file is `lowering.py`'s.
"""

from typing import Final

import numpy as np

from hw_targets.errors import UnsupportedLayer
from hw_targets.onnx_file import IMAGE, LOGITS, SEPARATOR, OnnxFile
from hw_targets.onnx_foreign import FOREIGN, foreign
from hw_targets.onnx_forms import conv, weightless
from hw_targets.weights import FloatWeights
from search_spaces.network import INPUT, OPERATORS, Layer, Network


def lower_float(network: Network, weights: FloatWeights, *, name: str | None = None) -> bytes:
    """The float32 ONNX file of a network.

    Input `image`: uint8 (batch, channels, height, width), pixels 0-255; the scaling by 1/255 is inside. Output `logits`:
    float32, as of `lower_int8`.

    Args:
        network: what to lower.
        weights: of every layer with weights, batch norm folded in.
        name: title of the graph; the network's name when absent.

    Raises:
        UnsupportedLayer: a layer has an operator that cannot be written.
    """
    file = OnnxFile()
    pixels = file.node("Cast", [IMAGE], f"{INPUT}{SEPARATOR}cast", to=1)
    pixels = file.node(
        "Mul", [pixels, file.constant("step", np.asarray(1 / 255, np.float32))], f"{INPUT}{SEPARATOR}scaled"
    )
    tensors = {INPUT: pixels}
    for layer in network.layers:
        if layer.op not in OPERATORS | FOREIGN:
            raise UnsupportedLayer(
                f"Layer {layer.name!r} has operator {layer.op!r}, which cannot be written as ONNX.",
                fix=f"Use the operators {', '.join(sorted(OPERATORS | FOREIGN))}.",
                facts={"layer": layer.name, "reason": f"operator {layer.op}"},
            )
        value = _value(file, layer, [tensors[source] for source in layer.inputs], weights)
        tensors[layer.name] = _activation(file, layer, value)
    outputs = [_output(file, network, tensors[layer], layer, i) for i, layer in enumerate(network.outputs)]
    return file.to_bytes(name or network.name, network.input_shape, outputs)


def _output(file: OnnxFile, network: Network, tensor: str, layer: str, number: int) -> tuple[str, tuple[int, ...]]:
    title = LOGITS if number == 0 else layer
    shape: tuple[int, ...] = network.input_shape if layer == INPUT else network.by_name[layer].out_shape
    if shape[1:] == (1, 1):
        file.node("Flatten", [tensor], f"{layer}{SEPARATOR}output", output=title)
        return title, shape[:1]
    file.node("Identity", [tensor], f"{layer}{SEPARATOR}output", output=title)
    return title, shape


def _value(file: OnnxFile, layer: Layer, inputs: list[str], weights: FloatWeights) -> str:
    """The layer's result before its activation, (batch, channels, height, width) always."""
    name = layer.name + SEPARATOR
    if layer.has_weights:
        own = weights[layer.name]
        matrix = layer.op == "linear"
        weight = own.weight.reshape(len(own.weight), -1) if matrix else own.weight
        weight_and_bias = [
            file.constant(f"{name}weight", np.ascontiguousarray(weight, np.float32)),
            file.constant(f"{name}bias", own.bias.astype(np.float32)),
        ]
        if matrix:
            flat = file.node("Flatten", inputs, f"{name}flatten")
            value = file.node("Gemm", [flat, *weight_and_bias], f"{name}gemm", transB=1)
            shape = file.constant(f"map{SEPARATOR}shape", np.array([0, -1, 1, 1], np.int64))
            return file.node("Reshape", [value, shape], f"{name}map")
        return conv(file, layer, [*inputs, *weight_and_bias])
    if layer.op in FOREIGN:
        return foreign(file, layer, inputs, weights)
    return weightless(file, layer, inputs)


def _activation(file: OnnxFile, layer: Layer, value: str) -> str:
    name = layer.name + SEPARATOR
    match layer.activation:
        case None:
            return value
        case "relu6":
            bounds = [file.constant(f"bound{SEPARATOR}{v}", np.asarray(v, np.float32)) for v in (0, 6)]
            return file.node("Clip", [value, *bounds], f"{name}relu6")
        case "hard_sigmoid":
            return file.node("HardSigmoid", [value], f"{name}hard_sigmoid", alpha=1 / 6, beta=0.5)
        case "silu":
            return file.node("Mul", [value, file.node("Sigmoid", [value], f"{name}sigmoid")], f"{name}silu")
        case "leaky_relu":
            return file.node("LeakyRelu", [value], f"{name}leaky_relu", alpha=0.01)
        case simple:
            return file.node(_SIMPLE[simple], [value], f"{name}{simple}")


_SIMPLE: Final = {"relu": "Relu", "hard_swish": "HardSwish", "sigmoid": "Sigmoid"}
