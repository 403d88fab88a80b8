"""What users upload for jobs to read: an upload is checked in a child process, and stored if it passed.

Not here: how it reaches the disk (`uploads.py`), and what is particular to data sets (`datasets/`) and networks (`networks/`).
"""

import shutil
from abc import ABC, abstractmethod
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, ClassVar, Generic, TypeVar

from pydantic import BaseModel
from sqlalchemy import Connection

from api import pagination
from api.database import Database, to_datetime
from api.errors import CheckFailed
from api.home_errors import home_error
from api.problems import answered_error
from api.processes import ChildFailed, ChildTooSlow, run_child
from api.quotas import Quotas
from api.settings import Settings
from api.tenancy import Subject
from api.upload_rows import UploadRows
from api.uploads import Upload, UploadMetadata
from search_spaces.errors import HwnasError

Document = TypeVar("Document", bound=BaseModel)
Page = TypeVar("Page", bound=BaseModel)


@dataclass(frozen=True)
class UploadKind(Generic[Document, Page]):
    """A kind of uploads, in types and in words.

    Attributes:
        rows: where they are stored.
        document, page: of one, and of some, on the wire.
        unknown, in_use: errors for an id that there is not, and for one that a job still reads.
        noun: what it is.
        route: of the service, below `/v1/`.
        operation: of the service that makes one.
        use: what jobs do with it, in the plural.
        check: module of the process that opens one.
        too_slow, too_hard: what to do where its check takes too long, or ends without an answer.
    """

    rows: UploadRows
    document: type[Document]
    page: type[Page]
    unknown: type[HwnasError]
    in_use: type[HwnasError]
    noun: str
    route: str
    operation: str
    use: str
    check: str
    too_slow: str
    too_hard: str


class StoredUploads(ABC, Generic[Document, Page]):
    """The uploads of one kind, of one database and home."""

    kind: ClassVar[UploadKind[Any, Any]]

    def __init__(self, database: Database, settings: Settings) -> None:
        self._database = database
        self._settings = settings
        self._quotas = Quotas(settings)

    @property
    @abstractmethod
    def folder(self) -> Path:
        """Where they lie, a folder each."""

    @abstractmethod
    def check_request(self, upload: Upload) -> Mapping[str, Any]:
        """What their check is asked besides the file and the limits of memory and time; `file_bytes` is among it."""

    def columns(self, summary: dict[str, Any]) -> dict[str, Any]:
        """The columns that the summary of a check is stored in."""
        return {"summary": summary}

    def place(self, file: Path, name: str) -> None:
        """Moves the file of an upload that passed within its folder, where that is wanted."""

    def accept(self, subject: Subject, upload: Upload, metadata: UploadMetadata) -> tuple[Document, bool]:
        """Checks a complete upload and keeps it.

        Returns:
            The document, and whether it was made by this request; not when the same idempotency key made it before.

        Raises:
            IdempotencyMismatch: the idempotency key came with other content or another name before.
            InvalidData, CheckFailed, and what its check raises: why it is rejected.
            QuotaExceeded: the tenant stores too much.
            OutOfSpace, UnwritableFolder: the disk is full, or the home may not be written to.
        """
        path, sha256, size = upload.finish()
        idempotent = metadata.idempotent(self.kind.operation, sha256)
        with self._database.write() as connection:
            stored = None if idempotent is None else idempotent.stored_answer(connection, subject)
            if stored is not None:
                return self._again(stored), False
            self._quotas.check_bytes(connection, subject.tenant_id, size)
        columns = self.columns(self._check(path, upload))
        folder = self.folder / upload.id
        try:
            self.place(path, metadata.name)
            upload.folder.rename(folder)
        except OSError as error:
            raise home_error(error) or error from error
        try:
            with self._database.write() as connection:
                self._quotas.check_bytes(connection, subject.tenant_id, size)
                stored = None if idempotent is None else idempotent.stored_answer(connection, subject)
                if stored is None:
                    self.kind.rows.add(
                        connection, id=upload.id, tenant_id=subject.tenant_id, name=metadata.name, sha256=sha256,
                        size_bytes=size, **columns,
                    )  # fmt: skip
                    made = self._find(connection, subject, upload.id)
                    if idempotent is not None:
                        idempotent.store_answer(connection, subject, 201, made.model_dump_json().encode())
        except BaseException:
            shutil.rmtree(folder, ignore_errors=True)
            raise
        if stored is not None:  # the same request was answered while this one was checked
            shutil.rmtree(folder, ignore_errors=True)
            return self._again(stored), False
        return made, True

    def get(self, subject: Subject, upload_id: str) -> Document:
        """The document of an id.

        Raises:
            UnknownDataset, UnknownNetwork: there is none.
        """
        with self._database.read() as connection:
            return self._find(connection, subject, upload_id)

    def page(self, subject: Subject, *, size: int, token: str | None) -> Page:
        """Some documents, newest first.

        Raises:
            InvalidPageToken: the token is not from this list.
        """
        binding = f"{self.kind.route} {subject.tenant_id}"
        before = pagination.read_token(token, binding) if token else None
        limit = pagination.clamp_page_size(size) + 1
        with self._database.read() as connection:
            rows = self.kind.rows.page(connection, subject.tenant_id, before=before, limit=limit)
        page_rows, next_token = pagination.paginate(rows, size, binding)
        page: Page = self.kind.page(items=tuple(map(self._document, page_rows)), next_page_token=next_token)
        return page

    def remove(self, subject: Subject, upload_id: str, check: Callable[[Document], None]) -> None:
        """Removes an upload with its files.

        Raises:
            UnknownDataset, UnknownNetwork: there is none of that id.
            DatasetInUse, NetworkInUse: a job that has not ended reads it.
        """
        with self._database.write() as connection:
            self._quotas.lock_limits(connection, subject.tenant_id)  # no job may be queued with it meanwhile
            check(self._find(connection, subject, upload_id))
            using = self.kind.rows.jobs_using(connection, upload_id)
            if using:
                raise self.kind.in_use(
                    f"{len(using)} jobs {self.kind.use} the {self.kind.noun} {upload_id}.",
                    fix="Wait for them, or cancel them.",
                    facts={"jobs": using[:10]},
                )
            self.kind.rows.remove(connection, subject.tenant_id, upload_id)
        shutil.rmtree(self.folder / upload_id, ignore_errors=True)

    def _find(self, connection: Connection, subject: Subject, upload_id: str) -> Document:
        row = self.kind.rows.find(connection, subject.tenant_id, upload_id)
        if row is None:
            raise self.kind.unknown(
                f"There is no {self.kind.noun} {upload_id!r}.", fix=f"List them with GET /v1/{self.kind.route}."
            )
        return self._document(row)

    def _document(self, row: Any) -> Document:
        fields = {name: getattr(row, name) for name in self.kind.document.model_fields}
        document: Document = self.kind.document.model_validate(fields | {"created_at": to_datetime(row.created_at)})
        return document

    def _again(self, stored: bytes) -> Document:
        document: Document = self.kind.document.model_validate_json(stored)
        return document

    def _check(self, path: Path, upload: Upload) -> dict[str, Any]:
        """Runs the check of a file. Returns its summary, or raises its error."""
        settings, kind = self._settings, self.kind
        request = {
            "upload": str(path),
            "memory_bytes": settings.check_memory_bytes,
            "cpu_s": int(settings.check_timeout_s) + 1,
            **self.check_request(upload),
        }
        try:
            answer = run_child(kind.check, request, settings.check_timeout_s)
        except ChildTooSlow:
            raise CheckFailed(
                f"The check of the {kind.noun} took longer than {settings.check_timeout_s:g} s.", fix=kind.too_slow
            ) from None
        except ChildFailed as error:
            raise CheckFailed(f"The check of the {kind.noun} failed (exit {error}).", fix=kind.too_hard) from None
        if "error" in answer:
            raise answered_error(answer["error"])
        summary: dict[str, Any] = answer["summary"]
        return summary
