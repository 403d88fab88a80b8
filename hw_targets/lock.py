"""Locks a device: one process measures it alone; while none does, any number of processes compute on it.

Two lock files a device: `room` is locked exclusively to measure, and shared to compute, for a step at a time. `gate` is locked
before it, and held while a process waits to measure, so that steps that follow each other never keep that process waiting.
"""

import fcntl
import os
import re
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from contextvars import ContextVar
from pathlib import Path
from typing import Final

from hw_targets.errors import TargetUnavailable
from hw_targets.stopping import check_cancelled

PATIENCE_S: Final = 900.0
POLL_S: Final = 0.05

_on_wait: Final[ContextVar[Callable[[], None]]] = ContextVar("hwnas_on_wait", default=lambda: None)


@contextmanager
def while_waiting(on_wait: Callable[[], None]) -> Iterator[None]:
    """Calls `on_wait` repeatedly while `measuring` waits inside. Cancelling a wait is in `stopping.py`."""
    before = _on_wait.set(on_wait)
    try:
        yield
    finally:
        _on_wait.reset(before)


@contextmanager
def measuring(device: str, *, patience_s: float = PATIENCE_S) -> Iterator[None]:
    """Holds a device of this machine alone while it is measured; processes that compute on it stop after their step.

    Args:
        device: which one, for example `cpu`.
        patience_s: how long to wait for another process that measures it.

    Raises:
        TargetUnavailable: it is still held by then, or the lock file cannot be opened.
        Whatever cancels the job (`stopping.py`), while it waits.
    """
    until = time.monotonic() + patience_s
    with ExitStack() as files:
        try:
            gate, room = (files.enter_context(_opened(device, part)) for part in ("gate", "room"))
        except OSError as error:
            raise TargetUnavailable(
                f"Cannot lock {device} for measuring: {error}.",
                fix=f"Make {_path(device, 'room').parent} writable, with space left.",
                facts={"lock": str(_path(device, "room"))},
            ) from error
        for file in (gate, room):
            while not _try(file, fcntl.LOCK_EX):
                check_cancelled()
                if time.monotonic() > until:
                    raise TargetUnavailable(
                        f"Another process has been using {device} for {patience_s:.0f} seconds.",
                        fix="Wait until it has ended, or end it.",
                        facts={"target": device, "lock": str(_path(device, "room"))},
                    )
                _on_wait.get()()
                time.sleep(POLL_S)
        yield


@contextmanager
def computing(device: str = "cpu", *, cancelled: Callable[[], bool] = lambda: False) -> Iterator[None]:
    """One step of work that would disturb a measurement (training, evaluation), begun when no process measures.

    Where the lock file cannot be opened, steps run without it: training does not depend on it. Costs some 20 microseconds.

    Args:
        device: on which one.
        cancelled: polled while waiting; once true, the step begins without the lock.
    """
    with ExitStack() as files:
        try:
            gate, room = (files.enter_context(_opened(device, part)) for part in ("gate", "room"))
        except OSError:
            yield
            return
        while not (_try(gate, fcntl.LOCK_SH) and _try(room, fcntl.LOCK_SH)) and not cancelled():
            time.sleep(POLL_S)
        fcntl.flock(gate, fcntl.LOCK_UN)
        yield


def _try(file: int, kind: int) -> bool:
    try:
        fcntl.flock(file, kind | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    return True


@contextmanager
def _opened(device: str, part: str) -> Iterator[int]:
    """A lock file's descriptor; closing it releases the lock."""
    path = _path(device, part)
    file = os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o666)
    try:
        if os.fstat(file).st_uid == os.geteuid():
            os.fchmod(file, 0o666)  # for other users, whatever the umask
        yield file
    finally:
        os.close(file)


def _path(device: str, part: str) -> Path:
    return Path(tempfile.gettempdir()) / f"hwnas-{re.sub(r'[^A-Za-z0-9.-]', '_', device)}.{part}"
