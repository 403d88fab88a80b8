"""Keeps one worker process running beside the server, and ends it with the server.

The worker holds the read end of a pipe whose other end is here: when this process dies in whatever way, the pipe closes and
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
from api.processes import child_environment
from api.settings import Settings

log = logging.getLogger("hwnas.supervisor")

_FIRST_PAUSE_S: Final = 0.2
_LONGEST_PAUSE_S: Final = 30.0
_HEALTHY_S: Final = 10.0


class Supervisor:
    """Starts a worker, starts another when it dies, and takes back at once what a dead one held."""

    def __init__(self, database: Database, settings: Settings) -> None:
        self._database = database
        self._settings = settings
        # With SQLite one server uses the home, so that any worker of the home is one of this server's, or dead.
        whose = str(settings.home.resolve()) if database.kind == "sqlite" else uuid4().hex
        self._owners = f"{socket.gethostname()[:60]}/{hashlib.blake2b(whose.encode(), digest_size=6).hexdigest()}/"
        self._stopping = threading.Event()
        self._process: subprocess.Popen[bytes] | None = None
        self._thread = threading.Thread(target=self._watch, name="supervisor", daemon=True)

    def start(self) -> None:
        """Starts the worker. No other server may use the same home."""
        self._take_back()
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
        """Asks the worker to stop; it hands its job back. Ends it when it takes longer than `drain_s`."""
        self._stopping.set()
        process = self._process
        if process is None:
            return
        with contextlib.suppress(ProcessLookupError):
            process.terminate()
        with contextlib.suppress(subprocess.TimeoutExpired):
            process.wait(self._settings.drain_s)
        self._end(process)
        self._thread.join()

    def _watch(self) -> None:
        pause = _FIRST_PAUSE_S
        while True:
            process = self._process
            assert process is not None
            started = time.monotonic()
            code = process.wait()
            self._end(process)
            if self._stopping.is_set():
                return
            pause = _FIRST_PAUSE_S if time.monotonic() - started > _HEALTHY_S else min(pause * 2, _LONGEST_PAUSE_S)
            log.warning("the worker ended (exit %s); another starts in %.1f s", code, pause)
            if self._stopping.wait(pause):
                return
            self._process = self._spawn()
            if self._stopping.is_set():  # stop() may have looked at the one before
                self._end(self._process)
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
        greeting = f"{self._owners}{uuid4().hex}\n{self._settings.model_dump_json()}\n"
        with contextlib.suppress(BrokenPipeError):
            process.stdin.write(greeting.encode())
            process.stdin.flush()
        return process

    def _end(self, process: "subprocess.Popen[bytes]") -> None:
        """Ends the process and all that it started, and frees its job."""
        with contextlib.suppress(ProcessLookupError, PermissionError):
            os.killpg(process.pid, signal.SIGKILL)
        process.wait()
        if process.stdin is not None:
            with contextlib.suppress(OSError):
                process.stdin.close()
        self._take_back()

    def _take_back(self) -> None:
        try:
            with self._database.write() as connection:
                if leases.expire(connection, self._owners):
                    leases.take_back(connection)
        except Exception:
            log.exception("could not free the job of a lost worker; its lease will run out")
