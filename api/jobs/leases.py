"""Who works on a job: claiming with a lease, renewing it, and taking jobs back from workers that were lost.

A lease is an epoch, an owner and an end by the database's clock. Every write of a worker carries the epoch that it was
given; a claim raises it, so that a worker that lost its lease (killed, paused, cut off) can store nothing any more.
"""

from collections.abc import Collection, Mapping
from dataclasses import dataclass
from typing import Any, Final, Literal

from sqlalchemy import ColumnElement, Connection, and_, case, exists, false, func, insert, not_, or_, select, update

from api.database import utc_ms
from api.errors import WorkerLost
from api.job_states import HELD
from api.jobs.events_table import append
from api.jobs.repository import count, move
from api.problem_document import problem_of
from api.tables import job_attempts, job_needs, jobs, tenants
from nas.events import LogEvent, StateEvent

Wish = Literal["go_on", "cancel", "pause", "lost", "late"]
"""What is asked of the holder of a lease. `lost`: it holds it no more. `late`: the job has had all of its time."""

MAX_RUNNING: Final = "max_running"


@dataclass(frozen=True, slots=True)
class Claim:
    """A job that this worker holds."""

    job_id: str
    tenant_id: str
    epoch: int
    kind: str
    spec: dict[str, Any]
    attempt: int


@dataclass(frozen=True, slots=True)
class Able:
    """What a worker can do.

    Attributes:
        kinds: of jobs that it runs.
        targets: the device, by its fingerprint, of each target (without options) that it can measure.
        simulated: those among them that need no device, so that a job is not bound to it.
    """

    kinds: Collection[str]
    targets: Mapping[str, str]
    simulated: Collection[str] = ()

    def fits(self) -> ColumnElement[bool]:
        """Whether a queued job may be taken now by such a worker."""
        bound = job_needs.c.fingerprint
        can = (
            and_(job_needs.c.target == name, or_(bound.is_(None), bound == own)) for name, own in self.targets.items()
        )
        beyond = exists().where(job_needs.c.job_id == jobs.c.id, not_(or_(false(), *can)))
        return and_(jobs.c.state == "queued", jobs.c.not_before <= utc_ms(), jobs.c.kind.in_(self.kinds), not_(beyond))


def claim(connection: Connection, owner: str, lease_s: float, able: Able, *, max_running: int = 10_000) -> Claim | None:
    """Takes the oldest queued job of the tenant that has the fewest running; of equals, the one served longest ago.

    Args:
        owner: name of the worker.
        lease_s: length of the lease in seconds.
        able: what it can do.
        max_running: how many jobs of a tenant run at once, unless its own limits say otherwise.

    Returns:
        None when there is nothing to do.
    """
    for tenant_id in _waiting(connection, able):
        # Two workers may not both see room for one more: the row of the tenant is held meanwhile.
        limits = connection.scalar(select(tenants.c.limits).where(tenants.c.id == tenant_id).with_for_update()) or {}
        if count(connection, tenant_id, *HELD) >= limits.get(MAX_RUNNING, max_running):
            continue
        found = _take(connection, tenant_id, owner, lease_s, able)
        if found is not None:
            connection.execute(update(tenants).where(tenants.c.id == tenant_id).values(last_served_at=utc_ms()))
            return found
    return None


def _waiting(connection: Connection, able: Able) -> list[str]:
    """Tenants with queued jobs, in the order in which they are to be served."""
    running = (
        select(func.count()).where(jobs.c.tenant_id == tenants.c.id, jobs.c.state.in_(HELD)).correlate(tenants)
    ).scalar_subquery()
    waits = exists().where(jobs.c.tenant_id == tenants.c.id, able.fits())
    query = select(tenants.c.id).where(waits).order_by(running, tenants.c.last_served_at, tenants.c.id)
    return list(connection.scalars(query))


def _take(connection: Connection, tenant_id: str, owner: str, lease_s: float, able: Able) -> Claim | None:
    oldest = (
        select(jobs.c.id)
        .where(jobs.c.tenant_id == tenant_id, able.fits())
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
            pause_requested_at=None,
            phase=None,
            progress=None,
        )
        .returning(jobs.c.id, jobs.c.lease_epoch, jobs.c.kind, jobs.c.spec, jobs.c.attempt)
    ).one_or_none()
    if row is None:
        return None
    connection.execute(
        insert(job_attempts).values(
            job_id=row.id, epoch=row.lease_epoch, attempt=row.attempt, worker=owner, started_at=utc_ms()
        )
    )
    _bind(connection, row.id, able)
    append(connection, row.id, [StateEvent(state="running")], epoch=row.lease_epoch)
    return Claim(row.id, tenant_id, row.lease_epoch, row.kind, row.spec, row.attempt)


def _bind(connection: Connection, job_id: str, able: Able) -> None:
    """Binds a job to the devices of its first worker: its latencies are of these, and its front would change with others."""
    own = {name: fingerprint for name, fingerprint in able.targets.items() if name not in able.simulated}
    if own:
        free = update(job_needs).where(
            job_needs.c.job_id == job_id, job_needs.c.target.in_(own), job_needs.c.fingerprint.is_(None)
        )
        connection.execute(free.values(fingerprint=case(own, value=job_needs.c.target)))


def renew(connection: Connection, job_id: str, epoch: int, lease_s: float) -> bool:
    """Prolongs a lease; False when it is lost."""
    query = update(jobs).where(jobs.c.id == job_id, jobs.c.lease_epoch == epoch)
    return connection.execute(query.values(lease_expires_at=utc_ms() + int(lease_s * 1000))).rowcount == 1


def wish(connection: Connection, job_id: str, epoch: int) -> Wish:
    """What is asked of the holder of a lease."""
    late = jobs.c.active_ms + utc_ms() - job_attempts.c.started_at > jobs.c.max_duration_ms
    row = connection.execute(
        select(jobs.c.cancel_requested_at, jobs.c.pause_requested_at, late.label("late"))
        .join(job_attempts, (job_attempts.c.job_id == jobs.c.id) & (job_attempts.c.epoch == jobs.c.lease_epoch))
        .where(jobs.c.id == job_id, jobs.c.lease_epoch == epoch)
    ).one_or_none()
    if row is None:
        return "lost"
    if row.cancel_requested_at is not None:
        return "cancel"
    if row.late:
        return "late"
    return "go_on" if row.pause_requested_at is None else "pause"


def hand_back(connection: Connection, job_id: str, epoch: int) -> bool:
    """Queues a job again that its worker stops in good order; the attempt does not count. False when the lease is lost."""
    return move(
        connection,
        job_id,
        "queued",
        epoch=epoch,
        extra=[LogEvent(level="info", message="The server stops; the job continues when it starts again.")],
        outcome="handed_back",
        attempt=jobs.c.attempt - 1,
    )


def set_aside(connection: Connection, job_id: str, epoch: int) -> bool:
    """Pauses a job that its worker stops on request; the attempt does not count. False when the lease is lost."""
    return move(connection, job_id, "paused", epoch=epoch, attempt=jobs.c.attempt - 1)


def expire(connection: Connection, owner_prefix: str) -> int:
    """Ends the leases of owners who are known to be dead, without waiting for their time; answers how many."""
    query = update(jobs).where(jobs.c.lease_owner.startswith(owner_prefix, autoescape=True))
    return connection.execute(query.values(lease_expires_at=0)).rowcount


def take_back(connection: Connection) -> int:
    """Ends or queues again every job whose worker did not renew its lease; answers how many there were."""
    lost = connection.execute(
        select(jobs.c.id, jobs.c.state, jobs.c.attempt, jobs.c.max_attempts, jobs.c.pause_requested_at)
        .where(jobs.c.state.in_(HELD), jobs.c.lease_expires_at < utc_ms())
        .with_for_update(skip_locked=True)
    ).all()
    for row in lost:
        message = f"The worker was lost in attempt {row.attempt} of {row.max_attempts}."
        told = [LogEvent(level="warning", message=message)]
        if row.state == "cancelling":
            move(connection, row.id, "cancelled", extra=told, outcome="lost")
        elif row.attempt >= row.max_attempts:
            error = WorkerLost(
                f"The worker was lost in each of {row.attempt} attempts.",
                fix="See the server's log; the system may have ended it for its use of memory.",
                facts={"attempts": row.attempt},
            )
            document = problem_of(error).model_dump(mode="json")
            move(connection, row.id, "failed", extra=told, outcome="lost", error=document)
        else:
            target: Literal["queued", "paused"] = "queued" if row.pause_requested_at is None else "paused"
            move(connection, row.id, target, extra=told, outcome="lost")
    return len(lost)
