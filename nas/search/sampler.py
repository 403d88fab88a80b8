"""What hwnas's own searchers have in common: the region that they search, the trials so far, and the form of an Optuna sampler.

Each suggestion is a pure function of the seed, the trial's number and the trials before it. Nothing that changes a result is kept
between suggestions, so a study rebuilt from its stored trials continues exactly as an uninterrupted one. Every suggestion meets the
limit: architectures beyond it are never evaluated. Not here: the searchers (`searchers/`), and the study's loop (`study.py`).
"""

from abc import ABC, abstractmethod
from dataclasses import dataclass
from functools import cached_property
from typing import Any, Final, Protocol
from zlib import crc32

import numpy as np
from numpy.typing import NDArray
from optuna.distributions import BaseDistribution, CategoricalDistribution
from optuna.samplers import BaseSampler, RandomSampler
from optuna.study import Study, StudyDirection
from optuna.trial import FrozenTrial, TrialState

from search_spaces.space import Architecture, Choice

IntArray = NDArray[np.int64]
FloatArray = NDArray[np.float64]

SAMPLES: Final = 2048
"""Uniform samples among which a new architecture is looked for."""


class Region(Protocol):
    """The architectures that meet the limits, as value indices (N, choices)."""

    @property
    def choices(self) -> tuple[Choice, ...]:
        """The choices of the space, in its order."""

    @property
    def range_ms(self) -> tuple[float, float]:
        """Latency of the fastest architecture, and the limit (or the slowest, where every architecture meets it)."""

    @property
    def limited(self) -> bool:
        """Whether some architecture of the space does not meet the limit."""

    @property
    def enumerated(self) -> IntArray | None:
        """All of its architectures in canonical form, where they are few enough to compare them all; else None."""

    def predict_ms(self, codes: IntArray) -> FloatArray:
        """(N,) predicted latency."""

    def constraints(self, codes: IntArray) -> dict[str, FloatArray]:
        """For each limit, (N,) by what share of it architectures exceed it; none is above 0 inside the region."""

    def draw(self, low_ms: float, high_ms: float, count: int, rng: np.random.Generator) -> IntArray:
        """Uniform among the architectures of a band, (N, choices), N <= count; none when the band is empty."""

    def encode(self, architectures: list[Architecture]) -> IntArray:
        """Value indices of architectures; inactive choices are 0."""

    def canonical(self, codes: IntArray) -> IntArray:
        """The same architectures with 0 for every inactive choice, so that equal rows are equal architectures."""

    def admitted(self, codes: IntArray) -> IntArray:
        """The architectures of the region among these, canonical and in order; a region that has only some architectures of its space
        takes the nearest of them for each that it does not have."""


@dataclass(frozen=True, slots=True)
class Evaluated:
    """The searchers' data.

    Attributes:
        codes: (N, choices) value indices of the completed trials, in order.
        metric: (N,) their metric, higher is better.
        latency_ms: (N,) their predicted latency.
        pending: (P, choices) trials that run at the moment.
        failed: (K, choices) trials without a result.
        front: whether the whole front is searched; else the best metric within the limit alone.
    """

    codes: IntArray
    metric: FloatArray
    latency_ms: FloatArray
    pending: IntArray
    failed: IntArray
    front: bool = True

    @property
    def seen(self) -> set[bytes]:
        """Keys of all that need no evaluation any more, see `keys`."""
        return {*keys(self.codes), *keys(self.pending), *keys(self.failed)}


def keys(codes: IntArray) -> list[bytes]:
    """A hashable key for each row."""
    return [row.tobytes() for row in np.ascontiguousarray(codes, np.int64)]


class RegionSampler(BaseSampler, ABC):
    """Suggests whole architectures of a region, one value for each choice of the space.

    Args:
        region: the architectures to suggest from.
        evaluations: number in the whole search.
        seed: of every random decision.
    """

    def __init__(self, region: Region, *, evaluations: int, seed: int) -> None:
        self.region, self.evaluations, self.seed = region, evaluations, seed

    @abstractmethod
    def suggest(self, known: Evaluated, rng: np.random.Generator) -> IntArray:
        """(choices,) value indices of the next architecture, canonical and inside the limit.

        Args:
            known: the trials before it.
            rng: made of the seed and the trial's number.
        """

    def infer_relative_search_space(self, study: Study, trial: FrozenTrial) -> dict[str, BaseDistribution]:
        """Every choice of the space."""
        return {c.name: CategoricalDistribution(c.values) for c in self.region.choices}

    def sample_relative(
        self, study: Study, trial: FrozenTrial, search_space: dict[str, BaseDistribution]
    ) -> dict[str, Any]:
        """The next architecture: a value for each choice (inactive ones are not used)."""
        if not search_space:
            return {}
        known = evaluated(study, self.region, before=trial.number)
        code = self.suggest(known, np.random.default_rng([self.seed, trial.number]))
        return {c.name: c.values[v] for c, v in zip(self.region.choices, code.tolist(), strict=True)}

    def sample_independent(
        self, study: Study, trial: FrozenTrial, param_name: str, param_distribution: BaseDistribution
    ) -> Any:
        """Uniform: a parameter that is no choice of the space is none that the searcher knows anything of."""
        seed = np.random.SeedSequence([self.seed, trial.number, crc32(param_name.encode())]).generate_state(1)[0]
        return RandomSampler(seed=int(seed)).sample_independent(study, trial, param_name, param_distribution)

    def unseen(self, known: Evaluated) -> IntArray | None:
        """The architectures that need an evaluation, where the region can be enumerated; else None."""
        listed = self.region.enumerated
        if listed is None:
            return None
        left = np.ones(len(listed), bool)
        left[[self._rows[key] for key in known.seen if key in self._rows]] = False
        return listed[left]

    @cached_property
    def _rows(self) -> dict[bytes, int]:
        """Of the enumerated architectures."""
        listed = self.region.enumerated
        return {} if listed is None else {key: i for i, key in enumerate(keys(listed))}

    def uniform(self, known: Evaluated, rng: np.random.Generator, band: tuple[float, float] | None = None) -> IntArray:
        """An architecture of a latency band, a new one where there is one; of the whole region, where the band has no new one."""
        if band is not None:
            new = fresh(self.region.canonical(self.region.draw(*band, 16, rng)), known.seen)
            if len(new):
                return row(new, 0)
        left = self.unseen(known)
        if left is not None and len(left):
            return row(left, int(rng.integers(len(left))))
        sampled = self.region.canonical(self.region.draw(*self.region.range_ms, SAMPLES, rng))
        new = fresh(sampled, known.seen)
        return row(new if len(new) else sampled, 0)

    def changed(self, parents: IntArray, rng: np.random.Generator, rate: float) -> IntArray:
        """The parents with each choice replaced with probability `rate` by a uniform value; only those inside the limit."""
        sizes = [len(c.values) for c in self.region.choices]
        replaced = rng.random(parents.shape) < rate
        return self.region.admitted(np.where(replaced, rng.integers(0, sizes, size=parents.shape), parents))

    def neighbours(self, parents: IntArray) -> IntArray:
        """All architectures inside the limit that differ from a parent in one choice."""
        found = []
        for column, choice in enumerate(self.region.choices):
            copies = np.repeat(parents, len(choice.values), axis=0)
            copies[:, column] = np.tile(np.arange(len(choice.values)), len(parents))
            found.append(copies)
        return self.region.admitted(np.concatenate(found))


def row(codes: IntArray, index: int) -> IntArray:
    """One architecture, (choices,)."""
    return np.asarray(codes[index], np.int64)


def fresh(codes: IntArray, seen: set[bytes]) -> IntArray:
    """The distinct rows that are not seen yet, in their order."""
    rows = {key: i for i, key in reversed(list(enumerate(keys(codes))))}
    return codes[sorted(i for key, i in rows.items() if key not in seen)]


def evaluated(study: Study, region: Region, before: int) -> Evaluated:
    """The trials of a study before a number; a trial has parameters for its active choices alone."""
    index = [(c.name, {v: i for i, v in enumerate(c.values)}) for c in region.choices]
    states: dict[TrialState, list[FrozenTrial]] = {state: [] for state in TrialState}
    for trial in study.get_trials(deepcopy=False):
        if trial.number < before and trial.params.keys() & {name for name, _ in index}:
            states[trial.state].append(trial)

    def codes(trials: list[FrozenTrial]) -> IntArray:
        rows = [[at.get(t.params[name], 0) if name in t.params else 0 for name, at in index] for t in trials]
        return np.array(rows, np.int64).reshape(-1, len(index))

    done = [t for t in states[TrialState.COMPLETE] if all(c <= 0 for c in t.constraints.values())]
    sign = 1.0 if study.directions[0] is StudyDirection.MAXIMIZE else -1.0
    known = codes(done)
    return Evaluated(
        known,
        np.array([sign * t.values[0] for t in done], np.float64),
        region.predict_ms(known) if done else np.zeros(0),
        codes(states[TrialState.RUNNING]),
        codes([*states[TrialState.FAIL], *states[TrialState.PRUNED]]),
        front=len(study.directions) > 1,
    )
