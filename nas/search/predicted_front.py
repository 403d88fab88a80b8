"""The whole front of a predicted metric against predicted latency, without any evaluation.

Exact where the score is a sum over the stages of the space: one dynamic programme over the lattice gives the best architecture within
every latency (`latency_models/knapsack.py`). By NSGA-II (Deb et al. 2002) on arrays for any other score. Each architecture that is scored
is within the region. Not here: predictors (`predictor.py`, `additive_predictor.py`).
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import cached_property
from itertools import pairwise
from typing import Final

import numpy as np

from latency_models.additive import TICKS_PER_MS, whole_ticks
from latency_models.compiled import CompiledLatency
from latency_models.knapsack import best_scores
from nas.errors import InvalidData
from nas.search.front import pareto
from nas.search.sampler import FloatArray, IntArray, Region
from nas.search.searchers.nsga2 import crowding_distance, ranks

GENERATIONS: Final = 50
"""Of evolution, where populations and children may have the number that this takes."""
POPULATIONS: Final = (50, 250)
"""The least and the most architectures that are parents."""
CHILDREN: Final = 4
"""In a generation, for each parent, at most; with fewer candidates one for each."""
BANDS: Final = 8
"""Of latency, for the first architectures."""
CROSSED: Final = 0.2
"""Share of a child's choices that come from its second parent."""
PATIENCE: Final = 20
"""Generations in a row without a new architecture, until the evolution ends."""

Score = Callable[[IntArray], FloatArray]
"""(N, choices) value indices to (N,) predicted metrics, higher is better."""


@dataclass(frozen=True)
class PredictedFront:
    """Architectures of which none is beaten in score and latency at once.

    Attributes:
        codes: (N, choices) value indices, the fastest first; inactive choices are 0.
        score: (N,) predicted metric, ascending.
        latency_ms: (N,) predicted, ascending.
        scored: how many architectures were compared one by one.
    """

    codes: IntArray
    score: FloatArray
    latency_ms: FloatArray
    scored: int


def exact_front(
    latency: CompiledLatency, scores: Sequence[FloatArray], limit_ms: float, *, constant: float = 0.0
) -> PredictedFront:
    """The whole front up to a latency of an additive score: no architecture of the space is outside of it.

    Args:
        latency: over the space.
        scores: for each stage, (T,) score of each transition, as of `AdditivePredictor.scores`.
        limit_ms: the highest latency; below the fastest architecture's the front is empty.
        constant: is added to every score.
    """
    best = best_scores(latency, scores, limit=whole_ticks(min(limit_ms, latency.reachable_ms[1])))
    return PredictedFront(best.codes, best.scores + constant, best.costs / TICKS_PER_MS, 0)


def evolved_front(region: Region, score: Score, *, candidates: int = 1_000_000, seed: int = 0) -> PredictedFront:
    """The front that NSGA-II finds, for scores of any form; of all architectures, where the region lists no more than `candidates`.

    Args:
        region: the architectures.
        score: to be high; is called with one generation at a time.
        candidates: architectures to score, at least 1; fewer where no new ones are found.
        seed: of all random decisions.

    Raises:
        InvalidData: a score is not a number.
    """
    listed = region.enumerated
    if listed is not None and len(listed) <= candidates:
        return _front(region, listed, _costs(region, score, listed), len(listed))
    rng = np.random.default_rng(seed)
    population = min(max(candidates // GENERATIONS, POPULATIONS[0]), POPULATIONS[1], candidates)
    count = min(max(candidates // GENERATIONS, population), CHILDREN * population)
    genes = _Genes(region, rng)
    codes = genes.first(population)
    hashes, costs = genes.hashes(region.canonical(codes)), _costs(region, score, codes)
    scored, idle = len(codes), 0
    while scored < candidates and idle < PATIENCE:
        order = _best(costs, population)
        codes, hashes, costs = codes[order], hashes[order], costs[order]
        children, their_hashes = genes.new(genes.children(codes, count), hashes)
        children, their_hashes = children[: candidates - scored], their_hashes[: candidates - scored]
        if not len(children):
            idle += 1
            continue
        idle, scored = 0, scored + len(children)
        codes, hashes = np.concatenate([codes, children]), np.concatenate([hashes, their_hashes])
        costs = np.concatenate([costs, _costs(region, score, children)])
    return _front(region, codes, costs, scored)


@dataclass(frozen=True)
class _Genes:
    """Value indices with those of inactive choices, too: an inactive block keeps its values until a deeper child needs them. Without that,
    each block that becomes active would begin with the first values, and fronts stay at the local optimum of the depths found first.
    """

    region: Region
    rng: np.random.Generator

    @cached_property
    def _sizes(self) -> IntArray:
        return np.array([len(choice.values) for choice in self.region.choices], np.int64)

    @cached_property
    def _weights(self) -> IntArray:
        return np.random.default_rng(0).integers(1, np.iinfo(np.int64).max, size=len(self._sizes))

    def hashes(self, canonical: IntArray) -> IntArray:
        """(N,) of canonical architectures."""
        return np.asarray(canonical @ self._weights, np.int64)

    def first(self, count: int) -> IntArray:
        """At most `count` uniform architectures, as many of each band of latency that has some; inactive choices are random."""
        edges = np.linspace(*self.region.range_ms, BANDS + 1).tolist()
        drawn = [self.region.draw(low, high, -(-count // BANDS), self.rng) for low, high in pairwise(edges)]
        found = np.unique(self.region.canonical(np.concatenate(drawn)), axis=0)
        found = self.rng.permutation(found)[:count]
        filled = np.where(found == 0, self.rng.integers(self._sizes, size=found.shape), found)
        same = (self.region.canonical(filled) == found).all(axis=1)
        return np.asarray(np.where(same[:, None], filled, found), np.int64)

    def children(self, parents: IntArray, count: int) -> IntArray:
        """Children of parents (best first) that won binary tournaments; one choice of each is drawn anew, on average."""
        rng = self.rng
        mothers, fathers = (parents[rng.integers(len(parents), size=(2, count)).min(axis=0)] for _ in range(2))
        crossed = rng.random(mothers.shape, dtype=np.float32) < CROSSED
        children: IntArray = np.where(crossed, fathers, mothers)
        changes = rng.binomial(children.size, 1.0 / len(self._sizes))
        rows, columns = rng.integers(count, size=changes), rng.integers(len(self._sizes), size=changes)
        children[rows, columns] = rng.integers(self._sizes[columns])
        return children

    def new(self, children: IntArray, known: IntArray) -> tuple[IntArray, IntArray]:
        """The distinct children within the region that are not among the known hashes, and their hashes."""
        canonical = self.region.canonical(children)
        found, first = np.unique(self.hashes(canonical), return_index=True)
        kept = ~np.isin(found, known)
        if self.region.limited:
            kept &= np.isin(found, self.hashes(self.region.admitted(canonical)))
        return children[first[kept]], found[kept]


def _costs(region: Region, score: Score, codes: IntArray) -> FloatArray:
    """(N, 2) minus the score, and latency."""
    values = score(codes)
    if not np.isfinite(values).all():
        raise InvalidData(
            f"The score of {int((~np.isfinite(values)).sum())} of {len(values)} architectures is not a number.",
            fix="Give a score that is finite for every architecture of the region.",
        )
    return np.stack([-values, region.predict_ms(codes)], axis=1)


def _best(costs: FloatArray, count: int) -> IntArray:
    """Indices of at most `count`, the best first: by rank of domination, then by crowding distance."""
    rank, kept = ranks(costs, enough=count), list[IntArray]()
    for level in range(int(rank.max()) + 1):
        members = np.flatnonzero(rank == level)
        kept.append(members[np.argsort(-crowding_distance(costs[members]), kind="stable")])
        if sum(map(len, kept)) >= count:
            break
    return np.concatenate(kept)[:count]


def _front(region: Region, codes: IntArray, costs: FloatArray, scored: int) -> PredictedFront:
    kept = pareto(-costs[:, 0], costs[:, 1])
    return PredictedFront(region.canonical(codes[kept]), -costs[kept, 0], costs[kept, 1], scored)
