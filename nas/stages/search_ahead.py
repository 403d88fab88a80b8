"""Has workers search for several targets at the same time, where their searches share no evaluations; the stage then finds the results.

Targets of one INT8 scheme share what is evaluated, so that one worker searches for them one after the other. Where several
architectures are evaluated at once, workers evaluate those instead. Not here: the search (`search_subnets.py`).
"""

import time
from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any

from hw_targets.target import Target
from nas.data.arrays import DataArrays
from nas.events import CandidateEvent, Event, FrontEvent, ProgressEvent, ignore
from nas.execution.executor import LOCAL
from nas.execution.work import Needs, Site
from nas.job import Job
from nas.stages.adapt import adapt
from nas.stages.context import Context
from nas.stages.search_subnets import search_key, search_subnets
from nas.stages.target_run import TargetRun
from nas.stages.train import Supernet
from nas.stages.worker_events import Recorder, Replay, run_ahead, without_repeats
from nas.stages.workers import data_bytes, workers
from nas.supernet_weights import SupernetWeights


@dataclass(frozen=True)
class SearchTargets:
    """Searches for some targets, one after the other. Progress is emitted while it runs; candidates are in the store then.

    Attributes:
        job: with the plans of these targets.
        targets: in the order of the plans.
        supernet: hash of its weights.
    """

    job: Job
    targets: tuple[Target, ...]
    supernet: str

    @property
    def name(self) -> str:
        """What it does, for messages."""
        return f"search for {', '.join(target.info.id for target in self.targets)}"

    @property
    def needs(self) -> Needs:
        """The threads and the memory of the evaluations."""
        return Needs(cores=self.job.compute.threads, memory_bytes=data_bytes(self.job))

    def run(self, site: Site) -> dict[str, Any]:
        """The events and the warnings of the stage. Raises what `search_subnets` raises."""
        job, device = self.job, self.job.compute.device
        recorder = Recorder(site, lambda event: isinstance(event, ProgressEvent))

        def emit(event: Event) -> None:
            if not isinstance(event, CandidateEvent | FrontEvent):  # the driver's stage emits them
                recorder(event)

        arrays = DataArrays(lambda: site.store.get(job.data.blob))
        context = Context(site.store, emit, site.cancelled, opened={job.data.blob: arrays})
        supernet = Supernet(SupernetWeights.from_bytes(site.store.get(self.supernet), device), self.supernet)
        adapted = None if job.source is None else adapt(replace(context, on_event=ignore), job)
        for target, plan in zip(self.targets, job.target_plans, strict=True):
            search_subnets(TargetRun(context, job, plan, target, supernet, adapted))
        return recorder.value(context)


def search_ahead(runs: Sequence[TargetRun]) -> Sequence[TargetRun]:
    """Searches for targets at the same time; the runs, which then do not report the searches once more.

    Raises:
        Cancelled: the caller requested a stop; every complete evaluation is kept.
        HwnasError: a search failed; the others are in the store.
    """
    context, job = runs[0].context, runs[0].job
    executor = workers(context, job)
    if executor.name == LOCAL or job.spec.at_once > 1 or runs[0].supernet is None:
        return runs
    groups: dict[str, list[TargetRun]] = {}
    for run in runs:
        if context.store.find(search_key(run)) is None:
            groups.setdefault(run.scheme.name, []).append(run)
    if len(groups) < 2:
        return runs
    alike = list(groups.values())
    began, replay = time.monotonic(), Replay(context, [same[0].id for same in alike], "searching", "searches")
    items = [_item(same) for same in alike]
    run_ahead(context, executor, items, replay, otherwise="A target is searched for in this process")
    for same in alike:
        for run in same:
            context.seconds[f"searching:{run.id}"] = (time.monotonic() - began) / sum(map(len, alike))
    reported = without_repeats(context, "searching")
    return [replace(run, context=reported) if any(run in same for same in alike) else run for run in runs]


def _item(same: Sequence[TargetRun]) -> SearchTargets:
    """The work item of targets that share evaluations."""
    supernet = same[0].supernet
    assert supernet is not None
    job = replace(same[0].job, target_plans=tuple(run.target_plan for run in same), restricted=())
    return SearchTargets(job, tuple(run.target for run in same), supernet.hash)
