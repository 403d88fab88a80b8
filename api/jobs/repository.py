"""All statements on the rows of jobs. Not here: leases (`leases.py`), and events (`events_table.py`)."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Final, Literal

from sqlalchemy import Connection, Row, Select, and_, delete, exists, func, insert, or_, select, update

from api.database import utc_ms
from api.job_states import ENDED, LEASED, State, sources
from api.jobs.events_table import append
from api.tables import job_attempts, job_needs, jobs
from api.tenancy import readable
from api.upload_rows import DATASETS, NETWORKS
from nas.events import EndEvent, Event, StateEvent

SPEC_VERSION: Final = 1

JobRow = Row[Any]


@dataclass(frozen=True, slots=True)
class NewJob:
    """A job to be queued.

    Attributes:
        datasets: uploaded data sets that it reads.
        networks: uploaded networks that it starts from.
        needs: targets, without their options, that its worker must be able to measure, each with the fingerprint of the device if
            only one will do.
        searches: as how many jobs it counts against the quota: a batch as its cells.
    """

    id: str
    tenant_id: str
    kind: str
    spec: Mapping[str, Any]
    max_attempts: int
    max_duration_s: float
    labels: Mapping[str, str] = field(default_factory=dict)
    datasets: Sequence[str] = ()
    networks: Sequence[str] = ()
    needs: Mapping[str, str | None] = field(default_factory=dict)
    searches: int = 1


@dataclass(frozen=True, slots=True)
class JobFilter:
    """Which jobs of a tenant are listed; None means all."""

    state: State | None = None
    kind: str | None = None
    created_after: int | None = None
    labels: tuple[tuple[str, str], ...] = ()
    target: str | None = None


JobOrder = Literal["-created_at", "created_at", "state", "-state"]
"""Sort order of a list of jobs; a minus is descending. Within a state, the newest come first."""


_RUNNING_MS: Final = select(func.sum(utc_ms() - job_attempts.c.started_at)).where(
    job_attempts.c.job_id == jobs.c.id, job_attempts.c.ended_at.is_(None)
)
_TOTAL_ACTIVE_MS: Final = jobs.c.active_ms + func.coalesce(_RUNNING_MS.correlate(jobs).scalar_subquery(), 0)
"""Total time in the hands of workers, with the attempt that runs now. Built once, since each read of a job has it."""


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
            searches=job.searches,
            event_seq=0,
            created_at=utc_ms(),
        )
    )
    DATASETS.add_uses(connection, job.id, job.datasets)
    NETWORKS.add_uses(connection, job.id, job.networks)
    _add_needs(connection, job.id, job.needs)
    append(connection, job.id, [StateEvent(state="queued")])


def set_needs(connection: Connection, job_id: str, needs: Mapping[str, str | None]) -> None:
    """Replaces the needs of a job, which unbinds it from the devices that a claim bound it to."""
    connection.execute(delete(job_needs).where(job_needs.c.job_id == job_id))
    _add_needs(connection, job_id, needs)


def _add_needs(connection: Connection, job_id: str, needs: Mapping[str, str | None]) -> None:
    for target, device in sorted(needs.items()):
        connection.execute(insert(job_needs).values(job_id=job_id, target=target, fingerprint=device))


def find(connection: Connection, tenant_id: str, job_id: str) -> JobRow | None:
    """A job of a tenant."""
    return connection.execute(_with_active_time(readable(jobs, tenant_id)).where(jobs.c.id == job_id)).one_or_none()


def _with_active_time(query: Select[Any]) -> Select[Any]:
    """Adds `total_active_ms`, the time in the hands of workers so far."""
    return query.add_columns(_TOTAL_ACTIVE_MS.label("total_active_ms"))


def spec(connection: Connection, job_id: str) -> dict[str, Any]:
    """The stored spec of a job."""
    found: dict[str, Any] = connection.execute(select(jobs.c.spec).where(jobs.c.id == job_id)).scalar_one()
    return found


def state_of(connection: Connection, tenant_id: str, job_id: str) -> tuple[State, int] | None:
    """State of a job and number of its last event."""
    query = readable(jobs, tenant_id).where(jobs.c.id == job_id).with_only_columns(jobs.c.state, jobs.c.event_seq)
    row = connection.execute(query).one_or_none()
    return None if row is None else (row.state, row.event_seq)


def page(
    connection: Connection, tenant_id: str, filters: JobFilter, order: JobOrder, *, after: str | None, limit: int
) -> Sequence[JobRow]:
    """Jobs of a tenant in an order; those after the `sort_key` `after`."""
    query = _filtered(_with_active_time(readable(jobs, tenant_id)), filters).limit(limit)
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


def sort_key(order: JobOrder, row: JobRow) -> str:
    """The position of a job in a list of that order, for `page`."""
    return f"{row.state}/{row.id}" if order.endswith("state") else str(row.id)


def _filtered(query: Select[Any], filters: JobFilter) -> Select[Any]:
    if filters.state is not None:
        query = query.where(jobs.c.state == filters.state)
    if filters.kind is not None:
        query = query.where(jobs.c.kind == filters.kind)
    if filters.created_after is not None:
        query = query.where(jobs.c.created_at > filters.created_after)
    if filters.target is not None:
        query = query.where(exists().where(job_needs.c.job_id == jobs.c.id, job_needs.c.target == filters.target))
    for key, value in filters.labels:
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


def transition(
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
    """Changes the state of a job, if the transition exists, and appends the events of it.

    A job that no worker has afterwards loses its lease: its epoch rises, so that no write of an earlier lease can follow.

    Args:
        source: only from this state; from any with a transition to `target` when None.
        epoch: only while this lease is valid.
        extra: events to append before that of the state.
        outcome: of the attempt that ends; the state when None.
        values: further columns to set.

    Returns:
        False when there is no such transition from the job's state, or the lease is lost; nothing was changed then.
    """
    query = update(jobs).where(jobs.c.id == job_id, jobs.c.state.in_((source,) if source else sources(target)))
    if epoch is not None:
        query = query.where(jobs.c.lease_epoch == epoch)
    unleased = target not in LEASED
    if unleased:
        values |= {
            "lease_owner": None,
            "lease_expires_at": None,
            "lease_epoch": jobs.c.lease_epoch + 1,
            "active_ms": _TOTAL_ACTIVE_MS,
        }
    if target in ENDED:
        values["finished_at"] = utc_ms()
    if connection.execute(query.values(state=target, **values)).rowcount != 1:
        return False
    if unleased:
        open_attempts = update(job_attempts).where(job_attempts.c.job_id == job_id, job_attempts.c.ended_at.is_(None))
        connection.execute(open_attempts.values(ended_at=utc_ms(), outcome=outcome or target))
    events: list[Event] = [*extra, StateEvent(state=target)]
    if target in ENDED:
        events.append(EndEvent(state=target))
    append(connection, job_id, events)
    return True


def request_cancel(connection: Connection, job_id: str) -> None:
    """Cancels a waiting job at once, and requests that the worker stop a running one; other states stay as they are."""
    waiting: tuple[State, ...] = ("queued", "paused")
    for source in waiting:
        if transition(connection, job_id, "cancelled", source=source, cancel_requested_at=utc_ms()):
            return
    transition(connection, job_id, "cancelling", cancel_requested_at=utc_ms())


def request_pause(connection: Connection, job_id: str) -> None:
    """Pauses a queued job at once, and requests that the worker stop a running one; other states stay as they are."""
    if not transition(connection, job_id, "paused", source="queued"):
        query = update(jobs).where(jobs.c.id == job_id, jobs.c.state == "running")
        connection.execute(query.values(pause_requested_at=func.coalesce(jobs.c.pause_requested_at, utc_ms())))


def resume(connection: Connection, job_id: str) -> None:
    """Queues a paused job again, and withdraws a request to pause that has not taken effect."""
    if not transition(connection, job_id, "queued", source="paused", pause_requested_at=None):
        query = update(jobs).where(jobs.c.id == job_id, jobs.c.state == "running")
        connection.execute(query.values(pause_requested_at=None))
