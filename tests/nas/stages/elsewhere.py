"""Executors for tests of stages: one that behaves like one with other processes, and one whose workers die. No tests."""

import os
import shutil
import threading
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from hw_targets.stopping import never
from nas.errors import UnsendableWork
from nas.events import EventSink, ignore
from nas.execution.executor import Executor
from nas.execution.local import LocalExecutor
from nas.execution.packing import pack_item, unpack_item
from nas.execution.work import Needs, Site, WorkItem, WorkOutcome
from nas.stages.finalist import TrainedFinalist
from nas.stages.target_run import TargetRun
from nas.store import Store
from tests.nas import boards
from tests.nas.places import Killed
from tests.nas.stages import jobs


class Elsewhere(LocalExecutor):
    """Packs items, so that nothing of this process goes along, runs the last first, and remembers what it ran.

    Args:
        dies_after: outcomes, after which the process of the caller dies.
    """

    name = "elsewhere"
    workers = 2

    def __init__(self, dies_after: int | None = None) -> None:
        super().__init__()
        self.dies_after, self.given, self.ran = dies_after, list[list[WorkItem]](), list[str]()

    def map(
        self,
        items: Sequence[WorkItem],
        *,
        store: Store,
        on_event: EventSink = ignore,
        cancelled: Callable[[], bool] = never,
        deadline_s: float | None = None,
    ) -> Iterator[WorkOutcome]:
        """Runs items; see `Executor.map`."""
        self.given.append(list(items))
        packed: dict[int, WorkItem] = {}
        for index, item in reversed(list(enumerate(items))):
            try:
                packed[index] = unpack_item(pack_item(item))
            except UnsendableWork as error:
                yield WorkOutcome(index, None, error)
        for outcome in super().map(
            list(packed.values()), store=store, on_event=on_event, cancelled=cancelled, deadline_s=deadline_s
        ):
            if self.dies_after is not None and len(self.ran) >= self.dies_after:
                raise Killed
            index = list(packed)[outcome.index]
            self.ran.append(items[index].name)
            yield replace(outcome, index=index, worker="elsewhere")


@dataclass(frozen=True)
class DiesOnce:
    """An item whose first worker dies when it has begun, or when it is done and has not said so."""

    item: WorkItem
    marker: Path
    when_done: bool

    @property
    def name(self) -> str:
        """Of the item."""
        return self.item.name

    @property
    def needs(self) -> Needs:
        """Of the item."""
        return self.item.needs

    def run(self, site: Site) -> Any:
        """Ends the process at the first attempt."""
        first = not self.marker.exists()
        self.marker.touch()
        if first and not self.when_done:
            os._exit(9)
        value = self.item.run(site)
        if first:
            os._exit(9)
        return value


class DyingPool:
    """An executor whose first item's first worker dies."""

    def __init__(self, pool: Executor, marker: Path, *, when_done: bool) -> None:
        self.pool, self.marker, self.when_done, self.attempts = pool, marker, when_done, list[int]()
        self.name, self.workers = pool.name, pool.workers

    def map(self, items: Any, **rest: Any) -> Iterator[WorkOutcome]:
        """Runs items; see `Executor.map`."""
        first = DiesOnce(items[0], self.marker, self.when_done)
        for outcome in self.pool.map([first, *items[1:]], **rest):
            self.attempts.append(outcome.attempts)
            yield outcome


def copied(run: TargetRun, folder: Path, executor: Any = None) -> TargetRun:
    """The run with a copy of its store, and with an executor; `board` and `dpu` are then unknown to workers, which do not need them."""
    assert run.context.store.files.folder is not None
    shutil.copytree(run.context.store.files.folder, folder)
    context = replace(jobs.context(folder), store=Store(folder))
    return replace(run, context=context if executor is None else replace(context, executor=executor))


class Locked(boards.Board):
    """A target that belongs to this process."""

    def __init__(self) -> None:
        self.lock = threading.Lock()


def hashes(ranked: list[TrainedFinalist]) -> list[tuple[Any, ...]]:
    """Trained networks by their weights and files."""
    return [(f.finalist.architecture, f.weights, f.files.int8, f.files.fp32, f.images, f.first_value) for f in ranked]
