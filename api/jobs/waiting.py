"""What a queued job waits for besides its turn: a worker with the devices that it needs, or that its tenant may run one more.

Told when it is read, never stored.
"""

from collections.abc import Iterable, Mapping, Sequence
from typing import Any, Final

from sqlalchemy import Connection, Row, func, select

from api.job_states import HELD
from api.jobs.leases import MAX_RUNNING
from api.jobs.schemas import WaitingFor
from api.tables import job_needs, jobs, tenants
from api.workers import living

_NO_WORKER: Final = WaitingFor(detail="No worker is running.")

Needs = Mapping[str, str | None]
"""Each target of a job, with the fingerprint of the device that it is bound to."""


def waits(connection: Connection, rows: Iterable[Row[Any]], max_running: int) -> dict[str, WaitingFor]:
    """What each of a tenant's jobs waits for, by its id; those that only wait for their turn, or are not queued, are left out.

    Args:
        connection: of the transaction that read the rows.
        rows: of one tenant.
        max_running: how many jobs of a tenant run at once, unless its own limits say otherwise.
    """
    tenant_of = {row.id: row.tenant_id for row in rows if row.state == "queued"}
    queued = list(tenant_of)
    if not queued:
        return {}
    workers = [worker.targets for worker in living(connection)]
    if not workers:  # whatever they need
        return dict.fromkeys(queued, _NO_WORKER)
    needs: dict[str, dict[str, str | None]] = {job_id: {} for job_id in queued}
    for row in connection.execute(select(job_needs).where(job_needs.c.job_id.in_(queued))):
        needs[row.job_id][row.target] = row.fingerprint
    full = _full(connection, tenant_of[queued[0]], max_running)
    found = {job_id: missing(needs[job_id], workers) or full for job_id in queued}
    return {job_id: lacks for job_id, lacks in found.items() if lacks is not None}


def missing(needs: Needs, workers: Sequence[Mapping[str, str]]) -> WaitingFor | None:
    """Why none of these workers, by their targets' devices, can take a job; None when one can.

    A job bound to device `a` of `cpu` waits when there are only workers with device `b`.
    """
    if any(all(_has(worker, *need) for need in needs.items()) for worker in workers):
        return None
    if not workers:
        return _NO_WORKER
    for target, device in sorted(needs.items()):
        if not any(target in worker for worker in workers):
            return WaitingFor(target=target, device=device, detail=f"No worker that can measure {target} is running.")
        if not any(_has(worker, target, device) for worker in workers):
            detail = f"No worker with the device {device} is running, to which the job is bound for {target}."
            return WaitingFor(target=target, device=device, detail=detail)
    return WaitingFor(detail=f"No single worker that runs can measure {' and '.join(_named(needs))}.")


def _full(connection: Connection, tenant_id: str, max_running: int) -> WaitingFor | None:
    """That a tenant may run no more jobs now."""
    running = select(func.count()).where(jobs.c.tenant_id == tenant_id, jobs.c.state.in_(HELD)).scalar_subquery()
    limits, held = connection.execute(select(tenants.c.limits, running).where(tenants.c.id == tenant_id)).one()
    most = limits.get(MAX_RUNNING, max_running)
    return None if held < most else WaitingFor(detail=f"The tenant may run no more than {most} jobs at once.")


def _has(worker: Mapping[str, str], target: str, device: str | None) -> bool:
    return target in worker and device in (None, worker[target])


def _named(needs: Needs) -> list[str]:
    return [target if device is None else f"{target} on {device}" for target, device in sorted(needs.items())]
