"""What happens during a job, as typed values: one vocabulary for the progress bars, the service's stream and the dashboard.

The engine emits `phase`, `progress`, `metric`, `candidate`, `front` and `log`; the service adds `state` and `end`.
"""

from collections.abc import Callable
from typing import Annotated, Literal

from pydantic import BaseModel, ConfigDict, Field, TypeAdapter

Phase = Literal["preparing", "profiling", "training", "searching", "finalising", "verifying", "delivering"]
"""The stages of a search in their order."""

LatencyKind = Literal["measured", "predicted", "simulated", "estimated"]


class _Event(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid")


class PhaseEvent(_Event):
    """A stage begins, ends, or was found in the store and is not run again."""

    type: Literal["phase"] = "phase"
    phase: Phase
    status: Literal["started", "finished", "reused"]
    target: str | None = Field(None, description="the target it is for, where it is for one")
    seconds: float | None = Field(None, description="how long it took, when finished")


class ProgressEvent(_Event):
    """How far the running stage is."""

    type: Literal["progress"] = "progress"
    phase: Phase
    done: float
    total: float
    unit: str = Field(description="what is counted: networks, steps, candidates, images")
    eta_s: float | None = Field(None, description="seconds left in this stage, where they can be told")
    target: str | None = None


class MetricEvent(_Event):
    """One point of a curve, such as the training loss of the largest subnet."""

    type: Literal["metric"] = "metric"
    phase: Phase
    name: str = Field(description="for example loss_largest, accuracy_smallest, images_per_second, learning_rate")
    step: int
    value: float


class CandidateEvent(_Event):
    """An architecture was evaluated."""

    type: Literal["candidate"] = "candidate"
    number: int = Field(description="order of evaluation, from 0")
    architecture: str = Field(description="canonical string of the architecture")
    architecture_id: str
    accuracy: float = Field(description="INT8 accuracy of the subnet on the validation part, 0-1")
    latency_ms: dict[str, float] = Field(description="predicted latency per target, batch 1, INT8")
    feasible: dict[str, bool] = Field(description="whether it keeps each target's budget")


class FrontPoint(_Event):
    """One architecture of a Pareto front."""

    architecture: str
    architecture_id: str
    accuracy: float
    latency_ms: float


class FrontEvent(_Event):
    """The Pareto front of one target has changed: the whole front, fastest first."""

    type: Literal["front"] = "front"
    target: str
    budget_ms: float
    queries: int = Field(description="architectures evaluated so far")
    points: tuple[FrontPoint, ...]


class LogEvent(_Event):
    """Something a person should read."""

    type: Literal["log"] = "log"
    level: Literal["info", "warning", "error"]
    message: str


class StateEvent(_Event):
    """A job of the service changed its state."""

    type: Literal["state"] = "state"
    state: Literal["queued", "running", "paused", "cancelling", "cancelled", "succeeded", "failed"]


class EndEvent(_Event):
    """The last event of a job: nothing follows."""

    type: Literal["end"] = "end"
    state: Literal["cancelled", "succeeded", "failed"]


Event = Annotated[
    PhaseEvent | ProgressEvent | MetricEvent | CandidateEvent | FrontEvent | LogEvent | StateEvent | EndEvent,
    Field(discriminator="type"),
]

EventSink = Callable[[Event], None]

EVENT: TypeAdapter[Event] = TypeAdapter(Event)
"""Reads and writes any event as JSON."""


def ignore(event: Event) -> None:
    """A sink for callers who do not watch."""
