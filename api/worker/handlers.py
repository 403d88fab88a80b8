"""What each kind of job does. A further kind joins by adding a spec to the wire and a handler here."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

from sqlalchemy import Connection

from api.blobs import Blobs
from api.ids import new_id
from api.jobs.schemas import SearchWireSpec
from api.jobs.service import local_spec
from api.models import repository as models
from api.settings import Settings
from nas.events import EventSink
from nas.result import SearchResult

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
        out: a folder of the job's own.
        blobs: where delivered files go.
        on_event: tells what happens.
        cancelled: whether to stop.
    """

    settings: Settings
    out: Path
    blobs: Blobs
    on_event: EventSink
    cancelled: Callable[[], bool]


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
    answer: SearchResult = place.settings.load_engine()(
        local_spec(wire, place.settings.datasets),
        out=place.out,
        store=place.settings.store,
        on_event=place.on_event,
        cancelled=place.cancelled,
    )
    result = answer.model_dump(mode="json", exclude={"run"})
    rows: list[tuple[str, str, dict[str, Any], list[dict[str, Any]]]] = []
    for target, outcome in result["models"].items():
        files = _take_in(place.out / outcome.pop("bundle"), place.blobs)
        model_id = new_id("mdl")
        rows.append((model_id, target, dict(outcome), files))
        outcome["model_id"] = model_id

    def store(connection: Connection) -> None:
        for model_id, target, outcome, files in rows:
            models.add(connection, model_id, job_id, target, outcome, files)

    return Done(result, store)


def _take_in(bundle: Path, blobs: Blobs) -> list[dict[str, Any]]:
    """Stores the files of a bundle."""
    files = []
    for path in sorted(bundle.iterdir()):
        if path.is_file() and not path.is_symlink():
            blob = blobs.add(path)
            media_type = MEDIA_TYPES.get(path.suffix, "application/octet-stream")
            files.append(
                {"name": path.name, "sha256": blob.sha256, "size_bytes": blob.size_bytes, "media_type": media_type}
            )
    return files


HANDLERS: Final[Mapping[str, Handler]] = {"search": search}
