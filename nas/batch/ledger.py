"""The state of every cell of a running batch, and the events that report it. Not here: what runs (`run.py`)."""

import time
from collections import Counter
from collections.abc import Mapping, Sequence
from typing import Literal

from hw_targets.target import TargetInfo
from nas.batch.records import CellRecord, StageUse
from nas.batch.resolve import problem
from nas.batch.result import CellResult
from nas.batch.spec import Cell
from nas.errors import InfeasibleBudget, InfeasibleLimits
from nas.events import BatchEvent, CellEvent, CellProgress, EventSink
from nas.result import ModelFigures
from nas.spec import SearchSpec
from search_spaces.errors import HwnasError, UnsupportedSpace

BatchStage = Literal["preparing", "tables", "supernets", "cells"]
INFEASIBLE = (InfeasibleBudget, InfeasibleLimits, UnsupportedSpace)
"""Errors by which no network can meet what a cell asks for."""


class Ledger:
    """The cells of a batch with their states and their results.

    Attributes:
        uses: the stages that each ended cell uses.
        specs: of the searches of the cells that succeeded, with all that was decided for them.
    """

    def __init__(self, cells: Sequence[Cell], targets: Mapping[str, TargetInfo], on_event: EventSink) -> None:
        self._cells = {cell.id: cell for cell in cells}
        self._targets, self._on_event = targets, on_event
        self._results = {cell.id: self._result(cell, state="pending") for cell in cells}
        self._running: set[str] = set()
        self._stage: tuple[BatchStage, int, int, float] = ("preparing", 0, len(cells), time.monotonic())
        self.uses: dict[str, tuple[StageUse, ...]] = {}
        self.specs: dict[str, SearchSpec] = {}

    @property
    def results(self) -> tuple[CellResult, ...]:
        """All cells in their order."""
        return tuple(self._results.values())

    def begin_stage(self, stage: BatchStage, total: int) -> None:
        """Reports that a stage of the batch begins."""
        self._stage = (stage, 0, total, time.monotonic())
        self._report()

    def step(self) -> None:
        """Reports that one more item of the stage is done."""
        stage, done, total, began = self._stage
        self._stage = (stage, min(done + 1, total), total, began)
        self._report()

    def begin(self, cell: str) -> None:
        """Reports that a cell is running."""
        if cell not in self._running and self._results[cell].state == "pending":
            self._running.add(cell)
            self._on_event(CellEvent(cell=cell, state="running"))

    def fail(self, cell: str, error: HwnasError, uses: tuple[StageUse, ...] = ()) -> None:
        """Ends a cell without a network: infeasible, or failed."""
        state: CellProgress = "infeasible" if isinstance(error, INFEASIBLE) else "failed"
        self._end(self._result(self._cells[cell], state=state, error=problem(error)), uses)
        self._on_event(CellEvent(cell=cell, state=state, detail=error.detail))

    def succeed(self, cell: str, record: CellRecord, *, found: bool) -> None:
        """Ends a cell with its network."""
        self.specs[cell] = record.spec
        result, (model,) = record.result, record.result.models.values()
        figures = ModelFigures.model_validate(model.model_dump(exclude={"bundle"}))
        self._end(
            self._result(
                self._cells[cell],
                state="succeeded",
                run=result.run,
                metric=result.metric,
                validation=record.validation,
                model=figures,
                found=found,
                seconds=result.seconds,
                warnings=result.warnings,
            ),
            record.stages,
        )
        latency = figures.latency_ms
        self._on_event(
            CellEvent(
                cell=cell,
                state="succeeded",
                metric=figures.metric.int8,
                latency_ms=latency.final_ms,
                kind=latency.kind,
            )
        )

    def cancel(self) -> None:
        """Ends the cells that have not ended, since the caller requested a stop."""
        for result in self.results:
            if result.state == "pending":
                self._end(result.model_copy(update={"state": "cancelled"}), ())
                self._on_event(CellEvent(cell=result.id, state="cancelled"))

    def _end(self, result: CellResult, uses: tuple[StageUse, ...]) -> None:
        self._running.discard(result.id)
        self._results[result.id] = result
        self.uses[result.id] = uses

    def _result(self, cell: Cell, **fields: object) -> CellResult:
        asked = cell.model_dump(exclude={"spec"})
        return CellResult.model_validate({**asked, "target_id": self._targets[cell.target].id, **fields})

    def _report(self) -> None:
        stage, done, total, began = self._stage
        eta_s = (time.monotonic() - began) / done * (total - done) if done else None
        states: Counter[CellProgress] = Counter(
            "running" if result.id in self._running else result.state for result in self.results
        )
        self._on_event(BatchEvent(stage=stage, done=done, total=total, cells=dict(states), eta_s=eta_s))
