"""A job in the hands of this worker, and the thread that keeps it there: renews the lease, and looks for requests to stop."""

import logging
import os
import signal
import threading
import time
from dataclasses import dataclass, field

from api.database import Database
from api.jobs import leases
from api.jobs.repository import move
from api.settings import Settings

log = logging.getLogger("hwnas.worker")


@dataclass(frozen=True)
class Held:
    """A claim with what became of it.

    Attributes:
        claim: the job and the epoch of its lease.
        cancel: set when someone asked to cancel the job.
        lost: set when the lease is another's, or could not be renewed for its whole length.
        drain: set when the worker is to stop.
    """

    claim: leases.Claim
    drain: threading.Event
    cancel: threading.Event = field(default_factory=threading.Event)
    lost: threading.Event = field(default_factory=threading.Event)

    def must_stop(self) -> bool:
        """Whether the engine is to stop, for whatever reason."""
        return self.cancel.is_set() or self.lost.is_set() or self.drain.is_set()


class Keeper:
    """Runs beside a job, in a thread with connections of its own."""

    def __init__(self, database: Database, held: Held, settings: Settings) -> None:
        self._database = database
        self._held = held
        self._settings = settings
        self._done = threading.Event()
        self._thread = threading.Thread(target=self._run, name="keeper", daemon=True)

    def __enter__(self) -> "Keeper":
        self._thread.start()
        return self

    def __exit__(self, *_error: object) -> None:
        self._done.set()
        self._thread.join()

    def _run(self) -> None:
        claim, settings, clock = self._held.claim, self._settings, time.monotonic
        renewed = clock()
        stop_since: float | None = None
        while not self._done.wait(settings.control_s):
            now = clock()
            try:
                with self._database.read() as connection:
                    wanted = leases.cancel_requested(connection, claim.job_id, claim.epoch)
                kept = wanted is not None
                if kept and now - renewed >= settings.heartbeat_s:
                    with self._database.write() as connection:
                        kept = leases.renew(connection, claim.job_id, claim.epoch, settings.lease_s)
                    renewed = now
                if wanted:
                    self._held.cancel.set()
                if not kept and not self._done.is_set():
                    self._held.lost.set()
            except Exception:
                log.exception("job %s: the database does not answer", claim.job_id)
                if now - renewed > settings.lease_s:
                    self._held.lost.set()
            if self._held.cancel.is_set() or self._held.lost.is_set():
                stop_since = now if stop_since is None else stop_since
                if now - stop_since > settings.cancel_grace_s:
                    self._give_up()

    def _give_up(self) -> None:
        """The engine does not stop: ends the job without it, and this process with it."""
        claim = self._held.claim
        log.error("job %s does not stop; the worker ends", claim.job_id)
        try:
            with self._database.write() as connection:
                move(connection, claim.job_id, "cancelled", epoch=claim.epoch)
        finally:
            os.killpg(os.getpgrp(), signal.SIGKILL)
