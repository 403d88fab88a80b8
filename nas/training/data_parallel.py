"""Training by several workers of an executor: one work item a rank, and again with fewer of them where one is lost.

The ranks find each other at a meeting that this process serves (`group.py`). Checkpoints are the ranks' own: what is lost with a worker are
the steps since the last one. Not here: what a rank does.
"""

import os
import time
from collections.abc import Callable, Sequence
from contextlib import closing
from dataclasses import dataclass
from typing import Any, Final

from nas.compute import Compute
from nas.core_seconds import StageClock, core_seconds
from nas.errors import Cancelled, UnmetNeeds, WorkerLost
from nas.events import EventSink, LogEvent
from nas.execution.executor import Executor
from nas.execution.work import LOOPBACK, OUT_OF_MEMORY, WorkItem, worker_lost
from nas.store import Store
from nas.training.group import Meeting, PeerLost, meeting

GRACE_S: Final = 20.0
"""How long ranks may take to end after one was lost; those that hang are killed then."""


@dataclass(frozen=True)
class Ranks:
    """How a training runs on an executor.

    Attributes:
        executor: whose workers train.
        compute: of the job.
        items: the work items of all ranks, from their number, their threads and their meeting; their values are those of `rank_value`.
        store: in which they work.
        on_event: receives their events.
        cancelled: whether the caller requested a stop.
        on_core_seconds: receives what ranks of other processes took that were not ended by a stop.
    """

    executor: Executor
    compute: Compute
    items: Callable[[int, int, Meeting], Sequence[WorkItem]]
    store: Store
    on_event: EventSink
    cancelled: Callable[[], bool]
    on_core_seconds: Callable[[float], None]

    def train(self, workers: int) -> list[Any]:
        """What each rank returned, by rank; empty where workers were lost until one was left, which this process is as good as.

        Raises:
            Cancelled: the caller requested a stop; a checkpoint is kept.
            OutOfWorkerMemory: a rank's worker lacks memory. Fewer ranks would need more of it.
            HwnasError: a rank's own error.
        """
        size, most_threads = workers, self.compute.threads
        while size > 1:
            threads = min(most_threads, rank_threads(self.executor, self.compute, size))
            found = self._attempt(size, threads)
            if isinstance(found, list):
                return found
            if found < size and threads > 1:  # it may be that no node has so many cores free
                most_threads = 1
                continue
            size = min(found, size - 1)
            how = f"{size} workers" if size > 1 else "one worker"
            message = f"A worker of the training was lost: it continues from its last checkpoint with {how}."
            self.on_event(LogEvent(level="warning", message=message))
        return []

    def _attempt(self, size: int, threads: int) -> list[Any] | int:
        """How many ranks had come, where one was lost. The others notice at the next sum over the ranks, and end."""
        values: dict[int, Any] = {}
        lost_at: list[float] = []

        def stopped() -> bool:
            return self.cancelled() or (bool(lost_at) and time.monotonic() - lost_at[0] > GRACE_S)

        with meeting(self.executor.host) as at:
            outcomes = self.executor.map(
                self.items(size, threads, at), store=self.store, on_event=self.on_event, cancelled=stopped
            )
            try:
                with closing(outcomes):  # type: ignore[type-var]  # iterators of executors can be closed
                    for outcome in outcomes:
                        unmet = threads > 1 and isinstance(outcome.error, UnmetNeeds)
                        value = None if unmet or isinstance(outcome.error, WorkerLost) else outcome.result()
                        if value is not None:
                            self.on_core_seconds(value["core_seconds"])
                        if value is not None and not value["lost"]:
                            values[outcome.index] = value["value"]
                        elif OUT_OF_MEMORY in outcome.lost:
                            raise worker_lost("the training of the supernet", [OUT_OF_MEMORY])
                        else:
                            lost_at.append(time.monotonic())
            except Cancelled:
                if self.cancelled():
                    raise
            arrived = at.arrived()
        return arrived if lost_at else [values[rank] for rank in range(size)]


def rank_value(work: Callable[[], Any], clock: StageClock) -> dict[str, Any]:
    """What a rank's work returned, or that other ranks were lost, and its core-seconds; those of one that fails are kept by its clock."""
    began = core_seconds()
    value, lost = None, False
    try:
        value = work()
    except PeerLost:
        lost = True
    except BaseException:
        clock.save()
        raise
    return {"value": value, "lost": lost, "core_seconds": core_seconds() - began}


def most_ranks(executor: Executor, compute: Compute) -> int:
    """How many ranks can train together: on GPUs one for each, in processes of this machine alone, since no cluster is asked for GPUs."""
    if not compute.on_gpu:
        return executor.workers
    import torch

    return min(executor.workers, torch.cuda.device_count()) if executor.host == LOOPBACK else 1


def rank_threads(executor: Executor, compute: Compute, size: int) -> int:
    """The threads of each rank: those of the job on a machine of its own, a part of them where all ranks are on this one."""
    if executor.host == LOOPBACK:
        return max(1, min(compute.threads, max(len(os.sched_getaffinity(0)), executor.workers)) // size)
    return max(1, min(compute.threads, executor.workers // size))
