"""The worker process: claims one job after another and runs it. Ends when its parent does, or in good order on SIGTERM.

Told by its parent, on stdin: its name as an owner of leases, and the settings as JSON. Stdin stays open for as long as the
parent lives.
"""

import logging
import os
import signal
import sys
import threading

from api.database import Database
from api.jobs import leases
from api.settings import Settings
from api.worker.run import JobRun

log = logging.getLogger("hwnas.worker")


def main() -> None:
    """Serves until told to stop."""
    logging.basicConfig(
        level=logging.INFO, stream=sys.stderr, format="%(asctime)s %(levelname)s %(name)s %(message)s", force=True
    )
    stdin = sys.stdin.buffer
    owner = stdin.readline().decode().strip()
    settings = Settings.model_validate_json(stdin.readline())
    threading.Thread(target=_end_with_parent, args=(stdin.fileno(),), name="parent", daemon=True).start()
    draining = threading.Event()
    signal.signal(signal.SIGTERM, lambda _signal, _frame: draining.set())
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    database = Database(settings.database_url)
    try:
        serve(database, settings, owner, draining)
    finally:
        database.close()


def serve(database: Database, settings: Settings, owner: str, draining: threading.Event) -> None:
    """Claims and runs jobs until `draining` is set. A database that does not answer is asked again."""
    while not draining.is_set():
        try:
            with database.write() as connection:
                leases.take_back(connection)
                claim = leases.claim(connection, owner, settings.lease_s)
        except Exception:
            log.exception("cannot claim a job")
            claim = None
        if claim is None:
            draining.wait(settings.poll_s)
            continue
        log.info("job %s, attempt %d", claim.job_id, claim.attempt)
        JobRun(database, settings, claim, draining).run()


def _end_with_parent(stdin: int) -> None:
    """Waits for the end of stdin, which is the end of the parent, and then ends the whole group of processes."""
    while os.read(stdin, 1024):
        pass
    os.killpg(os.getpgrp(), signal.SIGKILL)
