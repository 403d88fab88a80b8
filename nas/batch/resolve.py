"""From the cells of a batch to cells whose data, space and target are known, and to those that are in the store already.

Not here: what cells share (`sharing.py`), and how they run (`run.py`).
"""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, Final

from pydantic_core import to_jsonable_python

from hw_targets.target import TargetInfo
from nas.batch.item_events import inside
from nas.batch.records import CellRecord, cell_inputs, find_cell, find_spec
from nas.batch.result import Problem
from nas.batch.spec import BatchSpec, Cell
from nas.compute import resolve as resolve_compute
from nas.errors import Cancelled, InvalidData, OutOfSpace, StoreCorrupt, UnwritableFolder
from nas.job import Job
from nas.prepare_job import resolve_spec
from nas.search.searchers.registry import searcher
from nas.spec import SearchSpec, reject_floats, targets_named
from nas.stages.choose_source import AUTO, PHOTO_SIZE
from nas.stages.context import Context
from search_spaces.errors import HwnasError, UnsupportedSpace
from search_spaces.registry import declaration

STOPPING: Final = (Cancelled, OutOfSpace, StoreCorrupt, UnwritableFolder)
"""Errors that end a batch: every other cell would meet them, too."""


@dataclass(frozen=True)
class ResolvedCell:
    """A cell that can be asked for.

    Attributes:
        job: of its target alone, at the data's own size.
        inputs: that its result depends on.
        found: its result, where it is in the store.
        pinned: the spec that it was given before, where it was begun.
    """

    cell: Cell
    job: Job
    inputs: dict[str, Any]
    found: CellRecord | None
    pinned: SearchSpec | None


def check_batch(spec: BatchSpec) -> dict[str, TargetInfo]:
    """The targets of a batch by their names in it. What is wrong for whole rows of cells is said before anything runs.

    Raises:
        UnknownTarget, TargetUnavailable: there is no such target, or it cannot be used here.
        InvalidSpec: two names are one target's, or a target runs no INT8.
        InvalidSpace: there is no such space, or its declaration is not valid.
        UnknownSearcher, DeviceUnavailable: the options name a searcher or a device that is not there.
    """
    targets = targets_named(spec.targets)
    reject_floats(targets)
    for space in spec.spaces:
        if not isinstance(space, str) or (Path(space).suffix in ("", ".yaml", ".yml") and space != AUTO):
            declaration(space, resolution=spec.search.get("resolution") or PHOTO_SIZE, channels=3, classes=2)
    common = spec.cells()[0].spec
    searcher(common.searcher)
    resolve_compute(common.device, common.threads)
    return {name: target.info for name, target in zip(spec.targets, targets, strict=True)}


def problem(error: HwnasError) -> Problem:
    """An error as a part of a cell's result."""
    facts = to_jsonable_python(error.facts)
    return Problem(code=error.code, status=error.status, detail=error.detail, fix=error.fix, facts=facts)


def resolve_cells(context: Context, cells: Iterable[Cell]) -> Iterator[tuple[Cell, ResolvedCell | HwnasError]]:
    """Each cell with its job, or with the error that its data, its space or its target meets.

    What cells share is read once: the data of those that differ in target and budget alone, and data that cannot be used.

    Raises:
        STOPPING: what every cell would meet.
    """
    jobs: dict[tuple[str, str], Job | HwnasError] = {}
    unusable: dict[str, HwnasError] = {}
    for cell in cells:
        context.check_cancelled()
        known = unusable.get(cell.data) or jobs.get((cell.group, cell.target)) or jobs.get((cell.group, ""))
        if known is None:
            known = _job(context, cell)
            jobs[cell.group, cell.target] = known
            if isinstance(known, InvalidData):
                unusable[cell.data] = known
            elif isinstance(known, HwnasError) and not isinstance(known, UnsupportedSpace):
                jobs[cell.group, ""] = known
        yield cell, known if isinstance(known, HwnasError) else _resolved(context, cell, known)


def _job(context: Context, cell: Cell) -> Job | HwnasError:
    try:
        return resolve_spec(replace(context, on_event=inside(context.on_event, cell.id, "cell")), cell.spec)
    except STOPPING:
        raise
    except HwnasError as error:
        return error


def _resolved(context: Context, cell: Cell, job: Job) -> ResolvedCell:
    job = replace(job, spec=cell.spec)
    inputs = cell_inputs(job)
    return ResolvedCell(cell, job, inputs, find_cell(context.store, inputs), find_spec(context.store, inputs))
