"""Architectures sampled uniformly from all those of a space whose cost lies inside a band, without rejections.

A dynamic programme over the lattice counts, for each state and cost so far, the ways to end inside the band; walking
forward by those counts samples uniformly. Where the band has many steps the programme runs on a coarser cost, in a band wide enough
to hold the exact one, and samples outside the exact band are rejected; the rest is uniform, since all ways in the coarse band
are equally likely. Counts are doubles: probabilities are right to about 1e-13. Not here: exact counts (`counting.py`).
"""

from dataclasses import dataclass
from typing import Final

import numpy as np
from numpy.typing import NDArray

from latency_models.compiled import CompiledCost
from latency_models.counting import Distribution
from latency_models.errors import EmptyBand
from search_spaces.lattice import IntArray

MAX_CELLS: Final = 4_000_000
"""Most doubles that one band's programme holds."""

BATCH: Final = 8192
DOUBTFUL: Final = 100_000
"""After so many samples without a hit, an exact count says whether the band is empty."""


def sample_band(cost: CompiledCost, low: int, high: int, count: int, rng: np.random.Generator) -> IntArray:
    """Samples architectures with `low` <= cost <= `high`, uniformly and with replacement.

    Returns:
        Value indices (count, number of choices) as of `Lattice.encode`: inactive choices are 0.

    Raises:
        EmptyBand: no architecture lies inside; `facts` carry the reachable range.
    """
    least, most = cost.least[0], cost.most[0]
    low, high = max(low, least), min(high, most)
    band = _Band.of(cost, low, high) if low <= high else None
    found: list[IntArray] = []
    missing, tried = count, 0
    while missing > 0:
        if band is None or band.empty or (tried >= DOUBTFUL and not found and _count(cost, low, high) == 0):
            raise EmptyBand(
                f"No architecture has {cost.name} from {low} to {high}.",
                fix="Widen the band.",
                facts={"least": least, "most": most},
            )
        codes = band.sample(min(BATCH, 2 * missing + 64), rng)
        totals = cost.predict(codes)
        inside = codes[(totals >= low) & (totals <= high)][:missing]
        tried += len(codes)
        missing -= len(inside)
        if len(inside):
            found.append(inside)
    return np.concatenate(found) if found else np.zeros((0, len(cost.lattice.space.choices)), np.int64)


def _count(cost: CompiledCost, low: int, high: int) -> int:
    distribution = Distribution.of(cost)
    return distribution.count(high) - distribution.count(low - 1)


@dataclass(frozen=True)
class _Band:
    """The programme of one band on costs of `step` each.

    Attributes:
        base: (R,) coarse cost of each resolution value.
        costs: for each stage, (T,) coarse costs.
        origin: for each cut, the coarse cost that the first column of `ways` stands for.
        ways: for each cut, (S, L) number of ways (up to a factor of the cut's own) from a state and a cost so far into
            the band.
        out: for each stage, its transitions ordered by source, and (S + 1,) where each source's begin.
    """

    cost: CompiledCost
    base: IntArray
    costs: tuple[IntArray, ...]
    origin: tuple[int, ...]
    ways: tuple[NDArray[np.float64], ...]
    out: tuple[tuple[IntArray, IntArray], ...]

    @staticmethod
    def of(cost: CompiledCost, low: int, high: int) -> "_Band":
        terms = len(cost.costs) + 1
        spans = np.cumsum([int(np.ptp(cost.base)), *(int(np.ptp(c)) for c in cost.costs)])
        cells = int(sum((span + 1) * states for span, states in zip(spans.tolist(), cost.lattice.states, strict=True)))
        step = max(1, -(-cells // MAX_CELLS), (high - low) // (8 * terms))
        base, costs = cost.base // step, tuple(c // step for c in cost.costs)
        # The rounding errors of the coarse cost are between these, so the exact band lies within [first, last].
        rest = [
            cost.base - base * step,
            *(exact - coarse * step for exact, coarse in zip(cost.costs, costs, strict=True)),
        ]
        first = -(-(low - sum(int(r.max()) for r in rest)) // step)
        last = (high - sum(int(r.min()) for r in rest)) // step
        origin, ways = _programme(cost, base, costs, first, last)
        out = []
        for stage, states in zip(cost.lattice.stages, cost.lattice.states, strict=False):
            order = np.argsort(stage.source, kind="stable")
            out.append((order, np.searchsorted(stage.source[order], np.arange(states + 1))))
        return _Band(cost, base, costs, origin, ways, tuple(out))

    @property
    def _starts(self) -> NDArray[np.float64]:
        initial = self.cost.lattice.initial
        return np.where(initial >= 0, self.ways[0][initial, self.base - self.origin[0]], 0.0)

    @property
    def empty(self) -> bool:
        """Whether no architecture lies in the coarse band."""
        return not self._starts.any()

    def sample(self, count: int, rng: np.random.Generator) -> IntArray:
        """Value indices (count, number of choices), uniform over the coarse band."""
        lattice = self.cost.lattice
        codes = np.zeros((count, len(lattice.space.choices)), np.int64)
        weights = np.cumsum(self._starts)
        codes[:, 0] = np.searchsorted(weights / weights[-1], rng.random(count), side="right")
        state = lattice.initial[codes[:, 0]]
        spent = self.base[codes[:, 0]]
        for k, stage in enumerate(lattice.stages):
            selected = self._step(k, state, spent, rng.random(count))
            decided = stage.decided[selected]
            for position, column in enumerate(stage.columns):
                read = decided[:, position] >= 0
                codes[read, column] = decided[read, position]
            state = stage.target[selected]
            spent = spent + self.costs[k][selected]
        return codes

    def _step(self, k: int, state: IntArray, spent: IntArray, chance: NDArray[np.float64]) -> IntArray:
        """(count,) transition that each sample takes through stage `k`."""
        order, begins = self.out[k]
        target, cost, ways = self.cost.lattice.stages[k].target, self.costs[k], self.ways[k + 1]
        selected = np.empty(len(state), np.int64)
        for here in np.unique(state).tolist():
            rows = np.flatnonzero(state == here)
            options = order[begins[here] : begins[here + 1]]
            after = spent[rows, None] + cost[options] - self.origin[k + 1]
            reach = np.cumsum(ways[target[options], after], axis=1)
            pick = (reach / reach[:, -1:] <= chance[rows, None]).sum(axis=1)
            selected[rows] = options[pick]
        return selected


def _programme(
    cost: CompiledCost, base: IntArray, costs: tuple[IntArray, ...], first: int, last: int
) -> tuple[tuple[int, ...], tuple[NDArray[np.float64], ...]]:
    lattice = cost.lattice
    lows, highs = [int(base.min())], [int(base.max())]
    for c in costs:
        lows.append(lows[-1] + int(c.min()))
        highs.append(highs[-1] + int(c.max()))
    end = np.zeros((lattice.states[-1], highs[-1] - lows[-1] + 1))
    end[:, max(0, first - lows[-1]) : max(0, last + 1 - lows[-1])] = 1.0
    ways = [end]
    for k in reversed(range(len(costs))):
        stage, length = lattice.stages[k], highs[k] - lows[k] + 1
        here = np.zeros((lattice.states[k], length))
        shifts = costs[k] + (lows[k] - lows[k + 1])
        rows, times = np.unique(np.stack([stage.source, stage.target, shifts], 1), axis=0, return_counts=True)
        for (source, target, shift), n in zip(rows.tolist(), times.tolist(), strict=True):
            here[source] += n * ways[-1][target, shift : shift + length]
        ways.append(here / max(float(here.max()), 1.0))
    return tuple(lows), tuple(reversed(ways))
