"""The process that looks ahead of a job: what it would take, without running it. It may load torch, which the server does not.

Run as `python -m api.jobs.survey` with one JSON document on stdin; answers one on stdout.
"""

import importlib
from collections.abc import Callable
from typing import Any

from api.errors import CheckFailed
from api.processes import answer
from nas.spec import SearchSpec
from nas.store import Store


def main() -> None:
    """Reads the request, looks, and answers."""
    answer(
        survey,
        CheckFailed(
            "Looking ahead of the job takes more memory than it may; so may the job.",
            fix="Choose a smaller resolution or a smaller space.",
        ),
    )


def survey(request: dict[str, Any]) -> dict[str, Any]:
    """What the surveyor that the request names tells of its spec. Raises what that raises."""
    module, _, name = request["surveyor"].partition(":")
    look: Callable[..., Any] = getattr(importlib.import_module(module), name)
    found = look(SearchSpec.model_validate(request["spec"]), store=Store(request["store"], namespace=request["tenant"]))
    return {"survey": found.model_dump(mode="json")}


if __name__ == "__main__":
    main()
