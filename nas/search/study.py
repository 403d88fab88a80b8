"""The search itself: an Optuna study that holds every trial, journalled so that a killed one resumes.

Objectives: INT8 accuracy on the validation set (measured on the supernet's subnet) and predicted latency. The latency
limit is a hard constraint that the sampler enforces before anything is evaluated. Architectures are suggested, evaluated and told in
batches, so that a batch can be evaluated by several processes; how large one is, is part of the problem, and what is found does not
depend on who evaluates. Not here: the problem, its journal, its events, and what is left to do (`history.py`).
"""

import time
from collections.abc import Callable
from dataclasses import dataclass
from math import isfinite
from typing import cast

import optuna
from optuna.samplers import BaseSampler
from optuna.trial import Trial

from nas.core_seconds import core_seconds
from nas.errors import Cancelled
from nas.events import EventSink
from nas.journal import Journal
from nas.search.candidate import Candidate, Evaluate, Evaluation, Suggestion, write_line
from nas.search.history import History
from nas.search.limited_study import LimitedStudy
from nas.search.problem import SearchProblem
from nas.search.sampler import IntArray, row
from nas.search.study_events import StudyEvents, replay
from nas.search.study_journal import failed_line, read_lines, resumed, write_batch
from search_spaces.space import Architecture, Value


@dataclass(frozen=True, slots=True)
class _Asked:
    """A trial with its architecture, and the latency that is predicted for it."""

    trial: Trial
    architecture: Architecture
    latency_ms: float


def run(
    problem: SearchProblem,
    evaluate: Evaluate,
    journal: Journal,
    *,
    on_event: EventSink,
    cancelled: Callable[[], bool],
    sampler: BaseSampler | None = None,
) -> list[Candidate]:
    """Evaluates up to `problem.evaluations` architectures; returns them in the order of suggestion; one suggested twice is there twice.

    Args:
        problem: to solve.
        evaluate: costly; one that gives no number counts as failed, and its architecture is not suggested again.
        journal: the trials so far; each new batch is appended before the next begins.
        on_event: receives candidates, fronts and progress.
        cancelled: polled before each batch.
        sampler: an Optuna sampler in place of the problem's searcher; one with state of its own does not resume exactly.

    Raises:
        UnknownSearcher: the problem's searcher is not installed.
        Cancelled: `cancelled` returned true; the journal has every complete batch.
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
    lines = read_lines(journal)
    candidates = resumed(problem, limited, lines)
    history = History(problem, candidates, failed=len(lines) - len(candidates))
    replay(problem, candidates, on_event)  # a kill may have come before their events
    events = StudyEvents(problem, on_event, history.done)
    while count := history.next_batch:
        if cancelled():
            raise Cancelled("The search was cancelled.", fix="Run the same command again to continue it.")
        batch = _evaluated(problem, limited, history, count, evaluate)
        write_batch(journal, [write_line(c) if isfinite(c.value) else failed_line(c.architecture) for c in batch])
        for candidate in batch:
            if history.add(candidate):
                events.candidate(history.candidates)
            else:
                history.reject_failures(candidate.architecture)
            events.progress(history.done)
    return history.candidates


def _evaluated(
    problem: SearchProblem, limited: LimitedStudy, history: History, count: int, evaluate: Evaluate
) -> list[Candidate]:
    """The next architectures, evaluated and told, in the order of suggestion; failed ones have no number."""
    began, cores_s = time.monotonic(), core_seconds()
    batch = [_asked(problem, limited, number) for number in range(history.asked, history.asked + count)]
    asking_s, cores_s = core_seconds() - cores_s, core_seconds()
    new = {one.architecture: one.latency_ms for one in batch if one.architecture not in history.known}
    found = _evaluations(problem, history, new, evaluate)
    evaluating_s, wall_s, finished = core_seconds() - cores_s, time.monotonic() - began, time.time()
    candidates = []
    for one in batch:
        evaluation = history.known.get(one.architecture) or found[one.architecture]
        limited.tell(one.trial, evaluation.value)
        own_s = evaluation.core_seconds if one.architecture in new else 0.0
        spent_s = asking_s / count + (evaluating_s / len(new) if own_s is None else own_s)
        numbers = (evaluation.value, one.latency_ms, wall_s, spent_s, finished, evaluation.images)
        candidates.append(Candidate(one.architecture, *numbers))
    return candidates


def _evaluations(
    problem: SearchProblem, history: History, new: dict[Architecture, float], evaluate: Evaluate
) -> dict[Architecture, Evaluation]:
    """The evaluations of new architectures with their latencies. Their rivals are of earlier batches, whoever is the first to finish."""
    if not new:
        return {}
    suggestions = [Suggestion(one, problem.rival(history.candidates, latency)) for one, latency in new.items()]
    return dict(zip(new, evaluate(suggestions), strict=True))


def _asked(problem: SearchProblem, limited: LimitedStudy, number: int) -> _Asked:
    """The next trial, one of the problem's first architectures if that is its turn."""
    if number < len(problem.first):
        limited.study.enqueue_trial(dict(problem.first[number].values))
    trial, code = limited.ask(lambda trial: _suggested(problem, trial))
    return _Asked(trial, _decoded(problem, code), float(problem.region.predict_ms(code[None])[0]))


def _suggested(problem: SearchProblem, trial: Trial) -> IntArray:
    """Suggests values of the active choices only, in the order in which the stages read them; gives the value indices."""
    chosen = problem.space.choose(lambda choice: cast(Value, trial.suggest_categorical(choice.name, choice.values)))
    return row(problem.region.encode([chosen]), 0)


def _decoded(problem: SearchProblem, code: IntArray) -> Architecture:
    values = {c.name: c.values[v] for c, v in zip(problem.region.choices, code.tolist(), strict=True)}
    return problem.space.architecture(values)
