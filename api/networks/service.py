"""Trained networks of users: has an upload checked in a child process, and stores what passed."""

import shutil
from collections.abc import Callable
from typing import Any

from sqlalchemy import Connection

from api import pagination
from api.database import Database, to_datetime
from api.errors import CheckFailed, NetworkInUse, UnknownNetwork
from api.home_errors import home_error
from api.networks import repository
from api.networks.schemas import NetworkDocument, NetworkPage, NetworkSummary
from api.networks.storage import file_name
from api.processes import ChildFailed, ChildTooSlow, run_child
from api.quotas import Quotas
from api.settings import Settings
from api.tenancy import Subject
from api.uploads import Upload, UploadMetadata
from search_spaces.errors import InvalidSpace, UnreadableModel

FILE_BYTES = 1 << 20
"""The largest file that a check may write; it needs none."""


class Networks:
    """Trained networks of one database and home."""

    def __init__(self, database: Database, settings: Settings) -> None:
        self._database = database
        self._settings = settings
        self._quotas = Quotas(settings)

    def accept(self, subject: Subject, upload: Upload, metadata: UploadMetadata) -> tuple[NetworkDocument, bool]:
        """Checks a complete upload and keeps it.

        Returns:
            The network, and whether it was made by this request; not when the same idempotency key made it before.

        Raises:
            IdempotencyMismatch: the idempotency key came with other content or another name before.
            UnreadableModel, InvalidSpace, InvalidData, CheckFailed: why it is rejected.
            QuotaExceeded: the tenant stores too much.
            OutOfSpace, UnwritableFolder: the disk is full, or the home may not be written to.
        """
        path, sha256, size = upload.finish()
        idempotent = metadata.idempotent("create_network", sha256)
        with self._database.write() as connection:
            stored = None if idempotent is None else idempotent.stored_answer(connection, subject)
            if stored is not None:
                return NetworkDocument.model_validate_json(stored), False
            self._quotas.check_bytes(connection, subject.tenant_id, size)
        summary = self._check(str(path))
        folder = self._settings.networks / upload.id
        try:
            path.rename(upload.folder / file_name(metadata.name))
            upload.folder.rename(folder)
        except OSError as error:
            raise home_error(error) or error from error
        try:
            with self._database.write() as connection:
                self._quotas.check_bytes(connection, subject.tenant_id, size)
                stored = None if idempotent is None else idempotent.stored_answer(connection, subject)
                if stored is None:
                    repository.add(
                        connection, id=upload.id, tenant_id=subject.tenant_id, name=metadata.name, sha256=sha256, size_bytes=size,
                        summary=summary.model_dump(mode="json"),
                    )  # fmt: skip
                    made = self._document(connection, subject, upload.id)
                    if idempotent is not None:
                        idempotent.store_answer(connection, subject, 201, made.model_dump_json().encode())
        except BaseException:
            shutil.rmtree(folder, ignore_errors=True)
            raise
        if stored is not None:  # the same request was answered while this one was checked
            shutil.rmtree(folder, ignore_errors=True)
            return NetworkDocument.model_validate_json(stored), False
        return made, True

    def get(self, subject: Subject, network_id: str) -> NetworkDocument:
        """A network.

        Raises:
            UnknownNetwork: there is none of that id.
        """
        with self._database.read() as connection:
            return self._document(connection, subject, network_id)

    def page(self, subject: Subject, *, size: int, token: str | None) -> NetworkPage:
        """Networks, newest first.

        Raises:
            InvalidPageToken: the token is not from this list.
        """
        binding = f"networks {subject.tenant_id}"
        before = pagination.read_token(token, binding) if token else None
        with self._database.read() as connection:
            rows = repository.page(
                connection, subject.tenant_id, before=before, limit=pagination.clamp_page_size(size) + 1
            )
        page_rows, next_token = pagination.paginate(rows, size, binding)
        return NetworkPage(items=tuple(map(_document, page_rows)), next_page_token=next_token)

    def remove(self, subject: Subject, network_id: str, check: Callable[[NetworkDocument], None]) -> None:
        """Removes a network with its file.

        Raises:
            UnknownNetwork: there is none of that id.
            NetworkInUse: a job that has not ended starts from it.
        """
        with self._database.write() as connection:
            self._quotas.lock_limits(connection, subject.tenant_id)  # no job may be queued with it meanwhile
            check(self._document(connection, subject, network_id))
            using = repository.jobs_using(connection, network_id)
            if using:
                raise NetworkInUse(
                    f"{len(using)} jobs start from the network {network_id}.",
                    fix="Wait for them, or cancel them.",
                    facts={"jobs": using[:10]},
                )
            repository.remove(connection, subject.tenant_id, network_id)
        shutil.rmtree(self._settings.networks / network_id, ignore_errors=True)

    def _document(self, connection: Connection, subject: Subject, network_id: str) -> NetworkDocument:
        row = repository.find(connection, subject.tenant_id, network_id)
        if row is None:
            raise UnknownNetwork(f"There is no network {network_id!r}.", fix="List them with GET /v1/networks.")
        return _document(row)

    def _check(self, path: str) -> NetworkSummary:
        """Runs `check.py` on a file. Returns its summary, or raises its error."""
        settings = self._settings
        request = {
            "upload": path,
            "memory_bytes": settings.check_memory_bytes,
            "cpu_s": int(settings.check_timeout_s) + 1,
            "file_bytes": FILE_BYTES,
        }
        try:
            return _summary(run_child("api.networks.check", request, settings.check_timeout_s))
        except ChildTooSlow:
            raise CheckFailed(
                f"The check of the network took longer than {settings.check_timeout_s:g} s.",
                fix="Give a smaller network, or search with the command line.",
            ) from None
        except ChildFailed as error:
            raise CheckFailed(
                f"The check of the network failed (exit {error}).",
                fix="Check the file; it may need more memory or time than a check may use.",
            ) from None


def _summary(answer: dict[str, Any]) -> NetworkSummary:
    if "summary" in answer:
        return NetworkSummary.model_validate(answer["summary"])
    error = answer["error"]
    kind = {one.code: one for one in (CheckFailed, InvalidSpace)}.get(error["code"], UnreadableModel)
    raise kind(error["detail"], fix=error["fix"], facts=error["facts"])


def _document(row: repository.NetworkRow) -> NetworkDocument:
    return NetworkDocument.model_validate(
        {
            "id": row.id,
            "name": row.name,
            "sha256": row.sha256,
            "size_bytes": row.size_bytes,
            "summary": row.summary,
            "created_at": to_datetime(row.created_at),
        }
    )
