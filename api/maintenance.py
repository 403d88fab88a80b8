"""Periodic maintenance: truncates SQLite's write-ahead log, and deletes what is no longer needed.

Not here: jobs of lost workers, which workers reclaim themselves (`api/jobs/leases.py`).
"""

import logging
import threading
import time
from collections.abc import Callable
from typing import Final

from api import idempotency
from api.blobs import BlobStore
from api.database import Database
from api.keys import repository as keys
from api.models import repository as models
from api.settings import Settings
from api.worker_registry import delete_old as delete_old_workers

log = logging.getLogger("hwnas.maintenance")

ORPHAN_S: Final = 24 * 3600.0
"""How long a stored file may be referenced by no model: its model may be about to be stored."""

_SWEEP_S: Final = 3600.0
_BATCH: Final = 500


class Maintenance:
    """A thread that runs every `maintenance_s`."""

    def __init__(self, database: Database, settings: Settings) -> None:
        self._database = database
        self._settings = settings
        self._stopping = threading.Event()
        self._thread = threading.Thread(target=self._run, name="maintenance", daemon=True)

    def start(self) -> None:
        """Starts the thread."""
        self._thread.start()

    def stop(self) -> None:
        """Ends the thread, and truncates the log a last time."""
        self._stopping.set()
        self._thread.join()
        self._log_errors(self._truncate)

    def _run(self) -> None:
        swept = float("-inf")
        while not self._stopping.wait(self._settings.maintenance_s):
            self._log_errors(self._truncate)
            if time.monotonic() - swept > _SWEEP_S:
                swept = time.monotonic()
                self._log_errors(self.sweep)

    def _truncate(self) -> None:
        self._database.truncate_wal()

    def sweep(self) -> None:
        """Deletes expired sessions, answers and workers, and stored files that no model references."""
        with self._database.write() as connection:
            keys.delete_old_sessions(connection)
            idempotency.delete_old(connection)
            delete_old_workers(connection)
        blobs = BlobStore(self._settings.artifacts)
        old = blobs.older_than(ORPHAN_S)
        for start in range(0, len(old), _BATCH):
            batch = old[start : start + _BATCH]
            with self._database.read() as connection:
                referenced = models.referenced(connection, batch)
            for sha256 in batch:
                if sha256 not in referenced:
                    blobs.remove(sha256)

    def _log_errors(self, work: Callable[[], None]) -> None:
        try:
            work()
        except Exception:
            log.exception("maintenance failed; it is tried again")
