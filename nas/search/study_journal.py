"""A search's journal: the evaluations in the order of suggestion, one batch a value, and how a study resumes from it.

A batch is one value, so that a kill at any instant leaves whole batches: the searcher sees again what it saw when it suggested the next
one. A batch of one is its line itself, as it was before there were batches. Not here: the lines of candidates (`candidate.py`).
"""

from collections.abc import Sequence
from typing import Any

from optuna.distributions import CategoricalDistribution
from optuna.trial import FrozenTrial, TrialState, create_trial

from nas.errors import StoreCorrupt
from nas.journal import Journal
from nas.objective import objectives
from nas.search.candidate import Candidate, read_line
from nas.search.limited_study import LimitedStudy
from nas.search.problem import SearchProblem
from search_spaces.errors import InvalidArchitecture
from search_spaces.space import Architecture

Line = dict[str, Any]


def failed_line(architecture: Architecture) -> Line:
    """An evaluation without a number."""
    return {"values": dict(architecture.values), "failed": True}


def write_batch(journal: Journal, lines: Sequence[Line]) -> None:
    """Keeps all evaluations of a batch, or none.

    Raises:
        OutOfSpace: the disk is full; earlier batches are kept.
    """
    journal.append(lines[0] if len(lines) == 1 else list(lines))


def read_lines(journal: Journal) -> list[Line]:
    """All evaluations, in the order of suggestion."""
    return [line for value in journal.read() for line in (value if isinstance(value, list) else [value])]


def resumed(problem: SearchProblem, limited: LimitedStudy, lines: Sequence[Line]) -> list[Candidate]:
    """The candidates of a journal, of which the study knows then.

    Raises:
        StoreCorrupt: the journal is of another space.
    """
    try:
        limited.add(_trial(problem, line) for line in lines)
        return [read_line(problem.space, line) for line in lines if "failed" not in line]
    except (KeyError, ValueError, InvalidArchitecture) as error:
        raise StoreCorrupt(
            f"The journal's evaluations are not of the space {problem.space.name}: {error}.",
            fix="Search this space with a journal of its own; this one is as it was.",
        ) from error


def _trial(problem: SearchProblem, line: Line) -> FrozenTrial:
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
