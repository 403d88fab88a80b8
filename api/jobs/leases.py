"""Leases of jobs: claiming and renewing one, what is requested of its holder, and reclaiming jobs of lost workers.

A lease is an epoch, an owner and an expiry by the database's clock. Every write of a worker carries the epoch of its lease.
A claim raises it, so that a worker that lost its lease (killed, paused, cut off) can store nothing any more.
"""

from collections.abc import Collection, Mapping
from dataclasses import dataclass
from typing import Any, Final, Literal

from sqlalchemy import ColumnElement, Connection, and_, case, exists, false, func, insert, not_, or_, select, update

from api.database import utc_ms
from api.errors import WorkerLost
from api.job_states import LEASED
from api.jobs.events_table import append
from api.jobs.repository import count, transition
from api.problem_document import problem_of
from api.tables import job_attempts, job_needs, jobs, tenants
from api.tenancy import lock_tenant
from nas.events import LogEvent, StateEvent
from search_spaces.errors import HwnasError

LeaseSignal = Literal["continue", "cancel", "pause", "lost", "timeout"]
"""What is requested of the holder of a lease. `lost`: it has no lease any more. `timeout`: the job reached its maximum duration."""

MAX_RUNNING: Final = "max_running"

RETRY_S: Final = 30.0
"""How long a job waits whose cluster was lost or not there."""


@dataclass(frozen=True, slots=True)
class Claim:
    """A job that a worker claimed, with the epoch of its lease."""

    job_id: str
    tenant_id: str
    epoch: int
    kind: str
    spec: dict[str, Any]
    attempt: int


@dataclass(frozen=True, slots=True)
class WorkerCapabilities:
    """Which jobs a worker can run.

    Attributes:
        kinds: of jobs that it runs.
        targets: the device, by its fingerprint, of each target (without options) that it can measure.
        simulated: those among them that need no device, so that a job is not bound to it.
    """

    kinds: Collection[str]
    targets: Mapping[str, str]
    simulated: Collection[str] = ()

    def can_run(self) -> ColumnElement[bool]:
        """Whether such a worker can run a queued job now."""
        bound = job_needs.c.fingerprint
        measurable = (
            and_(job_needs.c.target == name, or_(bound.is_(None), bound == own)) for name, own in self.targets.items()
        )
        unmet = exists().where(job_needs.c.job_id == jobs.c.id, not_(or_(false(), *measurable)))
        return and_(jobs.c.state == "queued", jobs.c.not_before <= utc_ms(), jobs.c.kind.in_(self.kinds), not_(unmet))


def claim(
    connection: Connection, owner: str, lease_s: float, capabilities: WorkerCapabilities, *, max_running: int = 10_000
) -> Claim | None:
    """Claims the oldest queued job of the tenant with the fewest running jobs; of equals, of the one served longest ago.

    Args:
        owner: name of the worker.
        lease_s: length of the lease in seconds.
        capabilities: which jobs it can run.
        max_running: how many jobs of a tenant run at once, unless its own limits say otherwise.

    Returns:
        None when no queued job can run.
    """
    for tenant_id in _tenants_with_work(connection, capabilities):
        # Two workers may not both see room for one more: the row of the tenant is locked meanwhile.
        limits = lock_tenant(connection, tenant_id)
        if count(connection, tenant_id, *LEASED) >= limits.get(MAX_RUNNING, max_running):
            continue
        claimed = _claim_oldest(connection, tenant_id, owner, lease_s, capabilities)
        if claimed is not None:
            connection.execute(update(tenants).where(tenants.c.id == tenant_id).values(last_served_at=utc_ms()))
            return claimed
    return None


def _tenants_with_work(connection: Connection, capabilities: WorkerCapabilities) -> list[str]:
    """Tenants with jobs that can run now, in the order in which they are served."""
    running = (
        select(func.count()).where(jobs.c.tenant_id == tenants.c.id, jobs.c.state.in_(LEASED)).correlate(tenants)
    ).scalar_subquery()
    has_work = exists().where(jobs.c.tenant_id == tenants.c.id, capabilities.can_run())
    query = select(tenants.c.id).where(has_work).order_by(running, tenants.c.last_served_at, tenants.c.id)
    return list(connection.scalars(query))


def _claim_oldest(
    connection: Connection, tenant_id: str, owner: str, lease_s: float, capabilities: WorkerCapabilities
) -> Claim | None:
    oldest = (
        select(jobs.c.id)
        .where(jobs.c.tenant_id == tenant_id, capabilities.can_run())
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
    _bind_to_devices(connection, row.id, capabilities)
    append(connection, row.id, [StateEvent(state="running")], epoch=row.lease_epoch)
    return Claim(row.id, tenant_id, row.lease_epoch, row.kind, row.spec, row.attempt)


def _bind_to_devices(connection: Connection, job_id: str, capabilities: WorkerCapabilities) -> None:
    """Binds a job to the devices of its first worker: its latencies were measured there, and differ on others."""
    own = {
        name: fingerprint for name, fingerprint in capabilities.targets.items() if name not in capabilities.simulated
    }
    if own:
        free = update(job_needs).where(
            job_needs.c.job_id == job_id, job_needs.c.target.in_(own), job_needs.c.fingerprint.is_(None)
        )
        connection.execute(free.values(fingerprint=case(own, value=job_needs.c.target)))


def renew(connection: Connection, job_id: str, epoch: int, lease_s: float) -> bool:
    """Extends a lease; False when it is lost."""
    query = update(jobs).where(jobs.c.id == job_id, jobs.c.lease_epoch == epoch)
    return connection.execute(query.values(lease_expires_at=utc_ms() + int(lease_s * 1000))).rowcount == 1


def read_signal(connection: Connection, job_id: str, epoch: int) -> LeaseSignal:
    """What is requested of the holder of a lease now."""
    timed_out = jobs.c.active_ms + utc_ms() - job_attempts.c.started_at > jobs.c.max_duration_ms
    row = connection.execute(
        select(jobs.c.cancel_requested_at, jobs.c.pause_requested_at, timed_out.label("timed_out"))
        .join(job_attempts, (job_attempts.c.job_id == jobs.c.id) & (job_attempts.c.epoch == jobs.c.lease_epoch))
        .where(jobs.c.id == job_id, jobs.c.lease_epoch == epoch)
    ).one_or_none()
    if row is None:
        return "lost"
    if row.cancel_requested_at is not None:
        return "cancel"
    if row.timed_out:
        return "timeout"
    return "continue" if row.pause_requested_at is None else "pause"


def requeue(connection: Connection, job_id: str, epoch: int) -> bool:
    """Queues a job again whose worker shuts down; the attempt does not count. False when the lease is lost."""
    return transition(
        connection,
        job_id,
        "queued",
        epoch=epoch,
        extra=[LogEvent(level="info", message="The server stops; the job continues when it starts again.")],
        outcome="handed_back",
        attempt=jobs.c.attempt - 1,
    )


def retry_later(connection: Connection, job_id: str, epoch: int, error: HwnasError, *, counts: bool) -> bool:
    """Queues a job again that ended for want of a cluster, to be claimed after a while. False when the lease is lost.

    Args:
        error: what ended it; the job's own error once all attempts are used up.
        counts: whether the attempt counts; one that could not begin does not.
    """
    row = connection.execute(select(jobs.c.attempt, jobs.c.max_attempts).where(jobs.c.id == job_id)).one()
    if counts and row.attempt >= row.max_attempts:
        document = problem_of(error).model_dump(mode="json")
        return transition(connection, job_id, "failed", epoch=epoch, outcome="lost", error=document)
    message = f"{error.detail} The job is tried again in {RETRY_S:g} s."
    return transition(
        connection,
        job_id,
        "queued",
        epoch=epoch,
        extra=[LogEvent(level="warning", message=message)],
        outcome="lost",
        attempt=jobs.c.attempt - (0 if counts else 1),
        not_before=utc_ms() + int(1000 * RETRY_S),
    )


def pause(connection: Connection, job_id: str, epoch: int) -> bool:
    """Pauses a job whose worker stopped on request; the attempt does not count. False when the lease is lost."""
    return transition(connection, job_id, "paused", epoch=epoch, attempt=jobs.c.attempt - 1)


def expire_leases(connection: Connection, owner_prefix: str) -> int:
    """Expires at once the leases of owners that are known to be dead; returns how many."""
    query = update(jobs).where(jobs.c.lease_owner.startswith(owner_prefix, autoescape=True))
    return connection.execute(query.values(lease_expires_at=0)).rowcount


def reclaim_expired(connection: Connection) -> int:
    """Ends every job whose lease has expired, or queues it again; returns how many there were."""
    expired = connection.execute(
        select(jobs.c.id, jobs.c.state, jobs.c.attempt, jobs.c.max_attempts, jobs.c.pause_requested_at)
        .where(jobs.c.state.in_(LEASED), jobs.c.lease_expires_at < utc_ms())
        .with_for_update(skip_locked=True)
    ).all()
    for row in expired:
        message = f"The worker was lost in attempt {row.attempt} of {row.max_attempts}."
        events = [LogEvent(level="warning", message=message)]
        if row.state == "cancelling":
            transition(connection, row.id, "cancelled", extra=events, outcome="lost")
        elif row.attempt >= row.max_attempts:
            error = WorkerLost(
                f"The worker was lost in each of {row.attempt} attempts.",
                fix="See the server's log; the system may have ended it for its use of memory.",
                facts={"attempts": row.attempt},
            )
            document = problem_of(error).model_dump(mode="json")
            transition(connection, row.id, "failed", extra=events, outcome="lost", error=document)
        else:
            target: Literal["queued", "paused"] = "queued" if row.pause_requested_at is None else "paused"
            transition(connection, row.id, target, extra=events, outcome="lost")
    return len(expired)
