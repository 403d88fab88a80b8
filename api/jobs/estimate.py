"""The process that estimates jobs without running them: time, memory, reachable latencies. It may load torch, which the server does not.

Run as `python -m api.jobs.estimate` with one JSON document on stdin; answers one on stdout.
"""

from collections.abc import Callable
from typing import Any

from api.errors import CheckFailed
from api.processes import child_main, error_document
from api.settings import load_function
from nas.spec import SearchSpec
from nas.store import Store
from search_spaces.errors import HwnasError


def main() -> None:
    """Reads the request, estimates, and answers."""
    child_main(
        estimate,
        CheckFailed(
            "Estimating the job takes more memory than it may; so may the job.",
            fix="Choose a smaller resolution or a smaller space.",
        ),
    )


def estimate(request: dict[str, Any]) -> dict[str, Any]:
    """The estimate of each spec by the function that the request names, or the error of a spec that cannot run."""
    function = load_function(request["estimator"])
    store = Store(request["store"], namespace=request["tenant"])
    return {"estimates": [_one(function, spec, store) for spec in request["specs"]]}


def _one(function: Callable[..., Any], spec: dict[str, Any], store: Store) -> dict[str, Any]:
    try:
        found = function(SearchSpec.model_validate(spec), store=store)
    except HwnasError as error:
        return error_document(error)
    return {"estimate": found.model_dump(mode="json")}


if __name__ == "__main__":
    main()
