"""All statements on jobs and their events that routes need. Not here: leases and the worker's writes (`leases.py`)."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Final

from sqlalchemy import Connection, Row, insert, select, update

from api.database import utc_ms
from api.jobs.states import ENDED, State, sources
from api.tables import job_events, jobs
from nas.events import EVENT, EndEvent, Event, StateEvent

SPEC_VERSION: Final = 1

JobRow = Row[Any]


@dataclass(frozen=True, slots=True)
class StoredEvent:
    """An event as it lies in the table; `data` is the event's JSON."""

    seq: int
    at: int
    type: str
    data: str


def add(connection: Connection, job_id: str, kind: str, spec: dict[str, Any], max_attempts: int) -> None:
    """Queues a job and stores its first event."""
    connection.execute(
        insert(jobs).values(
            id=job_id,
            kind=kind,
            spec=spec,
            spec_version=SPEC_VERSION,
            state="queued",
            max_attempts=max_attempts,
            event_seq=0,
            created_at=utc_ms(),
        )
    )
    append(connection, job_id, [StateEvent(state="queued")])


def find(connection: Connection, job_id: str) -> JobRow | None:
    """A job."""
    return connection.execute(select(jobs).where(jobs.c.id == job_id)).one_or_none()


def standing(connection: Connection, job_id: str) -> tuple[State, int] | None:
    """State of a job and number of its last event, without the rest of it."""
    row = connection.execute(select(jobs.c.state, jobs.c.event_seq).where(jobs.c.id == job_id)).one_or_none()
    return None if row is None else (row.state, row.event_seq)


def page(connection: Connection, *, state: State | None, before: str | None, limit: int) -> Sequence[JobRow]:
    """Jobs, newest first, that are older than `before`."""
    query = select(jobs).order_by(jobs.c.id.desc()).limit(limit)
    if state is not None:
        query = query.where(jobs.c.state == state)
    if before is not None:
        query = query.where(jobs.c.id < before)
    return connection.execute(query).all()


def events(connection: Connection, job_id: str, *, after: int, limit: int) -> list[StoredEvent]:
    """Events of a job with numbers above `after`, in order."""
    query = (
        select(job_events.c.seq, job_events.c.at, job_events.c.type, job_events.c.data)
        .where(job_events.c.job_id == job_id, job_events.c.seq > after)
        .order_by(job_events.c.seq)
        .limit(limit)
    )
    return [StoredEvent(*row) for row in connection.execute(query)]


def append(
    connection: Connection, job_id: str, items: Sequence[Event], *, epoch: int | None = None, **values: Any
) -> int | None:
    """Numbers and stores events, and sets columns of the job with them; with `epoch` only while that lease holds.

    Returns:
        The number of the last one; None when the lease is lost (nothing was stored then).
    """
    query = update(jobs).where(jobs.c.id == job_id).values(event_seq=jobs.c.event_seq + len(items), **values)
    if epoch is not None:
        query = query.where(jobs.c.lease_epoch == epoch)
    row = connection.execute(query.returning(jobs.c.event_seq, jobs.c.lease_epoch, utc_ms())).one_or_none()
    if row is None:
        return None
    last, held, now = row
    if items:
        connection.execute(
            insert(job_events),
            [
                {
                    "job_id": job_id,
                    "seq": seq,
                    "epoch": held,
                    "at": now,
                    "type": item.type,
                    "data": EVENT.dump_json(item).decode(),
                }
                for seq, item in enumerate(items, start=last - len(items) + 1)
            ],
        )
    return int(last)


def move(
    connection: Connection,
    job_id: str,
    target: State,
    *,
    source: State | None = None,
    epoch: int | None = None,
    extra: Sequence[Event] = (),
    **values: Any,
) -> bool:
    """Brings a job to another state, if a way leads there, with the events that tell of it; an ended job has no lease.

    Args:
        source: only from this state; from any that has a way there when None.
        epoch: only while that lease holds.
        extra: events to store before the one of the state.
        values: further columns to set.

    Returns:
        False when no way leads from the job's state to `target`, or the lease is lost; nothing was changed then.
    """
    query = update(jobs).where(jobs.c.id == job_id, jobs.c.state.in_((source,) if source else sources(target)))
    if epoch is not None:
        query = query.where(jobs.c.lease_epoch == epoch)
    if target in ENDED:
        # The epoch rises, so that no write of an earlier lease can follow the last event.
        values |= {
            "finished_at": utc_ms(),
            "lease_owner": None,
            "lease_expires_at": None,
            "lease_epoch": jobs.c.lease_epoch + 1,
        }
    if connection.execute(query.values(state=target, **values)).rowcount != 1:
        return False
    told: list[Event] = [*extra, StateEvent(state=target)]
    if target in ENDED:
        told.append(EndEvent(state=target))
    append(connection, job_id, told)
    return True


def request_cancel(connection: Connection, job_id: str) -> None:
    """Cancels a queued job at once, and asks the worker to stop a running one; leaves a job in another state as it is."""
    if not move(connection, job_id, "cancelled", source="queued", cancel_requested_at=utc_ms()):
        move(connection, job_id, "cancelling", cancel_requested_at=utc_ms())
