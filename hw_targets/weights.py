"""The numbers a network is lowered with: folded float weights, and their INT8 form with activation ranges.

Produced by training and quantisation (floor 4), or at random for profiling; consumed by `lowering.py`.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final

import numpy as np
from numpy.typing import NDArray

from search_spaces.network import Layer

FloatArray = NDArray[np.float32]

PRE: Final = "/pre"
"""Suffix of a layer's name for its tensor before an activation that is not absorbed by saturation (see `absorbed`)."""


@dataclass(frozen=True, slots=True)
class FloatLayer:
    """Weight of `Layer.weight_shape` and bias (out,), batch norm folded in."""

    weight: FloatArray
    bias: FloatArray


FloatWeights = Mapping[str, FloatLayer]
"""By layer name."""


@dataclass(frozen=True, slots=True)
class Range:
    """Affine uint8 quantisation of one tensor: real = scale * (q - zero_point), q in 0..255."""

    scale: float
    zero_point: int


INPUT_RANGE: Final = Range(1 / 255, 0)
"""Pixels 0..255 are the quantised input as they are; the scaling by 1/255 is the range's."""


@dataclass(frozen=True, slots=True)
class QuantLayer:
    """INT8 form of one layer.

    Attributes:
        weight: int8, symmetric, in [-127, 127], of `Layer.weight_shape`.
        weight_scale: float32 (out,), one per output channel.
        bias: int32 (out,), in units of input scale x weight scale.
    """

    weight: NDArray[np.int8]
    weight_scale: FloatArray
    bias: NDArray[np.int32]


@dataclass(frozen=True, slots=True)
class QuantWeights:
    """All that an INT8 file holds.

    Attributes:
        layers: by layer name, of every layer with weights.
        ranges: by tensor: `INPUT`, each layer's name (after its activation), and name + `PRE` where `absorbed` is false.
    """

    layers: Mapping[str, QuantLayer]
    ranges: Mapping[str, Range]


def absorbed(layer: Layer) -> bool:
    """Whether the activation costs nothing in INT8: ReLU and ReLU6 are the saturation of the output's own range."""
    return layer.activation in (None, "relu", "relu6")
