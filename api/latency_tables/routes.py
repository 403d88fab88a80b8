"""The route of latency tables."""

from datetime import datetime
from typing import Annotated, Any, Final

from fastapi import APIRouter, Path
from pydantic import Field

from api import pages
from api.access import JobsReader
from api.database import as_time
from api.dependencies import DatabaseValue
from api.errors import InvalidPageToken, ScopeMissing
from api.ids import id_pattern
from api.jobs.schemas import ProfilingAnswer
from api.latency_tables import repository
from api.pages import PageSize, PageToken
from api.problems import problems
from api.wire import Wire, examples
from hw_targets.errors import UnknownTarget

router = APIRouter(prefix="/v1/targets", tags=["catalogue"])

_EXAMPLE: Final[dict[str, Any]] = {
    "id": "lat_01jd3z6g4m8x2c5v7b9n1q3r5t", "job_id": None, "created_at": "2026-01-31T12:00:00Z",
    "summary": {
        "target": "cpu", "device": "a processor", "runtime": "onnxruntime", "fingerprint": "abc", "space": "mobilenet",
        "resolution": 8, "keys": 120, "architectures": "8503056000", "reachable_ms": [0.04, 0.31],
        "table_sha256": "0" * 64, "seconds": 20.5, "warnings": [],
        "card": {
            "mape": 0.01, "rmspe": 0.013, "within_5": 1.0, "within_10": 1.0, "kendall_tau": 0.97,
            "kendall_tau_fastest_tenth": None, "noise_mape": 0.01, "fitted": 40, "tested": 10, "method": "held_out",
        },
    },
}  # fmt: skip


class LatencyTableDocument(Wire):
    """A latency table that a profiling job measured."""

    model_config = examples(_EXAMPLE)

    id: str = Field(pattern=id_pattern("lat"))
    job_id: str | None = Field(pattern=id_pattern("job"), description="null when the job was deleted")
    summary: ProfilingAnswer
    created_at: datetime


class LatencyTablePage(Wire):
    """Some latency tables, newest first."""

    model_config = examples({"items": [_EXAMPLE], "next_page_token": None})

    items: tuple[LatencyTableDocument, ...]
    next_page_token: str | None = Field(description="for the next page; null on the last")


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
    """The tenant's tables for a target (with any options) with their report cards, newest first."""
    from hw_targets.registry import targets

    known = [entry.name for entry in targets()]
    if target_id not in known:
        raise UnknownTarget(f"There is no target {target_id!r}.", fix=f"Use one of {', '.join(known)}.")
    binding = f"latency_tables {subject.tenant_id} {target_id}"
    before = pages.read_token(page_token, binding) if page_token else None
    with database.read() as connection:
        rows = repository.page(
            connection, subject.tenant_id, target_id, before=before, limit=pages.bounded(page_size) + 1
        )
    shown, next_token = pages.cut(rows, page_size, binding)
    items = [
        LatencyTableDocument.model_validate(
            {"id": r.id, "job_id": r.job_id, "summary": r.summary, "created_at": as_time(r.created_at)}
        )
        for r in shown
    ]
    return LatencyTablePage(items=tuple(items), next_page_token=next_token)
