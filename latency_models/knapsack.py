"""The architecture with the highest additive score within a cost: a knapsack over the lattice, solved exactly.

For each state the programme keeps the ways to reach it that no other way beats in cost and score at once; a transition adds to
both. Unlike the heuristics of the literature on latency-constrained pruning (HALP, Shen et al. 2022), nothing is rounded and no
order of layers is assumed. Not here: where scores come from (`nas/importance.py`).
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from latency_models.compiled import CompiledCost
from search_spaces.lattice import IntArray, Lattice
from search_spaces.network import Layer

FloatArray = NDArray[np.float64]


@dataclass(frozen=True)
class Best:
    """The highest score within each cost.

    Attributes:
        costs: (N,) ascending.
        scores: (N,) ascending: the highest score at each cost or below.
        codes: (N, choices) value indices of the architectures that reach them; inactive choices are 0.
    """

    costs: IntArray
    scores: FloatArray
    codes: IntArray

    def within(self, budget: int) -> int | None:
        """The index of the best architecture that costs at most `budget`; None where there is none."""
        found = int(np.searchsorted(self.costs, budget, side="right")) - 1
        return found if found >= 0 else None


def score_of(lattice: Lattice, layer_score: Callable[[Layer], float]) -> tuple[FloatArray, ...]:
    """For each stage, (T,) score of each transition: the sum over the layers of its block."""
    return tuple(
        np.array([sum(map(layer_score, block)) for block in stage.blocks], np.float64)[stage.block]
        for stage in lattice.stages
    )


@dataclass(frozen=True)
class _Ways:
    """The ways to reach one state that no other beats, by ascending cost and score.

    Attributes:
        cost, score: (N,).
        transition: (N,) the last one of each way.
        before: (N,) index among the ways of that transition's source.
    """

    cost: IntArray
    score: FloatArray
    transition: IntArray
    before: IntArray


def best_scores(cost: CompiledCost, scores: Sequence[FloatArray], *, limit: int, resolution: int | None = None) -> Best:
    """The architectures with the highest scores within every cost up to `limit`.

    Args:
        cost: over the lattice.
        scores: for each stage, (T,) score of each transition; minus infinity forbids one.
        limit: the highest cost.
        resolution: index of the only resolution to use; any when None.
    """
    lattice = cost.lattice
    cuts = [_starts(cost, resolution)]
    room = [limit - least for least in _least_after(cost)]
    for k, stage in enumerate(lattice.stages):
        here: list[_Ways] = []
        order = np.argsort(stage.target, kind="stable")
        bounds = np.searchsorted(stage.target[order], np.arange(lattice.states[k + 1] + 1))
        for state in range(lattice.states[k + 1]):
            arriving = order[bounds[state] : bounds[state + 1]]
            here.append(
                _merged(cuts[-1], stage.source[arriving], arriving, cost.costs[k], scores[k], int(room[k + 1][state]))
            )
        cuts.append(here)
    return _traced(cost, cuts)


def _starts(cost: CompiledCost, resolution: int | None) -> list[_Ways]:
    lattice, ways = cost.lattice, []
    for state in range(lattice.states[0]):
        values = np.flatnonzero(lattice.initial == state)
        if resolution is not None:
            values = values[values == resolution]
        ways.append(_unbeaten(cost.base[values], np.zeros(len(values)), values, values))
    return ways


def _least_after(cost: CompiledCost) -> list[IntArray]:
    """For each cut, (S,) the least cost from each state to the end."""
    least = [np.zeros(cost.lattice.states[-1], np.int64)]
    for k in reversed(range(len(cost.costs))):
        stage = cost.lattice.stages[k]
        here = np.full(cost.lattice.states[k], np.iinfo(np.int64).max // 2)
        np.minimum.at(here, stage.source, cost.costs[k] + least[-1][stage.target])
        least.append(here)
    return least[::-1]


def _merged(
    before: list[_Ways], sources: IntArray, arriving: IntArray, costs: IntArray, scores: FloatArray, room: int
) -> _Ways:
    """The unbeaten ways to a state over the transitions that arrive there, within `room`."""
    parts = [before[source] for source in sources.tolist()]
    sizes = [len(one.cost) for one in parts]
    last = np.repeat(arriving, sizes)
    total = np.concatenate([one.cost for one in parts]) + costs[last]
    score = np.concatenate([one.score for one in parts]) + scores[last]
    index = np.concatenate([np.arange(size) for size in sizes])
    kept = (total <= room) & np.isfinite(score)
    return _unbeaten(total[kept], score[kept], last[kept], index[kept])


def _unbeaten(cost: IntArray, score: FloatArray, transition: IntArray, before: IntArray) -> _Ways:
    order = np.lexsort((-score, cost))
    ranked = score[order]
    better = np.ones(len(ranked), np.bool_)
    better[1:] = ranked[1:] > np.maximum.accumulate(ranked)[:-1]
    order = order[better]
    return _Ways(cost[order], score[order], transition[order], before[order])


def _traced(cost: CompiledCost, cuts: list[list[_Ways]]) -> Best:
    """The unbeaten ways to the end with their architectures."""
    lattice = cost.lattice
    ends = [(state, np.arange(len(ways.cost))) for state, ways in enumerate(cuts[-1])]
    everything = _unbeaten(
        np.concatenate([ways.cost for ways in cuts[-1]]),
        np.concatenate([ways.score for ways in cuts[-1]]),
        np.concatenate([np.full(len(index), state) for state, index in ends]),
        np.concatenate([index for _, index in ends]),
    )
    state, at = everything.transition, everything.before
    codes = np.zeros((len(state), len(lattice.space.choices)), np.int64)
    for k in reversed(range(len(lattice.stages))):
        stage, ways = lattice.stages[k], cuts[k + 1]
        took = np.array([ways[s].transition[i] for s, i in zip(state.tolist(), at.tolist(), strict=True)], np.int64)
        at = np.array([ways[s].before[i] for s, i in zip(state.tolist(), at.tolist(), strict=True)], np.int64)
        decided = stage.decided[took]
        for position, column in enumerate(stage.columns):
            read = decided[:, position] >= 0
            codes[read, column] = decided[read, position]
        state = stage.source[took]
    first = cuts[0]
    codes[:, 0] = [first[s].transition[i] for s, i in zip(state.tolist(), at.tolist(), strict=True)]
    return Best(everything.cost, everything.score, codes)
