"""A job that this worker has claimed, and the heartbeat that renews its lease and looks for requests to stop."""

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
from api.jobs.repository import transition
from api.problem_document import problem_of
from api.settings import Settings

log = logging.getLogger("hwnas.worker")


@dataclass(frozen=True)
class ClaimedJob:
    """A claim and the signals that arrived for it.

    Attributes:
        claim: the job and the epoch of its lease.
        drain: set when the worker shuts down.
        cancel: set when a client requested to cancel the job.
        pause: set when a client requested to pause it.
        timeout: set when the job has reached its maximum duration.
        lost: set when another worker has the lease, or it could not be renewed before it expired.
    """

    claim: leases.Claim
    drain: threading.Event
    cancel: threading.Event = field(default_factory=threading.Event)
    pause: threading.Event = field(default_factory=threading.Event)
    timeout: threading.Event = field(default_factory=threading.Event)
    lost: threading.Event = field(default_factory=threading.Event)

    def should_stop(self) -> bool:
        """Whether the engine should stop, for any reason."""
        return self.stop_requested() or self.drain.is_set()

    def stop_requested(self) -> bool:
        """Whether this job was signalled to stop; its process is killed if it does not. A draining worker does not count."""
        return any(event.is_set() for event in (self.cancel, self.pause, self.timeout, self.lost))

    def apply(self, signal: leases.LeaseSignal) -> None:
        """Sets the event of a signal."""
        if signal != "continue":
            {"cancel": self.cancel, "pause": self.pause, "timeout": self.timeout, "lost": self.lost}[signal].set()


class LeaseHeartbeat:
    """Renews the lease of a job and reads its signals, in a thread with its own connections."""

    def __init__(self, database: Database, job: ClaimedJob, settings: Settings) -> None:
        self._database = database
        self._job = job
        self._settings = settings
        self._done = threading.Event()
        self._thread = threading.Thread(target=self._run, name="lease-heartbeat", daemon=True)

    def __enter__(self) -> "LeaseHeartbeat":
        self._thread.start()
        return self

    def __exit__(self, *_error: object) -> None:
        self._done.set()
        self._thread.join()

    def _run(self) -> None:
        claim, settings, clock = self._job.claim, self._settings, time.monotonic
        renewed = clock()
        stop_since: float | None = None
        while not self._done.wait(settings.control_s):
            now = clock()
            try:
                with self._database.read() as connection:
                    request = leases.read_signal(connection, claim.job_id, claim.epoch)
                if request != "lost" and now - renewed >= settings.heartbeat_s:
                    with self._database.write() as connection:
                        if not leases.renew(connection, claim.job_id, claim.epoch, settings.lease_s):
                            request = "lost"
                    renewed = now
                if not self._done.is_set():
                    self._job.apply(request)
            except Exception:
                log.exception("the database does not answer", extra={"job_id": claim.job_id})
                if now - renewed > settings.lease_s:
                    self._job.lost.set()
            if self._job.stop_requested():
                stop_since = now if stop_since is None else stop_since
                if now - stop_since > settings.cancel_grace_s:
                    self._kill_worker()

    def _kill_worker(self) -> None:
        """The engine does not stop: ends the job in the database, then kills this process with it."""
        claim = self._job.claim
        log.error("the job does not stop; the worker is killed", extra={"job_id": claim.job_id})
        try:
            with self._database.write() as connection:
                end_stopped_job(connection, self._job)
        finally:
            os.killpg(os.getpgrp(), signal.SIGKILL)


def end_stopped_job(connection: Connection, job: ClaimedJob) -> bool:
    """Changes the state of a job whose engine stopped, as was requested; False when the lease is lost.

    The current request counts: one to pause may have been withdrawn, or followed by one to cancel.
    """
    claim = job.claim
    request = leases.read_signal(connection, claim.job_id, claim.epoch)
    if request == "cancel":
        return transition(connection, claim.job_id, "cancelled", epoch=claim.epoch)
    if request == "timeout":
        error = JobTooLong(
            "The job reached its maximum duration.",
            fix="Queue it again with a longer max_duration_s: it resumes from what is stored.",
        )
        document = problem_of(error).model_dump(mode="json")
        return transition(connection, claim.job_id, "failed", epoch=claim.epoch, error=document)
    if request == "pause":
        return leases.pause(connection, claim.job_id, claim.epoch)
    return request != "lost" and leases.requeue(connection, claim.job_id, claim.epoch)
