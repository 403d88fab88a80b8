"""A job in the hands of this worker, and the thread that keeps it there: renews the lease, and looks for requests to stop."""

import logging
import os
import signal
import threading
import time
from dataclasses import dataclass, field

from sqlalchemy import Connection

from api.database import Database
from api.errors import JobTooLong
from api.jobs import leases
from api.jobs.repository import move
from api.problem_document import problem_of
from api.settings import Settings

log = logging.getLogger("hwnas.worker")


@dataclass(frozen=True)
class Held:
    """A claim with what became of it.

    Attributes:
        claim: the job and the epoch of its lease.
        drain: set when the worker is to stop.
        cancel: set when someone asked to cancel the job.
        pause: set when someone asked to pause it.
        late: set when the job has had all of its time.
        lost: set when the lease is another's, or could not be renewed for its whole length.
    """

    claim: leases.Claim
    drain: threading.Event
    cancel: threading.Event = field(default_factory=threading.Event)
    pause: threading.Event = field(default_factory=threading.Event)
    late: threading.Event = field(default_factory=threading.Event)
    lost: threading.Event = field(default_factory=threading.Event)

    def must_stop(self) -> bool:
        """Whether the engine is to stop, for whatever reason."""
        return self._asked() or self.drain.is_set()

    def must_stop_soon(self) -> bool:
        """Whether it is ended with its process when it does not stop."""
        return self._asked()

    def _asked(self) -> bool:
        return any(event.is_set() for event in (self.cancel, self.lost, self.late, self.pause))

    def note(self, wish: leases.Wish) -> None:
        """Sets what was asked for."""
        asked = {"cancel": self.cancel, "pause": self.pause, "late": self.late, "lost": self.lost}.get(wish)
        if asked is not None:
            asked.set()


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
                    wish = leases.wish(connection, claim.job_id, claim.epoch)
                if wish != "lost" and now - renewed >= settings.heartbeat_s:
                    with self._database.write() as connection:
                        if not leases.renew(connection, claim.job_id, claim.epoch, settings.lease_s):
                            wish = "lost"
                    renewed = now
                if not self._done.is_set():
                    self._held.note(wish)
            except Exception:
                log.exception("the database does not answer", extra={"job_id": claim.job_id})
                if now - renewed > settings.lease_s:
                    self._held.lost.set()
            if self._held.must_stop_soon():
                stop_since = now if stop_since is None else stop_since
                if now - stop_since > settings.cancel_grace_s:
                    self._give_up()

    def _give_up(self) -> None:
        """The engine does not stop: ends the job without it, and this process with it."""
        claim = self._held.claim
        log.error("the job does not stop; the worker ends", extra={"job_id": claim.job_id})
        try:
            with self._database.write() as connection:
                stop(connection, self._held)
        finally:
            os.killpg(os.getpgrp(), signal.SIGKILL)


def stop(connection: Connection, held: Held) -> bool:
    """Brings a job whose engine stopped on request to where it was asked to go; False when the lease is lost.

    What counts is what is asked for now: a request to pause may have been taken back, or a request to cancel come after it.
    """
    claim = held.claim
    wish = leases.wish(connection, claim.job_id, claim.epoch)
    if wish == "cancel":
        return move(connection, claim.job_id, "cancelled", epoch=claim.epoch)
    if wish == "late":
        error = JobTooLong(
            "The job was at work for as long as it may be.",
            fix="Queue it again with a longer max_duration_s: it goes on.",
        )
        document = problem_of(error).model_dump(mode="json")
        return move(connection, claim.job_id, "failed", epoch=claim.epoch, error=document)
    if wish == "pause":
        return leases.set_aside(connection, claim.job_id, claim.epoch)
    return wish != "lost" and leases.hand_back(connection, claim.job_id, claim.epoch)
