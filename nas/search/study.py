"""The search itself: an Optuna study that holds every trial, journalled so that a killed one resumes.

Objectives: INT8 accuracy on the validation set (measured on the supernet's subnet) and predicted latency. The latency
limit is a hard constraint that the sampler enforces before anything is evaluated.
"""

import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from math import isfinite
from typing import Any, Final, cast

import optuna
from optuna.distributions import CategoricalDistribution
from optuna.samplers import BaseSampler
from optuna.trial import FrozenTrial, Trial, TrialState, create_trial

from nas.core_seconds import core_seconds
from nas.errors import Cancelled, FailedEvaluations, StoreCorrupt
from nas.events import CandidateEvent, EventSink, FrontEvent, ProgressEvent
from nas.journal import Journal
from nas.metric import MetricValue
from nas.objective import Objective, objectives
from nas.search.candidate import Candidate, Evaluate, Evaluation, front, point, read_line, write_line
from nas.search.front import hypervolume
from nas.search.limited_study import LimitedStudy
from nas.search.sampler import IntArray, Region, row
from nas.search.searchers.registry import DEFAULT
from search_spaces.cost import macs, params, peak_memory_bytes, weight_bytes
from search_spaces.errors import InvalidArchitecture
from search_spaces.space import Architecture, SearchSpace, Value

FAILED_SHARE: Final = 0.2
"""Share of evaluations without a number above which a search ends with an error."""
LEAST_FAILED: Final = 5
"""Of them, before the share counts."""


@dataclass(frozen=True, slots=True)
class SearchProblem:
    """The search problem of one target.

    Attributes:
        space: to search.
        region: its architectures inside the limit, see `sampler.Region`.
        target: id, for the events.
        budget_ms: the requested budget, for the events; the region's limit is at most that.
        evaluations: most architectures to evaluate, where all images decide each of them; as much work where some are dropped before.
        images: of the validation set that decide an architecture, where some are dropped after fewer; None where none is.
        calibration: work of an evaluation before its first image, in images.
        most: architectures, at most, that are there to be evaluated; `evaluations` when None.
        seed: of the sampler.
        metric: its name, for the events; higher is better.
        limit_ms: the region's limit, for the events; `budget_ms` when None.
        predicted_error: mean relative error of the predictions, a fraction, for the events.
        first: architectures to evaluate before the searcher suggests any.
        searcher: its name.
        objective: what the searcher is after. All objectives have fronts of candidates, of metric and latency.
    """

    space: SearchSpace
    region: Region
    target: str
    budget_ms: float
    evaluations: int
    seed: int
    metric: str = "accuracy"
    limit_ms: float | None = None
    predicted_error: float | None = None
    first: tuple[Architecture, ...] = ()
    searcher: str = DEFAULT
    objective: Objective = "front"
    images: int | None = None
    calibration: float = 0.0
    most: int | None = None

    def work(self, images: int | None) -> float:
        """The work of an evaluation on so many images, as a share of one on all."""
        if images is None or self.images is None:
            return 1.0
        return (self.calibration + images) / (self.calibration + self.images)

    def rival(self, candidates: Sequence[Candidate], latency_ms: float) -> Architecture | None:
        """The best candidate that is as fast and was evaluated on all images."""
        as_fast = [c for c in candidates if c.latency_ms <= latency_ms and c.images in (None, self.images)]
        return max(as_fast, key=lambda c: c.value).architecture if as_fast else None


def run(
    problem: SearchProblem,
    evaluate: Evaluate,
    journal: Journal,
    *,
    on_event: EventSink,
    cancelled: Callable[[], bool],
    sampler: BaseSampler | None = None,
) -> list[Candidate]:
    """Evaluates up to `problem.evaluations` architectures; returns them in the order of evaluation; one suggested twice is there twice.

    Args:
        problem: to solve.
        evaluate: costly; one that gives no number counts as failed, and its architecture is not suggested again.
        journal: the trials so far; each new one is appended before the next begins.
        on_event: receives candidates, fronts and progress.
        cancelled: polled before each evaluation.
        sampler: an Optuna sampler in place of the problem's searcher; one with state of its own does not resume exactly.

    Raises:
        UnknownSearcher: the problem's searcher is not installed.
        Cancelled: `cancelled` returned true; the journal has every complete trial.
        StoreCorrupt: the journal is of another space.
        FailedEvaluations: more than a fifth of the evaluations gave no number; the journal has all of them.
    """
    optuna.logging.set_verbosity(optuna.logging.WARNING)
    limited = LimitedStudy(
        problem.region,
        sampler or problem.searcher,
        evaluations=problem.evaluations,
        seed=problem.seed,
        objective=problem.objective,
    )
    lines = journal.read()
    candidates = _resumed(problem, limited, lines)
    failed = len(lines) - len(candidates)
    seen = {c.architecture: Evaluation(c.value, c.images) for c in candidates}
    replay(problem, candidates, on_event)  # a kill may have come before their events
    began = time.monotonic()
    before = done = failed + sum(problem.work(c.images) for c in candidates)
    while done < problem.evaluations and (asked := failed + len(candidates)) < (problem.most or problem.evaluations):
        if cancelled():
            raise Cancelled("The search was cancelled.", fix="Run the same command again to continue it.")
        wall_s, cores_s = time.monotonic(), core_seconds()
        if asked < len(problem.first):
            limited.study.enqueue_trial(dict(problem.first[asked].values))
        trial, code = limited.ask(lambda trial: _suggested(problem, trial))
        architecture = _decoded(problem, code)
        latency = float(problem.region.predict_ms(code[None])[0])
        found = seen.get(architecture) or evaluate(architecture, problem.rival(candidates, latency))
        limited.tell(trial, found.value)
        done += problem.work(found.images)
        if isfinite(found.value):
            seen[architecture] = found
            spent = (time.monotonic() - wall_s, core_seconds() - cores_s, time.time())
            candidates.append(Candidate(architecture, found.value, latency, *spent, found.images))
            journal.append(write_line(candidates[-1]))
            _emit(problem, candidates, on_event)
        else:
            failed += 1
            journal.append({"values": dict(architecture.values), "failed": True})
            _reject_failures(failed, asked + 1, architecture)
        eta = (time.monotonic() - began) / (done - before) * max(problem.evaluations - done, 0.0)
        on_event(
            ProgressEvent(
                phase="searching",
                done=round(min(done, problem.evaluations), 3),
                total=problem.evaluations,
                unit="evaluations",
                eta_s=eta,
                target=problem.target,
            )
        )
    return candidates


def _resumed(problem: SearchProblem, limited: LimitedStudy, lines: Sequence[dict[str, Any]]) -> list[Candidate]:
    """The candidates of a journal, of which the study knows then."""
    try:
        limited.add(_stored(problem, line) for line in lines)
        return [read_line(problem.space, line) for line in lines if "failed" not in line]
    except (KeyError, ValueError, InvalidArchitecture) as error:
        raise StoreCorrupt(
            f"The journal's evaluations are not of the space {problem.space.name}: {error}.",
            fix="Search this space with a journal of its own; this one is as it was.",
        ) from error


def _reject_failures(failed: int, asked: int, newest: Architecture) -> None:
    """Raises where so many evaluations gave no number that more are a waste."""
    if failed >= LEAST_FAILED and failed > FAILED_SHARE * asked:
        raise FailedEvaluations(
            f"{failed} of {asked} evaluations gave no number, the last one that of {newest.id}.",
            fix="Check the data and the trained network or supernet; the evaluations that succeeded are stored.",
            facts={"failed": failed, "evaluations": asked, "architecture": str(newest)},
        )


def replay(problem: SearchProblem, candidates: Sequence[Candidate], on_event: EventSink) -> None:
    """Emits stored candidates again, with their original numbers."""
    for count in range(1, len(candidates) + 1):
        on_event(_candidate_event(problem, candidates[:count]))


def _suggested(problem: SearchProblem, trial: Trial) -> IntArray:
    """Suggests values of the active choices only, in the order in which the stages read them; gives the value indices."""
    chosen = problem.space.choose(lambda choice: cast(Value, trial.suggest_categorical(choice.name, choice.values)))
    return row(problem.region.encode([chosen]), 0)


def _decoded(problem: SearchProblem, code: IntArray) -> Architecture:
    values = {c.name: c.values[v] for c, v in zip(problem.region.choices, code.tolist(), strict=True)}
    return problem.space.architecture(values)


def _stored(problem: SearchProblem, line: dict[str, Any]) -> FrozenTrial:
    """A trial of the journal; a failed one has no values."""
    offered = {c.name: c.values for c in problem.space.choices}
    values = None
    if "failed" not in line:
        values = objectives(problem.objective, line["value"], line["latency_ms"], problem.region.range_ms[1])
    return create_trial(
        params=line["values"],
        distributions={name: CategoricalDistribution(offered[name]) for name in line["values"]},
        values=values,
        state=TrialState.FAIL if values is None else TrialState.COMPLETE,
    )


def _candidate_event(problem: SearchProblem, candidates: Sequence[Candidate]) -> CandidateEvent:
    """The event of the last candidate."""
    newest = candidates[-1]
    network = problem.space.network(newest.architecture)
    return CandidateEvent(
        number=len(candidates) - 1,
        architecture=str(newest.architecture),
        architecture_id=newest.architecture.id,
        metric=MetricValue(name=problem.metric, value=newest.value),
        latency_ms={problem.target: newest.latency_ms},
        feasible={problem.target: newest.latency_ms <= problem.budget_ms},
        choices=dict(newest.architecture.values),
        macs=macs(network),
        params=params(network),
        weight_bytes=weight_bytes(network),
        peak_memory_bytes=peak_memory_bytes(network),
        images=newest.images,
    )


def _emit(problem: SearchProblem, candidates: Sequence[Candidate], on_event: EventSink) -> None:
    newest = candidates[-1]
    on_event(_candidate_event(problem, candidates))
    if newest in front(candidates):
        on_event(front_event(problem, candidates))


def front_event(problem: SearchProblem, candidates: Sequence[Candidate]) -> FrontEvent:
    """The front of the candidates so far."""
    best = front(candidates)
    return FrontEvent(
        target=problem.target,
        budget_ms=problem.budget_ms,
        evaluations=len(candidates),
        points=tuple(point(c, problem.metric) for c in best),
        limit_ms=problem.budget_ms if problem.limit_ms is None else problem.limit_ms,
        predicted_error=problem.predicted_error,
        hypervolume=hypervolume([c.value for c in best], [c.latency_ms for c in best], limit=problem.budget_ms),
    )
