"""Buffers the events of a job and appends them to the database in batches, under the job's lease."""

import logging
import threading
from typing import Any, Final

from api.database import Database
from api.jobs.events_table import append
from api.worker.claimed_job import ClaimedJob
from nas.events import BatchEvent, CandidateEvent, Event, Phase, PhaseEvent, ProgressEvent

log = logging.getLogger("hwnas.worker")

BATCH: Final = 100


class Outbox:
    """Takes events from any thread. A thread of its own stores them every `flush_s`, or when there are 100.

    Args:
        database: where they are stored.
        job: whose events they are.
        flush_s: the longest that an event waits.
        candidate_timeout_s: the longest that `put` waits for a candidate to be stored.
    """

    def __init__(self, database: Database, job: ClaimedJob, flush_s: float, candidate_timeout_s: float) -> None:
        self._database = database
        self._job = job
        self._flush_s = flush_s
        self._buffer: list[Event] = []
        self._lock = threading.Lock()
        self._wake = threading.Event()
        self._closed = False
        self._taken = self._stored = 0
        self._stored_more = threading.Condition()
        self._candidate_timeout_s = candidate_timeout_s
        self._thread = threading.Thread(target=self._run, name="outbox", daemon=True)
        self._thread.start()

    def put(self, event: Event) -> None:
        """Adds an event. Of consecutive progress events of one phase and target only the last is kept.

        A candidate is stored before this returns: the engine may have stored it already, and would not emit it again after a kill.
        """
        with self._lock:
            last = self._buffer[-1] if self._buffer else None
            if (
                isinstance(event, ProgressEvent)
                and isinstance(last, ProgressEvent)
                and (event.phase, event.target) == (last.phase, last.target)
            ):
                self._buffer[-1] = event
            else:
                self._buffer.append(event)
                self._taken += 1
            number = self._taken
            if len(self._buffer) >= BATCH or isinstance(event, CandidateEvent):
                self._wake.set()
        if isinstance(event, CandidateEvent):
            with self._stored_more:
                self._stored_more.wait_for(
                    lambda: self._stored >= number or self._ended(), timeout=self._candidate_timeout_s
                )

    def close(self) -> tuple[list[Event], dict[str, Any]]:
        """Stops the thread. Returns the events that are left and the job's columns that they set, for the transaction that ends the job."""
        self._closed = True
        self._wake.set()
        self._thread.join()
        with self._lock:
            left, self._buffer = self._buffer, []
        return left, job_columns(left)

    def _ended(self) -> bool:
        return self._closed or self._job.lost.is_set()

    def _run(self) -> None:
        while not self._closed and not self._job.lost.is_set():
            self._wake.wait(self._flush_s)
            self._wake.clear()
            if self._closed:
                return
            self._flush()

    def _flush(self) -> None:
        with self._lock:
            batch, self._buffer = self._buffer, []
        if not batch:
            return
        try:
            with self._database.write() as connection:
                claim = self._job.claim
                if append(connection, claim.job_id, batch, epoch=claim.epoch, **job_columns(batch)) is None:
                    self._job.lost.set()
            with self._stored_more:
                self._stored += len(batch)
                self._stored_more.notify_all()
        except Exception:
            fields = {"job_id": self._job.claim.job_id}
            log.exception("could not store %d events; they are tried again", len(batch), extra=fields)
            with self._lock:
                self._buffer[:0] = batch


_BATCH_PHASES: Final[dict[str, Phase]] = {
    "preparing": "preparing", "tables": "profiling", "supernets": "training", "cells": "searching",
}  # fmt: skip
"""The phase of a job for each stage of a batch."""


def job_columns(events: list[Event]) -> dict[str, Any]:
    """The columns of the job that events set: its phase, and its progress in it."""
    changed: dict[str, Any] = {}
    for event in events:
        if isinstance(event, PhaseEvent) and event.status == "started":
            changed |= {"phase": event.phase, "progress": None}
        elif isinstance(event, ProgressEvent):
            progress = {"done": event.done, "total": event.total, "unit": event.unit, "eta_s": event.eta_s}
            changed |= {"phase": event.phase, "progress": progress}
        elif isinstance(event, BatchEvent):
            unit = "cells" if event.stage == "preparing" else event.stage
            progress = {"done": event.done, "total": event.total, "unit": unit, "eta_s": event.eta_s}
            changed |= {"phase": _BATCH_PHASES[event.stage], "progress": progress}
    return changed
