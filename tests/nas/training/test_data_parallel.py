"""How many ranks there can be, with how many threads, and what happens without one. Killed ones are in tests/nas/stages."""

import os
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from datetime import timedelta
from pathlib import Path
from typing import Any
from unittest import mock

import pytest
import torch

from nas import accelerator
from nas.compute import Compute
from nas.errors import OutOfWorkerMemory
from nas.events import Event, LogEvent
from nas.execution import dispatch
from nas.execution.executor import Executor
from nas.execution.local import LocalExecutor
from nas.execution.processes import ProcessExecutor
from nas.execution.work import OUT_OF_MEMORY, Needs, Site, WorkOutcome
from nas.store import StageKey, Store
from nas.training import data_parallel, group
from nas.training.data_parallel import Ranks, most_ranks, rank_threads, rank_value
from nas.training.group import Meeting, joined

GPU = Compute("cuda:0", "bfloat16", 8, "NVIDIA H200", 150_000_000_000)
CPU = Compute(threads=8)


@pytest.fixture
def machine(monkeypatch: pytest.MonkeyPatch) -> ProcessExecutor:
    """Three processes on eight cores with two GPUs; none is started."""
    monkeypatch.setattr(torch.cuda, "device_count", lambda: 2)
    monkeypatch.setattr(os, "sched_getaffinity", lambda _: set(range(8)))
    return ProcessExecutor(3)


@pytest.fixture
def cluster(machine: ProcessExecutor) -> ProcessExecutor:
    """Twelve cores on other machines."""
    executor = ProcessExecutor(12)
    executor.host = "10.0.0.1"
    return executor


def test_ranks_are_as_many_as_workers_or_as_gpus_of_this_machine(
    machine: ProcessExecutor, cluster: ProcessExecutor
) -> None:
    assert [most_ranks(executor, CPU) for executor in (LocalExecutor(), machine, cluster)] == [1, 3, 12]
    assert [most_ranks(executor, GPU) for executor in (LocalExecutor(), machine, cluster)] == [1, 2, 1]
    assert [accelerator.of_rank(GPU, rank).device for rank in range(2)] == ["cuda:0", "cuda:1"]
    assert accelerator.of_rank(CPU, 1) == CPU


def test_ranks_of_one_machine_share_the_jobs_threads(machine: ProcessExecutor, cluster: ProcessExecutor) -> None:
    assert [rank_threads(machine, CPU, size) for size in (2, 3)] == [4, 2]
    assert rank_threads(machine, Compute(threads=2), 3) == 1
    assert rank_threads(machine, Compute(threads=64), 2) == 4  # more than there are cores would never start
    assert [rank_threads(cluster, CPU, size) for size in (1, 2, 3, 12)] == [8, 6, 4, 1]


@dataclass(frozen=True)
class Rank:
    """Joins its group, and returns how large it is; `hung` ones never come, and the others wait for `patience_s`."""

    at: Meeting
    rank: int
    size: int
    hung: bool
    patience_s: float
    name: str = "rank"
    needs: Needs = field(default_factory=Needs)

    def run(self, site: Site) -> Any:
        if self.hung:
            time.sleep(600)
        return rank_value(self._join, site.store.clock(StageKey("test", 1, {"rank": self.rank})))

    def _join(self) -> float:
        with (
            mock.patch.object(group, "JOINING", timedelta(seconds=self.patience_s)),
            joined(self.rank, self.size, self.at, "cpu") as g,
        ):
            return float(g.sum(torch.tensor(1.0)))


@pytest.fixture
def impatient(monkeypatch: pytest.MonkeyPatch) -> None:
    """Whoever hangs is killed at once."""
    monkeypatch.setattr(data_parallel, "GRACE_S", 0.5)
    monkeypatch.setattr(dispatch, "GRACE_S", 0.5)


def trained(executor: Executor, threads: int, workers: int, folder: Path, hung: Callable[[int, int], bool]) -> Any:
    """What the ranks return, and the messages."""
    events: list[Event] = []

    def items(size: int, threads: int, at: Meeting) -> list[Rank]:
        absent = [hung(rank, threads) for rank in range(size)]
        return [Rank(at, rank, size, absent[rank], 5.0 if any(absent) else 60.0) for rank in range(size)]

    compute = Compute(threads=threads)
    ranks = Ranks(executor, compute, items, Store(folder), events.append, lambda: False, lambda _: None)
    return ranks.train(workers), [event.message for event in events if isinstance(event, LogEvent)]


def test_ranks_that_do_not_come_are_done_without(impatient: None, tmp_path: Path) -> None:
    """Of three the last hangs: it is killed, and two train."""
    with ProcessExecutor(3) as executor:
        sums, messages = trained(executor, 1, 3, tmp_path, lambda rank, _: rank == 2)
    assert sums == [2.0, 2.0] and messages[-1].endswith("from its last checkpoint with 2 workers.")


def test_ranks_that_find_no_machine_with_their_cores_have_one_each(
    impatient: None, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with ProcessExecutor(2) as executor:
        monkeypatch.setattr(os, "sched_getaffinity", lambda _: set(range(8)))
        sums, messages = trained(executor, 8, 2, tmp_path, lambda rank, threads: rank == 1 and threads > 1)
    assert sums == [2.0, 2.0] and not any("continues from" in message for message in messages)


class OutOfMemory(LocalExecutor):
    """Two workers, the first of which was ended for its memory when it had begun; the other one noticed."""

    workers = 2

    def map(self, *_: object, **__: object) -> Iterator[WorkOutcome]:
        lost = {"value": None, "lost": True, "core_seconds": 1.5}
        yield WorkOutcome(1, lost)
        yield WorkOutcome(0, lost, attempts=2, lost=(OUT_OF_MEMORY,))


def test_a_worker_that_is_ended_for_its_memory_is_no_reason_for_fewer_workers(tmp_path: Path) -> None:
    """They would need more each."""
    spent: list[float] = []
    ranks = Ranks(OutOfMemory(), CPU, lambda *_: [], Store(tmp_path), lambda _: None, lambda: False, spent.append)
    with pytest.raises(OutOfWorkerMemory, match="training of the supernet"):
        ranks.train(2)
    assert spent == [1.5, 1.5]
