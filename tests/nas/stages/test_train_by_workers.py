"""A supernet that worker processes train together is that of one, also where one of them is killed or the training is cancelled."""

import os
import signal
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest
import torch

import nas.stages.train
from nas.errors import Cancelled, OutOfWorkerMemory, UnsendableWork
from nas.events import CheckpointEvent, Event, LogEvent, MetricEvent, ProgressEvent
from nas.execution import dispatch
from nas.execution.processes import ProcessExecutor
from nas.execution.work import Site, run_item
from nas.job import Job
from nas.stages.context import Context
from nas.stages.train import Supernet, SupernetRank, supernet_config, train, trained
from nas.store import StageKey, Store
from nas.training.group import meeting
from tests.nas.stages import jobs
from tests.nas.stages.jobs import board

__all__ = ["board"]

STEPS = 24


@pytest.fixture(scope="module")
def executor() -> Iterator[ProcessExecutor]:
    with ProcessExecutor(2) as two:
        yield two


@pytest.fixture
def job(board: None, tmp_path: Path) -> Job:
    _, job = jobs.resolved(tmp_path, threads=1)
    batch = 64
    return replace(job, work=job.work.model_copy(update={"supernet_images": STEPS * batch}))


def context(folder: Path, executor: ProcessExecutor, events: list[Event], name: str = "store") -> Context:
    return Context(Store(folder / name), events.append, executor=executor, training_workers=2)


def alone(folder: Path, job: Job) -> tuple[Supernet, list[Event]]:
    """What one process learns, in a store of its own."""
    events: list[Event] = []
    arrays = Store(folder / "store").get(job.data.blob)
    store = Store(folder / "alone")
    store.put(arrays)
    return train(Context(store, events.append), job), events


def losses(events: list[Event]) -> dict[tuple[str, int], float]:
    metrics = [event for event in events if isinstance(event, MetricEvent)]
    return {(m.name, m.step): m.value for m in metrics if m.name.startswith(("loss", "accuracy"))}


def assert_equal_results(
    events: list[Event], one: Supernet, curves: list[Event], other: Supernet, since: int = 0
) -> None:
    """As equal as with another number of threads: the first loss to the last digits, then rounding grows (docs/numbers.md)."""
    found, expected = losses(events), {key: value for key, value in losses(curves).items() if key[1] >= since}
    assert found.keys() == expected.keys()
    for key, value in found.items():
        slack = 1e-6 if key[1] == 0 else 0.05 if key[0].startswith("loss") else 0.2
        assert value == pytest.approx(expected[key], rel=slack), key
    for name, tensor in one.weights.tensors.items():
        if tensor.dim() > 1:
            assert float((tensor - other.weights.tensors[name]).norm() / tensor.norm()) < 0.3, name


def workers_of_this_process() -> list[int]:
    tasks = Path("/proc/self/task").glob("*/children")
    pids = [int(pid) for children in tasks for pid in children.read_text().split()]
    return [pid for pid in pids if b"nas.execution.worker" in Path(f"/proc/{pid}/cmdline").read_bytes()]


def test_two_workers_train_the_supernet_of_one(tmp_path: Path, executor: ProcessExecutor, job: Job) -> None:
    events: list[Event] = []
    made = context(tmp_path, executor, events)
    together = train(made, job)
    expected, curves = alone(tmp_path, job)
    assert_equal_results(events, together, curves, expected)
    progress = [event.done for event in events if isinstance(event, ProgressEvent)]
    assert progress == sorted(set(progress)) and progress[-1] == STEPS  # of one rank alone
    (record,) = made.store.finished("train")
    assert record.facts == {"steps": STEPS, "workers": 2}
    assert record.core_seconds is not None and record.core_seconds > 0
    assert trained(Context(made.store), job)  # one process finds what two have trained


def test_a_rank_without_memory_says_so_as_any_item_of_a_worker(
    tmp_path: Path, job: Job, monkeypatch: pytest.MonkeyPatch
) -> None:
    def too_large(*_: object) -> None:
        torch.empty(1 << 60)

    monkeypatch.setattr(nas.stages.train, "train_loop", too_large)
    rank = SupernetRank(job, supernet_config(job), StageKey("test", 1, {}), None)
    with meeting("127.0.0.1") as at, pytest.raises(OutOfWorkerMemory, match="training of the supernet, worker 1 of 1"):
        run_item(replace(rank, at=at), Site(Store(tmp_path / "store")))


def test_a_killed_worker_and_a_cancelled_training_cost_only_steps(
    tmp_path: Path, executor: ProcessExecutor, job: Job
) -> None:
    """Cancelled at step 8, resumed by two workers, one of them killed at step 14, finished by one from the checkpoint."""
    expected, curves = alone(tmp_path, job)
    events: list[Event] = []

    def done() -> float:
        return max((event.done for event in events if isinstance(event, ProgressEvent)), default=0)

    two = context(tmp_path, executor, events)
    with pytest.raises(Cancelled):
        train(replace(two, cancelled=lambda: done() >= 8), job)
    (saved,) = [event for event in events if isinstance(event, CheckpointEvent)]
    assert not saved.restored and 8 <= saved.step <= STEPS // 2

    events.clear()
    killed: list[int] = []

    def on_event(event: Event) -> None:
        events.append(event)
        if done() >= 14 and not killed:
            killed.append(workers_of_this_process()[-1])
            os.kill(killed[0], signal.SIGKILL)

    finished = train(replace(two, on_event=on_event), job)
    assert killed
    warnings = [event.message for event in events if isinstance(event, LogEvent) and event.level == "warning"]
    assert "continues from its last checkpoint with one worker" in warnings[-1]
    restored = [event.step for event in events if isinstance(event, CheckpointEvent) and event.restored]
    assert restored == [saved.step] * 2
    (record,) = two.store.finished("train")
    assert record.facts == {"steps": STEPS}
    assert_equal_results(events, finished, curves, expected, since=saved.step)


def test_a_job_that_cannot_be_sent_is_trained_here(
    tmp_path: Path, executor: ProcessExecutor, job: Job, monkeypatch: pytest.MonkeyPatch
) -> None:
    def unsendable(*_: object, **__: object) -> bytes:
        raise UnsendableWork("The job holds an open file.", fix="Close it.")

    monkeypatch.setattr(dispatch, "pack_item", unsendable)
    events: list[Event] = []
    made = context(tmp_path, executor, events)
    few = replace(job, work=job.work.model_copy(update={"supernet_images": 128}))
    train(made, few)
    assert made.store.finished("train")[0].facts == {"steps": 2}
    assert "This process trains the supernet: The job holds an open file." in [
        event.message for event in events if isinstance(event, LogEvent)
    ]
