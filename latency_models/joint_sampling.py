"""Architectures within several bounds at once: uniform samples, and how many there are.

Samples are drawn exactly and uniformly within a single bound (`sampling.py`) and rejected where they exceed another one, so that the
rest is uniform. Of each bound alone and all of them combined, the one is used whose samples are rejected least. Counts are exact where one
bound implies the others; else the exact count within a single bound times the share of its samples that keep the others. Not here: which
architectures are inside (`limits.py`), the least of a cost (`jointly.py`).
"""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from math import sqrt
from typing import Final

import numpy as np
from numpy.typing import NDArray

from latency_models.compiled import CompiledCost
from latency_models.counting import Distribution
from latency_models.errors import CostTooFine, EmptyBand
from latency_models.knapsack import best_scores
from latency_models.limits import Bound
from latency_models.sampling import sample_band
from search_spaces.lattice import IntArray

PROBED: Final = 256
"""Samples by which the bound is selected to sample within."""
GOOD: Final = 0.25
"""Share of samples that keep all bounds with which no other bound is tried."""
MOST_TRIED: Final = 200_000
"""Samples after which no more are drawn."""
COUNTED: Final = 8192
"""Samples that an estimated count is from."""
DEVIATIONS: Final = 1.96
"""Of a 95 % interval."""
SCALE: Final = 1024
"""Steps of each bound's room in the combined cost."""

Inside = Callable[[IntArray], NDArray[np.bool_]]
"""(N, choices) value indices to (N,) whether they keep all bounds."""


@dataclass(frozen=True, slots=True)
class Proposal:
    """A band of one cost that has all architectures that are looked for, and others."""

    cost: CompiledCost
    low: int
    high: int


@dataclass(frozen=True, slots=True)
class Count:
    """How many architectures there are; estimated with a 95 % interval, or exact, with `low` and `high` equal to it."""

    value: int
    low: int
    high: int
    exact: bool

    @staticmethod
    def exactly(value: int) -> "Count":
        """A count that is exact."""
        return Count(value, value, value, exact=True)


def proposals(bounds: Sequence[Bound], first: Proposal | None = None) -> Iterator[Proposal]:
    """The bands to draw from, the first of them `first`."""
    if first is not None:
        yield first
    for bound in bounds:
        if first is None or bound.cost is not first.cost:
            yield Proposal(bound.cost, bound.cost.least[0], bound.most)
    if bounds:
        combined = _combined(bounds)
        yield Proposal(combined, combined.least[0], SCALE * len(bounds))


def sample_within(bands: Iterator[Proposal], inside: Inside, count: int, rng: np.random.Generator) -> IntArray | None:
    """Samples uniformly and with replacement what is inside, (N, choices), inactive choices 0. N is below `count` where nearly all samples
    are rejected; None where a band is empty.
    """
    found: list[IntArray] = []
    best, rate = None, -1.0
    try:
        for band in bands:
            drawn = sample_band(band.cost, band.low, band.high, PROBED, rng)
            found.append(drawn[inside(drawn)])
            if len(found[-1]) / PROBED >= rate:
                best, rate = band, len(found[-1]) / PROBED
            if rate >= GOOD:
                break
        assert best is not None
        tried = 0
        while (missing := count - sum(map(len, found))) > 0 and tried < MOST_TRIED:
            size = min(int(1.2 * missing / max(rate, 1e-3)) + 64, MOST_TRIED - tried)
            drawn = sample_band(best.cost, best.low, best.high, size, rng)
            found.append(drawn[inside(drawn)])
            tried += size
    except EmptyBand:
        return None
    return np.concatenate(found)[:count]


def count_within(bounds: Sequence[Bound], size: int, inside: Inside) -> Count:
    """How many architectures keep all bounds: at least one does.

    Args:
        bounds: over one lattice.
        size: number of the lattice's architectures.
        inside: whether architectures keep the bounds.
    """
    if not bounds:
        return Count.exactly(size)
    kept, count = -1, 0
    for band in proposals(bounds):
        drawn = sample_band(band.cost, band.low, band.high, COUNTED, np.random.default_rng(0))
        accepted = int(inside(drawn).sum())
        if accepted < COUNTED and accepted <= kept:
            continue
        try:
            whole = Distribution.of(band.cost).count(band.high)
        except CostTooFine:
            continue
        if accepted == COUNTED and all(_implied(bound, band) for bound in bounds):
            return Count.exactly(whole)
        if accepted > kept:
            kept, count = accepted, whole
    return _estimated(kept, count)


def _implied(bound: Bound, band: Proposal) -> bool:
    """Whether every architecture of a band keeps a bound."""
    if bound.cost is band.cost:
        return True
    scores = [cost.astype(np.float64) for cost in bound.cost.costs]
    for resolution, base in enumerate(bound.cost.base.tolist()):
        most = best_scores(band.cost, scores, limit=band.high, resolution=resolution).scores
        if len(most) and most[-1] + base > bound.most:
            return False
    return True


def _estimated(kept: int, count: int) -> Count:
    """A count times a share of samples, with Wilson's interval."""
    share, square = kept / COUNTED, DEVIATIONS**2
    middle = (share + square / (2 * COUNTED)) / (1 + square / COUNTED)
    half = DEVIATIONS * sqrt(share * (1 - share) / COUNTED + square / (4 * COUNTED**2)) / (1 + square / COUNTED)
    low, high = (max(1, _times(count, end)) for end in (middle - half, middle + half))
    return Count(min(max(low, _times(count, share)), high), low, high, exact=False)


def _times(count: int, share: float) -> int:
    """A share of a whole number of any size."""
    return count * round(min(max(share, 0.0), 1.0) * 2**40) // 2**40


def _combined(bounds: Sequence[Bound]) -> CompiledCost:
    """The sum over the bounds of the share of its room that each cost takes, in steps of 1 / `SCALE`, rounded down: at most `SCALE` times
    their number for all architectures that keep the bounds.
    """
    lattice = bounds[0].cost.lattice
    base = np.zeros(len(lattice.initial), np.int64)
    costs = [np.zeros(len(stage.source), np.int64) for stage in lattice.stages]
    for bound in bounds:
        reduced, room = _reduced(bound.cost), max(bound.most - bound.cost.least[0], 1)
        base += _steps(reduced.base, room)
        costs = [total + _steps(one, room) for total, one in zip(costs, reduced.costs, strict=True)]
    return CompiledCost(lattice, "combined", base, tuple(costs))


def _steps(costs: IntArray, room: int) -> IntArray:
    """Costs as steps of a room; those beyond it all the same."""
    return np.minimum(costs, 2 * room) * SCALE // room


def _reduced(cost: CompiledCost) -> CompiledCost:
    """What each transition costs more than the cheapest way on (Johnson 1977): sums are the cost above the least of the space."""
    lattice = cost.lattice
    after = np.zeros(lattice.states[-1], np.int64)
    costs: list[IntArray] = []
    for stage, one in zip(reversed(lattice.stages), reversed(cost.costs), strict=True):
        before = np.full(len(stage.lookup), np.iinfo(np.int64).max)
        np.minimum.at(before, stage.source, one + after[stage.target])
        costs.append(one + after[stage.target] - before[stage.source])
        after = before
    base = np.where(lattice.initial >= 0, cost.base + after[lattice.initial] - cost.least[0], 0)
    return replace(cost, base=base, costs=tuple(reversed(costs)))
