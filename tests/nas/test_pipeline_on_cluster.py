"""The whole job on a real Ray cluster of three nodes: what one process finds, also when nodes or the head are killed meanwhile."""

from collections.abc import Callable
from pathlib import Path

import pytest

from nas import pipeline
from nas.errors import ClusterLost
from nas.events import CandidateEvent, Event, MetricEvent
from nas.execution.cluster import RayExecutor
from nas.result import SearchResult
from tests.nas.test_pipeline import same
from tests.nas.test_pipeline_workers import local, of_target, out, search_spec, trained
from tests.ray_cluster import RayCluster

__all__ = ["local", "out", "trained"]


def of_evaluation(event: Event) -> bool:
    """Whether an event says that a candidate was evaluated."""
    return isinstance(event, CandidateEvent)


def of_finishing(event: Event) -> bool:
    """Whether an event is of a finalist's training, sent while it lasts."""
    return isinstance(event, MetricEvent) and event.phase == "fine_tuning"


def killing(kill: Callable[[], None], of: Callable[[Event], bool], events: list[Event]) -> Callable[[Event], None]:
    """An event sink that kills at the second event of some."""

    def on_event(event: Event) -> None:
        events.append(event)
        if of(event) and sum(map(of, events)) == 2:
            kill()

    return on_event


@pytest.mark.parametrize("during", [of_evaluation, of_finishing])
def test_three_nodes_find_what_one_process_finds_also_when_one_is_killed(
    ray_cluster: RayCluster, local: tuple[SearchResult, list[Event]], out: Path, during: Callable[[Event], bool]
) -> None:
    third = ray_cluster.add_node(num_cpus=3)  # the roomiest: workers are there first
    events: list[Event] = []
    sink = killing(lambda: ray_cluster.kill_node(third), during, events)
    with RayExecutor(ray_cluster.address) as executor:
        assert executor.workers == 7
        found = pipeline.search(search_spec(), out=out, on_event=sink, executor=executor)
    assert same(found, local[0]) and found.fronts == local[0].fronts
    for target in found.models:
        assert of_target(events, target) == of_target(local[1], target) != []


def test_a_lost_head_ends_the_job_and_another_cluster_continues_it(
    ray_cluster: RayCluster, local: tuple[SearchResult, list[Event]], out: Path, tmp_path: Path
) -> None:
    with RayCluster(nodes=1, folder=tmp_path) as lost:
        sink = killing(lost.kill_head, of_evaluation, [])
        with RayExecutor(lost.address) as executor, pytest.raises(ClusterLost, match="was lost"):
            pipeline.search(search_spec(), out=out, on_event=sink, executor=executor)
    with RayExecutor(ray_cluster.address) as executor:
        found = pipeline.search(search_spec(), out=out, executor=executor)
    assert same(found, local[0]) and found.fronts == local[0].fronts
