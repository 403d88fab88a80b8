"""The cells of a batch and how each does now: from its spec, and from its newest events."""

from pydantic import Field

from api.database import Database
from api.ids import id_pattern
from api.jobs import events_table, repository
from api.jobs.batch_spec import BatchWireSpec
from api.jobs.batches import engine_batch
from api.jobs.service import unknown_job
from api.settings import Settings
from api.tenancy import Subject
from api.wire import WireModel, examples
from nas.events import CellEvent, CellProgress, LatencyKind
from nas.metric import MetricValue
from nas.spec import Latency


class CellStatus(WireModel):
    """One cell of a batch."""

    id: str
    data: str = Field(description="id of its data set")
    space: str
    target: str
    latency_ms: Latency = Field(description="the requested budget")
    seed: int
    state: CellProgress
    metric: MetricValue | None = Field(description="of its model in INT8; null before it succeeds")
    measured_ms: float | None = Field(description="latency of its model, batch 1, INT8; null before it succeeds")
    kind: LatencyKind | None = Field(description="source of that latency")
    detail: str = Field(description="why there is no model, where there is none")


class JobCells(WireModel):
    """The cells of a batch."""

    model_config = examples({"job_id": "job_01jd3z6g4m8x2c5v7b9n1q3r5t", "items": [], "last_event": 1})

    job_id: str = Field(pattern=id_pattern("job"))
    items: tuple[CellStatus, ...] = Field(
        description="by data set, space, seed, target and budget, in the batch's order; none of a job that is no batch"
    )
    last_event: int = Field(description="number after which to follow the events")


def cells(database: Database, settings: Settings, subject: Subject, job_id: str) -> JobCells:
    """The cells of a batch; none of any other job.

    Raises:
        UnknownJob: there is no job of that id.
    """
    with database.read() as connection:
        row = repository.find(connection, subject.tenant_id, job_id)
        if row is None:
            raise unknown_job(job_id)
        if row.kind != "batch":
            return JobCells(job_id=job_id, items=(), last_event=row.event_seq)
        stored = events_table.of_types(connection, job_id, ("cell",), last=row.event_seq)
    newest = {event.cell: event for event in (CellEvent.model_validate_json(one.data) for one in stored)}
    batch = engine_batch(BatchWireSpec.model_validate(row.spec), settings, {data: data for data in row.spec["data"]})
    unknown = CellEvent(cell="", state="pending")
    items = []
    for cell in batch.cells():
        event = newest.get(cell.id, unknown)
        items.append(
            CellStatus(
                **{name: getattr(cell, name) for name in ("id", "data", "space", "target", "latency_ms", "seed")},
                state=event.state,
                metric=event.metric,
                measured_ms=event.latency_ms,
                kind=event.kind,
                detail=event.detail,
            )
        )
    return JobCells(job_id=job_id, items=tuple(items), last_event=row.event_seq)
