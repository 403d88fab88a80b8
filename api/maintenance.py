"""What the server does beside its requests: keeps SQLite's write-ahead log short, and removes what is no longer needed.

Not here: jobs of lost workers, which workers take back themselves (`api/jobs/leases.py`).
"""

import logging
import threading
import time
from collections.abc import Callable
from typing import Final

from api import idempotency
from api.blobs import Blobs
from api.database import Database
from api.keys import repository as keys
from api.models import repository as models
from api.settings import Settings
from api.workers import drop_old as drop_old_workers

log = logging.getLogger("hwnas.maintenance")

UNNAMED_S: Final = 24 * 3600.0
"""How long a stored file may be named by nothing: its model may be about to be stored."""

_SWEEP_S: Final = 3600.0
_BATCH: Final = 500


class Maintenance:
    """A thread that tidies up every `maintenance_s`."""

    def __init__(self, database: Database, settings: Settings) -> None:
        self._database = database
        self._settings = settings
        self._stopping = threading.Event()
        self._thread = threading.Thread(target=self._run, name="maintenance", daemon=True)

    def start(self) -> None:
        """Starts the thread."""
        self._thread.start()

    def stop(self) -> None:
        """Ends it, and moves the log into the database for the last time."""
        self._stopping.set()
        self._thread.join()
        self._try(self._truncate)

    def _run(self) -> None:
        swept = float("-inf")
        while not self._stopping.wait(self._settings.maintenance_s):
            self._try(self._truncate)
            if time.monotonic() - swept > _SWEEP_S:
                swept = time.monotonic()
                self._try(self.sweep)

    def _truncate(self) -> None:
        self._database.truncate_wal()

    def sweep(self) -> None:
        """Removes sessions, answers and workers that are over, and stored files that nothing names."""
        with self._database.write() as connection:
            keys.drop_old_sessions(connection)
            idempotency.drop_old(connection)
            drop_old_workers(connection)
        blobs = Blobs(self._settings.artifacts)
        old = blobs.older_than(UNNAMED_S)
        for start in range(0, len(old), _BATCH):
            batch = old[start : start + _BATCH]
            with self._database.read() as connection:
                kept = models.named(connection, batch)
            for sha256 in batch:
                if sha256 not in kept:
                    blobs.remove(sha256)

    def _try(self, work: Callable[[], None]) -> None:
        try:
            work()
        except Exception:
            log.exception("tidying up failed; it is tried again")
