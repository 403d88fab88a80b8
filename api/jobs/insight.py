"""Routes of what a job can be looked at by: its curves, and one candidate in full. They read; nothing here changes a job."""

from typing import Annotated

from fastapi import APIRouter, Path, Query

from api.access import JobsReader
from api.dependencies import DatabaseValue, JobsService, SettingsValue
from api.errors import ScopeMissing, UnknownCandidate, UnknownJob
from api.jobs import candidate as candidates
from api.jobs.candidate import CandidateDocument
from api.jobs.curves import LEAST_POINTS, MOST_POINTS, Metrics, curves
from api.jobs.repository import standing
from api.jobs.routes import JobId
from api.jobs.service import unknown_job
from api.problems import problems

router = APIRouter(prefix="/v1/jobs", tags=["jobs"])

ArchitectureId = Annotated[
    str,
    Path(pattern=r"^[A-Za-z0-9_\-]{1,64}$", description="`architecture_id` of a candidate or of a point of a front"),
]


@router.get(
    "/{job_id}/metrics",
    operation_id="list_job_metrics",
    summary="Get the curves of a job",
    responses=problems(UnknownJob, ScopeMissing),
)
def list_job_metrics(
    job_id: JobId,
    subject: JobsReader,
    database: DatabaseValue,
    points: Annotated[
        int, Query(ge=LEAST_POINTS, le=MOST_POINTS, description="points of a curve at the most; what it tells is kept")
    ] = 500,
) -> Metrics:
    """Losses, accuracies, rates and hypervolumes by now, thinned; first, last and extreme points are kept."""
    with database.read() as connection:
        job = standing(connection, subject.tenant_id, job_id)
        if job is None:
            raise unknown_job(job_id)
        return curves(connection, job_id, points, last_event=job[1])


@router.get(
    "/{job_id}/candidates/{architecture_id}",
    operation_id="get_job_candidate",
    summary="Get an evaluated architecture in full",
    responses=problems(UnknownJob, UnknownCandidate, ScopeMissing),
)
def get_job_candidate(
    job_id: JobId,
    architecture_id: ArchitectureId,
    subject: JobsReader,
    jobs: JobsService,
    database: DatabaseValue,
    settings: SettingsValue,
) -> CandidateDocument:
    """Its choices beside their alternatives, its layers, and what each costs on each target: predicted, simulated, measured."""
    return candidates.candidate(database, settings, jobs.ahead, subject, job_id, architecture_id)
