"""Routes of jobs. Their events have a module of their own (`job_events.py`)."""

from collections.abc import Callable
from typing import Annotated, Final

from fastapi import APIRouter, Path, Query, Request, Response
from pydantic import StringConstraints
from pydantic.json_schema import SkipJsonSchema
from starlette.concurrency import run_in_threadpool

from api.access import JobsReader, JobsWriter
from api.dependencies import DatabaseValue, JobsService, SettingsValue
from api.errors import (
    CheckFailed,
    IdempotencyMismatch,
    InvalidPageToken,
    JobCancelling,
    JobEnded,
    JobNotEnded,
    PreconditionFailed,
    QuotaExceeded,
    ScopeMissing,
    UnknownCandidate,
    UnknownDataset,
    UnknownJob,
)
from api.etags import IfMatch, check_if_match, etag, with_etag
from api.idempotency import REPLAYED_HEADER, IdempotencyKey, Idempotent
from api.ids import id_pattern
from api.job_states import State
from api.jobs.batch_answer import BatchValidation
from api.jobs.candidate import CandidateDocument, candidate_document
from api.jobs.curves import MAX_POINTS, MIN_POINTS, Metrics, curves
from api.jobs.repository import JobFilter, JobOrder, state_of
from api.jobs.schemas import (
    CandidatePage,
    Checkpoints,
    Fronts,
    JobCreate,
    JobDocument,
    JobPage,
    JobPatch,
    LogLevel,
    LogPage,
    Validation,
)
from api.jobs.service import unknown_job
from api.jobs.specs import Kind
from api.pagination import PageSize, PageToken
from api.problems import links, problems
from api.strict_json import BODY_ERRORS, StrictRoute
from api.wire import Moment
from hw_targets.errors import TargetUnavailable, UnknownTarget
from nas.errors import (
    InfeasibleBudget,
    InfeasibleLimits,
    InvalidBatch,
    InvalidData,
    InvalidSpec,
    SourceUnavailable,
    UnknownArchitecture,
    UnknownSearcher,
)
from search_spaces.errors import InvalidSpace

router = APIRouter(prefix="/v1/jobs", tags=["jobs"], route_class=StrictRoute)

JobId = Annotated[str, Path(pattern=id_pattern("job"))]
ArchitectureId = Annotated[
    str,
    Path(pattern=r"^[A-Za-z0-9_\-]{1,64}$", description="`architecture_id` of a candidate or of a point of a front"),
]
LabelFilter = Annotated[str, Query(pattern=r"^[a-z][a-z0-9_.\-]{0,62}=[A-Za-z0-9 ._\-/]{0,100}$")]

_LINKED_OPERATIONS: Final = (
    "get_job", "cancel_job", "pause_job", "resume_job", "update_job", "delete_job", "list_job_events",
    "list_job_candidates", "get_job_pareto_front", "list_job_logs", "list_job_checkpoints", "list_job_metrics",
    "list_job_artifacts", "list_job_cells",
)  # fmt: skip


@router.post(
    "",
    operation_id="create_job",
    status_code=201,
    summary="Queue a job",
    response_model=JobDocument | Validation | BatchValidation,
    responses={
        **links(
            problems(
                *BODY_ERRORS, ScopeMissing, UnknownDataset, UnknownTarget, InvalidSpace, QuotaExceeded, IdempotencyMismatch,
                InfeasibleBudget, InfeasibleLimits, InvalidData, InvalidSpec, TargetUnavailable, CheckFailed, UnknownJob,
                UnknownArchitecture, SourceUnavailable, UnknownSearcher, InvalidBatch,
            ),
            "job_id",
            *_LINKED_OPERATIONS,
        ),
        200: {"model": Validation | BatchValidation, "description": "with `validate_only`: nothing was queued"},
    },
)  # fmt: skip
async def create_job(
    new: JobCreate,
    subject: JobsWriter,
    jobs: JobsService,
    request: Request,
    response: Response,
    validate_only: Annotated[bool, Query(description="estimate the job, and queue nothing")] = False,
    idempotency_key: IdempotencyKey = None,
) -> JobDocument | Validation | BatchValidation:
    """Queues a job. A spec that cannot run is rejected at once: unknown names, and spaces that do not fit the images."""
    if validate_only:
        response.status_code = 200
        async with request.app.state.estimate_limiter.slot(subject.tenant_id, request):
            return await run_in_threadpool(jobs.preflight.validate, subject, new.spec)
    idempotent = None
    if idempotency_key is not None:
        idempotent = Idempotent.from_body("create_job", idempotency_key, await request.body())
    job, fresh = await run_in_threadpool(jobs.create, subject, new, idempotent)
    response.headers["Location"] = f"/v1/jobs/{job.id}"
    response.headers["ETag"] = etag(job)
    if not fresh:
        response.headers[REPLAYED_HEADER] = "true"
    return job


@router.get("", operation_id="list_jobs", summary="List jobs", responses=problems(InvalidPageToken, ScopeMissing))
def list_jobs(
    *,
    subject: JobsReader,
    jobs: JobsService,
    state: Annotated[State | SkipJsonSchema[None], Query(description="only jobs in this state")] = None,
    kind: Annotated[Kind | SkipJsonSchema[None], Query(description="only jobs of this kind")] = None,
    created_after: Annotated[Moment | SkipJsonSchema[None], Query(description="only younger jobs")] = None,
    label: Annotated[
        tuple[LabelFilter, ...], Query(max_length=8, description="only jobs with this label: `key=value`")
    ] = (),
    target: Annotated[
        Annotated[str, StringConstraints(pattern=r"^[a-z][a-z0-9_.\-]{0,199}$")] | SkipJsonSchema[None],
        Query(description="only jobs for this target, without its options: `cpu`"),
    ] = None,
    order_by: Annotated[
        JobOrder, Query(description="a minus is descending; of one state, by its name, the newest come first")
    ] = "-created_at",
    page_size: PageSize = 50,
    page_token: PageToken = None,
) -> JobPage:
    """Jobs, newest first unless `order_by` says otherwise."""
    after = None if created_after is None else int(created_after.timestamp() * 1000)
    pairs = tuple((key, value) for key, _, value in (one.partition("=") for one in sorted(label)))
    return jobs.page(subject, JobFilter(state, kind, after, pairs, target), order_by, size=page_size, token=page_token)


@router.get("/{job_id}", operation_id="get_job", summary="Get a job", responses=problems(UnknownJob, ScopeMissing))
def get_job(job_id: JobId, subject: JobsReader, jobs: JobsService, response: Response) -> JobDocument:
    """One job, with its result when it succeeded and its error when it failed."""
    return with_etag(jobs.get(subject, job_id), response)


@router.patch(
    "/{job_id}",
    operation_id="update_job",
    summary="Change the labels of a job",
    responses=problems(*BODY_ERRORS, UnknownJob, ScopeMissing, PreconditionFailed),
)
def update_job(
    job_id: JobId,
    patch: JobPatch,
    subject: JobsWriter,
    jobs: JobsService,
    response: Response,
    if_match: IfMatch = None,
) -> JobDocument:
    """Sets labels, and removes those that are null."""
    return with_etag(jobs.update_labels(subject, job_id, patch, _if_match(if_match)), response)


@router.delete(
    "/{job_id}",
    operation_id="delete_job",
    status_code=204,
    summary="Delete a job that ended",
    responses=problems(UnknownJob, JobNotEnded, ScopeMissing, PreconditionFailed),
)
def delete_job(job_id: JobId, subject: JobsWriter, jobs: JobsService, if_match: IfMatch = None) -> None:
    """Removes the job with its events and candidates. The models that it delivered stay."""
    jobs.remove(subject, job_id, _if_match(if_match))


@router.post(
    "/{job_id}/cancel",
    operation_id="cancel_job",
    summary="Cancel a job",
    responses=problems(UnknownJob, JobEnded, ScopeMissing),
)
def cancel_job(job_id: JobId, subject: JobsWriter, jobs: JobsService) -> JobDocument:
    """Cancels a waiting job at once; a running one stops soon (`cancelling`). Idempotent."""
    return jobs.cancel(subject, job_id)


@router.post(
    "/{job_id}/pause",
    operation_id="pause_job",
    summary="Pause a job",
    responses=problems(UnknownJob, JobEnded, JobCancelling, ScopeMissing),
)
def pause_job(job_id: JobId, subject: JobsWriter, jobs: JobsService) -> JobDocument:
    """Pauses a queued job at once; a running one stops soon, and what it computed is kept. Idempotent."""
    return jobs.pause(subject, job_id)


@router.post(
    "/{job_id}/resume",
    operation_id="resume_job",
    summary="Resume a job",
    responses=problems(UnknownJob, JobEnded, JobCancelling, ScopeMissing),
)
def resume_job(
    job_id: JobId,
    subject: JobsWriter,
    jobs: JobsService,
    any_device: Annotated[
        bool, Query(description="unbind it from its devices; what they measured is measured again")
    ] = False,
) -> JobDocument:
    """Queues a paused job again; it resumes where it was. Idempotent."""
    return jobs.resume(subject, job_id, any_device=any_device)


@router.get(
    "/{job_id}/candidates",
    operation_id="list_job_candidates",
    summary="List evaluated architectures",
    responses=problems(UnknownJob, InvalidPageToken, ScopeMissing),
)
def list_job_candidates(
    job_id: JobId, subject: JobsReader, jobs: JobsService, page_size: PageSize = 50, page_token: PageToken = None
) -> CandidatePage:
    """The architectures that the search evaluated, in their order."""
    return jobs.candidates(subject, job_id, size=page_size, token=page_token)


@router.get(
    "/{job_id}/pareto-front",
    operation_id="get_job_pareto_front",
    summary="Get the Pareto fronts",
    responses=problems(UnknownJob, ScopeMissing),
)
def get_job_pareto_front(job_id: JobId, subject: JobsReader, jobs: JobsService) -> Fronts:
    """The front of each target so far, also while the search runs, and beside it the supernet's estimates."""
    return jobs.fronts(subject, job_id)


@router.get(
    "/{job_id}/logs",
    operation_id="list_job_logs",
    summary="Read the log",
    responses=problems(UnknownJob, InvalidPageToken, ScopeMissing),
)
def list_job_logs(
    job_id: JobId,
    subject: JobsReader,
    jobs: JobsService,
    level: Annotated[LogLevel, Query(description="only lines that are at least as severe")] = "info",
    page_size: PageSize = 50,
    page_token: PageToken = None,
) -> LogPage:
    """The job's messages for people, in their order."""
    return jobs.logs(subject, job_id, level=level, size=page_size, token=page_token)


@router.get(
    "/{job_id}/checkpoints",
    operation_id="list_job_checkpoints",
    summary="List stored stages and checkpoints",
    responses=problems(UnknownJob, ScopeMissing),
)
def list_job_checkpoints(job_id: JobId, subject: JobsReader, jobs: JobsService) -> Checkpoints:
    """Finished stages, and the newest checkpoint of each unfinished training: a resumed job starts from there."""
    return jobs.checkpoints(subject, job_id)


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
        int, Query(ge=MIN_POINTS, le=MAX_POINTS, description="points of a curve at most; extreme points are kept")
    ] = 500,
) -> Metrics:
    """Losses, accuracies, learning rates and hypervolumes so far, downsampled; first, last and extreme points are kept."""
    with database.read() as connection:
        found = state_of(connection, subject.tenant_id, job_id)
        if found is None:
            raise unknown_job(job_id)
        return curves(connection, job_id, points, last_event=found[1])


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
    database: DatabaseValue,
    settings: SettingsValue,
) -> CandidateDocument:
    """Its choices beside their alternatives, its layers, and what each costs on each target: predicted, simulated, measured."""
    return candidate_document(database, settings, subject, job_id, architecture_id)


def _if_match(if_match: str | None) -> Callable[[JobDocument], None]:
    """The check of a version by `If-Match`."""

    def check(job: JobDocument) -> None:
        if if_match is not None:
            check_if_match(if_match, job)

    return check
