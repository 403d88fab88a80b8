"""The real engine with little work: a whole search of the digits in about a minute. The service imports it by name (`SETTINGS`)."""

from typing import Any, Final

from nas import pipeline, preflight
from nas.batch import run as batch_run
from nas.batch.result import BatchResult
from nas.batch.spec import BatchSpec
from nas.result import ExportResult, SearchResult
from nas.spec import SearchSpec
from nas.work import ProfileWork, Work

LITTLE: Final = Work(
    profile=ProfileWork(networks=8, held_out=4, rounds=2),
    supernet_images=2_000,
    evaluations=16,
    finalists=3,
    tune_images=1_000,
)

LEAST: Final = LITTLE.model_copy(update={"supernet_images": 512, "evaluations": 4, "finalists": 1, "tune_images": 256})
"""Of a cell: a batch has several."""

SETTINGS: Final[dict[str, Any]] = {
    "engine": f"{__name__}:search", "exporter": f"{__name__}:export", "estimator": f"{__name__}:estimate_job",
    "batcher": f"{__name__}:run_batch",
}  # fmt: skip


def search(spec: SearchSpec, **more: Any) -> SearchResult:
    """The engine's search."""
    return pipeline.search(_little(spec), **more)


def export(spec: SearchSpec, *what: Any, **more: Any) -> ExportResult:
    """The engine's export."""
    return pipeline.export(_little(spec), *what, **more)


def run_batch(spec: BatchSpec, **more: Any) -> BatchResult:
    """The engine's batch."""
    little = {**spec.search, "work": LEAST.model_dump(mode="json")}
    return batch_run.run_batch(spec.model_copy(update={"search": little}), **more)


def estimate_job(spec: SearchSpec, **more: Any) -> preflight.JobEstimate:
    """What the engine knows ahead."""
    return preflight.estimate_job(_little(spec), **more)


def _little(spec: SearchSpec) -> SearchSpec:
    return spec.model_copy(update={"work": LITTLE})
