"""Batches of searches: every data set with every space, target, budget and seed, what can be shared computed once.

`from nas import batch` and then `batch.run_batch(batch.BatchSpec(...))` is the interface; heavy libraries load when a batch runs.
"""

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from nas.batch.plan import plan_batch as plan_batch
    from nas.batch.result import BatchPlan as BatchPlan
    from nas.batch.result import BatchResult as BatchResult
    from nas.batch.result import CellResult as CellResult
    from nas.batch.run import run_batch as run_batch
    from nas.batch.spec import BatchSpec as BatchSpec
    from nas.batch.spec import Cell as Cell

__all__ = ["BatchPlan", "BatchResult", "BatchSpec", "Cell", "CellResult", "plan_batch", "run_batch"]

_HOMES = {
    "BatchSpec": "nas.batch.spec", "Cell": "nas.batch.spec", "BatchResult": "nas.batch.result", "CellResult": "nas.batch.result",
    "run_batch": "nas.batch.run", "BatchPlan": "nas.batch.result", "plan_batch": "nas.batch.plan",
}  # fmt: skip


def __getattr__(name: str) -> Any:
    if name not in _HOMES:
        raise AttributeError(f"module 'nas.batch' has no attribute {name!r}")
    from importlib import import_module

    return getattr(import_module(_HOMES[name]), name)
