"""The architectures of a space that meet one target's latency limit, and the limits on other costs, for the sampler."""

from dataclasses import dataclass
from functools import cached_property
from typing import Final

import numpy as np
from numpy.typing import NDArray

from latency_models.additive import to_ms, to_ticks, whole_ticks
from latency_models.compiled import CompiledCost, CompiledLatency
from latency_models.cost_limit import CostLimit
from latency_models.errors import EmptyBand
from latency_models.joint_sampling import Count, Inside, Proposal, count_within, proposals, sample_within
from latency_models.jointly import Least, least_within
from latency_models.knapsack import best_scores
from latency_models.limits import Bound, CompiledLimits
from latency_models.sampling import sample_band
from search_spaces.lattice import IntArray
from search_spaces.space import Architecture, Choice

LISTED: Final = 50_000
"""Architectures of a whole space, at most, to list those within the limits."""
MOVES: Final = 4
"""Random changes of each choice, on average, of an architecture that stands for a uniform one."""


@dataclass(frozen=True)
class LimitedRegion:
    """Implements `nas.search.sampler.Region` over a compiled latency table. Some architecture must meet all limits.

    Attributes:
        latency: over the space.
        limit_ms: the highest latency.
        limits: on other costs, each cost once.
    """

    latency: CompiledLatency
    limit_ms: float
    limits: tuple[CostLimit, ...] = ()

    @property
    def choices(self) -> tuple[Choice, ...]:
        """The choices of the space, in its order."""
        return self.latency.lattice.space.choices

    @cached_property
    def range_ms(self) -> tuple[float, float]:
        """Latency of the fastest architecture within the limits, and the latency limit or the slowest, whichever is lower.

        With several limits on other costs, the slowest is that of the limit that leaves the fastest one.
        """
        fastest = self._fastest.value
        assert fastest is not None, "some architecture meets all limits"
        slowest = [_most_within(self.rest, bound) for bound in self.bounds if bound.limit is not None]
        return to_ms(fastest), min(self.limit_ms, to_ms(min([self.rest.most[0], *slowest])))

    @property
    def limited(self) -> bool:
        """Whether some architecture of the space exceeds a limit."""
        others = any(self.compiled.active(number) for number in range(len(self.limits)))
        return others or self.limit_ms < self.latency.reachable_ms[1]

    @cached_property
    def compiled(self) -> CompiledLimits:
        """The limits on other costs over the space."""
        return CompiledLimits(self.latency.lattice, self.limits)

    @cached_property
    def enumerated(self) -> IntArray | None:
        """Every architecture within the limits, where the space has at most 50,000; else None."""
        if self.latency.lattice.size > LISTED:
            return None
        codes = self.latency.lattice.codes()
        return codes[self.meet(codes)]

    def meet(self, codes: IntArray) -> NDArray[np.bool_]:
        """(N,) whether architectures meet all limits."""
        inside: NDArray[np.bool_] = self.predict_ms(codes) <= self.limit_ms
        return inside & self.compiled.meet(codes) if self.limits else inside

    def constraints(self, codes: IntArray) -> dict[str, NDArray[np.float64]]:
        """For each limit, (N,) by what share of it architectures exceed it; none above 0 inside."""
        found = {"latency": self.predict_ms(codes) / self.range_ms[1] - 1}
        for limit, cost in zip(self.limits, self.compiled.costs, strict=True):
            found[limit.cost] = cost.predict(codes) / limit.most - 1
        return found

    def predict_ms(self, codes: IntArray) -> NDArray[np.float64]:
        """(N,) predicted latency."""
        return self.latency.predict_ms(codes)

    def draw(self, low_ms: float, high_ms: float, count: int, rng: np.random.Generator) -> IntArray:
        """Uniform among the architectures of a band, (N, choices); none when the band is empty.

        Where limits leave so few that uniform samples are too rare, those that are missing come from random changes of one that meets
        the limits: then they are only about uniform, and a band that has none of them gives none.
        """
        low, high = to_ticks(low_ms), min(to_ticks(high_ms), whole_ticks(self.limit_ms))
        if not self.limits:
            try:
                return sample_band(self.latency, low, high, count, rng)
            except EmptyBand:
                return np.zeros((0, len(self.choices)), np.int64)

        def inside(codes: IntArray) -> NDArray[np.bool_]:
            ticks = self.latency.predict(codes)
            return np.asarray((ticks >= low) & (ticks <= high) & self.meet(codes))

        bands = proposals(self.bounds, Proposal(self.rest, low, high))
        found = sample_within(bands, inside, count, rng) if low <= high else None
        if found is None:
            return np.zeros((0, len(self.choices)), np.int64)
        return found if len(found) else self._changed(inside, count, rng)

    def count(self) -> Count:
        """How many architectures meet all limits."""
        listed = self.enumerated
        if listed is not None:
            return Count.exactly(len(listed))
        return count_within(self.bounds, self.rest.lattice.size, self.meet)

    def encode(self, architectures: list[Architecture]) -> IntArray:
        """Value indices of architectures; inactive choices are 0."""
        return self.latency.lattice.encode(architectures)

    def canonical(self, codes: IntArray) -> IntArray:
        """The same architectures with 0 for every inactive choice."""
        return self.latency.lattice.canonical(codes)

    def admitted(self, codes: IntArray) -> IntArray:
        """The architectures within the limits among these, canonical and in order."""
        return self.canonical(codes[self.meet(codes)])

    @cached_property
    def rest(self) -> CompiledLatency:
        """Latency over what a limit on memory leaves of the lattice."""
        return self.compiled.within_memory(self.latency) if self.limits else self.latency

    @cached_property
    def bounds(self) -> tuple[Bound, ...]:
        """The additive limits that are active, with that on latency, over what a limit on memory leaves of the lattice."""
        others = self.compiled.bounds()
        ticks = whole_ticks(self.limit_ms)
        return (Bound(self.rest, ticks), *others) if ticks < self.rest.most[0] else others

    @cached_property
    def _fastest(self) -> Least:
        """The fastest architecture within the limits."""
        if not self.limits:
            return Least(self.latency.least[0], None)
        return least_within(self.rest, self.compiled.bounds())

    def _changed(self, inside: Inside, count: int, rng: np.random.Generator) -> IntArray:
        """Architectures of a band after random changes of the fastest one, each of which keeps the limits."""
        sizes = np.array([len(choice.values) for choice in self.choices])
        assert self._fastest.code is not None
        codes = np.tile(self._fastest.code, (count, 1))
        rows = np.arange(count)
        for _ in range(MOVES * len(sizes)):
            column = rng.integers(len(sizes), size=count)
            changed = codes.copy()
            changed[rows, column] = rng.integers(sizes[column])
            kept = self.meet(changed)
            codes[kept] = changed[kept]
        codes = self.canonical(codes)
        return codes[inside(codes)]


def _most_within(cost: CompiledCost, bound: Bound) -> int:
    """The most of a cost among the architectures that keep a bound."""
    scores = [one.astype(np.float64) for one in cost.costs]
    found: list[int] = []
    for resolution, base in enumerate(cost.base.tolist()):
        best = best_scores(bound.cost, scores, limit=bound.most, resolution=resolution).scores
        found += [int(best[-1]) + base] if len(best) else []
    return max(found)
