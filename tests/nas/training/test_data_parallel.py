"""How many ranks there can be, and with how many threads; what happens to ranks is in tests/nas/stages/test_train_by_workers.py."""

import os

import pytest
import torch

from nas import accelerator
from nas.compute import Compute
from nas.execution.local import LocalExecutor
from nas.execution.processes import ProcessExecutor
from nas.training.data_parallel import most_ranks, rank_threads

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
