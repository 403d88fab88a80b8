"""Files of jobs, such as the report of a batch. Not here: those of models (`api/models`)."""

from collections.abc import Sequence
from typing import Any

from sqlalchemy import Connection, Row, insert, select

from api.blobs import BlobStore
from api.database import Database
from api.errors import UnknownArtifact
from api.jobs import repository
from api.jobs.batch_answer import JobArtifacts
from api.jobs.service import unknown_job
from api.models.schemas import Artifact
from api.models.service import StoredFile
from api.tables import job_artifacts
from api.tenancy import Subject


def add(connection: Connection, job_id: str, files: Sequence[dict[str, Any]]) -> None:
    """Stores the files of a job (`name`, `sha256`, `size_bytes`, `media_type` each)."""
    if files:
        connection.execute(insert(job_artifacts), [{"job_id": job_id, **file} for file in files])


def artifacts(database: Database, subject: Subject, job_id: str) -> JobArtifacts:
    """The files of a job.

    Raises:
        UnknownJob: there is none of that id.
    """
    items = (
        Artifact(
            name=row.name,
            size_bytes=row.size_bytes,
            sha256=row.sha256,
            media_type=row.media_type,
            url=f"/v1/jobs/{job_id}/artifacts/{row.name}",
        )
        for row in _rows(database, subject, job_id)
    )
    return JobArtifacts(items=tuple(items))


def artifact(database: Database, blobs: BlobStore, subject: Subject, job_id: str, name: str) -> StoredFile:
    """A file of a job.

    Raises:
        UnknownJob: there is none of that id.
        UnknownArtifact: it has no such file.
    """
    rows = {row.name: row for row in _rows(database, subject, job_id)}
    if name not in rows:
        raise UnknownArtifact(
            f"The job {job_id} has no artifact {name!r}.",
            fix=f"It has {', '.join(rows) or 'none'}.",
            facts={"artifacts": list(rows)},
        )
    row = rows[name]
    return StoredFile(blobs.path(row.sha256), row.name, row.sha256, row.media_type)


def _rows(database: Database, subject: Subject, job_id: str) -> Sequence[Row[Any]]:
    with database.read() as connection:
        if repository.state_of(connection, subject.tenant_id, job_id) is None:
            raise unknown_job(job_id)
        query = select(job_artifacts).where(job_artifacts.c.job_id == job_id).order_by(job_artifacts.c.name)
        return connection.execute(query).all()
