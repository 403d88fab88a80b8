"""Weights and ranges for networks that are measured, not trained: for profiling.

Kernels' times do not depend on the values, but on which kernels run; ranges have the form that quantisation gives them, so
that the same kernels run. Values are such that signals neither vanish nor saturate. Not for accuracy.
"""

import math
import zlib
from typing import Final

import numpy as np

from hw_targets.scheme import AFFINE, Range, Scheme, exponent_for
from hw_targets.weights import PRE, QuantLayer, QuantWeights, fused_activation, hard_swish_range
from search_spaces.network import INPUT, Layer, Network

_DEVIATION: Final = 1.5
"""Standard deviation of every weighted sum."""

_SQUARE: Final = {
    None: 2.25, "relu": 1.1, "relu6": 1.1, "hard_swish": 0.9, "silu": 0.9, "hard_sigmoid": 0.3, "sigmoid": 0.3,
    "leaky_relu": 1.1,
}  # fmt: skip
"""Approximate mean square of a result after the activation."""


def random_weights(network: Network, seed: int = 0, scheme: Scheme = AFFINE) -> QuantWeights:
    """Random INT8 weights and ranges for a network; a layer's values depend on seed and scheme, its name and shape alone."""
    layers: dict[str, QuantLayer] = {}
    ranges = {INPUT: scheme.input}
    squares = {INPUT: 1 / 3}
    for layer in network.layers:
        sources = [squares[name] for name in layer.inputs]
        if layer.has_weights:
            layers[layer.name] = _weights(layer, ranges[layer.inputs[0]], sources[0], seed, scheme)
            square = _SQUARE[layer.activation]
        else:
            square = _square(layer, sources)
        squares[layer.name] = square
        ranges[layer.name] = _range(layer, square, [ranges[name] for name in layer.inputs], scheme)
        swish = layer.activation == "hard_swish" and not scheme.power_of_two
        if not fused_activation(layer, scheme):
            spread = 4 * (_DEVIATION if layer.has_weights else math.sqrt(square))
            ranges[layer.name + PRE] = hard_swish_range(spread) if swish else scheme.covering_range(-spread, spread)
        elif layer.op == "activation" and swish and layer.inputs[0] != INPUT:
            ranges[layer.inputs[0]] = hard_swish_range(4 * math.sqrt(sources[0]))
    return QuantWeights(layers, ranges, scheme)


def _weights(layer: Layer, in_range: Range, in_square: float, seed: int, scheme: Scheme) -> QuantLayer:
    rng = np.random.default_rng([seed, zlib.crc32(layer.name.encode())])
    shape = layer.weight_shape
    deviation = _DEVIATION / math.sqrt(math.prod(shape[1:]) * in_square)
    scale = np.full(shape[0], 3 * deviation / 127, np.float32) * rng.uniform(0.5, 1.5, shape[0]).astype(np.float32)
    if scheme.power_of_two:
        scale = np.full(shape[0], 2.0 ** exponent_for(3 * deviation / 127), np.float32)
    values = np.clip(np.rint(rng.normal(0, 127 / 3, shape)), -127, 127).astype(np.int8)
    bias = np.rint(rng.normal(0, 0.3, shape[0]) / (in_range.scale * scale)).astype(np.int32)
    return QuantLayer(values, scale, bias)


def _square(layer: Layer, sources: list[float]) -> float:
    match layer.op:
        case "add":
            square = sum(sources)
        case "mul":
            square = sources[0] * sources[1]
        case "concat":
            square = max(sources)
        case _:
            square = sources[0]
    return square if layer.activation is None else min(square, _SQUARE[layer.activation])


def _range(layer: Layer, square: float, sources: list[Range], scheme: Scheme) -> Range:
    high = 4 * math.sqrt(square)
    match layer.activation:
        case "relu6":
            return scheme.covering_range(0.0, 6.0)
        case "relu":
            return scheme.covering_range(0.0, high)
        case "hard_sigmoid" | "sigmoid":
            return scheme.sigmoid_range
        case "hard_swish" | "silu":
            return scheme.covering_range(-0.375, high)
    if not layer.has_weights and layer.op != "add" and all(source.zero_point == 0 for source in sources):
        return scheme.covering_range(0.0, high)
    return scheme.covering_range(-high, high)
