"""All statements on the rows of jobs that routes need. Not here: leases (`leases.py`), and events (`events_table.py`)."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Final, Literal

from sqlalchemy import Connection, Row, Select, and_, delete, exists, func, insert, or_, select, update

from api.database import utc_ms
from api.job_states import ENDED, HELD, State, sources
from api.jobs.events_table import append
from api.tables import dataset_uses, job_attempts, job_needs, jobs
from api.tenancy import readable
from nas.events import EndEvent, Event, StateEvent

SPEC_VERSION: Final = 1

JobRow = Row[Any]


@dataclass(frozen=True, slots=True)
class NewJob:
    """A job to be queued.

    Attributes:
        datasets: uploaded data sets that it reads.
        needs: targets, without their options, that its worker must be able to measure, and on which device if on one only.
    """

    id: str
    tenant_id: str
    kind: str
    spec: Mapping[str, Any]
    max_attempts: int
    max_duration_s: float
    labels: Mapping[str, str] = field(default_factory=dict)
    datasets: Sequence[str] = ()
    needs: Mapping[str, str | None] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Filter:
    """Which jobs of a tenant are listed; None is all."""

    state: State | None = None
    kind: str | None = None
    created_after: int | None = None
    labels: tuple[tuple[str, str], ...] = ()
    target: str | None = None


Order = Literal["-created_at", "created_at", "state", "-state"]
"""Of a list of jobs; a minus is descending. Of one state, the newest come first."""


_RUNNING: Final = select(func.sum(utc_ms() - job_attempts.c.started_at)).where(
    job_attempts.c.job_id == jobs.c.id, job_attempts.c.ended_at.is_(None)
)
_AT_WORK_MS: Final = jobs.c.active_ms + func.coalesce(_RUNNING.correlate(jobs).scalar_subquery(), 0)
"""How long workers had the job of the statement, the attempt that runs now included. Built once: each read of a job has it."""


def add(connection: Connection, job: NewJob) -> None:
    """Queues a job and stores its first event."""
    connection.execute(
        insert(jobs).values(
            id=job.id,
            tenant_id=job.tenant_id,
            kind=job.kind,
            spec=dict(job.spec),
            spec_version=SPEC_VERSION,
            labels=dict(job.labels),
            state="queued",
            max_attempts=job.max_attempts,
            max_duration_ms=int(job.max_duration_s * 1000),
            event_seq=0,
            created_at=utc_ms(),
        )
    )
    for dataset_id in sorted(set(job.datasets)):
        connection.execute(insert(dataset_uses).values(job_id=job.id, dataset_id=dataset_id))
    _add_needs(connection, job.id, job.needs)
    append(connection, job.id, [StateEvent(state="queued")])


def set_needs(connection: Connection, job_id: str, needs: Mapping[str, str | None]) -> None:
    """Replaces what a job needs, and so frees it of the devices that it was bound to by a claim."""
    connection.execute(delete(job_needs).where(job_needs.c.job_id == job_id))
    _add_needs(connection, job_id, needs)


def _add_needs(connection: Connection, job_id: str, needs: Mapping[str, str | None]) -> None:
    for target, device in sorted(needs.items()):
        connection.execute(insert(job_needs).values(job_id=job_id, target=target, fingerprint=device))


def find(connection: Connection, tenant_id: str, job_id: str) -> JobRow | None:
    """A job of a tenant."""
    return connection.execute(_with_time(readable(jobs, tenant_id)).where(jobs.c.id == job_id)).one_or_none()


def _with_time(query: Select[Any]) -> Select[Any]:
    """Adds `at_work_ms`: the time in the hands of workers by now."""
    return query.add_columns(_AT_WORK_MS.label("at_work_ms"))


def spec(connection: Connection, job_id: str) -> dict[str, Any]:
    """What a job is asked to do, as it is stored."""
    found: dict[str, Any] = connection.execute(select(jobs.c.spec).where(jobs.c.id == job_id)).scalar_one()
    return found


def standing(connection: Connection, tenant_id: str, job_id: str) -> tuple[State, int] | None:
    """State of a job and number of its last event, without the rest of it."""
    query = readable(jobs, tenant_id).where(jobs.c.id == job_id).with_only_columns(jobs.c.state, jobs.c.event_seq)
    row = connection.execute(query).one_or_none()
    return None if row is None else (row.state, row.event_seq)


def page(
    connection: Connection, tenant_id: str, wanted: Filter, order: Order, *, after: str | None, limit: int
) -> Sequence[JobRow]:
    """Jobs of a tenant in an order; those that follow the `place` named `after`."""
    query = _filtered(_with_time(readable(jobs, tenant_id)), wanted).limit(limit)
    state, _, job_id = (after or "").rpartition("/")
    older = jobs.c.id < job_id
    match order:
        case "-created_at":
            query, rest = query.order_by(jobs.c.id.desc()), older
        case "created_at":
            query, rest = query.order_by(jobs.c.id), jobs.c.id > job_id
        case "state":
            query = query.order_by(jobs.c.state, jobs.c.id.desc())
            rest = or_(jobs.c.state > state, and_(jobs.c.state == state, older))
        case "-state":
            query = query.order_by(jobs.c.state.desc(), jobs.c.id.desc())
            rest = or_(jobs.c.state < state, and_(jobs.c.state == state, older))
    return connection.execute(query if after is None else query.where(rest)).all()


def place(order: Order, row: JobRow) -> str:
    """Where a job stands in a list of that order, for `page`."""
    return f"{row.state}/{row.id}" if order.endswith("state") else str(row.id)


def _filtered(query: Select[Any], wanted: Filter) -> Select[Any]:
    if wanted.state is not None:
        query = query.where(jobs.c.state == wanted.state)
    if wanted.kind is not None:
        query = query.where(jobs.c.kind == wanted.kind)
    if wanted.created_after is not None:
        query = query.where(jobs.c.created_at > wanted.created_after)
    if wanted.target is not None:
        query = query.where(exists().where(job_needs.c.job_id == jobs.c.id, job_needs.c.target == wanted.target))
    for key, value in wanted.labels:
        query = query.where(jobs.c.labels[key].as_string() == value)
    return query


def count(connection: Connection, tenant_id: str, *states: State) -> int:
    """How many jobs of a tenant are in these states."""
    query = readable(jobs, tenant_id).where(jobs.c.state.in_(states)).with_only_columns(func.count())
    return int(connection.execute(query).scalar_one())


def count_all(connection: Connection, *states: State) -> int:
    """How many jobs of all tenants are in these states."""
    return int(connection.execute(select(func.count()).where(jobs.c.state.in_(states))).scalar_one())


def set_labels(connection: Connection, tenant_id: str, job_id: str, labels: Mapping[str, str]) -> None:
    """Replaces the labels of a job."""
    connection.execute(
        update(jobs).where(jobs.c.tenant_id == tenant_id, jobs.c.id == job_id).values(labels=dict(labels))
    )


def remove(connection: Connection, tenant_id: str, job_id: str) -> bool:
    """Removes a job that ended, with its events and candidates; its models stay."""
    query = delete(jobs).where(jobs.c.tenant_id == tenant_id, jobs.c.id == job_id, jobs.c.state.in_(ENDED))
    return connection.execute(query).rowcount == 1


def attempts(connection: Connection, job_id: str) -> Sequence[Row[Any]]:
    """All attempts at a job, the first one first."""
    query = select(job_attempts).where(job_attempts.c.job_id == job_id).order_by(job_attempts.c.epoch)
    return connection.execute(query).all()


def move(
    connection: Connection,
    job_id: str,
    target: State,
    *,
    source: State | None = None,
    epoch: int | None = None,
    extra: Sequence[Event] = (),
    outcome: str | None = None,
    **values: Any,
) -> bool:
    """Brings a job to another state, if a way leads there, with the events that tell of it.

    A job that no worker has afterwards loses its lease: its epoch rises, so that no write of an earlier lease can follow.

    Args:
        source: only from this state; from any that has a way there when None.
        epoch: only while that lease holds.
        extra: events to store before the one of the state.
        outcome: of the attempt that ends with it; the state when None.
        values: further columns to set.

    Returns:
        False when no way leads from the job's state to `target`, or the lease is lost; nothing was changed then.
    """
    query = update(jobs).where(jobs.c.id == job_id, jobs.c.state.in_((source,) if source else sources(target)))
    if epoch is not None:
        query = query.where(jobs.c.lease_epoch == epoch)
    freed = target not in HELD
    if freed:
        values |= {
            "lease_owner": None,
            "lease_expires_at": None,
            "lease_epoch": jobs.c.lease_epoch + 1,
            "active_ms": _AT_WORK_MS,
        }
    if target in ENDED:
        values["finished_at"] = utc_ms()
    if connection.execute(query.values(state=target, **values)).rowcount != 1:
        return False
    if freed:
        open_attempts = update(job_attempts).where(job_attempts.c.job_id == job_id, job_attempts.c.ended_at.is_(None))
        connection.execute(open_attempts.values(ended_at=utc_ms(), outcome=outcome or target))
    told: list[Event] = [*extra, StateEvent(state=target)]
    if target in ENDED:
        told.append(EndEvent(state=target))
    append(connection, job_id, told)
    return True


def request_cancel(connection: Connection, job_id: str) -> None:
    """Cancels a waiting job at once, and asks the worker to stop a running one; leaves a job in another state as it is."""
    waiting: tuple[State, ...] = ("queued", "paused")
    for source in waiting:
        if move(connection, job_id, "cancelled", source=source, cancel_requested_at=utc_ms()):
            return
    move(connection, job_id, "cancelling", cancel_requested_at=utc_ms())


def request_pause(connection: Connection, job_id: str) -> None:
    """Pauses a queued job at once, and asks the worker to stop a running one; leaves a job in another state as it is."""
    if not move(connection, job_id, "paused", source="queued"):
        query = update(jobs).where(jobs.c.id == job_id, jobs.c.state == "running")
        connection.execute(query.values(pause_requested_at=func.coalesce(jobs.c.pause_requested_at, utc_ms())))


def resume(connection: Connection, job_id: str) -> None:
    """Queues a paused job again, and takes back a request to pause that was not followed yet."""
    if not move(connection, job_id, "queued", source="paused", pause_requested_at=None):
        query = update(jobs).where(jobs.c.id == job_id, jobs.c.state == "running")
        connection.execute(query.values(pause_requested_at=None))
