"""The worker process: claims one job after another and runs it. Ends when its parent does, or in good order on SIGTERM.

Started by a server, it is told on stdin its name as an owner of leases, and the settings as JSON; stdin stays open for as long
as the parent lives. `hwnas worker` runs the same loop on its own.
"""

import logging
import os
import signal
import socket
import sys
import threading
import time
from typing import Final
from uuid import uuid4

from api import logs
from api.database import Database
from api.jobs import leases
from api.jobs.leases import Able, Claim
from api.processes import expendable
from api.settings import Settings
from api.worker.handlers import HANDLERS
from api.worker.run import JobRun
from api.workers import WorkerInfo, gone, measurable, seen

log = logging.getLogger("hwnas.worker")

SEEN_S: Final = 10.0
"""How often a worker tells that it lives."""


def main() -> None:
    """Serves a parent until told to stop."""
    logs.to_stderr()
    stdin = sys.stdin.buffer
    owner = stdin.readline().decode().strip()
    settings = Settings.model_validate_json(stdin.readline())
    threading.Thread(target=_end_with_parent, args=(stdin.fileno(),), name="parent", daemon=True).start()
    run(settings, owner)


def alone(settings: Settings) -> None:
    """Serves without a parent until told to stop."""
    logs.to_stderr()
    if os.getpid() != os.getpgrp():
        os.setpgid(0, 0)  # what a job starts ends with this process, and nothing else does
    run(settings, f"{socket.gethostname()[:60]}/{uuid4().hex}")


def run(settings: Settings, owner: str) -> None:
    """Serves until SIGTERM; then hands its job back.

    Raises:
        DatabaseVersion: the database has another schema than this program.
    """
    expendable(500)  # a job that takes too much memory must not end the server
    draining = threading.Event()
    signal.signal(signal.SIGTERM, lambda _signal, _frame: draining.set())
    signal.signal(signal.SIGINT, signal.SIG_IGN if not sys.stdin.isatty() else lambda _s, _f: draining.set())
    settings.make_folders()
    database = Database(settings.database_url)
    ended = threading.Event()
    worker = WorkerInfo(owner, measurable())
    presence = threading.Thread(target=_tell_of_life, args=(database, worker, ended), name="presence", daemon=True)
    try:
        database.check()
        presence.start()
        serve(database, settings, worker, draining)
    finally:
        ended.set()
        if presence.is_alive():
            presence.join()
        database.close()


def serve(database: Database, settings: Settings, worker: WorkerInfo, draining: threading.Event) -> None:
    """Claims and runs jobs until `draining` is set. A database that does not answer is asked again."""
    able = Able(tuple(HANDLERS), worker.targets, worker.simulated)
    while not draining.is_set():
        claim = _claim(database, settings, worker.id, able)
        if claim is None:
            draining.wait(settings.poll_s)
            continue
        log.info("attempt %d", claim.attempt, extra={"job_id": claim.job_id})
        JobRun(database, settings, claim, draining).run()


def _claim(database: Database, settings: Settings, owner: str, able: Able) -> Claim | None:
    try:
        with database.write() as connection:
            leases.take_back(connection)
            return leases.claim(connection, owner, settings.lease_s, able, max_running=settings.max_running)
    except Exception:
        log.exception("cannot claim a job")
        return None


def _tell_of_life(database: Database, worker: WorkerInfo, ended: threading.Event) -> None:
    """Tells every few seconds that this worker lives, and at its end that it ended."""
    told = float("-inf")
    while not ended.is_set():
        if time.monotonic() - told > SEEN_S:
            told = time.monotonic()
            try:
                with database.write() as connection:
                    seen(connection, worker)
            except Exception:
                log.exception("cannot tell that this worker lives")
        ended.wait(0.5)
    try:
        with database.write() as connection:
            gone(connection, worker.id)
    except Exception:
        log.exception("cannot tell that this worker ended")


def _end_with_parent(stdin: int) -> None:
    """Waits for the end of stdin, which is the end of the parent, and then ends the whole group of processes."""
    while os.read(stdin, 1024):
        pass
    os.killpg(os.getpgrp(), signal.SIGKILL)
