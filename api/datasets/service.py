"""Data sets: streams an upload to the disk, has it checked in a child process, and stores what passed."""

import hashlib
import shutil
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any, BinaryIO, Final

from sqlalchemy import Connection

from api import pagination
from api.database import Database, to_datetime
from api.datasets import repository
from api.datasets.schemas import DatasetDocument, DatasetPage
from api.errors import BodyTooLarge, CheckFailed, DatasetInUse, UnknownDataset, UnsafeArchive
from api.home_errors import home_error
from api.idempotency import Idempotent
from api.ids import new_id
from api.processes import ChildFailed, ChildTooSlow, run_child
from api.quotas import Quotas
from api.settings import Settings
from api.tenancy import Subject
from nas.errors import InvalidData, OutOfSpace, UnwritableFolder

UPLOAD: Final = "upload.zip"


@dataclass(frozen=True, slots=True)
class UploadMetadata:
    """What a client sends beside an upload.

    Attributes:
        name: for people.
        idempotency_key: its `Idempotency-Key`, if there is one.
    """

    name: str
    idempotency_key: str | None = None

    def idempotent(self, sha256: str) -> Idempotent | None:
        """The request by its key; its name and its content must be the same when it is sent again."""
        if self.idempotency_key is None:
            return None
        return Idempotent.from_body("create_dataset", self.idempotency_key, f"{sha256} {self.name}".encode())


class Upload:
    """One upload on its way to the disk, with its running hash. Not thread-safe; call `discard` in any case at the end."""

    def __init__(self, settings: Settings) -> None:
        self.id = new_id("ds")
        self.folder = settings.incoming / self.id
        self._max_bytes = settings.max_upload_bytes
        self._hash = hashlib.sha256()
        self._size = 0
        self._file: BinaryIO | None = None

    def write(self, chunk: bytes) -> None:
        """Appends a piece.

        Raises:
            BodyTooLarge: with it the upload is larger than allowed.
            OutOfSpace, UnwritableFolder: the disk is full, or the home may not be written to.
        """
        self._size += len(chunk)
        if self._size > self._max_bytes:
            raise body_too_large(self._max_bytes)
        try:
            if self._file is None:
                self.folder.mkdir(mode=0o700)
                self._file = (self.folder / UPLOAD).open("xb")
            self._file.write(chunk)
        except OSError as error:
            raise home_error(error) or error from error
        self._hash.update(chunk)

    def finish(self) -> tuple[Path, str, int]:
        """The complete file, its SHA-256 and its size.

        Raises:
            InvalidData: nothing was sent.
        """
        if self._file is None or self._size == 0:
            raise InvalidData("The upload is empty.", fix="Send an .npz or a .zip as the body of the request.")
        try:
            self._file.close()
        except OSError as error:
            raise home_error(error) or error from error
        return self.folder / UPLOAD, self._hash.hexdigest(), self._size

    def discard(self) -> None:
        """Closes the file and removes what is left of the upload."""
        if self._file is not None:
            self._file.close()
        shutil.rmtree(self.folder, ignore_errors=True)


class Datasets:
    """Data sets of one database and home."""

    def __init__(self, database: Database, settings: Settings) -> None:
        self._database = database
        self._settings = settings
        self._quotas = Quotas(settings)

    def accept(self, subject: Subject, upload: Upload, metadata: UploadMetadata) -> tuple[DatasetDocument, bool]:
        """Checks a complete upload and keeps it.

        Returns:
            The data set, and whether it was made by this request; not when the same idempotency key made it before.

        Raises:
            IdempotencyMismatch: the idempotency key came with other content or another name before.
            UnsafeArchive, InvalidData, CheckFailed: why it is rejected.
            QuotaExceeded: the tenant stores too much.
            OutOfSpace, UnwritableFolder: the disk is full, or the home may not be written to.
        """
        path, sha256, size = upload.finish()
        idempotent = metadata.idempotent(sha256)
        with self._database.write() as connection:
            stored = None if idempotent is None else idempotent.stored_answer(connection, subject)
            if stored is not None:
                return DatasetDocument.model_validate_json(stored), False
            self._quotas.check_bytes(connection, subject.tenant_id, size)
        summary = self._check(path, upload.folder)
        dataset_format = summary.pop("format")
        folder = self._settings.datasets / upload.id
        try:
            upload.folder.rename(folder)
        except OSError as error:
            raise home_error(error) or error from error
        try:
            with self._database.write() as connection:
                self._quotas.check_bytes(connection, subject.tenant_id, size)
                stored = None if idempotent is None else idempotent.stored_answer(connection, subject)
                if stored is None:
                    repository.add(
                        connection, id=upload.id, tenant_id=subject.tenant_id, name=metadata.name, format=dataset_format,
                        sha256=sha256, size_bytes=size, summary=summary,
                    )  # fmt: skip
                    made = self._document(connection, subject, upload.id)
                    if idempotent is not None:
                        idempotent.store_answer(connection, subject, 201, made.model_dump_json().encode())
        except BaseException:
            shutil.rmtree(folder, ignore_errors=True)
            raise
        if stored is not None:  # the same request was answered while this one was checked
            shutil.rmtree(folder, ignore_errors=True)
            return DatasetDocument.model_validate_json(stored), False
        return made, True

    def get(self, subject: Subject, dataset_id: str) -> DatasetDocument:
        """A data set.

        Raises:
            UnknownDataset: there is none of that id.
        """
        with self._database.read() as connection:
            return self._document(connection, subject, dataset_id)

    def page(self, subject: Subject, *, size: int, token: str | None) -> DatasetPage:
        """Data sets, newest first.

        Raises:
            InvalidPageToken: the token is not from this list.
        """
        binding = f"datasets {subject.tenant_id}"
        before = pagination.read_token(token, binding) if token else None
        with self._database.read() as connection:
            rows = repository.page(
                connection, subject.tenant_id, before=before, limit=pagination.clamp_page_size(size) + 1
            )
        page_rows, next_token = pagination.paginate(rows, size, binding)
        return DatasetPage(items=tuple(map(_document, page_rows)), next_page_token=next_token)

    def remove(self, subject: Subject, dataset_id: str, check: Callable[[DatasetDocument], None]) -> None:
        """Removes a data set with its files.

        Raises:
            UnknownDataset: there is none of that id.
            DatasetInUse: a job that has not ended reads it.
        """
        with self._database.write() as connection:
            self._quotas.lock_limits(connection, subject.tenant_id)  # no job may be queued with it meanwhile
            check(self._document(connection, subject, dataset_id))
            using = repository.jobs_using(connection, dataset_id)
            if using:
                raise DatasetInUse(
                    f"{len(using)} jobs read the data set {dataset_id}.",
                    fix="Wait for them, or cancel them.",
                    facts={"jobs": using[:10]},
                )
            repository.remove(connection, subject.tenant_id, dataset_id)
        shutil.rmtree(self._settings.datasets / dataset_id, ignore_errors=True)

    def _document(self, connection: Connection, subject: Subject, dataset_id: str) -> DatasetDocument:
        row = repository.find(connection, subject.tenant_id, dataset_id)
        if row is None:
            raise UnknownDataset(f"There is no data set {dataset_id!r}.", fix="List them with GET /v1/datasets.")
        return _document(row)

    def _check(self, path: Path, folder: Path) -> dict[str, Any]:
        """Runs `check.py` on a file. Returns its summary, or raises its error."""
        settings = self._settings
        request = {
            "upload": str(path),
            "folder": str(folder),
            "memory_bytes": settings.check_memory_bytes,
            "cpu_s": int(settings.check_timeout_s) + 1,
            "file_bytes": settings.max_unpacked_bytes,
            "limits": {"entries": settings.max_upload_entries, "unpacked_bytes": settings.max_unpacked_bytes},
        }
        try:
            return _summary(run_child("api.datasets.check", request, settings.check_timeout_s))
        except ChildTooSlow:
            raise CheckFailed(
                f"The check of the data set took longer than {settings.check_timeout_s:g} s.",
                fix="Give fewer or smaller images, or search them with the command line.",
            ) from None
        except ChildFailed as error:
            raise CheckFailed(
                f"The check of the data set failed (exit {error}).",
                fix="Check the archive; it may need more memory or time than a check may use.",
            ) from None


def body_too_large(limit_bytes: int) -> BodyTooLarge:
    """The error for a body above the limit."""
    return BodyTooLarge(
        f"The body is larger than {limit_bytes} bytes.", fix="Send less.", facts={"limit_bytes": limit_bytes}
    )


def _summary(answer: dict[str, Any]) -> dict[str, Any]:
    if "summary" in answer:
        summary: dict[str, Any] = answer["summary"]
        return summary
    error = answer["error"]
    kind = {k.code: k for k in (UnsafeArchive, CheckFailed, OutOfSpace, UnwritableFolder)}.get(
        error["code"], InvalidData
    )
    raise kind(error["detail"], fix=error["fix"], facts=error["facts"])


def _document(row: repository.DatasetRow) -> DatasetDocument:
    return DatasetDocument.model_validate(
        {
            "id": row.id,
            "name": row.name,
            "format": row.format,
            "sha256": row.sha256,
            "size_bytes": row.size_bytes,
            "summary": row.summary,
            "created_at": to_datetime(row.created_at),
        }
    )
