"""The default searcher: a Gaussian process over architectures decides what to evaluate next, by expected improvement.

Few uniform architectures come first. Of a front, the next evaluations are those that promise the most area. Area alone would neglect the
best metric, whose last tenths add little to it: later on, half of the suggestions improve the metric, within the limit or below a latency.

Each suggestion is the best of all architectures, where they can be enumerated, and otherwise the best of uniform samples, of changes to the
best so far and of their neighbours. Trials that still run count with the metric that is predicted for them, so that a batch is spread
(Ginsbourger et al. 2010, "kriging believer").
"""

from collections.abc import Callable
from dataclasses import dataclass, replace
from functools import lru_cache
from typing import Final

import numpy as np

from nas.search.acquisition import expected_hypervolume_improvement, log_expected_improvement, metric_of
from nas.search.front import pareto
from nas.search.predictor import Encoding, Kernel, Posterior, fit_kernel, normal_scores, standard_scores
from nas.search.sampler import Evaluated, FloatArray, IntArray, Region, RegionSampler, fresh, row

INITIAL: Final = 10
"""Uniform architectures before the predictor guides; of a front, one in each of `BANDS` bands of latency."""
INITIAL_SHARE: Final = 0.25
"""The same as a share of short searches."""
BANDS: Final = 4
"""Fewer than `INITIAL`: known latencies already say where a front's area is."""
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
AREA_FIRST: Final = 30
"""Evaluations of a front until some suggestions look for the best metric."""
METRIC: Final = 0.5
"""Share of the suggestions after that which look for it."""
BELOW: Final = 0.5
"""Share of these that look for it below a latency on the front, the others within the limit."""


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
        self._kernel_of = lru_cache(maxsize=4)(self._fit)  # of the same trials it is the same kernel

    def initial(self, front: bool) -> int:
        """How many uniform architectures come first."""
        return BANDS if front else max(BANDS, min(INITIAL, int(INITIAL_SHARE * self.evaluations)))

    def suggest(self, known: Evaluated, rng: np.random.Generator) -> IntArray:
        """The next architecture."""
        count, initial = len(known.codes) + len(known.pending), self.initial(known.front)
        if count < initial or not len(known.codes):
            return self.uniform(known, rng, self._band(count) if known.front and count < initial else None)
        below = self._below(known, count, rng)
        believed = self._believed(known, standard_scores if below is None else normal_scores)
        pool = self.unseen(known)
        if pool is None:
            pool = fresh(self._proposed(known, rng), known.seen)
        if not len(pool):
            return self.uniform(known, rng)
        if below is not None and below < np.inf:
            inside = self.region.predict_ms(pool) <= below
            pool = pool[inside] if inside.any() else pool
        if len(pool) > COMPARED:
            likely = self._value(believed, pool, believed.posterior.mean(pool), np.full(len(pool), TYPICAL), below)
            pool = pool[np.sort(np.argpartition(-likely, COMPARED)[:COMPARED])]
        value = self._value(believed, pool, *believed.posterior.mean_and_deviation(pool), below)
        return row(pool, int(np.argmax(value)))

    def _below(self, known: Evaluated, count: int, rng: np.random.Generator) -> float | None:
        """The latency, ms, below which the best metric is looked for, infinite for the whole region; None for the front's area."""
        if not known.front:
            return np.inf
        if count < AREA_FIRST or rng.random() >= METRIC:
            return None
        if rng.random() >= BELOW:
            return np.inf
        return float(rng.uniform(known.latency_ms.min(), known.latency_ms[np.argmax(known.metric)]))

    def _value(
        self, believed: _Believed, codes: IntArray, mean: FloatArray, deviation: FloatArray, below: float | None
    ) -> FloatArray:
        """(N,) what an evaluation of each promises, see `_below`."""
        known = believed.known
        if below is not None:
            return log_expected_improvement(mean, deviation, float(believed.scores[known.latency_ms <= below].max()))
        data = (known.metric, believed.scores, known.latency_ms)
        return expected_hypervolume_improvement(
            mean, deviation, self.region.predict_ms(codes), data, self.region.range_ms[1]
        )

    def _band(self, number: int) -> tuple[float, float]:
        edges = np.linspace(*self.region.range_ms, BANDS + 1)
        return float(edges[number]), float(edges[number + 1])

    def _fit(self, codes: bytes, scores: bytes) -> Kernel:
        values = np.frombuffer(codes, np.int64).reshape(-1, len(self.region.choices))
        return fit_kernel(self._encoding, values, np.frombuffer(scores, np.float64))

    def _believed(self, known: Evaluated, scores_of: Callable[[FloatArray], FloatArray]) -> _Believed:
        fitted = max(min(BANDS, len(known.codes)), len(known.codes) // EVERY * EVERY)
        kernel = self._kernel_of(known.codes[:fitted].tobytes(), scores_of(known.metric[:fitted]).tobytes())
        scores = scores_of(known.metric)
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
