"""Who may measure a device: one job at a time, among all workers of the service.

A device's lease is of a job with an epoch, and ends with that: a worker that lost its job has lost the device, and nothing
is to be renewed. Not here: the lock against other processes of the same machine (`hw_targets/lock.py`).
"""

from sqlalchemy import Connection, delete, exists, select
from sqlalchemy.dialects import postgresql, sqlite

from api.jobs import leases
from api.jobs.states import HELD
from api.tables import device_leases, jobs


def take(connection: Connection, device: str, job_id: str, epoch: int) -> bool:
    """Gives a device to the holder of a job, unless another living one has it; True also when the job has it already.

    False, too, for a worker that lost the job.
    """
    leases.take_back(connection)
    mine = select(jobs.c.id).where(jobs.c.id == job_id, jobs.c.lease_epoch == epoch, jobs.c.state.in_(HELD))
    if connection.execute(mine.with_for_update()).one_or_none() is None:
        return False
    holds = exists().where(jobs.c.id == device_leases.c.job_id, jobs.c.lease_epoch == device_leases.c.epoch)
    connection.execute(delete(device_leases).where(device_leases.c.device == device, ~holds))
    _insert_unless_taken(connection, device, job_id, epoch)
    row = connection.execute(select(device_leases).where(device_leases.c.device == device)).one_or_none()
    return row is not None and (row.job_id, row.epoch) == (job_id, epoch)


def give_back(connection: Connection, device: str, job_id: str, epoch: int) -> None:
    """Frees a device, if it is still this holder's."""
    own = (device_leases.c.job_id == job_id) & (device_leases.c.epoch == epoch)
    connection.execute(delete(device_leases).where(device_leases.c.device == device, own))


def _insert_unless_taken(connection: Connection, device: str, job_id: str, epoch: int) -> None:
    put = (sqlite.insert if connection.dialect.name == "sqlite" else postgresql.insert)(device_leases)
    connection.execute(
        put.values(device=device, job_id=job_id, epoch=epoch).on_conflict_do_nothing(
            index_elements=[device_leases.c.device]
        )
    )
