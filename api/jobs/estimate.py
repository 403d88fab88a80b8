"""The process that estimates a job without running it: time, memory, reachable latencies. It may load torch, which the server does not.

Run as `python -m api.jobs.estimate` with one JSON document on stdin; answers one on stdout.
"""

from typing import Any

from api.errors import CheckFailed
from api.processes import child_main
from api.settings import load_function
from nas.batch.spec import BatchSpec
from nas.spec import SearchSpec
from nas.store import Store


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
    """The estimate of a job, or of a batch, by the function that the request names. Raises what that raises."""
    function = load_function(request["estimator"])
    spec = (BatchSpec if request["batch"] else SearchSpec).model_validate(request["spec"])
    found = function(spec, store=Store(request["store"], namespace=request["tenant"]))
    return {"estimate": found.model_dump(mode="json")}


if __name__ == "__main__":
    main()
