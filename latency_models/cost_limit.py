"""A limit on one cost of a network, as a value, and the costs that can be limited. Not here: what a space's networks cost (`limits.py`)."""

from dataclasses import dataclass
from typing import Final

PEAK_MEMORY_BYTES: Final = "peak_memory_bytes"

COST_NAMES: Final[dict[str, str]] = {
    "macs": "multiply-accumulates",
    "params": "parameters",
    "weight_bytes": "bytes of INT8 weights",
    PEAK_MEMORY_BYTES: "bytes of peak activation memory",
}
"""Costs that can be limited, with their display names."""


@dataclass(frozen=True, slots=True)
class CostLimit:
    """The most that a network may have of a cost, one of `COST_NAMES`."""

    cost: str
    most: int

    def __str__(self) -> str:
        return f"at most {self.most:,} {COST_NAMES[self.cost]}"
