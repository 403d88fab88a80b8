"""One target of a job with everything that its stages need, as one value."""

from dataclasses import dataclass
from typing import TYPE_CHECKING

from hw_targets.target import Target
from nas.job import Job
from nas.stages.context import Context
from nas.target_plan import TargetPlan
from search_spaces.space import Architecture

if TYPE_CHECKING:
    from nas.stages.adapt import Adapted  # torch, which a plan does without
    from nas.stages.train import Supernet


@dataclass(frozen=True)
class TargetRun:
    """A target that a network is trained and exported for.

    Attributes:
        target_plan: its latency table and its budget.
        supernet: none where the time is too short for one. Of a job that starts from a trained network and trains no
            supernet, that network.
        adapted: the trained network that the job starts from, on the job's data.
    """

    context: Context
    job: Job
    target_plan: TargetPlan
    target: Target
    supernet: "Supernet | None" = None
    adapted: "Adapted | None" = None

    @property
    def id(self) -> str:
        """The target's id."""
        return self.target_plan.info.id

    def runs(self, architecture: Architecture) -> bool:
        """Whether an architecture of the job's space is in the part of it that the target runs."""
        offered = {choice.name: choice.values for choice in self.target_plan.space.choices}
        return all(value in offered[name] for name, value in architecture.values)
