"""The least of one cost among the architectures that keep others within bounds: exact, by label setting over the lattice.

For each state the programme keeps the ways to reach it that no other way beats in all costs at once (Martins 1984, multicriteria
shortest paths). A way that can't keep a bound any more is dropped; where the rest of a way can't exceed a bound, that cost no longer
counts, which keeps the labels few. Not here: scores that are not costs (`knapsack.py`).
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

import numpy as np

from latency_models.compiled import CompiledCost
from latency_models.limits import Bound
from search_spaces.lattice import IntArray, Lattice

MAX_LABELS: Final = 20_000
"""Most ways that are kept for one state: beyond that those with the least objective, and the answer is not exact."""


@dataclass(frozen=True, slots=True)
class Least:
    """What was found.

    Attributes:
        value: the least cost; None where no architecture was found.
        code: (choices,) an architecture that has it; None without one.
        exact: whether there is provably none with less.
    """

    value: int | None
    code: IntArray | None
    exact: bool = True


@dataclass(frozen=True)
class _Labels:
    """The ways to one state: (N, costs) their costs, (N,) the last transition of each, and its index among those of its source."""

    costs: IntArray
    transition: IntArray
    before: IntArray


def least_within(objective: CompiledCost, bounds: Sequence[Bound]) -> Least:
    """The least `objective` of the architectures that keep all bounds, whose costs are over the same lattice."""
    lattice = objective.lattice
    costs = [objective, *(bound.cost for bound in bounds)]
    least = [_to_the_end(cost, 1) for cost in costs]
    most = [_to_the_end(cost, -1) for cost in costs]
    cuts, exact = [_starts(lattice, costs)], True
    for k in range(len(lattice.stages) + 1):
        here = []
        for state, labels in enumerate(cuts[-1] if k == 0 else _extended(lattice, costs, k - 1, cuts[-1])):
            low = np.array([one[k][state] for one in least])
            high = np.array([one[k][state] for one in most])
            kept, all_kept = _promising(labels, low, high, [bound.most for bound in bounds])
            here.append(kept)
            exact &= all_kept
        cuts = [here] if k == 0 else [*cuts, here]
    return _best(lattice, cuts, exact)


def _to_the_end(cost: CompiledCost, sign: int) -> list[IntArray]:
    """For each cut, (S,) the least (sign 1) or the most (-1) of a cost from each state to the end."""
    found = [np.zeros(cost.lattice.states[-1], np.int64)]
    for k in reversed(range(len(cost.costs))):
        stage = cost.lattice.stages[k]
        here = np.full(cost.lattice.states[k], np.iinfo(np.int64).max // 2)
        np.minimum.at(here, stage.source, sign * (cost.costs[k] + found[-1][stage.target]))
        found.append(sign * here)
    return found[::-1]


def _starts(lattice: Lattice, costs: Sequence[CompiledCost]) -> list[_Labels]:
    found = []
    for state in range(lattice.states[0]):
        values = np.flatnonzero(lattice.initial == state)
        found.append(_Labels(np.stack([cost.base[values] for cost in costs], 1), values, values))
    return found


def _extended(lattice: Lattice, costs: Sequence[CompiledCost], k: int, before: Sequence[_Labels]) -> list[_Labels]:
    """The ways to each state after stage `k`."""
    stage = lattice.stages[k]
    steps = np.stack([cost.costs[k] for cost in costs], 1)
    sizes = np.array([len(labels.costs) for labels in before])
    found = []
    for state in range(lattice.states[k + 1]):
        arriving = np.flatnonzero(stage.target == state)
        sources = stage.source[arriving]
        last = np.repeat(arriving, sizes[sources])
        totals = np.concatenate([before[source].costs for source in sources.tolist()]) + steps[last]
        index = np.concatenate([np.arange(sizes[source]) for source in sources.tolist()])
        found.append(_Labels(totals, last, index))
    return found


def _promising(labels: _Labels, low: IntArray, high: IntArray, most: Sequence[int]) -> tuple[_Labels, bool]:
    """The ways that can keep all bounds and that no other beats, at most `MAX_LABELS`; and whether these are all.

    Args:
        labels: the ways to a state.
        low, high: (costs,) the least and the most of each cost from there to the end.
        most: the bounds, of all costs but the first.
    """
    ends = labels.costs[:, 1:] + low[1:]
    inside = np.flatnonzero((ends <= np.array(most, np.int64)).all(axis=1))
    compared = labels.costs[inside].copy()
    compared[:, 1:] = np.maximum(compared[:, 1:], np.array(most, np.int64) - high[1:])
    unbeaten = inside[_unbeaten(compared)]
    kept = unbeaten[:MAX_LABELS]
    return _Labels(labels.costs[kept], labels.transition[kept], labels.before[kept]), len(kept) == len(unbeaten)


def _unbeaten(costs: IntArray) -> IntArray:
    """The rows that no other equals or beats in every column, by ascending first column; of more than two columns one more than
    `MAX_LABELS` at most.

    >>> _unbeaten(np.array([[3, 1], [1, 4], [2, 4], [1, 4], [2, 2]])).tolist()
    [1, 4, 0]
    """
    costs, rows = np.unique(costs, axis=0, return_index=True)  # ascending by the first column, then by the second
    if costs.shape[1] <= 2:
        last = costs[:, -1]
        better = np.ones(len(last), np.bool_)
        better[1:] = last[1:] < np.minimum.accumulate(last)[:-1]
        return np.asarray(rows[better] if costs.shape[1] == 2 else rows[:1], np.int64)
    found: list[int] = []
    left = np.arange(len(rows))
    while len(left) and len(found) <= MAX_LABELS:
        found.append(left[0])
        left = left[1:][(costs[left[1:]] < costs[left[0]]).any(axis=1)]
    return np.asarray(rows[found], np.int64)


def _best(lattice: Lattice, cuts: list[list[_Labels]], exact: bool) -> Least:
    ends = [(int(labels.costs[0, 0]), state) for state, labels in enumerate(cuts[-1]) if len(labels.costs)]
    if not ends:
        return Least(None, None, exact)
    value, state = min(ends)
    code = np.zeros(len(lattice.space.choices), np.int64)
    at = 0
    for k in reversed(range(len(lattice.stages))):
        stage, labels = lattice.stages[k], cuts[k + 1][state]
        transition, at = int(labels.transition[at]), int(labels.before[at])
        for column, decided in zip(stage.columns, stage.decided[transition].tolist(), strict=True):
            if decided >= 0:
                code[column] = decided
        state = int(stage.source[transition])
    code[0] = cuts[0][state].transition[at]
    return Least(value, code, exact)
