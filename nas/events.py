"""What happens during a job, as typed values: one vocabulary for the progress bars, the service's stream and the dashboard.

A search emits `plan`, `phase`, `progress`, `metric`, `checkpoint`, `candidate`, `front`, `finalist`, `measurement` and `log`; a batch of
searches `batch` and `cell`, and the events of its searches inside of `item`; the service adds `state` and `end`. Events are stored: a
new field has a default, so that those of earlier versions stay readable.
"""

from collections.abc import Callable
from typing import Annotated, Literal

from pydantic import Field, TypeAdapter

from nas.frozen import FrozenModel
from nas.metric import MetricValue
from search_spaces.space import Value

Phase = Literal["preparing", "profiling", "training", "searching", "fine_tuning", "verifying", "delivering"]
"""The stages of a search in their order."""

LatencyKind = Literal["measured", "predicted", "simulated", "estimated"]


class PhaseEvent(FrozenModel):
    """A stage begins, ends, or is cached and not run again."""

    type: Literal["phase"] = "phase"
    phase: Phase
    status: Literal["started", "finished", "reused"]
    target: str | None = Field(None, description="the target it is for, where it is for one")
    seconds: float | None = Field(None, description="how long it took, when finished")
    outputs: dict[str, str] = Field(
        default_factory=dict,
        description="SHA-256 of its outputs, by name, when finished or reused; empty in older events",
    )


class ProgressEvent(FrozenModel):
    """How far the running stage is."""

    type: Literal["progress"] = "progress"
    phase: Phase
    done: float
    total: float
    unit: str = Field(description="what is counted: networks, steps, candidates, images")
    eta_s: float | None = Field(None, description="seconds left in this stage, where they are known")
    target: str | None = None


class MetricEvent(FrozenModel):
    """One point of a curve, such as the training loss of the largest subnet.

    While the supernet is trained: `loss_` and `accuracy_` of the `largest`, the `smallest` and the `random` subnets (the mean of
    those that the step sampled). While the trained network that the job starts from is fine-tuned: `source_loss`, the mean over
    its ends, and `source_accuracy` of the whole network. While a network is fine-tuned: `loss` and `accuracy`, after `tune_` in
    floating point and after `int8_` in INT8. All of these are of one step's training batch, before the step. Always:
    `learning_rate`, `images_per_second`, with the same beginnings.
    """

    type: Literal["metric"] = "metric"
    phase: Phase
    name: str = Field(description="for example loss_largest, accuracy_smallest, images_per_second, learning_rate")
    step: int = Field(description="from 0")
    value: float
    target: str | None = Field(None, description="the target whose network is trained")


class CheckpointEvent(FrozenModel):
    """A training's state was stored, or the training was resumed from it."""

    type: Literal["checkpoint"] = "checkpoint"
    phase: Phase
    target: str | None = Field(None, description="the target whose network is trained")
    step: int = Field(description="steps done at this state")
    total: int = Field(description="steps of the whole training")
    restored: bool = Field(description="whether the training was resumed from it, else it was stored")


class CandidateEvent(FrozenModel):
    """An architecture was evaluated."""

    type: Literal["candidate"] = "candidate"
    number: int = Field(description="order of evaluation, from 0")
    architecture: str = Field(description="canonical string of the architecture")
    architecture_id: str
    metric: MetricValue = Field(
        description="the search's metric, in INT8 on the validation set: of the supernet's subnet, or of the trained network "
        "where there is no supernet"
    )
    latency_ms: dict[str, float] = Field(description="predicted latency per target, batch 1, INT8")
    feasible: dict[str, bool] = Field(description="whether it meets each target's budget")
    choices: dict[str, Value] = Field(
        default_factory=dict, description="the architecture's choices by name; inactive ones are left out"
    )
    macs: int | None = Field(None, description="multiply-accumulates of one image")
    params: int | None = Field(None, description="weights and biases")
    weight_bytes: int | None = Field(None, description="INT8 weights and INT32 biases")
    peak_memory_bytes: int | None = Field(
        None, description="most bytes of live INT8 activations, layer by layer; estimated"
    )
    images: int | None = Field(
        None,
        description="validation images that it was evaluated on: all that decide, or fewer where it could not reach the front",
    )


class FrontPoint(FrozenModel):
    """One architecture of a Pareto front."""

    architecture: str
    architecture_id: str
    metric: MetricValue
    latency_ms: float
    kind: LatencyKind = Field("predicted", description="source of the latency")


class FrontEvent(FrozenModel):
    """The Pareto front of one target has changed: the whole front, fastest first."""

    type: Literal["front"] = "front"
    of: Literal["candidates", "trained"] = Field(
        "candidates",
        description="candidates: supernet estimates; trained: networks that were trained, with the latency of their network",
    )
    target: str
    budget_ms: float
    evaluations: int = Field(description="architectures evaluated so far")
    points: tuple[FrontPoint, ...]
    limit_ms: float | None = Field(
        None,
        description="limit of the search: the budget less the table's mean error, so that the budget is met when measured",
    )
    predicted_error: float | None = Field(
        None, description="mean relative error of the latency table on networks never fitted, a fraction"
    )
    hypervolume: float | None = Field(
        None,
        description="area that the front dominates, ms x metric, against the reference point (latency budget_ms, metric 0); "
        "divided by budget_ms it is a share from 0 to 1",
    )


class FinalistEvent(FrozenModel):
    """A finalist was trained for a round, quantised and evaluated."""

    type: Literal["finalist"] = "finalist"
    target: str
    architecture: str = Field(description="canonical string of the architecture")
    architecture_id: str
    round: int = Field(description="of successive halving, from 0")
    rounds: int = Field(description="most rounds there are")
    images: int = Field(description="seen in training, in all rounds so far")
    metric: MetricValue = Field(description="the search's metric, in INT8 on the validation set")
    standard_error: float = Field(description="of the metric, over the sampling of the validation images")
    latency_ms: float = Field(description="of its network, batch 1, INT8")
    kind: LatencyKind


class PlanEvent(FrozenModel):
    """How the job's time is divided."""

    type: Literal["plan"] = "plan"
    resolution: int = Field(description="size of the images in pixels")
    supernet: bool = Field(description="whether a supernet is trained and searched; else a few networks are trained")
    note: str = Field(description="the plan in words")


class MeasurementEvent(FrozenModel):
    """A candidate's network, or a final file, was measured on a target (or simulated, where nothing is measured)."""

    type: Literal["measurement"] = "measurement"
    target: str
    architecture_id: str
    of: Literal["candidate", "file"] = Field(
        description="candidate: the network with random weights; file: the final model"
    )
    kind: Literal["measured", "simulated"]
    latency_ms: float = Field(description="batch 1, INT8: the minimum over rounds of the 25th percentile")
    p50_ms: float
    p95_ms: float
    noise: float = Field(description="median excess of the rounds over the statistic, a fraction")


class LogEvent(FrozenModel):
    """A message for the user."""

    type: Literal["log"] = "log"
    level: Literal["info", "warning", "error"]
    message: str


class StateEvent(FrozenModel):
    """A job of the service changed its state."""

    type: Literal["state"] = "state"
    state: Literal["queued", "running", "paused", "cancelling", "cancelled", "succeeded", "failed"]


class EndEvent(FrozenModel):
    """The last event of a job: nothing follows."""

    type: Literal["end"] = "end"
    state: Literal["cancelled", "succeeded", "failed"]


SearchEvent = (
    PhaseEvent
    | ProgressEvent
    | MetricEvent
    | CheckpointEvent
    | CandidateEvent
    | FrontEvent
    | FinalistEvent
    | PlanEvent
    | MeasurementEvent
    | LogEvent
    | StateEvent
    | EndEvent
)
"""What happens during one search."""

ItemKind = Literal["table", "supernet", "cell"]
CellProgress = Literal["pending", "running", "succeeded", "infeasible", "failed", "cancelled"]


class ItemEvent(FrozenModel):
    """An event of one of the searches of a batch, or of work that several of them share."""

    type: Literal["item"] = "item"
    item: str = Field(description="id of the cell, or a name of the shared work, such as `table: cpu, resnet`")
    kind: ItemKind
    event: Annotated[SearchEvent, Field(discriminator="type")]


class CellEvent(FrozenModel):
    """A cell of a batch has begun or ended."""

    type: Literal["cell"] = "cell"
    cell: str = Field(description="id of the cell")
    state: CellProgress
    metric: MetricValue | None = Field(None, description="of the exported network in INT8 on the test set")
    latency_ms: float | None = Field(None, description="of the exported network on the cell's target, batch 1, INT8")
    kind: LatencyKind | None = Field(None, description="source of the latency")
    detail: str = Field("", description="why there is no network, where there is none")


class BatchEvent(FrozenModel):
    """How far a batch is."""

    type: Literal["batch"] = "batch"
    stage: Literal["preparing", "tables", "supernets", "cells"]
    done: int = Field(description="of the running stage: tables, supernets or cells")
    total: int
    cells: dict[CellProgress, int] = Field(description="how many cells are in each state")
    eta_s: float | None = Field(None, description="seconds left in this stage, where they are known")


Event = Annotated[SearchEvent | ItemEvent | CellEvent | BatchEvent, Field(discriminator="type")]

EventSink = Callable[[Event], None]

EVENT: TypeAdapter[Event] = TypeAdapter(Event)
"""Reads and writes any event as JSON."""


def ignore(event: Event) -> None:
    """An event sink that does nothing."""
