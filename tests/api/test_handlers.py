"""What a worker's handlers give to the engine. What the engine then does is tested with whole jobs."""

from pathlib import Path
from typing import Any

import pytest

from api.blobs import BlobStore
from api.ids import new_id
from api.settings import Settings
from api.worker.context import JobContext
from api.worker.handlers import HANDLERS
from hw_targets.stopping import never
from nas.errors import Cancelled
from nas.events import ignore
from nas.execution.local import LocalExecutor
from nas.stages.context import no_claim

SEARCH = {"kind": "search", "data": "digits", "targets": [{"target": "cpu", "latency_ms": "40%"}]}
SPECS: dict[str, dict[str, Any]] = {
    "search": SEARCH,
    "export": {
        "kind": "export", "job": new_id("job"), "architecture_id": "a1", "architecture": "a=1", "target": "cpu", "search": SEARCH
    },
    "supernet_training": {"kind": "supernet_training", "data": "digits"},
}  # fmt: skip


class Workers(LocalExecutor):
    """Knows whether it was closed."""

    closed = False

    def close(self) -> None:
        self.closed = True


GIVEN: list[tuple[object, bool]] = []
"""The executors of the engine below, and whether they were closed when it got them."""


def engine(*_: object, executor: Workers, **more: object) -> None:
    """Ends at once."""
    GIVEN.append((executor, executor.closed))
    raise Cancelled("Stopped.", fix="Run it again.")


@pytest.mark.parametrize("kind", list(SPECS))
def test_a_job_gets_the_executor_of_the_service_which_is_closed_after_it(tmp_path: Path, kind: str) -> None:
    workers, own = Workers(), f"{__name__}:engine"
    settings = Settings(home=tmp_path, engine=own, exporter=own, trainer=own)
    context = JobContext(
        settings=settings,
        tenant_id="t1",
        input_spec=lambda _: pytest.fail("no data set is looked up"),
        out=tmp_path / "runs",
        blobs=BlobStore(tmp_path / "blobs"),
        on_event=ignore,
        cancelled=never,
        claim=no_claim,
        dataset_name=str,
        executor=lambda: workers,
    )
    GIVEN.clear()
    with pytest.raises(Cancelled):
        HANDLERS[kind]("job_1", SPECS[kind], context)
    assert [(workers, False)] == GIVEN and workers.closed
