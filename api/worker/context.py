"""What the handler of a job gets and returns, whatever its kind. Not here: what each kind does (`handlers.py`, `batches.py`)."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

from sqlalchemy import Connection

from api.blobs import BlobStore
from api.jobs.input_spec import InputSpec
from api.settings import Settings
from nas.events import EventSink
from nas.execution.executor import Executor
from nas.stages.context import DeviceClaim
from nas.store import Store

MEDIA_TYPES: Final[Mapping[str, str]] = {
    ".onnx": "application/octet-stream",
    ".json": "application/json",
    ".md": "text/markdown; charset=utf-8",
    ".py": "text/x-python; charset=utf-8",
    ".html": "text/html; charset=utf-8",
    ".csv": "text/csv; charset=utf-8",
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
        dataset_name: the name of a data set, by its id.
        executor: opens where work runs; to be closed.
    """

    settings: Settings
    tenant_id: str
    input_spec: Callable[[str], InputSpec]
    out: Path
    blobs: BlobStore
    on_event: EventSink
    cancelled: Callable[[], bool]
    claim: DeviceClaim
    dataset_name: Callable[[str], str]
    executor: Callable[[], Executor]

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


def store_files(bundle: Path, blobs: BlobStore) -> list[dict[str, Any]]:
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
