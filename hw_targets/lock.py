"""A machine-wide lock: a device is measured by one process at a time."""

import re
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Final

from hw_targets.errors import TargetUnavailable

PATIENCE_S: Final = 900.0


@contextmanager
def measuring(device: str, *, patience_s: float = PATIENCE_S) -> Iterator[None]:
    """Holds a device of this machine while it is measured.

    Args:
        device: which one, for example `cpu`.
        patience_s: how long to wait for another process that measures it.

    Raises:
        TargetUnavailable: it is still held by then, or the lock cannot be made.
    """
    from filelock import FileLock, Timeout

    path = Path(tempfile.gettempdir()) / f"hwnas-{re.sub(r'[^A-Za-z0-9.-]', '_', device)}.lock"
    lock = FileLock(path, timeout=patience_s, mode=0o666)
    try:
        lock.acquire()
    except Timeout as error:
        raise TargetUnavailable(
            f"Another process has been measuring {device} for {patience_s:.0f} seconds.",
            fix="Wait until it has ended, or end it.",
            facts={"target": device, "lock": str(path)},
        ) from error
    except OSError as error:
        raise TargetUnavailable(
            f"Cannot lock {device} for measuring: {error}.", fix=f"Make {path} writable.", facts={"lock": str(path)}
        ) from error
    try:
        yield
    finally:
        lock.release()
