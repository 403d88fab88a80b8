"""The route of latency tables."""

from typing import Annotated

from fastapi import APIRouter, Path

from api import pagination
from api.access import JobsReader
from api.database import to_datetime
from api.dependencies import DatabaseValue
from api.errors import InvalidPageToken, ScopeMissing
from api.latency_tables import repository
from api.latency_tables.schemas import LatencyTableDocument, LatencyTablePage
from api.pagination import PageSize, PageToken
from api.problems import problems
from hw_targets.errors import UnknownTarget

router = APIRouter(prefix="/v1/targets", tags=["catalogue"])


@router.get(
    "/{target_id}/latency-tables",
    operation_id="list_latency_tables",
    summary="List latency tables",
    responses=problems(UnknownTarget, InvalidPageToken, ScopeMissing),
)
def list_latency_tables(
    target_id: Annotated[str, Path(pattern=r"^[a-z][a-z0-9_.\-]{0,99}$")],
    subject: JobsReader,
    database: DatabaseValue,
    page_size: PageSize = 50,
    page_token: PageToken = None,
) -> LatencyTablePage:
    """The tenant's tables for a target (with any options) with their accuracy reports, newest first."""
    from hw_targets.registry import targets

    known = [entry.name for entry in targets()]
    if target_id not in known:
        raise UnknownTarget(f"There is no target {target_id!r}.", fix=f"Use one of {', '.join(known)}.")
    binding = f"latency_tables {subject.tenant_id} {target_id}"
    before = pagination.read_token(page_token, binding) if page_token else None
    with database.read() as connection:
        rows = repository.page(
            connection, subject.tenant_id, target_id, before=before, limit=pagination.clamp_page_size(page_size) + 1
        )
    page_rows, next_token = pagination.paginate(rows, page_size, binding)
    items = [
        LatencyTableDocument.model_validate(
            {"id": r.id, "job_id": r.job_id, "summary": r.summary, "created_at": to_datetime(r.created_at)}
        )
        for r in page_rows
    ]
    return LatencyTablePage(items=tuple(items), next_page_token=next_token)
