"""What each kind of job does. A new kind needs a spec in `api/jobs/specs.py` and a handler here."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

from sqlalchemy import Connection

from api.blobs import BlobStore
from api.ids import new_id
from api.jobs.engine_spec import engine_spec
from api.jobs.input_spec import InputSpec
from api.jobs.specs import ExportWireSpec, ProfilingWireSpec, SearchWireSpec, SupernetWireSpec
from api.latency_tables import repository as tables
from api.models import repository as models
from api.settings import Settings, load_function
from nas.events import EventSink
from nas.result import ExportResult, SearchResult
from nas.stages.context import DeviceClaim
from nas.store import Store

MEDIA_TYPES: Final[Mapping[str, str]] = {
    ".onnx": "application/octet-stream",
    ".json": "application/json",
    ".md": "text/markdown; charset=utf-8",
    ".py": "text/x-python; charset=utf-8",
}


@dataclass(frozen=True, slots=True)
class JobContext:
    """What a handler gets beside the job's id and spec.

    Attributes:
        settings: of the service.
        tenant_id: whose job it is.
        input_spec: the input of networks for a data set, by its id.
        out: a folder of the job's own.
        blobs: the store of delivered files.
        on_event: receives the engine's events.
        cancelled: whether the engine should stop.
        claim: claims a device while it is measured.
    """

    settings: Settings
    tenant_id: str
    input_spec: Callable[[str], InputSpec]
    out: Path
    blobs: BlobStore
    on_event: EventSink
    cancelled: Callable[[], bool]
    claim: DeviceClaim

    @property
    def store(self) -> Store:
        """The engine's store with the tenant's index."""
        return self.settings.store_of(self.tenant_id)


@dataclass(frozen=True, slots=True)
class JobOutcome:
    """The result of a job that succeeded.

    Attributes:
        result: JSON of the result, as clients see it.
        store: writes further rows, in the transaction that ends the job.
    """

    result: dict[str, Any]
    store: Callable[[Connection], None]


Handler = Callable[[str, dict[str, Any], JobContext], JobOutcome]


def search(job_id: str, spec: dict[str, Any], context: JobContext) -> JobOutcome:
    """Runs the engine's search and stores its bundles. The result has no paths of this machine."""
    wire = SearchWireSpec.model_validate(spec)
    answer: SearchResult = load_function(context.settings.engine)(
        engine_spec(wire, context.settings),
        out=context.out,
        store=context.store,
        on_event=context.on_event,
        cancelled=context.cancelled,
        claim=context.claim,
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
        files = _store_files(context.out / outcome.pop("bundle"), context.blobs)
        model_id = new_id("mdl")
        rows.append((model_id, target, dict(outcome), files))
        outcome["model_id"] = model_id

    def store(connection: Connection) -> None:
        for model_id, target, outcome, files in rows:
            models.add(connection, context.tenant_id, model_id, job_id, target, outcome, files)

    return store


def _store_files(bundle: Path, blobs: BlobStore) -> list[dict[str, Any]]:
    """Stores the files of a bundle; their rows."""
    files = []
    for path in sorted(bundle.iterdir()):
        if path.is_file() and not path.is_symlink():
            blob = blobs.add(path)
            media_type = MEDIA_TYPES.get(path.suffix, "application/octet-stream")
            files.append(
                {"name": path.name, "sha256": blob.sha256, "size_bytes": blob.size_bytes, "media_type": media_type}
            )
    return files


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
    answer = load_function(context.settings.trainer)(
        engine_spec(wire, context.settings),
        store=context.store,
        on_event=context.on_event,
        cancelled=context.cancelled,
    )
    return JobOutcome(answer.model_dump(mode="json"), lambda _connection: None)


def export(job_id: str, spec: dict[str, Any], context: JobContext) -> JobOutcome:
    """Trains and exports an architecture that a search evaluated, and stores its bundle."""
    wire = ExportWireSpec.model_validate(spec)
    answer: ExportResult = load_function(context.settings.exporter)(
        engine_spec(wire, context.settings),
        wire.architecture,
        wire.target,
        out=context.out,
        store=context.store,
        on_event=context.on_event,
        cancelled=context.cancelled,
        claim=context.claim,
    )
    result = answer.model_dump(mode="json", exclude={"run"})
    return JobOutcome(result, _store_bundles(job_id, {answer.target: result["model"]}, context))


HANDLERS: Final[Mapping[str, Handler]] = {
    "search": search,
    "profiling": profile,
    "supernet_training": train_supernet,
    "export": export,
}
