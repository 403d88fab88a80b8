"""Why a queued job does not start: no worker has the devices that it needs, or its tenant is at its limit of running jobs.

Computed when a job is read, never stored.
"""

from collections.abc import Iterable, Mapping, Sequence
from typing import Any, Final

from sqlalchemy import Connection, Row, func, select

from api.job_states import LEASED
from api.jobs.leases import MAX_RUNNING
from api.jobs.schemas import WaitingFor
from api.tables import job_needs, jobs, tenants
from api.worker_registry import live_workers

_NO_WORKER: Final = WaitingFor(detail="No worker is running.")

Needs = Mapping[str, str | None]
"""Each target of a job, with the fingerprint of the device that it is bound to."""


def waiting_reasons(connection: Connection, rows: Iterable[Row[Any]], max_running: int) -> dict[str, WaitingFor]:
    """Why each of a tenant's jobs does not start, by its id. Jobs that wait only for their turn, or are not queued, are left out.

    Args:
        connection: of the transaction that read the rows.
        rows: of one tenant.
        max_running: how many jobs of a tenant run at once, unless its own limits say otherwise.
    """
    tenant_of = {row.id: row.tenant_id for row in rows if row.state == "queued"}
    queued = list(tenant_of)
    if not queued:
        return {}
    workers = [worker.targets for worker in live_workers(connection)]
    if not workers:  # whatever they need
        return dict.fromkeys(queued, _NO_WORKER)
    needs: dict[str, dict[str, str | None]] = {job_id: {} for job_id in queued}
    for row in connection.execute(select(job_needs).where(job_needs.c.job_id.in_(queued))):
        needs[row.job_id][row.target] = row.fingerprint
    at_limit = _at_running_limit(connection, tenant_of[queued[0]], max_running)
    reasons = {job_id: missing_worker(needs[job_id], workers) or at_limit for job_id in queued}
    return {job_id: reason for job_id, reason in reasons.items() if reason is not None}


def missing_worker(needs: Needs, workers: Sequence[Mapping[str, str]]) -> WaitingFor | None:
    """Why none of these workers, by their targets' devices, can take a job; None when one can.

    A job bound to device `a` of `cpu` waits when there are only workers with device `b`.
    """
    if any(all(_has_device(worker, *need) for need in needs.items()) for worker in workers):
        return None
    if not workers:
        return _NO_WORKER
    for target, device in sorted(needs.items()):
        if not any(target in worker for worker in workers):
            return WaitingFor(target=target, device=device, detail=f"No worker that can measure {target} is running.")
        if not any(_has_device(worker, target, device) for worker in workers):
            detail = f"No worker with the device {device} is running, to which the job is bound for {target}."
            return WaitingFor(target=target, device=device, detail=detail)
    return WaitingFor(detail=f"No single worker that runs can measure {' and '.join(_in_words(needs))}.")


def _at_running_limit(connection: Connection, tenant_id: str, max_running: int) -> WaitingFor | None:
    """The reason when a tenant may run no more jobs now."""
    running = select(func.count()).where(jobs.c.tenant_id == tenant_id, jobs.c.state.in_(LEASED)).scalar_subquery()
    limits, active = connection.execute(select(tenants.c.limits, running).where(tenants.c.id == tenant_id)).one()
    most = limits.get(MAX_RUNNING, max_running)
    return None if active < most else WaitingFor(detail=f"The tenant may run no more than {most} jobs at once.")


def _has_device(worker: Mapping[str, str], target: str, device: str | None) -> bool:
    return target in worker and device in (None, worker[target])


def _in_words(needs: Needs) -> list[str]:
    return [target if device is None else f"{target} on {device}" for target, device in sorted(needs.items())]
