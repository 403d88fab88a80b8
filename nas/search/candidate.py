"""Architectures that a search evaluated, with their metric and latency, and their lines in a journal. Not here: the search (`study.py`)."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Final

from nas.events import FrontPoint
from nas.metric import MetricValue
from nas.search.front import pareto
from search_spaces.space import Architecture, SearchSpace


@dataclass(frozen=True, slots=True)
class Candidate:
    """An evaluated architecture; `value` is of the search's metric in INT8 on the validation set.

    Attributes:
        seconds, core_seconds: from the suggestion to the value; None where an earlier version evaluated it.
        finished_unix_s: when it had its value.
        images: that it was evaluated on; None where that is unknown.
    """

    architecture: Architecture
    value: float
    latency_ms: float
    seconds: float | None = field(default=None, compare=False)
    core_seconds: float | None = field(default=None, compare=False)
    finished_unix_s: float | None = field(default=None, compare=False)
    images: int | None = field(default=None, compare=False)


OPTIONAL: Final = ("seconds", "core_seconds", "finished_unix_s", "images")
"""Fields of a candidate that a journal may lack."""


@dataclass(frozen=True, slots=True)
class Evaluation:
    """The metric of an architecture in INT8 on the validation set.

    Attributes:
        value: on all images, or, where it was dropped, estimated from those that it was evaluated on; not a number where it failed.
        images: that it was evaluated on; None for all.
        core_seconds: that it took now, in whichever process; None where that was not counted.
    """

    value: float
    images: int | None = None
    core_seconds: float | None = field(default=None, compare=False)


@dataclass(frozen=True, slots=True)
class Suggestion:
    """An architecture to evaluate.

    Attributes:
        rival: the best architecture that is as fast and was evaluated on all images, below which it may be dropped.
    """

    architecture: Architecture
    rival: Architecture | None = None


Evaluate = Callable[[Sequence[Suggestion]], Sequence[Evaluation]]
"""Different architectures, evaluated together; the evaluations are in their order."""


def one_by_one(evaluate: Callable[[Suggestion], Evaluation]) -> Evaluate:
    """The evaluation that evaluates one architecture after another."""
    return lambda suggestions: [evaluate(one) for one in suggestions]


def on_all_images(metric: Callable[[Architecture], float]) -> Evaluate:
    """The evaluation that drops no architecture."""
    return one_by_one(lambda suggestion: Evaluation(metric(suggestion.architecture)))


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
