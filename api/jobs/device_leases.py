"""Leases of devices: one job at a time measures a device, among all workers of the service.

A device's lease belongs to a job with an epoch and ends with that epoch: a worker that lost its job has lost the device, and
there is nothing to renew. Not here: the lock against other processes of the same machine (`hw_targets/lock.py`).
"""

from sqlalchemy import Connection, delete, insert, select, update
from sqlalchemy.exc import IntegrityError

from api.job_states import LEASED
from api.jobs import leases
from api.tables import device_leases, jobs


def acquire(connection: Connection, device: str, job_id: str, epoch: int) -> bool:
    """Leases a device to a claimed job. True also when the job has it already; False when another running job has it.

    False, too, for a worker that lost the job.
    """
    leases.reclaim_expired(connection)
    if not _is_leased(connection, job_id, epoch):
        return False
    query = select(device_leases).where(device_leases.c.device == device).with_for_update()
    row = connection.execute(query).one_or_none()
    if row is None:
        try:
            with connection.begin_nested():
                connection.execute(insert(device_leases).values(device=device, job_id=job_id, epoch=epoch))
        except IntegrityError:  # another job was faster
            return False
        return True
    if (row.job_id, row.epoch) != (job_id, epoch):
        if _is_leased(connection, row.job_id, row.epoch):
            return False
        this = update(device_leases).where(device_leases.c.device == device)
        connection.execute(this.values(job_id=job_id, epoch=epoch))
    return True


def release(connection: Connection, device: str, job_id: str, epoch: int) -> None:
    """Releases a device, if this job still has it."""
    own = (device_leases.c.job_id == job_id) & (device_leases.c.epoch == epoch)
    connection.execute(delete(device_leases).where(device_leases.c.device == device, own))


def _is_leased(connection: Connection, job_id: str, epoch: int) -> bool:
    """Whether a job still has the lease of that epoch."""
    query = select(jobs.c.id).where(jobs.c.id == job_id, jobs.c.lease_epoch == epoch, jobs.c.state.in_(LEASED))
    return connection.execute(query).one_or_none() is not None
