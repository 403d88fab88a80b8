"""Keeps one worker process running beside the server, and stops it with the server.

The worker has the read end of a pipe whose other end is here: when this process dies in whatever way, the pipe closes and
the worker ends itself.
"""

import contextlib
import hashlib
import logging
import os
import signal
import socket
import subprocess
import sys
import threading
import time
from typing import Final
from uuid import uuid4

from api.database import Database
from api.jobs import leases
from api.settings import Settings
from nas.execution.spawned import child_environment

log = logging.getLogger("hwnas.supervisor")

_MIN_BACKOFF_S: Final = 0.2
_MAX_BACKOFF_S: Final = 30.0
_HEALTHY_S: Final = 10.0


class Supervisor:
    """Starts a worker, restarts it when it dies, and reclaims the job of a dead one at once."""

    def __init__(self, database: Database, settings: Settings) -> None:
        self._database = database
        self._settings = settings
        # With SQLite one server uses the home, so that any worker of the home is one of this server's, or dead.
        scope = str(settings.home.resolve()) if database.kind == "sqlite" else uuid4().hex
        self._owner_prefix = (
            f"{socket.gethostname()[:60]}/{hashlib.blake2b(scope.encode(), digest_size=6).hexdigest()}/"
        )
        self._stopping = threading.Event()
        self._process: subprocess.Popen[bytes] | None = None
        self._thread = threading.Thread(target=self._watch, name="supervisor", daemon=True)

    def start(self) -> None:
        """Starts the worker. No other server may use the same home."""
        self._reclaim_jobs()
        self._process = self._spawn()
        self._thread.start()

    def alive(self) -> bool:
        """Whether a worker runs now."""
        process = self._process
        return process is not None and process.poll() is None

    def pid(self) -> int | None:
        """The worker's process id, while it runs."""
        process = self._process
        return process.pid if process is not None and process.poll() is None else None

    def stop(self) -> None:
        """Stops the worker, which returns its job to the queue. Kills it when that takes longer than `drain_s`."""
        self._stopping.set()
        process = self._process
        if process is None:
            return
        with contextlib.suppress(ProcessLookupError):
            process.terminate()
        with contextlib.suppress(subprocess.TimeoutExpired):
            process.wait(self._settings.drain_s)
        self._kill(process)
        self._thread.join()

    def _watch(self) -> None:
        pause = _MIN_BACKOFF_S
        while True:
            process = self._process
            assert process is not None
            started = time.monotonic()
            code = process.wait()
            self._kill(process)
            if self._stopping.is_set():
                return
            pause = _MIN_BACKOFF_S if time.monotonic() - started > _HEALTHY_S else min(pause * 2, _MAX_BACKOFF_S)
            log.warning("the worker ended (exit %s); another starts in %.1f s", code, pause)
            if self._stopping.wait(pause):
                return
            self._process = self._spawn()
            if self._stopping.is_set():  # stop() may have terminated the one before
                self._kill(self._process)
                return

    def _spawn(self) -> "subprocess.Popen[bytes]":
        process = subprocess.Popen(
            [sys.executable, "-m", "api.worker"],
            stdin=subprocess.PIPE,
            stdout=subprocess.DEVNULL,
            env=child_environment(),
            start_new_session=True,
        )
        assert process.stdin is not None
        header = f"{self._owner_prefix}{uuid4().hex}\n{self._settings.model_dump_json()}\n"
        with contextlib.suppress(BrokenPipeError):
            process.stdin.write(header.encode())
            process.stdin.flush()
        return process

    def _kill(self, process: "subprocess.Popen[bytes]") -> None:
        """Kills the process and all that it started, and reclaims its job."""
        with contextlib.suppress(ProcessLookupError, PermissionError):
            os.killpg(process.pid, signal.SIGKILL)
        process.wait()
        if process.stdin is not None:
            with contextlib.suppress(OSError):
                process.stdin.close()
        self._reclaim_jobs()

    def _reclaim_jobs(self) -> None:
        try:
            with self._database.write() as connection:
                if leases.expire_leases(connection, self._owner_prefix):
                    leases.reclaim_expired(connection)
        except Exception:
            log.exception("could not reclaim the job of a lost worker; its lease will expire")
