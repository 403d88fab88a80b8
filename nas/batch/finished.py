"""The record of a finished cell, and its run's folder, which is made again of cached stages where it is missing."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from pydantic import ValidationError

from nas.batch.records import CellRecord, StageUse, stage_uses
from nas.errors import UnknownRun
from nas.evaluations import of_target, read_evaluations
from nas.events import ignore
from nas.pipeline import search_in
from nas.result import SearchResult
from nas.spec import SearchSpec
from nas.stages.context import Context


def finished_record(context: Context, spec: SearchSpec, value: Mapping[str, Any], out: Path) -> CellRecord:
    """The record of a cell that has run.

    Args:
        context: of the batch.
        spec: of the cell's search, with all that was decided for it.
        value: what its item returned.
        out: folder of runs.

    Raises:
        Cancelled: the caller requested a stop.
    """
    result = SearchResult.model_validate(value["result"])
    stages = tuple(StageUse.model_validate(use) for use in value["stages"])
    record = with_folder(context, CellRecord(spec=spec, result=result, validation=None, stages=stages), out)
    return record.model_copy(update={"validation": _validation(out, record.result)})


def with_folder(context: Context, record: CellRecord, out: Path) -> CellRecord:
    """The record with its run's folder in `out`. Raises as a search does."""
    if _is_there(out / record.result.run, record):
        return record
    own = Context(context.store, ignore, context.cancelled, context.claim)
    made = search_in(own, record.spec, out)
    seconds = {**made.seconds, **record.result.seconds}
    made = made.model_copy(update={"seconds": seconds})
    return record.model_copy(update={"result": made, "stages": stage_uses(own.costs)})


def _is_there(folder: Path, record: CellRecord) -> bool:
    """Whether a run's folder has the files of a cell."""
    try:
        spec = SearchSpec.model_validate_json((folder / "spec.json").read_text())
    except (OSError, ValidationError):
        return False
    bundles = [Path(model.bundle) for model in record.result.models.values()]
    ours = all(one.is_dir() and one.parent.absolute() == folder.absolute() for one in bundles)
    return spec == record.spec and (folder / "result.json").is_file() and ours


def _validation(out: Path, result: SearchResult) -> float | None:
    """The exported network's metric in INT8 on the validation set."""
    (target,) = result.models
    try:
        finalists = of_target(read_evaluations(out / result.run), target).finalists
    except UnknownRun:
        return None
    exported = result.models[target].architecture_id
    return next((one.metric.value for one in finalists if one.architecture_id == exported), None)
