"""The Optuna sampler of hwnas: uniform inside the latency band first, then guided by a ridge predictor.

Each suggestion is a pure function of the seed, the trial's number and the trials before it. Nothing is kept between
suggestions, so a study rebuilt from its stored trials continues exactly as an uninterrupted one. Every suggestion meets the
latency limit: architectures beyond it are never evaluated. Not here: the study's loop (`study.py`).
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Final, Protocol

import numpy as np
from numpy.typing import NDArray
from optuna.distributions import BaseDistribution, CategoricalDistribution
from optuna.samplers import BaseSampler
from optuna.study import Study
from optuna.trial import FrozenTrial, TrialState

from nas.search.front import pareto
from search_spaces.space import Architecture, Choice

IntArray = NDArray[np.int64]
FloatArray = NDArray[np.float64]

UNIFORM_SHARE: Final = 0.25
"""Share of the evaluations that are spread over the latency range before the predictor guides."""
POOL: Final = 2048
"""Architectures that the predictor compares for one suggestion."""
RIDGE: Final = 1.0
"""Prior precision of the predictor's coefficients, in units of the noise."""
NEAR_LIMIT: Final = 0.5
"""Share of guided suggestions that aim at the limit itself; the rest at a latency below it, to fill the front."""


class Region(Protocol):
    """The architectures that meet the limit, as value indices (N, choices)."""

    @property
    def choices(self) -> tuple[Choice, ...]:
        """The choices of the space, in its order."""

    @property
    def range_ms(self) -> tuple[float, float]:
        """Latency of the fastest architecture, and the limit (or the slowest, where every architecture meets it)."""

    def predict_ms(self, codes: IntArray) -> FloatArray:
        """(N,) predicted latency."""

    def draw(self, low_ms: float, high_ms: float, count: int, rng: np.random.Generator) -> IntArray:
        """Uniform among the architectures of a band, (N, choices), N <= count; none when the band is empty."""

    def encode(self, architectures: list[Architecture]) -> IntArray:
        """Value indices of architectures; inactive choices are 0."""

    def canonical(self, codes: IntArray) -> IntArray:
        """The same architectures with 0 for every inactive choice, so that equal rows are equal architectures."""


@dataclass(frozen=True, slots=True)
class Evaluated:
    """The sampler's data: value indices, accuracy and latency of the trials so far."""

    codes: IntArray
    accuracy: FloatArray
    latency_ms: FloatArray


class BandSampler(BaseSampler):
    """Suggests whole architectures inside a latency limit, one value for each choice of the space.

    Args:
        region: the architectures to suggest from.
        evaluations: number in the whole search.
        seed: of every random decision.
    """

    def __init__(self, region: Region, *, evaluations: int, seed: int) -> None:
        self._region, self._evaluation_count, self._seed = region, evaluations, seed

    def infer_relative_search_space(self, study: Study, trial: FrozenTrial) -> dict[str, BaseDistribution]:
        """Every choice of the space."""
        return {c.name: CategoricalDistribution(c.values) for c in self._region.choices}

    def sample_relative(
        self, study: Study, trial: FrozenTrial, search_space: dict[str, BaseDistribution]
    ) -> dict[str, Any]:
        """The next architecture: a value for each choice (inactive ones are not used)."""
        code = self.suggest(trial.number, evaluated(study, self._region))
        return {c.name: c.values[v] for c, v in zip(self._region.choices, code, strict=True)}

    def sample_independent(
        self, study: Study, trial: FrozenTrial, param_name: str, param_distribution: BaseDistribution
    ) -> Any:
        """Never needed: `sample_relative` decides every choice.

        Raises:
            ValueError: the requested parameter is no choice of the space.
        """
        raise ValueError(f"{param_name!r} is no choice of the space.")

    def suggest(self, number: int, known: Evaluated) -> list[int]:
        """Value indices of the next architecture, a new one where there is one."""
        rng = np.random.default_rng([self._seed, number])
        if number < max(4, int(self._evaluation_count * UNIFORM_SHARE)):
            return self._uniform(number, known, rng)
        return self._guided(known, rng)

    def _uniform(self, number: int, known: Evaluated, rng: np.random.Generator) -> list[int]:
        low, high = self._region.range_ms
        count = max(4, int(self._evaluation_count * UNIFORM_SHARE))
        edges = np.linspace(low, high, count + 1)
        sampled = self._fresh(self._region.draw(edges[number], edges[number + 1], 16, rng), known)
        return [int(v) for v in sampled[0]] if len(sampled) else self._anywhere(known, rng)

    def _anywhere(self, known: Evaluated, rng: np.random.Generator) -> list[int]:
        """Any architecture inside the limit, a new one where there is one; small regions run out of new ones."""
        sampled = self._region.draw(*self._region.range_ms, POOL, rng)
        fresh = self._fresh(sampled, known)
        return [int(v) for v in (fresh if len(fresh) else sampled)[0]]

    def _guided(self, known: Evaluated, rng: np.random.Generator) -> list[int]:
        low, high = self._region.range_ms
        aim = high if rng.random() < NEAR_LIMIT else rng.uniform(low, high)
        pool = np.concatenate(
            [
                self._region.draw(low, aim, POOL // 4, rng),
                self._region.draw(low + 0.8 * (aim - low), aim, POOL // 4, rng),
                self._children(known, rng, POOL // 2),
            ]
        )
        pool = self._fresh(pool, known)
        latency = self._region.predict_ms(pool) if len(pool) else np.zeros(0)
        pool, latency = pool[latency <= aim], latency[latency <= aim]
        if not len(pool):
            return self._anywhere(known, rng)
        best = int(np.argmax(_thompson(self._features(known.codes), known.accuracy, self._features(pool), rng)))
        return [int(v) for v in pool[best]]

    def _children(self, known: Evaluated, rng: np.random.Generator, count: int) -> IntArray:
        """Mutations and crossovers of the front's architectures."""
        front = known.codes[pareto(known.accuracy, known.latency_ms)]
        sizes = [len(c.values) for c in self._region.choices]
        mothers, fathers = (front[rng.integers(len(front), size=count)] for _ in range(2))
        crossed = np.where(rng.random(mothers.shape) < 0.25, fathers, mothers)
        mutated = rng.random(crossed.shape) < 1.5 / crossed.shape[1]
        children = np.where(mutated, rng.integers(0, sizes, size=crossed.shape), crossed)
        return children[self._region.predict_ms(children) <= self._region.range_ms[1]]

    def _fresh(self, codes: IntArray, known: Evaluated) -> IntArray:
        """The distinct architectures that are not evaluated yet, in their canonical form and order."""
        canonical = self._region.canonical(codes)
        rows = {row.tobytes(): i for i, row in reversed(list(enumerate(canonical)))}
        seen = {row.tobytes() for row in known.codes}
        return canonical[sorted(i for row, i in rows.items() if row not in seen)]

    def _features(self, codes: IntArray) -> FloatArray:
        """One-hot values, (N, number of all choices' values)."""
        return np.concatenate(
            [(codes[:, [i]] == np.arange(len(c.values))).astype(float) for i, c in enumerate(self._region.choices)],
            axis=1,
        )


def evaluated(study: Study, region: Region) -> Evaluated:
    """The completed trials of a study; a trial has parameters for its active choices alone."""
    trials = study.get_trials(deepcopy=False, states=(TrialState.COMPLETE,))
    index = [(c.name, {v: i for i, v in enumerate(c.values)}) for c in region.choices]
    rows = [[at[t.params[name]] if name in t.params else 0 for name, at in index] for t in trials]
    codes = np.array(rows, np.int64).reshape(-1, len(index))
    accuracy, latency = (np.array([t.values[k] for t in trials], np.float64) for k in (0, 1))
    return Evaluated(codes, accuracy, latency)


def _thompson(x: FloatArray, y: Sequence[float] | FloatArray, pool: FloatArray, rng: np.random.Generator) -> FloatArray:
    """A sample from the posterior of a Bayesian ridge regression at the pool's points (Thompson sampling)."""
    centre = np.mean(y)
    spread = np.std(y) or 1.0
    target = (np.asarray(y) - centre) / spread
    precision = x.T @ x + RIDGE * np.eye(x.shape[1])
    mean = np.linalg.solve(precision, x.T @ target)
    noise = max(0.05, float(np.std(target - x @ mean)))
    factor = np.linalg.cholesky(precision)
    draw = mean + noise * np.linalg.solve(factor.T, rng.standard_normal(x.shape[1]))
    return np.asarray(centre + spread * (pool @ draw), np.float64)
