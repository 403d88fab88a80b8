"""Routes of what a batch has beside other jobs: its cells, and files."""

from fastapi import APIRouter, Request, Response
from starlette.responses import FileResponse

from api.access import JobsReader
from api.blobs import BlobStore
from api.dependencies import DatabaseValue, SettingsValue
from api.errors import RangeNotSatisfiable, ScopeMissing, UnknownArtifact, UnknownJob
from api.jobs.artifacts import artifact, artifacts
from api.jobs.batch_answer import JobArtifacts
from api.jobs.cells import JobCells, cells
from api.problems import problems
from api.routes.downloads import CONTENT, ArtifactName, download
from api.routes.jobs import JobId

router = APIRouter(prefix="/v1/jobs", tags=["jobs"])


@router.get(
    "/{job_id}/cells",
    operation_id="list_job_cells",
    summary="List the cells of a batch",
    responses=problems(UnknownJob, ScopeMissing),
)
def list_job_cells(job_id: JobId, subject: JobsReader, database: DatabaseValue, settings: SettingsValue) -> JobCells:
    """Every search of a batch with its state, and the metric and the latency of its model once it has one."""
    return cells(database, settings, subject, job_id)


@router.get(
    "/{job_id}/artifacts",
    operation_id="list_job_artifacts",
    summary="List the files of a job",
    responses=problems(UnknownJob, ScopeMissing),
)
def list_job_artifacts(job_id: JobId, subject: JobsReader, database: DatabaseValue) -> JobArtifacts:
    """The files that the job made beside its models: the report of a batch as HTML, CSV and JSON."""
    return artifacts(database, subject, job_id)


@router.get(
    "/{job_id}/artifacts/{name}",
    operation_id="get_job_artifact",
    summary="Download a file of a job",
    response_class=FileResponse,
    responses={**problems(UnknownJob, UnknownArtifact, RangeNotSatisfiable, ScopeMissing), **CONTENT},
)
@router.head(
    "/{job_id}/artifacts/{name}",
    operation_id="head_job_artifact",
    summary="Length and hash of a file",
    response_class=FileResponse,
    responses={**problems(UnknownJob, UnknownArtifact, RangeNotSatisfiable, ScopeMissing), **CONTENT},
)
def get_job_artifact(
    *,
    job_id: JobId,
    name: ArtifactName,
    subject: JobsReader,
    database: DatabaseValue,
    settings: SettingsValue,
    request: Request,
) -> Response:
    """A file, whole or in part (`Range`, `If-Range`). Its `ETag` is the hash of its content."""
    return download(artifact(database, BlobStore(settings.artifacts), subject, job_id, name), request)
