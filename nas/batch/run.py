"""Runs a batch: shared work first, then its cells; each cell succeeds or fails on its own. Not here: what is shared (`sharing.py`).

Everything goes through the store: a batch that is killed goes on, and one that is extended runs its new cells only.
"""

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path
from typing import Any

from hw_targets.stopping import never
from hw_targets.target import TargetInfo
from nas.batch.finished import finished_record, with_folder
from nas.batch.items import CellItem, SupernetItem, TableItem
from nas.batch.ledger import Ledger
from nas.batch.prepare import missing_tables, prepare, supernet_users
from nas.batch.records import CellRecord, keep_cell, stage_uses
from nas.batch.resolve import STOPPING, ResolvedCell, check_batch
from nas.batch.result import BatchResult
from nas.batch.sharing import CellJob, by_group, check, decide_work, quiet
from nas.batch.spec import BatchSpec
from nas.errors import Cancelled
from nas.events import EventSink, ignore
from nas.execution.executor import Executor
from nas.execution.local import LocalExecutor
from nas.execution.work import WorkItem
from nas.stages.context import Context, DeviceClaim, no_claim
from nas.store import Store
from search_spaces.errors import HwnasError


def run_batch(
    spec: BatchSpec,
    *,
    out: Path = Path("runs"),
    store: Store | Path | str | None = None,
    on_event: EventSink = ignore,
    cancelled: Callable[[], bool] = never,
    claim: DeviceClaim = no_claim,
    executor: Executor | None = None,
) -> BatchResult:
    """Runs the searches of a batch, and writes its report.

    Args:
        spec: of the batch.
        out: where the folders of the cells' runs go, and that of the report, which has the batch's name.
        store: of all results, as in a search; `out/store` when None. The same spec and store continue a killed batch.
        on_event: receives every event: those of the batch, and those of its searches inside of `item` events.
        cancelled: polled often; the batch stops soon after it returns true.
        claim: entered while a target is measured, as in a search. Cells that are measured under one run in this process.
        executor: of the work; this process when None.

    Returns:
        All cells, also those that failed or are infeasible; they do not stop the others.

    Raises:
        UnknownTarget, TargetUnavailable, InvalidSpec, InvalidSpace, UnknownSearcher, DeviceUnavailable: what the batch names is not
            there, or cannot be searched; nothing has run.
        OutOfSpace, UnwritableFolder, StoreCorrupt: what every cell would meet; finished cells are kept.
        Cancelled: the caller requested a stop; finished cells, and stages of others, are kept.
    """
    from nas.batch.report import write_report

    targets = check_batch(spec)
    context = Context(Store.of(store or out / "store"), on_event, cancelled, claim)
    ledger = Ledger(spec.cells(), targets, on_event)
    batch = _Batch(spec, targets, ledger, context, executor or LocalExecutor(), out.absolute())
    try:
        batch.run()
    except KeyboardInterrupt as error:
        ledger.cancel()
        raise Cancelled(
            "The batch was interrupted; what was computed is stored.", fix="Run the same command again to continue it."
        ) from error
    except Cancelled:
        ledger.cancel()
        raise
    finally:
        result = write_report(quiet(context), spec, ledger, out)
    return result


@dataclass(frozen=True)
class _Batch:
    spec: BatchSpec
    targets: Mapping[str, TargetInfo]
    ledger: Ledger
    context: Context
    executor: Executor
    out: Path

    def run(self) -> None:
        """All stages of the batch."""
        found, jobs = self._prepare()
        cores = max((one.job.compute.threads for one in jobs), default=1)
        if self.executor.workers > 1 and cores > 1 and "threads" not in self.spec.search:
            self.context.info(
                f"Each search trains on {cores} cores, so that few run at once. Give fewer `threads` below `search` to run more."
            )
        jobs = self._checked(self._with_tables(jobs))
        jobs = self._with_supernets(jobs)
        self._run_cells(found, jobs)

    def _prepare(self) -> tuple[list[ResolvedCell], list[CellJob]]:
        """The cells that are in the store, and the others with what they share."""
        self.ledger.begin_stage("preparing", len(self.ledger.results))
        return prepare(self.context, self.spec, failed=self.ledger.fail, step=self.ledger.step)

    def _with_tables(self, jobs: Sequence[CellJob]) -> list[CellJob]:
        """The cells whose latency table is there; it is measured where it is missing."""
        users = missing_tables(self.context, jobs)
        items = [TableItem(_table_name(cells[0]), cells[0].job, _device(cells[0])) for cells in users]
        return self._without_failed(jobs, "tables", items, users)

    def _checked(self, jobs: Sequence[CellJob]) -> list[CellJob]:
        """The cells whose budget can be met, with their work."""
        able: list[CellJob] = []
        for one in jobs:
            context = quiet(self.context)
            checked = check(context, one)
            if isinstance(checked, HwnasError):
                self.ledger.fail(one.resolved.cell.id, checked, stage_uses(context.costs))
            else:
                able.append(checked)
        return [one for cells in by_group(able) for one in decide_work(self.context, cells).values()]

    def _with_supernets(self, jobs: Sequence[CellJob]) -> list[CellJob]:
        """The cells whose supernet is trained, or that need none."""
        users = supernet_users(jobs)
        items = [SupernetItem(_supernet_name(cells[0]), replace(cells[0].job, target_plans=())) for cells in users]
        return self._without_failed(jobs, "supernets", items, users)

    def _without_failed(
        self, jobs: Sequence[CellJob], stage: Any, items: Sequence[WorkItem], users: Sequence[Sequence[CellJob]]
    ) -> list[CellJob]:
        """Runs shared work; the cells that can go on."""
        failed: set[str] = set()
        self.ledger.begin_stage(stage, len(items))
        for index, _, error in self._map(items):
            if error is not None:
                for one in users[index]:
                    failed.add(one.resolved.cell.id)
                    self.ledger.fail(one.resolved.cell.id, error)
            self.ledger.step()
        return [one for one in jobs if one.resolved.cell.id not in failed]

    def _run_cells(self, found: Sequence[ResolvedCell], jobs: Sequence[CellJob]) -> None:
        """Runs the new cells, and makes the folders of finished ones where they are missing."""
        self.ledger.begin_stage("cells", len(found) + len(jobs))
        for cell in found:
            self._settle(cell.cell.id, partial(self._found, cell), found=True)
            self.ledger.step()
        own = self._shares_folders
        items = [
            CellItem(
                one.resolved.cell.id,
                one.job,
                _device(one),
                spec=one.spec if own else None,
                out=str(self.out) if own else None,
            )
            for one in jobs
        ]
        for index, value, error in self._map(items):
            if error is None:
                self._settle(jobs[index].resolved.cell.id, partial(self._finished, jobs[index], value), found=False)
            else:
                self.ledger.fail(jobs[index].resolved.cell.id, error)
            self.ledger.step()

    def _settle(self, cell: str, record: Callable[[], CellRecord], *, found: bool) -> None:
        try:
            self.ledger.succeed(cell, record(), found=found)
        except STOPPING:
            raise
        except HwnasError as error:
            self.ledger.fail(cell, error)

    def _found(self, cell: ResolvedCell) -> CellRecord:
        assert cell.found is not None
        return with_folder(self.context, cell.found, self.out)

    def _finished(self, one: CellJob, value: Mapping[str, Any]) -> CellRecord:
        """The record of a cell that has run, kept."""
        record = finished_record(self.context, one.spec, value, self.out)
        keep_cell(self.context.store, one.resolved.inputs, record)
        return record

    @property
    def _shares_folders(self) -> bool:
        """Whether the executor's workers see the folders of this process."""
        return self.executor.name.partition(":")[0] in ("local", "processes")

    def _map(self, items: Sequence[Any]) -> Iterable[tuple[int, Any, HwnasError | None]]:
        """The items' indices, values and errors as they end.

        In this process run those that measure under the caller's claim, those on a GPU of this machine, and all where they are fewer
        than the workers, which then share the parts of each.
        """
        few = len(items) < self.executor.workers and all(item.has_parts for item in items)
        claimed = self.context.claim is not no_claim
        here = [
            number
            for number, item in enumerate(items)
            if few or (claimed and item.device is not None) or item.job.compute.on_gpu
        ]
        own = {"claim": self.context.claim, "executor": self.executor if few else None}
        others = [number for number in range(len(items)) if number not in here]
        yield from self._mapped(self.executor, others, [items[number] for number in others])
        yield from self._mapped(LocalExecutor(), here, [replace(items[number], **own) for number in here])

    def _mapped(
        self, executor: Executor, numbers: Sequence[int], items: Sequence[Any]
    ) -> Iterable[tuple[int, Any, HwnasError | None]]:
        if not items:
            return
        context = self.context
        outcomes = executor.map(items, store=context.store, on_event=self._sink, cancelled=context.cancelled)
        for outcome in outcomes:
            if isinstance(outcome.error, STOPPING):
                raise outcome.error
            yield numbers[outcome.index], outcome.value, outcome.error

    def _sink(self, event: Any) -> None:
        """Passes on an item's event; the first one of a cell reports that it runs."""
        if event.type == "item" and event.kind == "cell":
            self.ledger.begin(event.item)
        self.context.on_event(event)


def _device(one: CellJob) -> str | None:
    """The device that is measured for a cell."""
    info = one.job.targets[0]
    return (info.device_id or info.id) if info.kind == "measured" else None


def _table_name(one: CellJob) -> str:
    job = one.job
    size = f"{job.data.resolution} pixels and {len(job.data.classes)} classes"
    return f"table: {job.targets[0].id}, {one.resolved.cell.space} at {size}"


def _supernet_name(one: CellJob) -> str:
    targets = one.spec.supernet_targets or (one.resolved.cell.target,)
    return f"supernet: {one.resolved.cell.group}, for {', '.join(targets)}"
