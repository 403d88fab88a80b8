"""The worker's claim to a device while it measures it: a lease in the database, so that no other worker measures it meanwhile.

The lock of the machine stays beside it, for processes that are no workers. A simulated target needs no claim: the engine never asks.
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
from api.worker.claimed import Held
from hw_targets.target import Target, TargetInfo
from nas.errors import Cancelled
from nas.events import EventSink, LogEvent

log = logging.getLogger("hwnas.worker")

_BOOT: Final = Path("/proc/sys/kernel/random/boot_id")


@cache
def machine() -> str:
    """What tells this machine from others: its kernel's boot, which containers on one machine share; else its network address."""
    try:
        own = _BOOT.read_text().strip()
    except OSError:
        own = f"{platform.node()} {uuid.getnode()}"
    return hashlib.sha256(own.encode()).hexdigest()[:16]


def device_of(info: TargetInfo) -> str:
    """The name of the physical thing that is measured, among all machines."""
    unit = info.unit or info.id.partition(":")[0]
    return (unit if unit.startswith("//") else f"{machine()}/{unit}")[:200]


class Devices:
    """Claims to devices for one attempt at a job."""

    def __init__(self, database: Database, held: Held, on_event: EventSink, poll_s: float) -> None:
        self._database = database
        self._held = held
        self._on_event = on_event
        self._poll_s = poll_s

    @contextmanager
    def hold(self, target: Target) -> Iterator[None]:
        """Waits until the target's device is this job's, and gives it back at the end.

        Raises:
            Cancelled: the job is to stop, or is another worker's by now.
        """
        device = device_of(target.info)
        self._wait(device, target.info.device)
        try:
            yield
        finally:
            self._give_back(device)

    def _wait(self, device: str, title: str) -> None:
        told = False
        while not self._take(device):
            if not told:
                self._on_event(LogEvent(level="info", message=f"Waits for {title}, which another job is measuring."))
                told = True
            if self._held.must_stop():
                raise Cancelled(
                    "The job was stopped while it waited for a device.", fix="Resume it, or queue it again."
                )
            time.sleep(self._poll_s)

    def _take(self, device: str) -> bool:
        claim = self._held.claim
        try:
            with self._database.write() as connection:
                return device_leases.take(connection, device, claim.job_id, claim.epoch)
        except DBAPIError:
            log.exception("cannot ask for a device; asked again", extra={"job_id": claim.job_id})
            return False

    def _give_back(self, device: str) -> None:
        claim = self._held.claim
        try:
            with self._database.write() as connection:
                device_leases.give_back(connection, device, claim.job_id, claim.epoch)
        except DBAPIError:
            log.exception("could not give a device back; it is free when the job ends", extra={"job_id": claim.job_id})
