"""One target of a job with everything that its stages need, as one value."""

from dataclasses import dataclass
from typing import TYPE_CHECKING, Protocol

from hw_targets.scheme import Scheme
from hw_targets.target import Target
from nas.job import Job
from nas.stages.context import Context
from nas.target_plan import TargetPlan
from search_spaces.space import Architecture

if TYPE_CHECKING:
    from nas.stages.adapt import Adapted  # torch, which a plan does without
    from nas.stages.train import Supernet


class TrainingRun(Protocol):
    """What training and quantising a network needs of a target and its job."""

    @property
    def context(self) -> Context:
        """Of the run."""

    @property
    def job(self) -> Job:
        """Whose data and settings are used."""

    @property
    def target(self) -> Target:
        """Which the network is lowered to."""

    @property
    def id(self) -> str:
        """The target's id, for events."""

    @property
    def scheme(self) -> Scheme:
        """The INT8 scheme that the target runs."""

    @property
    def fingerprint(self) -> str:
        """Of the target's device."""


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

    @property
    def scheme(self) -> Scheme:
        """The INT8 scheme that the target runs."""
        return self.target_plan.scheme

    @property
    def fingerprint(self) -> str:
        """Of the target's device."""
        return self.target_plan.info.fingerprint

    def runs(self, architecture: Architecture) -> bool:
        """Whether an architecture of the job's space is in the part of it that the target runs."""
        offered = {choice.name: choice.values for choice in self.target_plan.space.choices}
        return all(value in offered[name] for name, value in architecture.values)
