"""Operations on delivered models."""

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from sqlalchemy import Connection, Row

from api import pagination
from api.blobs import BlobStore
from api.database import Database, to_datetime
from api.errors import UnknownArtifact, UnknownModel
from api.models import repository
from api.models.schemas import ModelDocument, ModelPage
from api.tenancy import Subject


@dataclass(frozen=True, slots=True)
class StoredFile:
    """An artifact to be sent."""

    path: Path
    name: str
    sha256: str
    media_type: str


class Models:
    """Models of one database and home."""

    def __init__(self, database: Database, blobs: BlobStore) -> None:
        self._database = database
        self._blobs = blobs

    def get(self, subject: Subject, model_id: str) -> ModelDocument:
        """A model.

        Raises:
            UnknownModel: there is none of that id.
        """
        with self._database.read() as connection:
            return self._document(connection, subject, model_id)

    def _document(self, connection: Connection, subject: Subject, model_id: str) -> ModelDocument:
        row = repository.find(connection, subject.tenant_id, model_id)
        if row is None:
            raise _unknown(model_id)
        return _document(row, repository.files(connection, [model_id]))

    def remove(self, subject: Subject, model_id: str, check: Callable[[ModelDocument], None]) -> None:
        """Removes a model.

        Raises:
            UnknownModel: there is none of that id.
        """
        with self._database.write() as connection:
            check(self._document(connection, subject, model_id))
            repository.remove(connection, subject.tenant_id, model_id)

    def page(self, subject: Subject, *, job_id: str | None, size: int, token: str | None) -> ModelPage:
        """Models, newest first.

        Raises:
            InvalidPageToken: the token is not from this list with this filter.
        """
        binding = f"models {subject.tenant_id} job={job_id}"
        before = pagination.read_token(token, binding) if token else None
        with self._database.read() as connection:
            rows = repository.page(
                connection, subject.tenant_id, job_id=job_id, before=before, limit=pagination.clamp_page_size(size) + 1
            )
            page_rows, next_token = pagination.paginate(rows, size, binding)
            files: dict[str, list[Row[Any]]] = {row.id: [] for row in page_rows}
            for file in repository.files(connection, list(files)):
                files[file.model_id].append(file)
        return ModelPage(
            items=tuple(_document(row, files[row.id]).model_copy(update={"test": None}) for row in page_rows),
            next_page_token=next_token,
        )

    def artifact(self, subject: Subject, model_id: str, name: str) -> StoredFile:
        """A file of a model's bundle.

        Raises:
            UnknownModel: there is no such model.
            UnknownArtifact: it has no such file.
        """
        with self._database.read() as connection:
            row = repository.file(connection, subject.tenant_id, model_id, name)
            if row is None:
                known = [file.name for file in self._document(connection, subject, model_id).artifacts]
                raise UnknownArtifact(
                    f"The model {model_id} has no artifact {name!r}.",
                    fix=f"It has {', '.join(known) or 'none'}.",
                    facts={"artifacts": list(known)},
                )
        return StoredFile(self._blobs.path(row.sha256), row.name, row.sha256, row.media_type)


def _unknown(model_id: str) -> UnknownModel:
    return UnknownModel(f"There is no model {model_id!r}.", fix="List them with GET /v1/models.")


def _document(row: repository.ModelRow, files: Iterable[Row[Any]]) -> ModelDocument:
    return ModelDocument.model_validate(
        {
            **row.outcome,
            "id": row.id,
            "job_id": row.job_id,
            "target": row.target,
            "cell": row.cell or None,
            "artifacts": [
                {
                    "name": file.name,
                    "size_bytes": file.size_bytes,
                    "sha256": file.sha256,
                    "media_type": file.media_type,
                    "url": f"/v1/models/{row.id}/artifacts/{file.name}",
                }
                for file in files
            ],
            "created_at": to_datetime(row.created_at),
        }
    )
