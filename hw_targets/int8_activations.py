"""The INT8 forms of activations that cannot be fused as a saturation: hard-swish, SiLU, the sigmoids, leaky ReLU.

Each maps a quantised tensor to one. The forms were selected by time on ONNX Runtime 1.31, one thread of an AVX-512
VNNI server. Four 1x1 convolutions of 96 channels at 48x48 with ReLU take 245 us; with hard-swish they take

    421 us  saturated integer as relu6(x + 3), product (the form used for the ranges of `hard_swish_range`)
    457 us  relu6(x + 3) from a saturating QLinearAdd, product
    563 us  HardSwish on float (the form that quantisers of exported models leave); 632 us as HardSigmoid and product
    2756 us a table of 256 entries read with Gather

and 15.8, 16.9, 19.1, 21.4 and 57.0 us with 64 channels at 8x8.
"""

import numpy as np

from hw_targets.onnx_file import SEPARATOR, OnnxFile
from hw_targets.scheme import Range
from search_spaces.network import Layer


def activate(file: OnnxFile, layer: Layer, x: str, of: Range, to: Range, sigmoid_range: Range) -> str:
    """Applies a layer's activation to the tensor `x` of range `of`; the result has the range `to`, a sigmoid `sigmoid_range`."""
    name = layer.name + SEPARATOR
    if layer.activation == "hard_swish" and _factor_is_integer(of):
        return _integer_hard_swish(file, name, x, of, to)
    value = file.dequantize(x, of, f"{name}activation_in")
    match layer.activation:
        case "hard_swish":
            factor = file.node("HardSigmoid", [value], f"{name}hard_sigmoid", alpha=1 / 6, beta=0.5)
            value = file.node("Mul", [value, factor], f"{name}hard_swish")
        case "silu":
            factor = file.quantize(file.node("Sigmoid", [value], f"{name}sigmoid"), sigmoid_range, f"{name}gate_int8")
            again = file.dequantize(x, of, f"{name}activation_in2")
            value = file.node("Mul", [again, file.dequantize(factor, sigmoid_range, f"{name}gate")], f"{name}silu")
        case "hard_sigmoid":
            value = file.node("HardSigmoid", [value], f"{name}hard_sigmoid", alpha=1 / 6, beta=0.5)
        case "sigmoid":
            value = file.node("Sigmoid", [value], f"{name}sigmoid")
        case "leaky_relu":
            value = file.node("LeakyRelu", [value], f"{name}leaky_relu", alpha=0.01)
        case _:
            raise ValueError(f"no form for activation {layer.activation!r} of {layer.name!r}")
    return file.quantize(value, to, f"{name}out")


def _factor_is_integer(of: Range) -> bool:
    """Whether 3 is as many steps as the zero point (`hard_swish_range`)."""
    return of.zero_point > 0 and abs(of.scale * of.zero_point / 3 - 1) < 1e-6


def _integer_hard_swish(file: OnnxFile, name: str, x: str, of: Range, to: Range) -> str:
    """x * relu6(x + 3) / 6 where x + 3 is the unsigned integer itself: its saturation at 6 gives the factor.

    Where 6 is beyond the range the saturation does nothing; it stays, so that all such layers run the same kernels.
    """
    six = 2 * of.zero_point
    bounds = [file.constant(f"level{SEPARATOR}{v}", np.asarray(v, np.uint8)) for v in (0, min(six, 255))]
    inputs = [
        file.dequantize(x, of, f"{name}activation_in"),
        file.dequantize(file.node("Clip", [x, *bounds], f"{name}relu6"), Range(1 / six, 0), f"{name}gate"),
    ]
    return file.quantize(file.node("Mul", inputs, f"{name}hard_swish"), to, f"{name}out")
