"""Data sets: has an upload checked in a child process, and stores what passed."""

import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

from sqlalchemy import Connection

from api import pagination
from api.database import Database, to_datetime
from api.datasets import repository
from api.datasets.schemas import DatasetDocument, DatasetPage
from api.errors import CheckFailed, DatasetInUse, UnknownDataset, UnsafeArchive
from api.home_errors import home_error
from api.processes import ChildFailed, ChildTooSlow, run_child
from api.quotas import Quotas
from api.settings import Settings
from api.tenancy import Subject
from api.uploads import Upload, UploadMetadata
from nas.errors import InvalidData, OutOfSpace, UnwritableFolder


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
        idempotent = metadata.idempotent("create_dataset", sha256)
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
