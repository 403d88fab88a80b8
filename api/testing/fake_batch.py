"""A batch that answers in a moment, with the switches of `fake_engine` in its seeds; its cells are stages of the store.

The worker imports it by name, in place of `nas.batch.run:run_batch`.
"""

import time
from collections.abc import Callable
from pathlib import Path
from typing import Any, Final

from api.testing import fake_engine
from nas.batch.result import (
    BatchPlan,
    BatchResult,
    Best,
    CellResult,
    CellState,
    CrossLatency,
    CrossRow,
    Problem,
    SharedWork,
)
from nas.batch.spec import BatchSpec, Cell
from nas.errors import Cancelled
from nas.events import BatchEvent, CellEvent, EventSink, ItemEvent, LogEvent
from nas.execution.executor import Executor
from nas.result import ModelFigures
from nas.stages.context import DeviceClaim
from nas.store import StageKey, Store

RUN_STAGE: Final = "fake_cell"
"""The stage of a cell that has run."""
NO_NETWORK: Final = Problem(code="infeasible_budget", status=422, detail="No network is as fast.", fix="Allow 0.2 ms.")


def run_batch(
    spec: BatchSpec,
    *,
    out: Path,
    store: Store,
    on_event: EventSink,
    cancelled: Callable[[], bool],
    claim: DeviceClaim,
    executor: Executor,
) -> BatchResult:
    """Runs the cells in their order; a kill leaves those that have ended in the store."""
    cells, done = spec.cells(), []
    counts: dict[CellState, int] = {"pending": len(cells)}
    on_event(LogEvent(level="info", message=f"executor {executor.name}"))
    for cell in cells:
        on_event(CellEvent(cell=cell.id, state="running"))
        result = _run(cell, out, store, on_event, cancelled)
        counts = {**counts, "pending": counts["pending"] - 1, result.state: counts.get(result.state, 0) + 1}
        on_event(_ended(result))
        done.append(result)
        on_event(BatchEvent(stage="cells", done=len(done), total=len(cells), cells=counts))
    folder = out / spec.name
    folder.mkdir(exist_ok=True)
    found = _result(spec, done)
    (folder / "report.json").write_text(found.model_dump_json())
    (folder / "report.html").write_text("<!doctype html><title>batch</title>")
    (folder / "report.csv").write_text("cell\n" + "".join(f"{cell.id}\n" for cell in done))
    return found


def plan_batch(spec: BatchSpec, *, store: Store) -> BatchPlan:
    """A second of profiling for a table, two of training for a supernet, three of searching for a cell that is not stored."""
    cells = spec.cells()
    infeasible = {cell.id: NO_NETWORK for cell in cells if cell.seed == fake_engine.INFEASIBLE}
    finished = sum(store.find(StageKey(RUN_STAGE, 1, {"cell": cell.id})) is not None for cell in cells)
    left = len(cells) - finished - len(infeasible)
    supernets = len({cell.group for cell in cells})
    tables = len({(cell.space, cell.target) for cell in cells})
    return BatchPlan(
        cells=len(cells),
        finished=finished,
        runnable=left,
        supernets=supernets,
        tables=tables,
        seconds={"profiling": 1.0 * tables, "training": 2.0 * supernets, "searching": 3.0 * left},
        memory_bytes=10**9,
        infeasible=len(infeasible),
        problems=infeasible,
    )


def _run(cell: Cell, out: Path, store: Store, on_event: EventSink, cancelled: Callable[[], bool]) -> CellResult:
    named: dict[str, Any] = {
        name: getattr(cell, name) for name in ("id", "data", "space", "target", "latency_ms", "seed", "group")
    }
    if cell.seed == fake_engine.INFEASIBLE:
        return CellResult(**named, target_id=cell.target, state="infeasible", error=NO_NETWORK)
    key = StageKey(RUN_STAGE, 1, {"cell": cell.id})
    found = store.find(key) is not None
    on_event(ItemEvent(item=cell.id, kind="cell", event=fake_engine.candidate("a1", 0)))
    on_event(ItemEvent(item=cell.id, kind="cell", event=LogEvent(level="info", message=f"search {cell.id}")))
    if not found:
        fake_engine.kill(cell.seed, store)
        store.finish(key, {}, seconds=0.1)
    while cell.seed == fake_engine.SLOW:
        time.sleep(0.02)
        if cancelled():
            raise Cancelled("Stopped.", fix="Run it again.")
    model = fake_engine.model(out / cell.id, cell.target)
    figures = ModelFigures.model_validate(model.model_dump(exclude={"bundle"}))
    return CellResult(
        **named,
        target_id=cell.target,
        state="succeeded",
        run=cell.id,
        validation=figures.metric.int8.value,
        model=figures,
        found=found,
        shared=("training-1",),
    )


def _ended(cell: CellResult) -> CellEvent:
    if cell.model is None:
        return CellEvent(cell=cell.id, state=cell.state, detail=cell.error.detail if cell.error else "")
    measured = cell.model.latency_ms
    return CellEvent(
        cell=cell.id, state=cell.state, metric=cell.model.metric.int8, latency_ms=measured.measured, kind=measured.kind
    )


def _result(spec: BatchSpec, cells: list[CellResult]) -> BatchResult:
    delivered = [cell for cell in cells if cell.model is not None]
    own = (CrossLatency(target="cpu", latency_ms=0.1, kind="measured", own=True),)
    return BatchResult(
        name=spec.name,
        cells=tuple(cells),
        best=tuple(Best(data=cell.data, target=cell.target, cell=cell.id) for cell in delivered[:1]),
        targets=("cpu",),
        cross=tuple(CrossRow(cell=cell.id, architecture_id="a1", latencies=own) for cell in delivered),
        shared=(
            SharedWork(
                id="training-1",
                kind="supernet",
                phase="training",
                cells=tuple(c.id for c in delivered),
                core_seconds=60.0,
            ),
        ),
    )
