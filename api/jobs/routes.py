"""Routes of jobs. Their events have a module of their own (`api/events.py`)."""

from typing import Annotated

from fastapi import APIRouter, Path, Query, Response

from api.dependencies import JobsService
from api.errors import (
    BodyTimeout,
    BodyTooLarge,
    InvalidPageToken,
    JobEnded,
    MalformedBody,
    UnknownDataset,
    UnknownJob,
)
from api.ids import id_pattern
from api.jobs.schemas import JobCreate, JobDocument, JobPage
from api.jobs.states import State
from api.pages import PageSize, PageToken
from api.problems import problems
from api.strict import StrictRoute
from hw_targets.errors import UnknownTarget
from search_spaces.errors import InvalidSpace

router = APIRouter(prefix="/v1/jobs", tags=["jobs"], route_class=StrictRoute)

JobId = Annotated[str, Path(pattern=id_pattern("job"))]


@router.post(
    "",
    operation_id="create_job",
    status_code=201,
    summary="Queue a job",
    responses=problems(MalformedBody, BodyTooLarge, BodyTimeout, UnknownDataset, UnknownTarget, InvalidSpace),
)
def create_job(wanted: JobCreate, jobs: JobsService, response: Response) -> JobDocument:
    """Queues a search. What cannot run is refused at once: unknown names, and spaces that do not fit the images."""
    job = jobs.create(wanted)
    response.headers["Location"] = f"/v1/jobs/{job.id}"
    return job


@router.get("", operation_id="list_jobs", summary="List jobs", responses=problems(InvalidPageToken))
def list_jobs(
    jobs: JobsService,
    state: Annotated[State | None, Query(description="only jobs in this state")] = None,
    page_size: PageSize = 50,
    page_token: PageToken = None,
) -> JobPage:
    """Jobs, newest first."""
    return jobs.page(state=state, size=page_size, token=page_token)


@router.get("/{job_id}", operation_id="get_job", summary="Get a job", responses=problems(UnknownJob))
def get_job(job_id: JobId, jobs: JobsService) -> JobDocument:
    """One job, with its result when it succeeded and its error when it failed."""
    return jobs.get(job_id)


@router.post(
    "/{job_id}/cancel", operation_id="cancel_job", summary="Cancel a job", responses=problems(UnknownJob, JobEnded)
)
def cancel_job(job_id: JobId, jobs: JobsService) -> JobDocument:
    """Cancels a queued job at once and asks a running one to stop (`cancelling`). Asking again changes nothing."""
    return jobs.cancel(job_id)
