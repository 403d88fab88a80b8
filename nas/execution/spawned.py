"""Python processes that this one starts: their environment, and those that it talks to over a connection."""

import contextlib
import os
import signal
import subprocess
import sys
from multiprocessing import Pipe
from multiprocessing.connection import Connection
from pathlib import Path
from typing import IO


def child_environment(**extra: str) -> dict[str, str]:
    """The environment of a child Python that imports what this process imports."""
    return {**os.environ, "PYTHONPATH": os.pathsep.join(path or str(Path.cwd()) for path in sys.path), **extra}


def start_connected(
    module: str, *arguments: str, stderr: IO[bytes] | None = None
) -> "tuple[subprocess.Popen[bytes], Connection]":
    """Starts `python -m module DESCRIPTOR ARGUMENTS` in a process group of its own; the process, and the other end of its connection."""
    ours, theirs = Pipe()
    try:
        process = subprocess.Popen(  # noqa: S603 (a module of this package)
            [sys.executable, "-m", module, str(theirs.fileno()), *arguments],
            stdin=subprocess.DEVNULL,
            stderr=stderr,
            env=child_environment(),
            pass_fds=[theirs.fileno()],
            start_new_session=True,
        )
    finally:
        theirs.close()
    return process, ours


def end_group(process: "subprocess.Popen[bytes]") -> None:
    """Kills what is left of a process and of what it started, and waits for it."""
    with contextlib.suppress(ProcessLookupError):
        os.killpg(process.pid, signal.SIGKILL)
    process.wait()
