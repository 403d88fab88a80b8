"""The architectures of a space that meet one target's latency limit, for the sampler."""

from dataclasses import dataclass
from functools import cached_property
from typing import Final

import numpy as np
from numpy.typing import NDArray

from latency_models.additive import to_ticks, whole_ticks
from latency_models.compiled import CompiledLatency
from latency_models.errors import EmptyBand
from latency_models.sampling import sample_band
from search_spaces.lattice import IntArray
from search_spaces.space import Architecture, Choice

LISTED: Final = 50_000
"""Architectures of a whole space, at most, to list those within the limit."""


@dataclass(frozen=True)
class LimitedRegion:
    """Implements `nas.search.sampler.Region` over a compiled latency table. `limit_ms` must not be below the fastest."""

    latency: CompiledLatency
    limit_ms: float

    @property
    def choices(self) -> tuple[Choice, ...]:
        """The choices of the space, in its order."""
        return self.latency.lattice.space.choices

    @property
    def range_ms(self) -> tuple[float, float]:
        """Latency of the fastest architecture, and the limit or the slowest, whichever is lower."""
        fastest, slowest = self.latency.reachable_ms
        return fastest, min(self.limit_ms, slowest)

    @property
    def limited(self) -> bool:
        """Whether some architecture of the space exceeds the limit."""
        return self.limit_ms < self.latency.reachable_ms[1]

    @cached_property
    def enumerated(self) -> IntArray | None:
        """Every architecture within the limit, where the space has at most 50,000; else None."""
        if self.latency.lattice.size > LISTED:
            return None
        codes = self.latency.lattice.codes()
        return codes[self.predict_ms(codes) <= self.limit_ms]

    def predict_ms(self, codes: IntArray) -> NDArray[np.float64]:
        """(N,) predicted latency."""
        return self.latency.predict_ms(codes)

    def draw(self, low_ms: float, high_ms: float, count: int, rng: np.random.Generator) -> IntArray:
        """Uniform among the architectures of a band, (N, choices); none when the band is empty."""
        high = min(to_ticks(high_ms), whole_ticks(self.limit_ms))
        try:
            return sample_band(self.latency, to_ticks(low_ms), high, count, rng)
        except EmptyBand:
            return np.zeros((0, len(self.choices)), np.int64)

    def encode(self, architectures: list[Architecture]) -> IntArray:
        """Value indices of architectures; inactive choices are 0."""
        return self.latency.lattice.encode(architectures)

    def canonical(self, codes: IntArray) -> IntArray:
        """The same architectures with 0 for every inactive choice."""
        return self.latency.lattice.canonical(codes)

    def admitted(self, codes: IntArray) -> IntArray:
        """The architectures within the limit among these, canonical and in order."""
        return self.canonical(codes[self.predict_ms(codes) <= self.limit_ms])
