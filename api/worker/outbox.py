"""Events on their way to the database: kept for a moment, then stored together, numbered, under the job's lease."""

import logging
import threading
from typing import Any, Final

from api.database import Database
from api.jobs.events_table import append
from api.worker.claimed import Held
from nas.events import CandidateEvent, Event, PhaseEvent, ProgressEvent

log = logging.getLogger("hwnas.worker")

BATCH: Final = 100


class Outbox:
    """Takes events from any thread; a thread of its own stores them every `flush_s` or when there are 100."""

    def __init__(self, database: Database, held: Held, flush_s: float, patience_s: float) -> None:
        self._database = database
        self._held = held
        self._flush_s = flush_s
        self._waiting: list[Event] = []
        self._lock = threading.Lock()
        self._wake = threading.Event()
        self._closed = False
        self._taken = self._stored = 0
        self._stored_more = threading.Condition()
        self._patience_s = patience_s
        self._thread = threading.Thread(target=self._run, name="outbox", daemon=True)
        self._thread.start()

    def put(self, event: Event) -> None:
        """Takes an event. Of progress events in a row for one phase and target only the last is kept.

        Returns once a candidate is stored: the engine's store may know it already, and would not tell it again after a kill.
        """
        with self._lock:
            last = self._waiting[-1] if self._waiting else None
            if (
                isinstance(event, ProgressEvent)
                and isinstance(last, ProgressEvent)
                and (event.phase, event.target) == (last.phase, last.target)
            ):
                self._waiting[-1] = event
            else:
                self._waiting.append(event)
                self._taken += 1
            mine = self._taken
            if len(self._waiting) >= BATCH or isinstance(event, CandidateEvent):
                self._wake.set()
        if isinstance(event, CandidateEvent):
            with self._stored_more:
                self._stored_more.wait_for(lambda: self._stored >= mine or self._ended(), timeout=self._patience_s)

    def close(self) -> tuple[list[Event], dict[str, Any]]:
        """Stops storing; what is left, with the columns that go with it, for the transaction that ends the job."""
        self._closed = True
        self._wake.set()
        self._thread.join()
        with self._lock:
            left, self._waiting = self._waiting, []
        return left, columns(left)

    def _ended(self) -> bool:
        return self._closed or self._held.lost.is_set()

    def _run(self) -> None:
        while not self._closed and not self._held.lost.is_set():
            self._wake.wait(self._flush_s)
            self._wake.clear()
            if self._closed:
                return
            self._flush()

    def _flush(self) -> None:
        with self._lock:
            batch, self._waiting = self._waiting, []
        if not batch:
            return
        try:
            with self._database.write() as connection:
                claim = self._held.claim
                if append(connection, claim.job_id, batch, epoch=claim.epoch, **columns(batch)) is None:
                    self._held.lost.set()
            with self._stored_more:
                self._stored += len(batch)
                self._stored_more.notify_all()
        except Exception:
            told = {"job_id": self._held.claim.job_id}
            log.exception("could not store %d events; they are tried again", len(batch), extra=told)
            with self._lock:
                self._waiting[:0] = batch


def columns(events: list[Event]) -> dict[str, Any]:
    """What events change in the job itself: its phase, and its progress in it."""
    changed: dict[str, Any] = {}
    for event in events:
        if isinstance(event, PhaseEvent) and event.status == "started":
            changed |= {"phase": event.phase, "progress": None}
        elif isinstance(event, ProgressEvent):
            progress = {"done": event.done, "total": event.total, "unit": event.unit, "eta_s": event.eta_s}
            changed |= {"phase": event.phase, "progress": progress}
    return changed
