"""The process that looks ahead of a job: what it would take, without running it. It may load torch, which the server does not.

Run as `python -m api.jobs.survey` with one JSON document on stdin; answers one on stdout.
"""

import contextlib
import importlib
import json
import os
import sys
from collections.abc import Callable
from typing import Any, Final

from api.processes import limit
from nas.spec import SearchSpec
from nas.store import Store
from search_spaces.errors import HwnasError

FILE_BYTES: Final = 2**30
"""What it may write into a file; it stores a few facts."""


def main() -> None:
    """Reads the request, looks, and answers."""
    request = json.load(sys.stdin)
    limit(request["memory_bytes"], request["cpu_s"], FILE_BYTES)
    answer_to = os.fdopen(os.dup(1), "w")
    os.dup2(2, 1)  # whatever a library prints must not end up in the answer
    module, _, name = request["surveyor"].partition(":")
    look: Callable[..., Any] = getattr(importlib.import_module(module), name)
    answer: dict[str, Any]
    try:
        found = look(
            SearchSpec.model_validate(request["spec"]), store=Store(request["store"], namespace=request["tenant"])
        )
        answer = {"survey": found.model_dump(mode="json")}
    except HwnasError as error:
        answer = {"error": {"code": error.code, "detail": error.detail, "fix": error.fix, "facts": error.facts}}
    except (MemoryError, RuntimeError) as error:  # torch says the second
        if isinstance(error, RuntimeError) and "memory" not in str(error):
            raise
        answer = {
            "error": {
                "code": "check_failed",
                "detail": "Looking ahead of the job takes more memory than it may; so may the job.",
                "fix": "Choose a smaller resolution or a smaller space.",
                "facts": {},
            }
        }
    with contextlib.closing(answer_to):
        json.dump(answer, answer_to, default=str)


if __name__ == "__main__":
    main()
