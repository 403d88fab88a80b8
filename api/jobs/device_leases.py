"""Who may measure a device: one job at a time, among all workers of the service.

A device's lease is of a job with an epoch, and ends with that: a worker that lost its job has lost the device, and nothing
is to be renewed. Not here: the lock against other processes of the same machine (`hw_targets/lock.py`).
"""

from sqlalchemy import Connection, delete, insert, select, update
from sqlalchemy.exc import IntegrityError

from api.job_states import HELD
from api.jobs import leases
from api.tables import device_leases, jobs


def take(connection: Connection, device: str, job_id: str, epoch: int) -> bool:
    """Gives a device to the holder of a job, unless another living one has it; True also when the job has it already.

    False, too, for a worker that lost the job.
    """
    leases.take_back(connection)
    if not _has(connection, job_id, epoch):
        return False
    query = select(device_leases).where(device_leases.c.device == device).with_for_update()
    row = connection.execute(query).one_or_none()
    if row is None:
        try:
            with connection.begin_nested():
                connection.execute(insert(device_leases).values(device=device, job_id=job_id, epoch=epoch))
        except IntegrityError:  # another was faster
            return False
        return True
    if (row.job_id, row.epoch) != (job_id, epoch):
        if _has(connection, row.job_id, row.epoch):
            return False
        this = update(device_leases).where(device_leases.c.device == device)
        connection.execute(this.values(job_id=job_id, epoch=epoch))
    return True


def give_back(connection: Connection, device: str, job_id: str, epoch: int) -> None:
    """Frees a device, if it is still this holder's."""
    own = (device_leases.c.job_id == job_id) & (device_leases.c.epoch == epoch)
    connection.execute(delete(device_leases).where(device_leases.c.device == device, own))


def _has(connection: Connection, job_id: str, epoch: int) -> bool:
    """Whether a job is still its holder's of that epoch."""
    query = select(jobs.c.id).where(jobs.c.id == job_id, jobs.c.lease_epoch == epoch, jobs.c.state.in_(HELD))
    return connection.execute(query).one_or_none() is not None
