"""A worker's claim to a device while it measures: a lease in the database, so that no other worker measures it meanwhile.

The machine's own lock is taken as well, against processes that are no workers. The engine claims no device for a simulated target.
"""

import hashlib
import logging
import platform
import time
import uuid
from collections.abc import Iterator
from contextlib import contextmanager
from functools import cache
from pathlib import Path
from typing import Final

from sqlalchemy.exc import DBAPIError

from api.database import Database
from api.jobs import device_leases
from api.worker.claimed_job import ClaimedJob
from hw_targets.target import Target, TargetInfo
from nas.errors import Cancelled
from nas.events import EventSink, LogEvent

log = logging.getLogger("hwnas.worker")

_BOOT_ID: Final = Path("/proc/sys/kernel/random/boot_id")


@cache
def machine_id() -> str:
    """Identifies this machine: by the boot of its kernel, which containers on one machine share, else by its network address."""
    try:
        identity = _BOOT_ID.read_text().strip()
    except OSError:
        identity = f"{platform.node()} {uuid.getnode()}"
    return hashlib.sha256(identity.encode()).hexdigest()[:16]


def device_name(info: TargetInfo) -> str:
    """The name of the physical thing that is measured, among all machines."""
    device_id = info.device_id or info.id.partition(":")[0]
    return (device_id if device_id.startswith("//") else f"{machine_id()}/{device_id}")[:200]


class DeviceClaims:
    """The device claims of one attempt at a job."""

    def __init__(self, database: Database, job: ClaimedJob, on_event: EventSink, poll_s: float) -> None:
        self._database = database
        self._job = job
        self._on_event = on_event
        self._poll_s = poll_s

    @contextmanager
    def hold(self, target: Target) -> Iterator[None]:
        """Claims the target's device, waiting while another job has it, and releases it at the end.

        Raises:
            Cancelled: the job should stop, or another worker has it.
        """
        device = device_name(target.info)
        self._acquire(device, target.info.device)
        try:
            yield
        finally:
            self._release(device)

    def _acquire(self, device: str, title: str) -> None:
        logged = False
        while not self._try_acquire(device):
            if not logged:
                self._on_event(LogEvent(level="info", message=f"Waits for {title}, which another job is measuring."))
                logged = True
            if self._job.should_stop():
                raise Cancelled(
                    "The job was stopped while it waited for a device.", fix="Resume it, or queue it again."
                )
            time.sleep(self._poll_s)

    def _try_acquire(self, device: str) -> bool:
        claim = self._job.claim
        try:
            with self._database.write() as connection:
                return device_leases.acquire(connection, device, claim.job_id, claim.epoch)
        except DBAPIError:
            log.exception("cannot claim a device; it is tried again", extra={"job_id": claim.job_id})
            return False

    def _release(self, device: str) -> None:
        claim = self._job.claim
        try:
            with self._database.write() as connection:
                device_leases.release(connection, device, claim.job_id, claim.epoch)
        except DBAPIError:
            log.exception("could not release a device; it is free when the job ends", extra={"job_id": claim.job_id})
