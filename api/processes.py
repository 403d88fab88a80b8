"""What the service's child processes share with it, and the way to have a question answered by one under limits."""

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

from api.home import home_error
from search_spaces.errors import HwnasError

_NO_THREADS: Final = {"OMP_NUM_THREADS": "1", "OPENBLAS_NUM_THREADS": "1"}


class ChildTooSlow(Exception):
    """The child took longer than it may."""


class ChildFailed(Exception):
    """The child ended without an answer; its argument is the exit code."""


def child_environment(**extra: str) -> dict[str, str]:
    """The environment of a child Python that imports what this process imports."""
    return {**os.environ, "PYTHONPATH": os.pathsep.join(path or str(Path.cwd()) for path in sys.path), **extra}


def ask(module: str, request: dict[str, Any], timeout_s: float) -> Any:
    """Runs `python -m module` with a JSON document on stdin; the JSON document that it answers on stdout.

    Raises:
        ChildTooSlow: it took longer than `timeout_s`; it was ended with all that it started.
        ChildFailed: it ended without an answer.
    """
    process = subprocess.Popen(  # noqa: S603 (a module of this package)
        [sys.executable, "-m", module],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
        env=child_environment(**_NO_THREADS),
        start_new_session=True,
    )
    try:
        output, _ = process.communicate(json.dumps(request).encode(), timeout=timeout_s)
    except subprocess.TimeoutExpired:
        raise ChildTooSlow from None
    finally:
        end(process)
    try:
        return json.loads(output)
    except ValueError:
        raise ChildFailed(process.returncode) from None


def end(process: "subprocess.Popen[bytes]") -> None:
    """Ends a process with all that it may have started."""
    if process.poll() is None:
        os.killpg(process.pid, signal.SIGKILL)
    process.wait()
    for pipe in (process.stdin, process.stdout):
        if pipe is not None:
            pipe.close()


def answer(look: Callable[[dict[str, Any]], dict[str, Any]], too_greedy: HwnasError) -> None:
    """Answers `ask`, in the process that it started: with what `look` finds, or with an error.

    The request says what the process may take: `memory_bytes`, `cpu_s`, `file_bytes`.

    Args:
        look: gives the answer to a request.
        too_greedy: told when that takes more memory than it may.
    """
    request = json.load(sys.stdin)
    limit(request["memory_bytes"], request["cpu_s"], request["file_bytes"])
    answer_to = os.fdopen(os.dup(1), "w")
    os.dup2(2, 1)  # whatever a library prints must not end up in the answer
    try:
        found = look(request)
    except HwnasError as error:
        found = _told(error)
    except OSError as error:
        refused = home_error(error)
        if refused is None:
            raise
        found = _told(refused)
    except MemoryError:
        found = _told(too_greedy)
    except RuntimeError as error:  # torch's form of it
        if "memory" not in str(error):
            raise
        found = _told(too_greedy)
    with contextlib.closing(answer_to):
        json.dump(found, answer_to, default=str)


def _told(error: HwnasError) -> dict[str, Any]:
    return {"error": {"code": error.code, "detail": error.detail, "fix": error.fix, "facts": error.facts}}


def limit(memory_bytes: int, cpu_s: int, file_bytes: int) -> None:
    """Limits this process, for good; when the machine's memory runs out, it goes before others."""
    expendable(1000)
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


def expendable(score: int) -> None:
    """Has Linux end this process before those with a smaller score (0 of most, at most 1000) when memory runs out."""
    with contextlib.suppress(OSError):
        Path("/proc/self/oom_score_adj").write_text(str(score))
