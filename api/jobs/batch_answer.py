"""The result of a batch on the wire: its cells with the ids of their models, what compares them, and its files."""

from pydantic import Field

from api.jobs.batch_spec import BATCH, BatchWireSpec
from api.models.schemas import Artifact, DeliveredModel
from api.problem_document import Problem
from api.wire import WireModel, examples
from nas.batch.result import BatchPlan, Best, CellResult, CellState, CrossRow, Savings, SharedWork


class CellAnswer(CellResult):
    """One cell; `data` is the id of its data set."""

    model: DeliveredModel | None = Field(default=None, description="of the cell; null where it has none")
    error: Problem | None = Field(default=None, description="why it has none")  # type: ignore[assignment]


class BatchAnswer(WireModel):
    """What a batch found. A batch succeeds when all of its cells have ended, however they did."""

    counts: dict[CellState, int] = Field(description="cells by state; a state that none has is left out")
    cells: tuple[CellAnswer, ...] = Field(description="empty in lists")
    best: tuple[Best, ...] = Field(
        default=(), description="the best network of each target and data set, by the metric on the validation set"
    )
    targets: tuple[str, ...] = Field(default=(), description="ids of all targets: the columns of `cross`")
    cross: tuple[CrossRow, ...] = Field(default=(), description="every model on every target; empty in lists")
    shared: tuple[SharedWork, ...] = Field(
        default=(), description="work that several cells use, done once; empty in lists"
    )
    savings: Savings | None = Field(default=None, description="what sharing saved")
    warnings: tuple[str, ...] = ()

    def without_cells(self) -> "BatchAnswer":
        """The result as lists have it."""
        return self.model_copy(update={"cells": (), "cross": (), "shared": ()})


class BatchValidation(BatchPlan):
    """The estimate of a batch: the answer to `validate_only`. Shared work is counted once, and what is stored not at all."""

    model_config = examples(
        {
            "spec": BATCH, "cells": 2, "finished": 0, "runnable": 2, "supernets": 2, "tables": 2, "infeasible": 0, "problems": {},
            "seconds": {"profiling": 40.0, "training": 60.0}, "memory_bytes": 900_000_000,
        }
    )  # fmt: skip

    spec: BatchWireSpec = Field(description="with every default filled in")
    problems: dict[str, Problem] = Field(description="by cell, why it cannot run")  # type: ignore[assignment]


class JobArtifacts(WireModel):
    """The files of a job."""

    model_config = examples({"items": []})

    items: tuple[Artifact, ...] = Field(
        description="by name; empty until the job has succeeded, and of jobs that make none"
    )
