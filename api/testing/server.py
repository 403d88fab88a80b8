"""A server in a process of its own, for tests and benchmarks that kill things. `python -m api.testing.server SETTINGS` is that process."""

import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from contextlib import suppress
from dataclasses import asdict
from pathlib import Path
from typing import Any

import httpx2

from api.serve import ServerInfo, serve
from api.settings import Settings
from nas.execution.spawned import child_environment


def fast_settings(home: Path, **changes: Any) -> Settings:
    """Settings with the fake engine and short times."""
    values: dict[str, Any] = {
        "home": home,
        "engine": "api.testing.fake_engine:search",
        "poll_s": 0.05,
        "control_s": 0.05,
        "heartbeat_s": 0.2,
        "lease_s": 2.0,
        "estimator": "api.testing.fake_engine:estimate_job",
        "profiler": "api.testing.fake_engine:profile",
        "trainer": "api.testing.fake_engine:pretrain",
        "exporter": "api.testing.fake_engine:export",
        "batcher": "api.testing.fake_batch:run_batch",
        "batch_planner": "api.testing.fake_batch:plan_batch",
        "flush_s": 0.02,
        "stream_poll_s": 0.05,
        "cancel_grace_s": 1.0,
        "drain_s": 3.0,
        "shutdown_s": 2.0,
        "requests_per_s": 100_000.0,
        "request_burst": 100_000,
        "check_timeout_s": 30.0,
        **changes,
    }
    return Settings.model_validate(values)


class Server:
    """One home, served by one process after another."""

    def __init__(self, settings: Settings, *, keeps_port: bool = False) -> None:
        """`keeps_port`: whether a later start is on the port of the first, as clients that wait for it need."""
        self._settings = settings.model_copy(update={"port": 0})
        self._keeps_port = keeps_port
        self._process: subprocess.Popen[bytes] | None = None
        self.http = httpx2.Client()
        self._key = ""
        self.url = ""

    @property
    def settings(self) -> Settings:
        """What it is started with."""
        return self._settings

    @property
    def home(self) -> Path:
        """The folder of its state."""
        return self._settings.home

    @property
    def process(self) -> "subprocess.Popen[bytes]":
        """The server's process."""
        assert self._process is not None
        return self._process

    def start(self) -> httpx2.Client:
        """Starts the server and waits until it answers; a client of it."""
        self._process = subprocess.Popen(
            [sys.executable, "-m", "api.testing.server", self._settings.model_dump_json()],
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
            env=child_environment(),
        )
        assert self._process.stdout is not None
        ready = json.loads(self._process.stdout.readline())
        self._process.stdout.close()
        self.http.close()
        self._key = ready["first_key"] or self._key
        self.url = str(ready["url"])
        if self._keeps_port:
            self._settings = self._settings.model_copy(update={"port": int(self.url.rpartition(":")[2])})
        self.http = httpx2.Client(base_url=self.url, timeout=30, headers={"Authorization": f"Bearer {self._key}"})
        return self.http

    @property
    def key(self) -> str:
        """What its clients send."""
        return self._key

    def use_key(self, key: str) -> None:
        """Has clients of later starts send this key."""
        self._key = key

    def workers(self) -> list[int]:
        """Process ids of the server's worker (none, or one)."""
        return [pid for pid in children(self.process.pid) if "api.worker" in command(pid)]

    def kill(self, how: int = signal.SIGKILL) -> int:
        """Ends the process and waits for it; its exit code."""
        self.http.close()
        if self._process is None:
            return 0
        if self._process.poll() is None:
            self._process.send_signal(how)
        return self._process.wait(60)


def children(pid: int) -> list[int]:
    """Process ids of a process's children."""
    found = []
    for task in Path(f"/proc/{pid}/task").glob("*/children"):
        with suppress(FileNotFoundError, ProcessLookupError):  # the thread has ended since it was listed
            found += [int(child) for child in task.read_text().split()]
    return found


def command(pid: int) -> str:
    """The command line of a process; empty when it is gone."""
    try:
        return Path(f"/proc/{pid}/cmdline").read_bytes().replace(b"\0", b" ").decode()
    except (FileNotFoundError, ProcessLookupError):
        return ""


def eventually(condition: Callable[[], Any], within_s: float = 60.0) -> Any:
    """Waits for a condition; its value."""
    until = time.monotonic() + within_s
    while not (value := condition()):
        assert time.monotonic() < until, f"not within {within_s} s"
        time.sleep(0.02)
    return value


def _main() -> None:
    def ready(serving: ServerInfo) -> None:
        os.write(1, json.dumps(asdict(serving)).encode() + b"\n")

    serve(Settings.model_validate_json(sys.argv[1]), ready)


if __name__ == "__main__":
    _main()
