"""The search itself: an Optuna study that holds every trial, journalled so that a killed one resumes.

Objectives: INT8 accuracy on the validation set (measured on the supernet's subnet) and predicted latency. The latency
limit is a hard constraint that the sampler enforces before anything is evaluated.
"""

import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Final, cast

import optuna
from optuna.distributions import CategoricalDistribution
from optuna.samplers import BaseSampler
from optuna.trial import FrozenTrial, Trial, create_trial

from nas.core_seconds import core_seconds
from nas.errors import Cancelled
from nas.events import CandidateEvent, EventSink, FrontEvent, FrontPoint, ProgressEvent
from nas.journal import Journal
from nas.metric import MetricValue
from nas.search.front import hypervolume, pareto
from nas.search.limited_study import LimitedStudy
from nas.search.objective import Objective, objectives
from nas.search.sampler import IntArray, Region, row
from nas.search.searchers.registry import DEFAULT
from search_spaces.cost import macs, params, peak_memory_bytes, weight_bytes
from search_spaces.space import Architecture, SearchSpace, Value


@dataclass(frozen=True, slots=True)
class Candidate:
    """An evaluated architecture; `value` is of the search's metric in INT8 on the validation set.

    Attributes:
        seconds, core_seconds: from the suggestion to the value; None where an earlier version evaluated it.
        images: that it was evaluated on; None where that is unknown.
    """

    architecture: Architecture
    value: float
    latency_ms: float
    seconds: float | None = field(default=None, compare=False)
    core_seconds: float | None = field(default=None, compare=False)
    images: int | None = field(default=None, compare=False)


OPTIONAL: Final = ("seconds", "core_seconds", "images")
"""Fields of a candidate that a journal may lack."""


@dataclass(frozen=True, slots=True)
class SearchProblem:
    """The search problem of one target.

    Attributes:
        space: to search.
        region: its architectures inside the limit, see `sampler.Region`.
        target: id, for the events.
        budget_ms: the requested budget, for the events; the region's limit is at most that.
        evaluations: most architectures to evaluate.
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


def run(
    problem: SearchProblem,
    evaluate: Callable[[Architecture], float],
    journal: Journal,
    *,
    on_event: EventSink,
    cancelled: Callable[[], bool],
    sampler: BaseSampler | None = None,
) -> list[Candidate]:
    """Evaluates up to `problem.evaluations` architectures; returns them in the order of evaluation; one suggested twice is there twice.

    Args:
        problem: to solve.
        evaluate: the metric of an architecture in INT8 on the validation set; costly.
        journal: the trials so far; each new one is appended before the next begins.
        on_event: receives candidates, fronts and progress.
        cancelled: polled before each evaluation.
        sampler: an Optuna sampler in place of the problem's searcher; one with state of its own does not resume exactly.

    Raises:
        UnknownSearcher: the problem's searcher is not installed.
        Cancelled: `cancelled` returned true; the journal has every complete trial.
    """
    optuna.logging.set_verbosity(optuna.logging.WARNING)
    limited = LimitedStudy(
        problem.region,
        sampler or problem.searcher,
        evaluations=problem.evaluations,
        seed=problem.seed,
        objective=problem.objective,
    )
    lines = journal.read()[: problem.evaluations]
    limited.add(_stored(problem, line) for line in lines)
    candidates = [read_line(problem.space, line) for line in lines]
    seen = {c.architecture: c.value for c in candidates}
    replay(problem, candidates, on_event)  # a kill may have come before their events
    started, before = time.monotonic(), len(candidates)
    while (number := len(candidates)) < problem.evaluations:
        if cancelled():
            raise Cancelled("The search was cancelled.", fix="Run the same command again to continue it.")
        wall_s, cores_s = time.monotonic(), core_seconds()
        if number < len(problem.first):
            limited.study.enqueue_trial(dict(problem.first[number].values))
        trial, code = limited.ask(lambda trial: _suggested(problem, trial))
        architecture = _decoded(problem, code)
        latency = float(problem.region.predict_ms(code[None])[0])
        found = seen.get(architecture)
        value = evaluate(architecture) if found is None else found
        seen[architecture] = value
        candidates.append(Candidate(architecture, value, latency, time.monotonic() - wall_s, core_seconds() - cores_s))
        journal.append(write_line(candidates[-1]))
        limited.tell(trial, value)
        _emit(problem, candidates, on_event)
        rate = (time.monotonic() - started) / (number + 1 - before)
        eta = rate * (problem.evaluations - number - 1)
        on_event(
            ProgressEvent(
                phase="searching",
                done=number + 1,
                total=problem.evaluations,
                unit="candidates",
                eta_s=eta,
                target=problem.target,
            )
        )
    return candidates


def replay(problem: SearchProblem, candidates: Sequence[Candidate], on_event: EventSink) -> None:
    """Emits stored candidates again, with their original numbers."""
    for count in range(1, len(candidates) + 1):
        on_event(_candidate_event(problem, candidates[:count]))


def write_line(candidate: Candidate) -> dict[str, Any]:
    """A candidate as a line of a journal."""
    known = {name: getattr(candidate, name) for name in OPTIONAL if getattr(candidate, name) is not None}
    values = dict(candidate.architecture.values)
    return {"values": values, "value": candidate.value, "latency_ms": candidate.latency_ms, **known}


def read_line(space: SearchSpace, line: Mapping[str, Any]) -> Candidate:
    """The inverse of `write_line`; lines of earlier versions have no times."""
    known = {name: line.get(name) for name in OPTIONAL}
    return Candidate(space.architecture(line["values"]), line["value"], line["latency_ms"], **known)


def distinct(candidates: Sequence[Candidate]) -> list[Candidate]:
    """Each architecture once, in the order of its first evaluation."""
    return list({c.architecture: c for c in candidates}.values())


def front(candidates: Sequence[Candidate]) -> list[Candidate]:
    """The Pareto-optimal candidates, fastest first."""
    return [candidates[i] for i in pareto([c.value for c in candidates], [c.latency_ms for c in candidates])]


def point(candidate: Candidate, metric: str) -> FrontPoint:
    """A candidate as it is reported."""
    return FrontPoint(
        architecture=str(candidate.architecture),
        architecture_id=candidate.architecture.id,
        metric=MetricValue(name=metric, value=candidate.value),
        latency_ms=candidate.latency_ms,
    )


def _suggested(problem: SearchProblem, trial: Trial) -> IntArray:
    """Suggests values of the active choices only, in the order in which the stages read them; gives the value indices."""
    chosen = problem.space.choose(lambda choice: cast(Value, trial.suggest_categorical(choice.name, choice.values)))
    return row(problem.region.encode([chosen]), 0)


def _decoded(problem: SearchProblem, code: IntArray) -> Architecture:
    values = {c.name: c.values[v] for c, v in zip(problem.region.choices, code.tolist(), strict=True)}
    return problem.space.architecture(values)


def _stored(problem: SearchProblem, line: dict[str, Any]) -> FrozenTrial:
    offered = {c.name: c.values for c in problem.space.choices}
    return create_trial(
        params=line["values"],
        distributions={name: CategoricalDistribution(offered[name]) for name in line["values"]},
        values=objectives(problem.objective, line["value"], line["latency_ms"], problem.region.range_ms[1]),
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
