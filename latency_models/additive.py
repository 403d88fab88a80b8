"""Costs that are a sum over layers, in whole numbers, so that sums, ranges and counts are exact.

Latency from a table is one (ticks of 10 ns), MACs, parameters and bytes are others. Not here: costs that depend on more
than one layer at a time, such as peak memory.
"""

import math
from collections.abc import Callable
from dataclasses import dataclass
from typing import Final

from search_spaces.cost import layer_macs, layer_params, layer_weight_bytes
from search_spaces.network import Layer, Network, Shape

TICKS_PER_MS: Final = 100_000
"""Latencies are held in ticks of 10 ns."""


def to_ticks(milliseconds: float) -> int:
    """The nearest whole number of ticks."""
    return round(milliseconds * TICKS_PER_MS)


def whole_ticks(milliseconds: float) -> int:
    """The ticks that fit into a budget: rounded down, but a budget of whole ticks keeps all of them."""
    return math.floor(milliseconds * TICKS_PER_MS + 1e-4)


def to_ms(ticks: int) -> float:
    """Ticks as milliseconds."""
    return ticks / TICKS_PER_MS


def _zero(_: Shape) -> int:
    return 0


@dataclass(frozen=True, slots=True)
class AdditiveCost:
    """A cost of a network: `base` of its input shape, and the sum of `layer` over its layers.

    Attributes:
        name: what is counted, with its unit.
        layer: whole, never below 0; may depend on anything but the layer's name and its inputs' names.
        base: whole, of any sign.
    """

    name: str
    layer: Callable[[Layer], int]
    base: Callable[[Shape], int] = _zero

    def of(self, network: Network) -> int:
        """The cost of a whole network."""
        return self.base(network.input_shape) + sum(map(self.layer, network.layers))


MACS: Final = AdditiveCost("macs", layer_macs)
PARAMS: Final = AdditiveCost("params", layer_params)
WEIGHT_BYTES: Final = AdditiveCost("weight_bytes", layer_weight_bytes)
