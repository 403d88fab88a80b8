"""The documents of a batch: its plan, and its result, behind `report.json`, `--json` and the Python return value.

Not here: how they are computed (`plan.py`, `run.py`).
"""

from typing import Final, Literal

from pydantic import Field, JsonValue

from nas.events import LatencyKind
from nas.frozen import FrozenModel
from nas.result import ModelFigures
from nas.spec import Latency, MetricName

CellState = Literal["pending", "succeeded", "infeasible", "failed", "cancelled"]
"""Infeasible: no network meets the cell's budget and limits, or none runs on its target; failed: any other error. They stop no others."""
FINISHED: Final[tuple[CellState, ...]] = ("succeeded", "infeasible", "failed")

SharedKind = Literal["supernet", "source", "table", "data", "other"]


class Problem(FrozenModel):
    """Why a cell has no network: the form of every typed error."""

    code: str = Field(description="stable identifier of the kind of failure")
    status: int = Field(description="HTTP status of the kind of failure")
    detail: str
    fix: str = Field(description="what to do about it")
    facts: dict[str, JsonValue] = Field(default_factory=dict, description="machine-readable context")


class CellResult(FrozenModel):
    """One cell of a batch, finished or not."""

    id: str = Field(description="of the cell; name of its run's folder")
    data: str
    space: str
    target: str = Field(description="as the batch names it")
    target_id: str | None = Field(None, description="canonical id; null where there is no such target")
    latency_ms: Latency = Field(description="the requested budget")
    seed: int
    group: str = Field(description="cells of equal group differ in target and budget alone")
    state: CellState
    run: str | None = Field(None, description="name of the run's folder; null where the cell has not succeeded")
    metric: MetricName = Field("accuracy", description="metric that networks were compared by")
    validation: float | None = Field(
        None,
        description="the metric of the exported network in INT8 on the validation set, by which cells are compared",
    )
    model: ModelFigures | None = Field(None, description="of the exported network")
    error: Problem | None = Field(None, description="why there is no network; null where there is one")
    found: bool = Field(False, description="whether all of it was found finished, so that nothing was run for it")
    shared: tuple[str, ...] = Field((), description="ids of the shared work that it uses")
    seconds: dict[str, float] = Field(default_factory=dict, description="per stage; 0.0 where it was cached")
    warnings: tuple[str, ...] = ()


class SharedWork(FrozenModel):
    """A stage that two or more cells use, and that was computed once."""

    id: str = Field(description="of the stage in the store")
    kind: SharedKind
    phase: str = Field(description="the stage of a search that it is of")
    target: str | None = Field(None, description="canonical id of the target that it is for, where it is for one")
    cells: tuple[str, ...] = Field(description="ids of those that use it")
    core_seconds: float | None = Field(description="of computing it once; null where they were not counted")

    @property
    def saved_core_seconds(self) -> float:
        """What computing it for each cell would have cost more."""
        return (len(self.cells) - 1) * (self.core_seconds or 0.0)


class Savings(FrozenModel):
    """What sharing saved, in core-seconds as measured whenever the stages ran."""

    spent_core_seconds: float = Field(description="of all distinct stages that the cells use, each counted once")
    separate_core_seconds: float = Field(description="of the same stages, each counted for every cell that uses it")
    saved_core_seconds: float = Field(description="the difference")
    saved_by_kind: dict[str, float] = Field(description="the difference by kind of shared work")
    uncounted: int = Field(0, description="stages whose core-seconds are unknown; they are left out")
    supernets: int = Field(description="distinct trained supernets")
    supernet_uses: int = Field(description="cells that use one")
    tables: int = Field(description="distinct latency tables")
    table_uses: int = Field(description="cells that use one")


class Best(FrozenModel):
    """The best network of a target and a data set: of all spaces, budgets and seeds, by the metric on the validation set."""

    data: str
    target: str
    cell: str | None = Field(description="id; null where no cell has a network that meets its budget")


class CrossLatency(FrozenModel):
    """What one network costs on one target, batch 1, INT8."""

    target: str = Field(description="canonical id")
    latency_ms: float | None = Field(
        description="null where the target does not run it, or nothing is known of it there"
    )
    kind: LatencyKind | None = Field(description="source of the latency; null where there is none")
    error: float | None = Field(None, description="relative error to expect of a prediction, a fraction")
    own: bool = Field(False, description="whether it is the target that the network was found for")
    unseen: int = Field(0, description="layers' keys that the table never measured; their latencies are estimated")
    reason: str = Field("", description="why there is no latency")


class CrossRow(FrozenModel):
    """One delivered network on every target of the batch."""

    cell: str = Field(description="id of the cell that it was found for")
    architecture_id: str
    latencies: tuple[CrossLatency, ...]


class BatchResult(FrozenModel):
    """The whole result of a batch."""

    name: str
    cells: tuple[CellResult, ...]
    best: tuple[Best, ...] = ()
    targets: tuple[str, ...] = Field((), description="canonical ids of all targets: the columns of `cross`")
    cross: tuple[CrossRow, ...] = Field(
        (), description="every network that was delivered, on every target; empty where the batch was stopped"
    )
    shared: tuple[SharedWork, ...] = ()
    savings: Savings | None = None
    warnings: tuple[str, ...] = ()

    def count(self, state: CellState) -> int:
        """How many cells are in a state."""
        return sum(cell.state == state for cell in self.cells)

    @property
    def finished(self) -> bool:
        """Whether every cell has succeeded, failed or is infeasible."""
        return all(cell.state in FINISHED for cell in self.cells)


class BatchPlan(FrozenModel):
    """The estimated cost of a batch. Shared work is counted once, and what is in the store not at all."""

    cells: int
    finished: int = Field(description="cells that are in the store")
    runnable: int = Field(description="cells that would run")
    supernets: int = Field(description="that would be trained or found, one for each group of cells that run")
    tables: int = Field(description="latency tables that would be measured")
    seconds: dict[str, float] = Field(description="per stage, one piece of work after the other, estimated")
    memory_bytes: int = Field(description="estimated peak of the largest piece of work; 0 where nothing runs")
    infeasible: int = Field(
        description="cells that are known to be infeasible; further ones can be once tables are measured"
    )
    problems: dict[str, Problem] = Field(description="by cell, why it cannot run")

    @property
    def total_s(self) -> float:
        """Seconds of all stages, one piece of work after the other."""
        return sum(self.seconds.values())
