"""What a search tells while it runs: candidates, the front so far, and progress. Not here: the search (`study.py`)."""

import time
from collections.abc import Sequence

from nas.events import CandidateEvent, EventSink, FrontEvent, ProgressEvent
from nas.metric import MetricValue
from nas.search.candidate import Candidate, front, point
from nas.search.front import hypervolume
from nas.search.problem import SearchProblem
from search_spaces.cost import macs, params, peak_memory_bytes, weight_bytes


class StudyEvents:
    """Emits what a search finds, in the order of suggestion, and how far it is.

    Args:
        problem: that is solved.
        on_event: receives the events.
        done: evaluations that earlier attempts did; the rate is of this one's alone.
    """

    def __init__(self, problem: SearchProblem, on_event: EventSink, done: float) -> None:
        self._problem, self._on_event, self._before, self._began = problem, on_event, done, time.monotonic()

    def candidate(self, candidates: Sequence[Candidate]) -> None:
        """The last candidate, and the front if it is on it."""
        self._on_event(_candidate_event(self._problem, candidates))
        if candidates[-1] in front(candidates):
            self._on_event(front_event(self._problem, candidates))

    def progress(self, done: float) -> None:
        """That so many evaluations are done."""
        total = self._problem.evaluations
        each_s = (time.monotonic() - self._began) / (done - self._before)
        self._on_event(
            ProgressEvent(
                phase="searching",
                done=round(min(done, total), 3),
                total=total,
                unit="evaluations",
                eta_s=each_s * max(total - done, 0.0),
                target=self._problem.target,
            )
        )


def replay(problem: SearchProblem, candidates: Sequence[Candidate], on_event: EventSink) -> None:
    """Emits stored candidates again, with their original numbers."""
    for count in range(1, len(candidates) + 1):
        on_event(_candidate_event(problem, candidates[:count]))


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
