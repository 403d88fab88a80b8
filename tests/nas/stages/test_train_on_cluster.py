"""A supernet that workers of a real Ray cluster train together, and a node that is killed meanwhile."""

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest

from nas.events import Event, LogEvent, ProgressEvent
from nas.execution.cluster import RayExecutor
from nas.job import Job
from nas.stages.context import Context
from nas.stages.train import train
from nas.store import Store
from tests.nas.stages import jobs
from tests.nas.stages.jobs import board
from tests.nas.stages.test_train_by_workers import STEPS, alone, assert_equal_results
from tests.ray_cluster import RayCluster

__all__ = ["board"]


@pytest.fixture
def job(board: None, tmp_path: Path) -> Job:
    _, job = jobs.resolved(tmp_path, threads=1)
    return replace(job, work=job.work.model_copy(update={"supernet_images": STEPS * 64}))


@pytest.fixture
def executor(ray_cluster: RayCluster) -> Iterator[RayExecutor]:
    with RayExecutor(ray_cluster.address) as executor:
        yield executor


def test_ranks_on_two_nodes_train_the_supernet_of_one(tmp_path: Path, executor: RayExecutor, job: Job) -> None:
    events: list[Event] = []
    made = Context(Store(tmp_path / "store"), events.append, executor=executor, training_workers=2)
    together = train(made, job)
    expected, curves = alone(tmp_path, job)
    assert_equal_results(events, together, curves, expected)
    (record,) = made.store.finished("train")
    assert record.facts == {"steps": STEPS, "workers": 2}


def test_a_killed_node_costs_a_rank_and_the_steps_since_the_checkpoint(
    tmp_path: Path, ray_cluster: RayCluster, job: Job
) -> None:
    node = ray_cluster.add_node(num_cpus=3)  # the roomiest: the first rank is there
    killed: list[float] = []
    events: list[Event] = []

    def on_event(event: Event) -> None:
        events.append(event)
        if isinstance(event, ProgressEvent) and event.done >= 8 and not killed:
            killed.append(event.done)
            ray_cluster.kill_node(node)

    with RayExecutor(ray_cluster.address) as executor:
        made = Context(Store(tmp_path / "store"), on_event, executor=executor, training_workers=2)
        finished = train(made, job)
    assert killed
    warnings = [event.message for event in events if isinstance(event, LogEvent) and event.level == "warning"]
    assert any("continues from its last checkpoint" in message for message in warnings), warnings
    expected, curves = alone(tmp_path, job)
    assert_equal_results(events, finished, curves, expected)
