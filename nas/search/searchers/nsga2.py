"""NSGA-II (Deb et al. 2002) in its steady-state form: each child takes its parents from the best of all evaluations so far.

Parents win binary tournaments by rank of domination, then by crowding distance. With one objective, the rank is that of the metric.
"""

from typing import Final

import numpy as np

from nas.search.sampler import Evaluated, FloatArray, IntArray, RegionSampler, fresh, row

POPULATION: Final = 50
CHILDREN: Final = 32
"""Children among which the first new one is suggested."""


class Nsga2Sampler(RegionSampler):
    """See the module."""

    def suggest(self, known: Evaluated, rng: np.random.Generator) -> IntArray:
        """A child, or a uniform architecture until the population is complete."""
        population = max(4, min(POPULATION, self.evaluations // 4))
        if len(known.codes) < population:
            return self.uniform(known, rng)
        costs = np.stack([-known.metric, known.latency_ms if known.front else np.zeros(len(known.metric))], axis=1)
        rank, crowding = ranks(costs), np.zeros(len(costs))
        for level in np.unique(rank):
            members = np.flatnonzero(rank == level)
            crowding[members] = crowding_distance(costs[members])
        order = np.lexsort((-crowding, rank))[:population]
        mothers, fathers = (
            known.codes[order[np.sort(rng.integers(population, size=(CHILDREN, 2)), axis=1)[:, 0]]] for _ in range(2)
        )
        crossed = np.where(rng.random(mothers.shape) < 0.5, mothers, fathers)
        children = fresh(self.changed(crossed, rng, 1.0 / crossed.shape[1]), known.seen)
        return row(children, 0) if len(children) else self.uniform(known, rng)


def ranks(costs: FloatArray, enough: int | None = None) -> IntArray:
    """(N,) how many fronts are in front of each point of (N, 2) costs, both to be low.

    Fronts are peeled off the sorted points, each in one pass. Once `enough` points have a rank, all others share the next one.

    >>> ranks(np.array([[1.0, 2.0], [2.0, 1.0], [2.0, 2.0], [3.0, 3.0]])).tolist()
    [0, 0, 1, 2]
    """
    order = np.lexsort((costs[:, 1], costs[:, 0]))
    new = np.ones(len(order), bool)  # equal points have one rank
    new[1:] = (np.diff(costs[order], axis=0) != 0).any(axis=1)
    second = costs[order[new], 1]
    level, left, found = 0, np.arange(len(second)), np.zeros(len(second), np.int64)
    enough = len(second) if enough is None else enough
    while len(left) and len(second) - len(left) < enough:
        best = np.ones(len(left), bool)
        best[1:] = second[left[1:]] < np.minimum.accumulate(second[left])[:-1]
        found[left[best]] = level
        left, level = left[~best], level + 1
    found[left] = level
    rank = np.empty(len(order), np.int64)
    rank[order] = found[np.cumsum(new) - 1]
    return rank


def crowding_distance(costs: FloatArray) -> FloatArray:
    """(N,) sum over the objectives of the distance between a point's two neighbours, as a share of the range; infinite at the ends.

    >>> crowding_distance(np.array([[0.0, 4.0], [1.0, 1.0], [4.0, 0.0]])).tolist()
    [inf, 2.0, inf]
    """
    distance = np.zeros(len(costs))
    for column in costs.T:
        order = np.argsort(column, kind="stable")
        span = column[order[-1]] - column[order[0]]
        distance[order[[0, -1]]] = np.inf
        if span > 0 and len(order) > 2:
            distance[order[1:-1]] += (column[order[2:]] - column[order[:-2]]) / span
    return distance
