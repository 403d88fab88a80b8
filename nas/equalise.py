"""Cross-layer equalisation: moves scale between the weights of neighbouring layers, so that one scale a tensor serves all channels.

Between two layers with weights and a positively homogeneous activation, f(s x) = s f(x) for s > 0, dividing a channel of the
first by s and multiplying its readers by s does not change the network's function (Nagel et al. 2019, "Data-Free
Quantization Through Weight Equalization and Bias Correction", section 4.1). Not here: quantisation itself (`quantise.py`).
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final

import torch
from torch import Tensor

from nas.supernet_weights import BIAS, WEIGHT
from nas.tensors import Tensors
from search_spaces.network import Layer, Network, readers

HOMOGENEOUS: Final = (None, "relu", "leaky_relu")
"""Activations with f(s x) = s f(x) for positive s."""

_CHANNELWISE: Final = ("max_pool", "avg_pool", "global_avg_pool", "resize", "activation")
"""Operators that treat each channel alone and scale with it; they may be between the two layers."""

_ROUNDS: Final = 20
"""Each round equalises every pair once; the largest change falls by about a half a round in chains of three."""

_FACTOR: Final = 2.0**10
"""The most that one round changes a channel, so that a channel of zeros stays a number."""


@dataclass(frozen=True, slots=True)
class Pair:
    """Two layers with weights; only `second` reads the first's result, directly or through channelwise layers."""

    first: Layer
    second: Layer


def pairs(network: Network) -> tuple[Pair, ...]:
    """The pairs that can be equalised exactly, in the order of the network."""
    reading = readers(network.layers)

    def sole_reader(layer: Layer) -> Layer | None:
        found = reading.get(layer.name, [])
        alone = len(found) == 1 and layer.name not in network.outputs and layer.activation in HOMOGENEOUS
        return found[0] if alone else None

    found: list[Pair] = []
    for first in network.layers:
        second = sole_reader(first) if first.has_weights else None
        while second is not None and second.op in _CHANNELWISE:
            second = sole_reader(second)
        if second is not None and second.has_weights and (second.groups == 1 or second.is_depthwise):
            found.append(Pair(first, second))
    return tuple(found)


def equalised(network: Network, parameters: Mapping[str, Tensor]) -> Tensors:
    """Folded parameters with which the network computes the same, and whose channels have ranges as equal as possible.

    Args:
        network: of the parameters; without pairs they are returned unchanged.
        parameters: as for `nas.interpreter.BNFolded`; not changed.
    """
    result = {name: tensor.detach().clone() for name, tensor in parameters.items()}
    found = pairs(network)
    with torch.no_grad():
        for _ in range(_ROUNDS):
            for pair in found:
                _equalise(pair, result)
    return result


def _equalise(pair: Pair, parameters: Tensors) -> None:
    """Divides each channel between the two by s = sqrt(range before / range after), in place: both ranges are then equal."""
    first, second = parameters[pair.first.name + WEIGHT], parameters[pair.second.name + WEIGHT]
    shape = (1, -1, 1, 1) if pair.second.groups == 1 else (-1, 1, 1, 1)
    before = first.abs().amax((1, 2, 3))
    after = second.abs().amax((0, 2, 3) if pair.second.groups == 1 else (1, 2, 3))
    factor = (before / after).sqrt().nan_to_num(1.0).clamp(1 / _FACTOR, _FACTOR)
    factor[(before == 0) | (after == 0)] = 1.0
    first.div_(factor[:, None, None, None])
    parameters[pair.first.name + BIAS].div_(factor)
    second.mul_(factor.reshape(shape))
