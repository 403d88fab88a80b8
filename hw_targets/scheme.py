"""The INT8 schemes of targets: the form of a tensor's range, and which scales and activations a scheme allows.

`AFFINE` is what processors run: uint8 activations with a zero point, int8 weights with a scale for each output channel.
`POWER_OF_TWO` is what AMD/Xilinx DPUs run: int8 activations and weights, symmetric, one scale a tensor, each 2**k, so that
rescaling from one tensor to the next is a shift. A target declares its scheme (`Target.scheme`), and so do the numbers that a
network is lowered with (`QuantWeights.scheme`). Not here: which range suits which tensor (`nas/ranges.py`), the file (`lowering.py`).
"""

from dataclasses import dataclass
from math import ceil, log2
from typing import Final

from search_spaces.network import Layer

_LEAST_SPAN: Final = 1e-5


@dataclass(frozen=True, slots=True)
class Range:
    """Quantisation of one tensor: real = scale * (q - zero_point), q in 0..255, or in -128..127 when signed."""

    scale: float
    zero_point: int
    signed: bool = False

    @property
    def least(self) -> int:
        """The smallest q - zero_point."""
        return (-128 if self.signed else 0) - self.zero_point

    @property
    def most(self) -> int:
        """The largest q - zero_point."""
        return (127 if self.signed else 255) - self.zero_point


INPUT_RANGE: Final = Range(1 / 255, 0)
"""Pixels 0..255 are the quantised input as they are; the scaling by 1/255 is the range's."""

SIGMOID_RANGE: Final = Range(1 / 255, 0)
"""Of sigmoids and hard-sigmoids: exactly 0 to 1."""


@dataclass(frozen=True, slots=True)
class Scheme:
    """One INT8 scheme.

    Attributes:
        name: in receipts and stage keys.
        input: range of the pixels / 255. Where it is not `INPUT_RANGE` the file divides its uint8 pixels by 255 and rounds
            them to this range first: of 2**-7, pixel 255 is 127 and pixel 2 is 1.
        sigmoid_range: range of sigmoids and hard-sigmoids.
        power_of_two: scales are 2**k, zero points 0, and a tensor of weights has one scale; else a weight has a scale for
            each output channel.
    """

    name: str
    input: Range
    sigmoid_range: Range
    power_of_two: bool

    def covering_range(self, low: float, high: float) -> Range:
        """The finest range that covers low, high and 0."""
        if self.power_of_two:
            return power_of_two(exponent_for(max(-low / 128, high / 127, _LEAST_SPAN / 255)))
        return affine(low, high)

    def unsupported_reason(self, layer: Layer) -> str:
        """Why a layer must not be searched for targets of this scheme, or an empty string; it still has an INT8 form.

        ReLU6 is no `positively homogeneous` function, so the weights around it cannot be equalised, without which one scale
        a tensor collapses (measured on Fashion-MNIST, MobileNetV2-like: 91.0 % in float, 61 % quantised and 87.5 %
        retrained with ReLU6; 90.8, 89.7 and 90.6 % with ReLU and equalisation).
        """
        if self.power_of_two and layer.activation == "relu6":
            return "weights around relu6 cannot be equalised, which power-of-two scales need"
        return ""


def affine(low: float, high: float) -> Range:
    """The uint8 range that covers low to high and represents 0 exactly."""
    low, high = min(low, 0.0), max(high, 0.0)
    scale = max(high - low, _LEAST_SPAN) / 255
    return Range(scale, round(-low / scale))


def power_of_two(exponent: int) -> Range:
    """The int8 range of scale 2**exponent."""
    return Range(2.0**exponent, 0, signed=True)


def exponent_for(scale: float) -> int:
    """The exponent of the smallest power of two that is no smaller than a positive scale: -3 of 0.1 and of 0.125."""
    return ceil(log2(scale))


AFFINE: Final = Scheme("affine", INPUT_RANGE, SIGMOID_RANGE, power_of_two=False)
POWER_OF_TWO: Final = Scheme("power_of_two", power_of_two(-7), power_of_two(-7), power_of_two=True)
