"""Who works on a job: claiming with a lease, renewing it, and taking jobs back from workers that were lost.

A lease is an epoch, an owner and an end by the database's clock. Every write of a worker carries the epoch that it was
given; a claim raises it, so that a worker that lost its lease (killed, paused, cut off) can store nothing any more.
"""

from dataclasses import dataclass
from typing import Any

from sqlalchemy import Connection, func, select, update

from api.database import utc_ms
from api.errors import WorkerLost
from api.jobs.repository import append, move
from api.problem_document import problem_of
from api.tables import jobs
from nas.events import LogEvent, StateEvent


@dataclass(frozen=True, slots=True)
class Claim:
    """A job that this worker holds."""

    job_id: str
    epoch: int
    kind: str
    spec: dict[str, Any]
    attempt: int


def claim(connection: Connection, owner: str, lease_s: float) -> Claim | None:
    """Takes the oldest queued job; None when there is none."""
    oldest = (
        select(jobs.c.id)
        .where(jobs.c.state == "queued", jobs.c.not_before <= utc_ms())
        .order_by(jobs.c.created_at, jobs.c.id)
        .limit(1)
        .with_for_update(skip_locked=True)
        .scalar_subquery()
    )
    row = connection.execute(
        update(jobs)
        .where(jobs.c.id == oldest)
        .values(
            state="running",
            attempt=jobs.c.attempt + 1,
            lease_epoch=jobs.c.lease_epoch + 1,
            lease_owner=owner,
            lease_expires_at=utc_ms() + int(lease_s * 1000),
            started_at=func.coalesce(jobs.c.started_at, utc_ms()),
            phase=None,
            progress=None,
        )
        .returning(jobs.c.id, jobs.c.lease_epoch, jobs.c.kind, jobs.c.spec, jobs.c.attempt)
    ).one_or_none()
    if row is None:
        return None
    append(connection, row.id, [StateEvent(state="running")], epoch=row.lease_epoch)
    return Claim(row.id, row.lease_epoch, row.kind, row.spec, row.attempt)


def renew(connection: Connection, job_id: str, epoch: int, lease_s: float) -> bool:
    """Prolongs a lease; False when it is lost."""
    query = update(jobs).where(jobs.c.id == job_id, jobs.c.lease_epoch == epoch)
    return connection.execute(query.values(lease_expires_at=utc_ms() + int(lease_s * 1000))).rowcount == 1


def cancel_requested(connection: Connection, job_id: str, epoch: int) -> bool | None:
    """Whether the holder of a lease was asked to stop; None when the lease is lost."""
    row = connection.execute(
        select(jobs.c.cancel_requested_at).where(jobs.c.id == job_id, jobs.c.lease_epoch == epoch)
    ).one_or_none()
    return None if row is None else row[0] is not None


def hand_back(connection: Connection, job_id: str, epoch: int) -> bool:
    """Queues a job again that its worker stops in good order; the attempt does not count. False when the lease is lost."""
    return move(
        connection,
        job_id,
        "queued",
        epoch=epoch,
        extra=[LogEvent(level="info", message="The server stops; the job continues when it starts again.")],
        attempt=jobs.c.attempt - 1,
        lease_epoch=jobs.c.lease_epoch + 1,
        lease_owner=None,
        lease_expires_at=None,
    )


def expire(connection: Connection, owner_prefix: str) -> int:
    """Ends the leases of owners who are known to be dead, without waiting for their time; answers how many."""
    query = update(jobs).where(jobs.c.lease_owner.startswith(owner_prefix, autoescape=True))
    return connection.execute(query.values(lease_expires_at=0)).rowcount


def take_back(connection: Connection) -> int:
    """Ends or queues again every job whose worker did not renew its lease; answers how many there were."""
    lost = connection.execute(
        select(jobs.c.id, jobs.c.state, jobs.c.attempt, jobs.c.max_attempts)
        .where(jobs.c.state.in_(("running", "cancelling")), jobs.c.lease_expires_at < utc_ms())
        .with_for_update(skip_locked=True)
    ).all()
    for row in lost:
        message = f"The worker was lost in attempt {row.attempt} of {row.max_attempts}."
        told = [LogEvent(level="warning", message=message)]
        if row.state == "cancelling":
            move(connection, row.id, "cancelled", extra=told)
        elif row.attempt >= row.max_attempts:
            error = WorkerLost(
                f"The worker was lost in each of {row.attempt} attempts.",
                fix="See the server's log; the system may have ended it for its use of memory.",
                facts={"attempts": row.attempt},
            )
            move(connection, row.id, "failed", extra=told, error=problem_of(error).model_dump(mode="json"))
        else:
            move(
                connection,
                row.id,
                "queued",
                extra=told,
                lease_epoch=jobs.c.lease_epoch + 1,
                lease_owner=None,
                lease_expires_at=None,
            )
    return len(lost)
