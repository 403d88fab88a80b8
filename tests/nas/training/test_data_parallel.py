"""How many ranks there can be, with how many threads, and what happens without one. Killed ones are in tests/nas/stages."""

import os
import time
from dataclasses import dataclass, field
from datetime import timedelta
from pathlib import Path
from typing import Any
from unittest import mock

import pytest
import torch

from nas import accelerator
from nas.compute import Compute
from nas.events import Event, LogEvent
from nas.execution import dispatch
from nas.execution.local import LocalExecutor
from nas.execution.processes import ProcessExecutor
from nas.execution.work import Needs, Site
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
    """Joins its group, and returns how large it is; `hung` ones never come."""

    at: Meeting
    rank: int
    size: int
    hung: bool
    name: str = "rank"
    needs: Needs = field(default_factory=Needs)

    def run(self, site: Site) -> Any:
        if self.hung:
            time.sleep(600)
        return rank_value(self._join, site.store.clock(StageKey("test", 1, {"rank": self.rank})))

    def _join(self) -> float:
        with (
            mock.patch.object(group, "JOINING", timedelta(seconds=5)),
            joined(self.rank, self.size, self.at, "cpu") as g,
        ):
            return float(g.sum(torch.tensor(1.0)))


def test_ranks_that_do_not_come_are_done_without(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Of three the last hangs: it is killed, and two train."""
    monkeypatch.setattr(data_parallel, "GRACE_S", 0.5)
    monkeypatch.setattr(dispatch, "GRACE_S", 0.5)
    events: list[Event] = []

    def items(size: int, at: Meeting) -> list[Rank]:
        return [Rank(at, rank, size, hung=rank == 2) for rank in range(size)]

    with ProcessExecutor(3) as executor:
        ranks = Ranks(executor, items, Store(tmp_path), events.append, lambda: False, lambda _: None)
        assert ranks.train(3) == [2.0, 2.0]
    messages = [event.message for event in events if isinstance(event, LogEvent)]
    assert messages[-1].endswith("from its last checkpoint with 2 workers.")
