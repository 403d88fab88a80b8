"""The numbers a network is lowered with: folded float weights, and their INT8 form with activation ranges.

Produced by training and quantisation (floor 4), or at random for profiling; consumed by `lowering.py`. Not here: what
forms of INT8 there are (`scheme.py`).
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final

import numpy as np
from numpy.typing import NDArray

from hw_targets.scheme import AFFINE, Range, Scheme
from search_spaces.network import INPUT, Layer, Network

FloatArray = NDArray[np.float32]

PRE: Final = "/pre"
"""Suffix of a layer's name for its tensor before an activation that is not fused as a saturation (see `fused_activation`)."""


@dataclass(frozen=True, slots=True)
class FloatLayer:
    """Weight of `Layer.weight_shape` and bias (out,), batch norm folded in."""

    weight: FloatArray
    bias: FloatArray


FloatWeights = Mapping[str, FloatLayer]
"""By layer name."""


@dataclass(frozen=True, slots=True)
class QuantLayer:
    """INT8 form of one layer.

    Attributes:
        weight: int8, symmetric, in [-127, 127], of `Layer.weight_shape`.
        weight_scale: float32 (out,), one per output channel; all equal where the scheme has one for the tensor.
        bias: int32 (out,), in units of input scale x weight scale.
    """

    weight: NDArray[np.int8]
    weight_scale: FloatArray
    bias: NDArray[np.int32]


@dataclass(frozen=True, slots=True)
class QuantWeights:
    """All numbers of an INT8 file.

    Attributes:
        layers: by layer name, of every layer with weights.
        ranges: by tensor: `INPUT`, each layer's name (after its activation), and name + `PRE` where `fused_activation` is false.
        scheme: their INT8 scheme.
    """

    layers: Mapping[str, QuantLayer]
    ranges: Mapping[str, Range]
    scheme: Scheme = AFFINE


def dequantised(network: Network, weights: QuantWeights) -> FloatWeights:
    """The real numbers that quantised weights stand for: of a layer, weight x its scale, and bias x input scale x weight scale."""
    scales: dict[str, float] = {INPUT: weights.ranges[INPUT].scale}
    found: dict[str, FloatLayer] = {}
    for layer in network.layers:
        source = scales[layer.inputs[0]]
        scales[layer.name] = source if passthrough_range(layer) else weights.ranges[layer.name].scale
        if layer.has_weights:
            own = weights.layers[layer.name]
            weight = own.weight.astype(np.float32) * own.weight_scale[:, None, None, None]
            found[layer.name] = FloatLayer(weight, (own.bias * (own.weight_scale * source)).astype(np.float32))
    return found


def fused_activation(layer: Layer, scheme: Scheme = AFFINE) -> bool:
    """Whether a layer has no tensor before its activation (`PRE`), so that the activation is exact and needs no range.

    ReLU and ReLU6 are the saturation of the output's own range. So is a hard-sigmoid after weights, whose sixth and half
    are folded into them (range `SIGMOID_RANGE`), unless scales are powers of two. A layer that is nothing but an activation
    reads its input's range.
    """
    if layer.op == "activation" or layer.activation in (None, "relu", "relu6"):
        return True
    return layer.activation == "hard_sigmoid" and layer.has_weights and not scheme.power_of_two


MOVES: Final = frozenset({"max_pool", "slice", "shuffle"})
"""Operators that pick values, so that they work on integers as they are."""


def passthrough_range(layer: Layer) -> bool:
    """Whether a layer's result has the range of its input, whatever `ranges` say: it picks or mixes values, and computes no new ones."""
    return layer.op in (*MOVES, "resize") and layer.activation is None


def hard_swish_range(high: float) -> Range:
    """The range for a tensor that a hard-swish reads: from -3, below which the result is 0, to at least `high`.

    With scale 3 / k and zero point k the factor min(relu6(x + 3) / 6, 1) is the integers 0..2k over 2k: exact in INT8, and
    one saturation instead of four float kernels. Other ranges are correct, too, but slower.
    """
    k = int(min(max(765 / (3 + max(high, 0.0)), 1), 254))
    return Range(3 / k, k)
