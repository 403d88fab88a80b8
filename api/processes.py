"""Child processes of the service: one that answers a JSON request under limits of memory and time, and what all of them share."""

import contextlib
import json
import os
import resource
import signal
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any, Final

from api.home_errors import home_error
from nas.execution.spawned import child_environment
from search_spaces.errors import HwnasError

_ONE_THREAD: Final = {"OMP_NUM_THREADS": "1", "OPENBLAS_NUM_THREADS": "1"}


class ChildTooSlow(Exception):
    """The child took longer than it may."""


class ChildFailed(Exception):
    """The child ended without an answer; the argument is its exit code."""


def run_child(module: str, request: dict[str, Any], timeout_s: float) -> Any:
    """Runs `python -m module` with a JSON document on stdin; the JSON document that it answers on stdout.

    Raises:
        ChildTooSlow: it took longer than `timeout_s`; it was killed with all that it started.
        ChildFailed: it ended without an answer.
    """
    process = subprocess.Popen(  # noqa: S603 (a module of this package)
        [sys.executable, "-m", module],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
        env=child_environment(**_ONE_THREAD),
        start_new_session=True,
    )
    try:
        output, _ = process.communicate(json.dumps(request).encode(), timeout=timeout_s)
    except subprocess.TimeoutExpired:
        raise ChildTooSlow from None
    finally:
        kill(process)
    try:
        return json.loads(output)
    except ValueError:
        raise ChildFailed(process.returncode) from None


def kill(process: "subprocess.Popen[bytes]") -> None:
    """Kills a process with all that it may have started."""
    if process.poll() is None:
        os.killpg(process.pid, signal.SIGKILL)
    process.wait()
    for pipe in (process.stdin, process.stdout):
        if pipe is not None:
            pipe.close()


def child_main(handle: Callable[[dict[str, Any]], dict[str, Any]], out_of_memory: HwnasError) -> None:
    """The main function of a child: answers its parent's `run_child` with what `handle` returns, or with its error.

    The request has the limits of the process: `memory_bytes`, `cpu_s`, `file_bytes`.

    Args:
        handle: returns the answer to a request.
        out_of_memory: the error to answer with when that takes more memory than it may.
    """
    request = json.load(sys.stdin)
    limit_resources(request["memory_bytes"], request["cpu_s"], request["file_bytes"])
    answer_to = os.fdopen(os.dup(1), "w")
    os.dup2(2, 1)  # whatever a library prints must not end up in the answer
    try:
        found = handle(request)
    except HwnasError as error:
        found = _error_document(error)
    except OSError as error:
        known = home_error(error)
        if known is None:
            raise
        found = _error_document(known)
    except MemoryError:
        found = _error_document(out_of_memory)
    except RuntimeError as error:  # torch's form of it
        if "memory" not in str(error):
            raise
        found = _error_document(out_of_memory)
    with contextlib.closing(answer_to):
        json.dump(found, answer_to, default=str)


def _error_document(error: HwnasError) -> dict[str, Any]:
    return {"error": {"code": error.code, "detail": error.detail, "fix": error.fix, "facts": error.facts}}


def limit_resources(memory_bytes: int, cpu_s: int, file_bytes: int) -> None:
    """Limits this process, permanently; when the machine's memory runs out, it is killed before others."""
    set_oom_score(1000)
    for kind, most in (
        (resource.RLIMIT_AS, memory_bytes),
        (resource.RLIMIT_CPU, cpu_s),
        (resource.RLIMIT_FSIZE, file_bytes),
        (resource.RLIMIT_NOFILE, 256),
        (resource.RLIMIT_CORE, 0),
    ):
        _soft, hard = resource.getrlimit(kind)
        least = most if hard == resource.RLIM_INFINITY else min(most, hard)
        resource.setrlimit(kind, (least, least))


def set_oom_score(score: int) -> None:
    """Has Linux kill this process before those with a lower score (0 by default, at most 1000) when memory runs out."""
    with contextlib.suppress(OSError):
        Path("/proc/self/oom_score_adj").write_text(str(score))
