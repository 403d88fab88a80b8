"""The search problem of one target, as a value. Not here: how it is solved (`study.py`)."""

from collections.abc import Sequence
from dataclasses import dataclass

from nas.objective import Objective
from nas.search.candidate import Candidate
from nas.search.sampler import Region
from nas.search.searchers.registry import DEFAULT
from search_spaces.space import Architecture, SearchSpace


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
        at_once: architectures that are suggested, evaluated and told together.
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
    at_once: int = 1

    def work(self, images: int | None) -> float:
        """The work of an evaluation on so many images, as a share of one on all."""
        if images is None or self.images is None:
            return 1.0
        return (self.calibration + images) / (self.calibration + self.images)

    def rival(self, candidates: Sequence[Candidate], latency_ms: float) -> Architecture | None:
        """The best candidate that is as fast and was evaluated on all images."""
        as_fast = [c for c in candidates if c.latency_ms <= latency_ms and c.images in (None, self.images)]
        return max(as_fast, key=lambda c: c.value).architecture if as_fast else None
