"""What each kind of job does. A further kind joins by adding a spec to the wire and a handler here."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

from sqlalchemy import Connection

from api.blobs import Blobs
from api.ids import new_id
from api.jobs.local import local_spec
from api.jobs.specs import ExportWireSpec, ProfilingWireSpec, SearchWireSpec, SupernetWireSpec
from api.latency_tables import repository as tables
from api.models import repository as models
from api.settings import Settings, load
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
class Workplace:
    """What a handler works with.

    Attributes:
        settings: of the service.
        tenant_id: whose job it is.
        form: side, channels and classes of the images of a data set.
        out: a folder of the job's own.
        blobs: where delivered files go.
        on_event: tells what happens.
        cancelled: whether to stop.
        hold: claims a device while it is measured.
    """

    settings: Settings
    tenant_id: str
    form: Callable[[str], dict[str, Any]]
    out: Path
    blobs: Blobs
    on_event: EventSink
    cancelled: Callable[[], bool]
    hold: DeviceClaim

    @property
    def store(self) -> Store:
        """The engine's store as the tenant sees it."""
        return self.settings.store_of(self.tenant_id)


@dataclass(frozen=True, slots=True)
class Done:
    """A job's success.

    Attributes:
        result: JSON of the result, as clients see it.
        store: writes further rows, in the transaction that ends the job.
    """

    result: dict[str, Any]
    store: Callable[[Connection], None]


Handler = Callable[[str, dict[str, Any], Workplace], Done]


def search(job_id: str, spec: dict[str, Any], place: Workplace) -> Done:
    """Runs the engine's search and takes its bundles in. Paths of this machine do not reach the result."""
    wire = SearchWireSpec.model_validate(spec)
    answer: SearchResult = load(place.settings.engine)(
        local_spec(wire, place.settings.datasets),
        out=place.out,
        store=place.store,
        on_event=place.on_event,
        cancelled=place.cancelled,
        claim=place.hold,
    )
    result = answer.model_dump(mode="json", exclude={"run"})
    return Done(result, _take_in(job_id, result["models"], place))


def _take_in(job_id: str, outcomes: Mapping[str, dict[str, Any]], place: Workplace) -> Callable[[Connection], None]:
    """Stores the bundles of models by their targets, and names a model's id in its outcome where its folder was; writes their rows."""
    rows: list[tuple[str, str, dict[str, Any], list[dict[str, Any]]]] = []
    for target, outcome in outcomes.items():
        files = _stored(place.out / outcome.pop("bundle"), place.blobs)
        model_id = new_id("mdl")
        rows.append((model_id, target, dict(outcome), files))
        outcome["model_id"] = model_id

    def store(connection: Connection) -> None:
        for model_id, target, outcome, files in rows:
            models.add(connection, place.tenant_id, model_id, job_id, target, outcome, files)

    return store


def _stored(bundle: Path, blobs: Blobs) -> list[dict[str, Any]]:
    """The files of a bundle, stored."""
    files = []
    for path in sorted(bundle.iterdir()):
        if path.is_file() and not path.is_symlink():
            blob = blobs.add(path)
            media_type = MEDIA_TYPES.get(path.suffix, "application/octet-stream")
            files.append(
                {"name": path.name, "sha256": blob.sha256, "size_bytes": blob.size_bytes, "media_type": media_type}
            )
    return files


def profile(job_id: str, spec: dict[str, Any], place: Workplace) -> Done:
    """Measures a latency table. The table itself stays in the store, where searches find it."""
    wire = ProfilingWireSpec.model_validate(spec)
    form = place.form(wire.data)
    answer = load(place.settings.profiler)(
        wire.target,
        wire.space,
        resolution=wire.resolution or form["resolution"],
        channels=form["channels"],
        classes=form["classes"],
        effort=wire.effort,
        seed=wire.seed,
        out=place.out,
        store=place.store,
        on_event=place.on_event,
        cancelled=place.cancelled,
        claim=place.hold,
    )
    result = answer.model_dump(mode="json", exclude={"table"})
    result["table_sha256"] = Path(answer.table).name

    def store(connection: Connection) -> None:
        tables.add(connection, place.tenant_id, job_id, result)

    return Done(result, store)


def train_supernet(_job_id: str, spec: dict[str, Any], place: Workplace) -> Done:
    """Trains a supernet. It stays in the store, where searches find it."""
    wire = SupernetWireSpec.model_validate(spec)
    answer = load(place.settings.trainer)(
        local_spec(wire, place.settings.datasets),
        store=place.store,
        on_event=place.on_event,
        cancelled=place.cancelled,
    )
    return Done(answer.model_dump(mode="json"), lambda _connection: None)


def export(job_id: str, spec: dict[str, Any], place: Workplace) -> Done:
    """Finishes an architecture that a search evaluated, and takes its bundle in."""
    wire = ExportWireSpec.model_validate(spec)
    answer: ExportResult = load(place.settings.exporter)(
        local_spec(wire, place.settings.datasets),
        wire.architecture,
        wire.target,
        out=place.out,
        store=place.store,
        on_event=place.on_event,
        cancelled=place.cancelled,
        claim=place.hold,
    )
    result = answer.model_dump(mode="json", exclude={"run"})
    return Done(result, _take_in(job_id, {answer.target: result["model"]}, place))


HANDLERS: Final[Mapping[str, Handler]] = {
    "search": search,
    "profiling": profile,
    "supernet_training": train_supernet,
    "export": export,
}
