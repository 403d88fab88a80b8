"""What each kind of job does. A new kind needs a spec in `api/jobs/specs.py` and a handler here."""

from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any, Final

from sqlalchemy import Connection

from api.ids import new_id
from api.jobs.engine_spec import engine_spec
from api.jobs.specs import ExportWireSpec, ProfilingWireSpec, SearchWireSpec, SupernetWireSpec
from api.latency_tables import repository as tables
from api.models import repository as models
from api.settings import load_function
from api.worker.batches import batch
from api.worker.context import JobContext, JobOutcome, store_files
from nas.result import ExportResult, SearchResult

Handler = Callable[[str, dict[str, Any], JobContext], JobOutcome]


def search(job_id: str, spec: dict[str, Any], context: JobContext) -> JobOutcome:
    """Runs the engine's search and stores its bundles. The result has no paths of this machine."""
    wire = SearchWireSpec.model_validate(spec)
    with context.executor() as executor:
        answer: SearchResult = load_function(context.settings.engine)(
            engine_spec(wire, context.settings),
            out=context.out,
            store=context.store,
            on_event=context.on_event,
            cancelled=context.cancelled,
            claim=context.claim,
            executor=executor,
        )
    result = answer.model_dump(mode="json", exclude={"run"})
    return JobOutcome(result, _store_bundles(job_id, result["models"], context))


def _store_bundles(
    job_id: str, outcomes: Mapping[str, dict[str, Any]], context: JobContext
) -> Callable[[Connection], None]:
    """Stores the bundles of models by target, and replaces each folder in its outcome by the model's id.

    Returns:
        What inserts the rows of the models.
    """
    rows: list[tuple[str, str, dict[str, Any], list[dict[str, Any]]]] = []
    for target, outcome in outcomes.items():
        files = store_files(context.out / outcome.pop("bundle"), context.blobs)
        model_id = new_id("mdl")
        rows.append((model_id, target, dict(outcome), files))
        outcome["model_id"] = model_id

    def store(connection: Connection) -> None:
        for model_id, target, outcome, files in rows:
            models.add(connection, context.tenant_id, model_id, job_id, target, outcome, files)

    return store


def profile(job_id: str, spec: dict[str, Any], context: JobContext) -> JobOutcome:
    """Measures a latency table. The table itself stays in the store, where searches use it."""
    wire = ProfilingWireSpec.model_validate(spec)
    inputs = context.input_spec(wire.data)
    answer = load_function(context.settings.profiler)(
        wire.target,
        wire.space,
        resolution=wire.resolution or inputs.resolution,
        channels=inputs.channels,
        classes=inputs.classes,
        effort=wire.effort,
        seed=wire.seed,
        out=context.out,
        store=context.store,
        on_event=context.on_event,
        cancelled=context.cancelled,
        claim=context.claim,
    )
    result = answer.model_dump(mode="json", exclude={"table"})
    result["table_sha256"] = Path(answer.table).name

    def store(connection: Connection) -> None:
        tables.add(connection, context.tenant_id, job_id, result)

    return JobOutcome(result, store)


def train_supernet(_job_id: str, spec: dict[str, Any], context: JobContext) -> JobOutcome:
    """Trains a supernet. It stays in the store, where searches use it."""
    wire = SupernetWireSpec.model_validate(spec)
    with context.executor() as executor:
        answer = load_function(context.settings.trainer)(
            engine_spec(wire, context.settings),
            store=context.store,
            on_event=context.on_event,
            cancelled=context.cancelled,
            executor=executor,
        )
    return JobOutcome(answer.model_dump(mode="json"), lambda _connection: None)


def export(job_id: str, spec: dict[str, Any], context: JobContext) -> JobOutcome:
    """Trains and exports an architecture that a search evaluated, and stores its bundle."""
    wire = ExportWireSpec.model_validate(spec)
    with context.executor() as executor:
        answer: ExportResult = load_function(context.settings.exporter)(
            engine_spec(wire, context.settings),
            wire.architecture,
            wire.target,
            out=context.out,
            store=context.store,
            on_event=context.on_event,
            cancelled=context.cancelled,
            claim=context.claim,
            executor=executor,
        )
    result = answer.model_dump(mode="json", exclude={"run"})
    return JobOutcome(result, _store_bundles(job_id, {answer.target: result["model"]}, context))


HANDLERS: Final[Mapping[str, Handler]] = {
    "batch": batch,
    "search": search,
    "profiling": profile,
    "supernet_training": train_supernet,
    "export": export,
}
