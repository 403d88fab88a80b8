"""The worker process: claims one job after another and runs it. Ends with its parent, or gracefully on SIGTERM.

A server that starts it writes its name as an owner of leases, and the settings as JSON, to its stdin, and keeps stdin open for as
long as it lives. `hwnas worker` runs the same loop without a parent.
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
from api.jobs.leases import Claim, WorkerCapabilities
from api.processes import set_oom_score
from api.settings import Settings
from api.worker.handlers import HANDLERS
from api.worker.job_run import JobRun
from api.worker_registry import WorkerInfo, measurable_targets, record_heartbeat, remove

log = logging.getLogger("hwnas.worker")

HEARTBEAT_S: Final = 10.0
"""How often a worker records that it is alive."""


def main() -> None:
    """Serves a parent until it stops this process or ends."""
    logs.log_to_stderr()
    stdin = sys.stdin.buffer
    owner = stdin.readline().decode().strip()
    settings = Settings.model_validate_json(stdin.readline())
    threading.Thread(target=_end_with_parent, args=(stdin.fileno(),), name="parent", daemon=True).start()
    run(settings, owner)


def run_standalone(settings: Settings) -> None:
    """Serves without a parent until SIGTERM."""
    logs.log_to_stderr()
    if os.getpid() != os.getpgrp():
        os.setpgid(0, 0)  # what a job starts ends with this process, and nothing else does
    run(settings, f"{socket.gethostname()[:60]}/{uuid4().hex}")


def run(settings: Settings, owner: str) -> None:
    """Serves until SIGTERM, then returns its job to the queue.

    Raises:
        DatabaseVersion: the database has another schema than this program.
    """
    set_oom_score(500)  # a job that takes too much memory must not end the server
    draining = threading.Event()
    signal.signal(signal.SIGTERM, lambda _signal, _frame: draining.set())
    signal.signal(signal.SIGINT, signal.SIG_IGN if not sys.stdin.isatty() else lambda _s, _f: draining.set())
    settings.make_folders()
    database = Database(settings.database_url)
    ended = threading.Event()
    worker = WorkerInfo(owner, measurable_targets())
    heartbeat = threading.Thread(
        target=_send_heartbeats, args=(database, worker, ended), name="worker-heartbeat", daemon=True
    )
    try:
        database.check_schema()
        heartbeat.start()
        serve(database, settings, worker, draining)
    finally:
        ended.set()
        if heartbeat.is_alive():
            heartbeat.join()
        database.close()


def serve(database: Database, settings: Settings, worker: WorkerInfo, draining: threading.Event) -> None:
    """Claims and runs jobs until `draining` is set. A database that does not answer is tried again."""
    capabilities = WorkerCapabilities(tuple(HANDLERS), worker.targets, worker.simulated)
    while not draining.is_set():
        claim = _claim(database, settings, worker.id, capabilities)
        if claim is None:
            draining.wait(settings.poll_s)
            continue
        log.info("attempt %d", claim.attempt, extra={"job_id": claim.job_id})
        JobRun(database, settings, claim, draining).run()


def _claim(database: Database, settings: Settings, owner: str, capabilities: WorkerCapabilities) -> Claim | None:
    try:
        with database.write() as connection:
            leases.reclaim_expired(connection)
            return leases.claim(connection, owner, settings.lease_s, capabilities, max_running=settings.max_running)
    except Exception:
        log.exception("cannot claim a job")
        return None


def _send_heartbeats(database: Database, worker: WorkerInfo, ended: threading.Event) -> None:
    """Records every few seconds that this worker is alive, and removes it at its end."""
    last = float("-inf")
    while not ended.is_set():
        if time.monotonic() - last > HEARTBEAT_S:
            last = time.monotonic()
            try:
                with database.write() as connection:
                    record_heartbeat(connection, worker)
            except Exception:
                log.exception("cannot record the heartbeat of this worker")
        ended.wait(0.5)
    try:
        with database.write() as connection:
            remove(connection, worker.id)
    except Exception:
        log.exception("cannot remove this worker")


def _end_with_parent(stdin: int) -> None:
    """Waits for the end of stdin, which is the end of the parent, and then kills the whole process group."""
    while os.read(stdin, 1024):
        pass
    os.killpg(os.getpgrp(), signal.SIGKILL)
