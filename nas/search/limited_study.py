"""An Optuna study over a region: any Optuna sampler searches it, and only new architectures inside the limit come out.

Samplers that know of no limit are checked after every suggestion. One beyond the limit is answered from the latency table, as a violated
constraint, and never evaluated; one that was evaluated before is answered with what is known. Both are counted. After `MOST_REPEATS` of
them in a row the next architecture is drawn uniformly among the new ones within the limit.
"""

import logging
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import Final, cast

import numpy as np
import optuna
from optuna.samplers import BaseSampler
from optuna.trial import FrozenTrial, Trial, TrialState

from nas.objective import Objective, objectives
from nas.search.sampler import IntArray, Region, fresh, keys, row
from nas.search.searchers.registry import DEFAULT, searcher
from search_spaces.space import Value

MOST_REPEATS: Final = 20
"""Suggestions in a row that are of no use until one is drawn at random."""

_LOG: Final = logging.getLogger(__name__)


@dataclass(slots=True)
class SuggestionCounts:
    """Suggestions of no use: beyond the limit, evaluated before; architectures that were drawn at random in their place; and suggestions
    that were moved to the nearest new architecture that the region has."""

    infeasible: int = 0
    repeated: int = 0
    random: int = 0
    moved: int = 0


class LimitedStudy:
    """An Optuna study that asks for new architectures of a region alone.

    Args:
        region: the architectures to search, with their limit.
        sampler: an Optuna sampler, or the name of a searcher.
        evaluations: number in the whole search, for searchers that plan with it.
        seed: of a named searcher, and of architectures drawn in place of useless suggestions.
        objective: what is searched for; of a front, latency is minimised, too.

    Example:
        >>> from nas.search.table_region import TableRegion
        >>> optuna.logging.set_verbosity(optuna.logging.WARNING)
        >>> region = TableRegion.of_choices({"width": (8, 16, 32), "depth": (1, 2, 3)}, lambda v: v["width"] * v["depth"], limit_ms=32)
        >>> limited = LimitedStudy(region, "random", evaluations=5, objective="metric")
        >>> for _ in range(5):
        ...     trial, code = limited.ask()
        ...     limited.tell(trial, float(code.sum()))
        >>> limited.study.best_params, max(limited.region.predict_ms(region.enumerated))
        ({'width': 32, 'depth': 1}, 32.0)
    """

    def __init__(
        self,
        region: Region,
        sampler: BaseSampler | str = DEFAULT,
        *,
        evaluations: int = 100,
        seed: int = 0,
        objective: Objective = "front",
    ) -> None:
        if isinstance(sampler, str):
            sampler = searcher(sampler).create(region, evaluations, seed)
        self.region = region
        self.study = optuna.create_study(
            directions=["maximize", "minimize"] if objective == "front" else ["maximize"], sampler=sampler
        )
        self.counts = SuggestionCounts()
        self._objective, self._seed = objective, seed
        self._values: dict[bytes, list[float]] = {}
        self._failed: set[bytes] = set()
        self._pending: dict[int, bytes] = {}

    @property
    def exhausted(self) -> bool:
        """Whether every architecture inside the limit is evaluated or pending; False where they are too many to list."""
        listed = self.region.enumerated
        return listed is not None and len(self._seen) >= len(listed)

    @property
    def _seen(self) -> set[bytes]:
        return {*self._values, *self._failed, *self._pending.values()}

    def ask(self, read: Callable[[Trial], IntArray] | None = None) -> tuple[Trial, IntArray]:
        """The next trial and its architecture: a new one, as long as there is one.

        Args:
            read: suggests the values of a trial and gives their indices (choices,); by default it suggests every choice.
        """
        read = read or self._read
        for _ in range(MOST_REPEATS):
            trial = self.study.ask()
            code = self._admitted(trial, read(trial))
            if code is None:
                continue
            key = keys(code[None])[0]
            if not np.array_equal(code, self.region.canonical(self._code(trial)[None])[0]):
                self.counts.moved += 1
                self.study.tell(trial, state=TrialState.FAIL)
                code = self._new_for(self._code(trial), code)
                key = keys(code[None])[0]
                trial = self._enqueued(code, read)
            if key not in self._seen or self.exhausted:
                self._pending[trial.number] = key
                return trial, code
            self.counts.repeated += 1
            if key in self._values:
                self._answer(trial, self._values[key], code)
            else:
                self.study.tell(trial, state=TrialState.FAIL)
        return self._drawn(read)

    def ask_batch(self, count: int) -> list[tuple[Trial, IntArray]]:
        """Several trials to evaluate at the same time, all different; the searcher knows which of them still run."""
        return [self.ask() for _ in range(count)]

    def tell(self, trial: Trial, metric: float) -> None:
        """The result of a trial. One that is not a number counts as failed: it is kept, and not suggested again."""
        key = self._pending.pop(trial.number)
        if np.isfinite(metric):
            code = np.frombuffer(key, np.int64)
            self._values[key] = objectives(self._objective, metric, self._latency_ms(code), self.region.range_ms[1])
            self._answer(trial, self._values[key], code)
        else:
            self._failed.add(key)
            self.study.tell(trial, state=TrialState.FAIL)

    def add(self, trials: Iterable[FrozenTrial]) -> None:
        """Completed and failed trials of an earlier study of the same region and objectives."""
        for trial in trials:
            key = keys(self.region.canonical(self._code(trial)[None]))[0]
            if trial.state is TrialState.COMPLETE:
                if self.region.limited and not trial.constraints:
                    self._constrain(trial, self._code(trial))
                self._values[key] = list(trial.values)
            else:
                self._failed.add(key)
            self.study.add_trial(trial)

    def _read(self, trial: Trial) -> IntArray:
        for choice in self.region.choices:
            trial.suggest_categorical(choice.name, choice.values)
        return self._code(trial)

    def _code(self, trial: Trial | FrozenTrial) -> IntArray:
        """(choices,) value indices of a trial's parameters; 0 for those that it does not have."""
        values = trial.params
        return np.array(
            [c.values.index(cast(Value, values[c.name])) if c.name in values else 0 for c in self.region.choices],
            np.int64,
        )

    def _admitted(self, trial: Trial, code: IntArray) -> IntArray | None:
        """The architecture that is meant, or None for one beyond the limit, which is answered."""
        admitted = self.region.admitted(code[None])
        if len(admitted):
            return row(admitted, 0)
        self.counts.infeasible += 1
        worst = min((values[0] for values in self._values.values()), default=0.0)
        self._answer(trial, [worst, self._latency_ms(code)][: len(self.study.directions)], code)
        return None

    def _new_for(self, suggested: IntArray, nearest: IntArray) -> IntArray:
        """The nearest new architecture to one that the region does not have; the nearest, where it is new or none is."""
        listed = self.region.enumerated
        if listed is None or keys(nearest[None])[0] not in self._seen:
            return nearest
        new = fresh(listed, self._seen)
        return row(new, int((new != suggested).sum(axis=1).argmin())) if len(new) else nearest

    def _latency_ms(self, code: IntArray) -> float:
        return float(self.region.predict_ms(code[None])[0])

    def _answer(self, trial: Trial, values: list[float], code: IntArray) -> None:
        if self.region.limited:
            self._constrain(trial, code)
        self.study.tell(trial, values)

    def _constrain(self, trial: Trial | FrozenTrial, code: IntArray) -> None:
        for name, excess in self.region.constraints(code[None]).items():
            trial.set_constraint(name, float(excess[0]))

    def _enqueued(self, code: IntArray, read: Callable[[Trial], IntArray]) -> Trial:
        self.study.enqueue_trial({c.name: c.values[v] for c, v in zip(self.region.choices, code.tolist(), strict=True)})
        trial = self.study.ask()
        read(trial)
        return trial

    def _drawn(self, read: Callable[[Trial], IntArray]) -> tuple[Trial, IntArray]:
        """A trial of a new architecture that is drawn uniformly; of any, where no new one is found."""
        self.counts.random += 1
        rng = np.random.default_rng([self._seed, len(self.study.get_trials(deepcopy=False))])
        listed = self.region.enumerated
        codes = self.region.canonical(self.region.draw(*self.region.range_ms, 4096, rng)) if listed is None else listed
        codes = rng.permutation(codes)
        new = fresh(codes, self._seen)
        code = new[0] if len(new) else codes[0]
        _LOG.warning(
            "The searcher suggested nothing new within the limit %d times in a row; the next architecture is a random one.",
            MOST_REPEATS,
        )
        trial = self._enqueued(code, read)
        self._pending[trial.number] = keys(code[None])[0]
        return trial, code
