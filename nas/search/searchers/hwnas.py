"""The default searcher: a Gaussian process over architectures decides what to evaluate next, by expected improvement.

Few uniform architectures come first. Then each suggestion is the best of all architectures, where they can be enumerated, and otherwise the
best of uniform samples, of changes to the best so far and of their neighbours. Trials that still run count with the metric that is
predicted for them, so that a batch is spread (Ginsbourger et al. 2010, "kriging believer").
"""

from dataclasses import dataclass, replace
from functools import lru_cache
from typing import Final

import numpy as np

from nas.search.acquisition import expected_hypervolume_improvement, log_expected_improvement, metric_of
from nas.search.front import pareto
from nas.search.predictor import Encoding, Kernel, Posterior, fit_kernel, normal_scores
from nas.search.sampler import Evaluated, FloatArray, IntArray, Region, RegionSampler, fresh, row

INITIAL: Final = 10
"""Uniform architectures before the predictor guides."""
INITIAL_SHARE: Final = 0.25
"""The same as a share of short searches."""
EVERY: Final = 5
"""New evaluations until the kernel is fitted again."""
COMPARED: Final = 400
"""Architectures whose uncertainty is computed: the most promising of all, were each as uncertain as `TYPICAL`."""
TYPICAL: Final = 0.3
"""Standard deviation of a predicted score by which the most promising are selected."""
SAMPLED: Final = 1024
"""Uniform samples, and as many changes to the best, where a space is too large to enumerate."""
PARENTS: Final = 8
"""Of the best architectures, those whose neighbours are all looked at."""
BEST: Final = 0.5
"""Share of a front's suggestions that look for the best metric within the limit; the others enlarge the front's area."""


@dataclass(frozen=True, slots=True)
class _Believed:
    """Completed trials, and pending ones with the metric that is predicted for them."""

    known: Evaluated
    scores: FloatArray
    posterior: Posterior


class HwnasSampler(RegionSampler):
    """See the module."""

    def __init__(self, region: Region, *, evaluations: int, seed: int) -> None:
        super().__init__(region, evaluations=evaluations, seed=seed)
        self._encoding = Encoding(region.choices)
        self._kernel_of = lru_cache(maxsize=2)(self._fit)  # of the same trials it is the same kernel

    @property
    def initial(self) -> int:
        """How many uniform architectures come first."""
        return max(4, min(INITIAL, int(INITIAL_SHARE * self.evaluations)))

    def suggest(self, known: Evaluated, rng: np.random.Generator) -> IntArray:
        """The next architecture."""
        count = len(known.codes) + len(known.pending)
        if count < self.initial or not len(known.codes):
            return self.uniform(known, rng, self._band(count) if known.front and count < self.initial else None)
        believed = self._believed(known)
        pool = self.unseen(known)
        if pool is None:
            pool = fresh(self._proposed(known, rng), known.seen)
        if not len(pool):
            return self.uniform(known, rng)
        front = known.front and rng.random() >= BEST
        if len(pool) > COMPARED:
            likely = self._value(believed, pool, believed.posterior.mean(pool), np.full(len(pool), TYPICAL), front)
            pool = pool[np.sort(np.argpartition(-likely, COMPARED)[:COMPARED])]
        value = self._value(believed, pool, *believed.posterior.mean_and_deviation(pool), front)
        return row(pool, int(np.argmax(value)))

    def _value(
        self, believed: _Believed, codes: IntArray, mean: FloatArray, deviation: FloatArray, front: bool
    ) -> FloatArray:
        """(N,) what an evaluation of each promises."""
        if not front:
            return log_expected_improvement(mean, deviation, float(believed.scores.max()))
        known, limit = believed.known, self.region.range_ms[1]
        data = (known.metric, believed.scores, known.latency_ms)
        return expected_hypervolume_improvement(mean, deviation, self.region.predict_ms(codes), data, limit)

    def _band(self, number: int) -> tuple[float, float]:
        edges = np.linspace(*self.region.range_ms, self.initial + 1)
        return float(edges[number]), float(edges[number + 1])

    def _fit(self, codes: bytes, scores: bytes) -> Kernel:
        values = np.frombuffer(codes, np.int64).reshape(-1, len(self.region.choices))
        return fit_kernel(self._encoding, values, np.frombuffer(scores, np.float64))

    def _believed(self, known: Evaluated) -> _Believed:
        fitted = max(min(self.initial, len(known.codes)), len(known.codes) // EVERY * EVERY)
        kernel = self._kernel_of(known.codes[:fitted].tobytes(), normal_scores(known.metric[:fitted]).tobytes())
        scores = normal_scores(known.metric)
        posterior = Posterior(self._encoding, kernel, known.codes, scores)
        if not len(known.pending):
            return _Believed(known, scores, posterior)
        assumed = posterior.mean(known.pending)
        both = replace(
            known,
            codes=np.concatenate([known.codes, known.pending]),
            metric=np.concatenate([known.metric, metric_of(assumed, known.metric, scores)]),
            latency_ms=np.concatenate([known.latency_ms, self.region.predict_ms(known.pending)]),
        )
        scores = np.concatenate([scores, assumed])
        return _Believed(both, scores, Posterior(self._encoding, kernel, both.codes, scores))

    def _proposed(self, known: Evaluated, rng: np.random.Generator) -> IntArray:
        """Architectures to compare where there are too many to compare all."""
        low, high = self.region.range_ms
        best = parents = known.codes[np.argsort(-known.metric, kind="stable")[:PARENTS]]
        if known.front:
            parents = np.concatenate([parents, known.codes[pareto(known.metric, known.latency_ms)]])
        mothers, fathers = (parents[rng.integers(len(parents), size=SAMPLED)] for _ in range(2))
        crossed = np.where(rng.random(mothers.shape) < 0.25, fathers, mothers)
        found = [
            self.region.canonical(self.region.draw(low, high, SAMPLED // 2, rng)),
            self.region.canonical(self.region.draw(low + 0.8 * (high - low), high, SAMPLED // 2, rng)),
            self.changed(crossed, rng, 1.5 / crossed.shape[1]),
            self.neighbours(best),
        ]
        return np.concatenate(found)
