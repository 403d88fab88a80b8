"""The work items of a batch: a latency table, a supernet, a whole cell. Each makes its results be in the store. Not here: their order.

An item has a prepared job, so that a worker needs neither the source of the data nor as many cores as this machine.
"""

import tempfile
from dataclasses import dataclass
from pathlib import Path
from typing import Any, ClassVar

from hw_targets.registry import target as find_target
from nas.batch.item_events import inside
from nas.batch.records import stage_uses
from nas.events import ItemKind
from nas.execution.executor import Executor
from nas.execution.local import LocalExecutor
from nas.execution.work import Needs, Site
from nas.job import Job
from nas.pipeline import search_in, search_job, trained_job
from nas.prepare_job import with_work
from nas.spec import SearchSpec
from nas.stages.context import Context, DeviceClaim, no_claim
from nas.stages.profile import profile


@dataclass(frozen=True)
class _Item:
    """Attributes:
    id: of the item in events.
    job: of a search, with all that is decided for it so far.
    device: that it measures; None where it measures none.
    claim: of the device, where the item runs in this process.
    executor: for parts of the item, where it runs in this process and leaves workers idle; None computes them there, too.
    """

    id: str
    job: Job
    device: str | None = None
    claim: DeviceClaim = no_claim
    executor: Executor | None = None

    has_parts: ClassVar[bool] = True
    """Whether several workers can share it."""

    @property
    def name(self) -> str:
        """What it does."""
        return self.id

    @property
    def needs(self) -> Needs:
        """What it needs of a worker."""
        return Needs(cores=self.job.compute.threads, device=self.device)

    def _context(self, site: Site, kind: ItemKind) -> Context:
        on_event, executor = inside(site.on_event, self.id, kind), self.executor or LocalExecutor()
        return Context(site.store, on_event, site.cancelled, self.claim, executor)


class TableItem(_Item):
    """Measures the latency table of a search's only target."""

    has_parts = False

    def run(self, site: Site) -> None:
        """Measures it, or finds it in the store."""
        job = self.job
        target = find_target(job.targets[0].id)
        profile(self._context(site, "table"), target, job.restricted[0].space, job.work.profile)


class SupernetItem(_Item):
    """Trains the supernet of a search, and the network that it starts from."""

    def run(self, site: Site) -> None:
        """Trains them, or finds them in the store."""
        context = self._context(site, "supernet")
        trained_job(context, with_work(context, self.job, None))


@dataclass(frozen=True)
class CellItem(_Item):
    """Searches a cell.

    Attributes:
        spec: of its search, for a worker that sees the folders of this machine.
        out: folder of runs, where the worker sees it; else its run's folder is made by the process of the batch.
    """

    spec: SearchSpec | None = None
    out: str | None = None

    def run(self, site: Site) -> dict[str, Any]:
        """The search's result, and the stages that it used."""
        context = self._context(site, "cell")
        if self.spec is not None and self.out is not None:
            result = search_in(context, self.spec, Path(self.out))
        else:
            with tempfile.TemporaryDirectory(prefix="hwnas-cell-") as folder:
                result = search_job(context, with_work(context, self.job, None), Path(folder))
        uses = [use.model_dump(mode="json") for use in stage_uses(context.costs)]
        return {"result": result.model_dump(mode="json"), "stages": uses}
