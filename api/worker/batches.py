"""Runs a batch: its searches on the worker's executor, their bundles as models, its report as files of the job."""

from pathlib import Path
from typing import Any

from sqlalchemy import Connection

from api.ids import new_id
from api.jobs import artifacts
from api.jobs.batch_spec import BatchWireSpec
from api.jobs.batches import engine_batch
from api.models import repository as models
from api.problems import answered_problem
from api.settings import load_function
from api.worker.context import JobContext, JobOutcome, store_files
from nas.batch.result import BatchResult, CellResult
from nas.events import Event, EventSink, ItemEvent

KEPT = ("phase", "plan", "log")
"""Events of a cell's search that the job keeps; of candidates and curves, a thousand searches would have millions."""


def batch(job_id: str, spec: dict[str, Any], context: JobContext) -> JobOutcome:
    """Runs the engine's batch, and stores the bundle of each cell that has one, and the report."""
    wire = BatchWireSpec.model_validate(spec)
    labels = unique_labels({data: context.dataset_name(data) for data in wire.data})
    with context.executor() as executor:
        answer: BatchResult = load_function(context.settings.batcher)(
            engine_batch(wire, context.settings, labels),
            out=context.out,
            store=context.store,
            on_event=without_details(context.on_event),
            cancelled=context.cancelled,
            claim=context.claim,
            executor=executor,
        )
    delivered = [_deliver(cell, context) for cell in answer.cells if cell.run is not None]
    report = store_files(context.out / wire.name, context.blobs)
    ids = {label: data for data, label in labels.items()}

    def store(connection: Connection) -> None:
        for cell, model_id, outcome, files in delivered:
            models.add(connection, context.tenant_id, model_id, job_id, cell.target, outcome, files, cell=cell.id)
        artifacts.add(connection, job_id, report)

    return JobOutcome(_answer(answer, {cell.id: model_id for cell, model_id, *_ in delivered}, ids), store)


def unique_labels(names: dict[str, str]) -> dict[str, str]:
    """What a report calls each data set: its name, with its id where another one has the same."""
    values = list(names.values())
    return {data: name if values.count(name) == 1 else f"{name} ({data})" for data, name in names.items()}


def without_details(sink: EventSink) -> EventSink:
    """Passes on the events of the batch itself, and those few of its searches that a job keeps."""

    def emit(event: Event) -> None:
        if not isinstance(event, ItemEvent) or event.event.type in KEPT:
            sink(event)

    return emit


def _deliver(cell: CellResult, context: JobContext) -> tuple[CellResult, str, dict[str, Any], list[dict[str, Any]]]:
    assert cell.run is not None and cell.model is not None
    (bundle,) = (folder for folder in sorted((context.out / cell.run).iterdir()) if _is_bundle(folder))
    return cell, new_id("mdl"), cell.model.model_dump(mode="json"), store_files(bundle, context.blobs)


def _is_bundle(folder: Path) -> bool:
    return (folder / "receipt.json").is_file()


def _answer(answer: BatchResult, model_ids: dict[str, str], ids: dict[str, str]) -> dict[str, Any]:
    """The result as clients see it: data sets by their ids, models by theirs, no confusion matrices."""
    document = answer.model_dump(mode="json", exclude={"name"})
    for cell in document["cells"]:
        cell |= {"data": ids[cell["data"]], "run": None}
        if cell["model"] is not None:
            cell["model"] |= {"model_id": model_ids[cell["id"]], "test": None}
        if cell["error"] is not None:
            cell["error"] = answered_problem(cell["error"]).model_dump(mode="json")
    for best in document["best"]:
        best["data"] = ids[best["data"]]
    states = [cell["state"] for cell in document["cells"]]
    document["counts"] = {state: states.count(state) for state in dict.fromkeys(states)}
    return document
