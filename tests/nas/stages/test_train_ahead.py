"""Finalists that workers train at the same time: the networks, files and events are those of one process, whoever dies on the way."""

from collections.abc import Iterator
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from hw_targets.registry import target as find_target
from nas.errors import StoreCorrupt
from nas.events import (
    Event,
    FinalistEvent,
    FrontEvent,
    LogEvent,
    MetricEvent,
    PhaseEvent,
    ProgressEvent,
)
from nas.execution.executor import open_executor
from nas.execution.packing import pack_item, unpack_item
from nas.stages import train_ahead as module
from nas.stages.finalist import Finalist
from nas.stages.target_run import TargetRun
from nas.stages.teacher import SupernetTeacher
from nas.stages.tournament import play, play_together
from nas.stages.train import train
from nas.stages.train_ahead import Training
from nas.stages.training_item import TrainNetwork
from tests.nas import boards
from tests.nas.stages import jobs
from tests.nas.stages.elsewhere import DyingPool, Elsewhere, Locked, copied, hashes

FINALISTS = 3


@pytest.fixture(scope="module")
def trained(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[TargetRun, TargetRun]]:
    """Two targets of a job whose supernet is hardly trained, in a store that the tests copy."""
    folder = tmp_path_factory.mktemp("trained")
    with pytest.MonkeyPatch.context() as patch:
        boards.install(patch)
        budgets = [{"target": name, "latency_ms": "60%"} for name in ("board", "dpu")]
        context, job = jobs.with_target_plans(folder, targets=budgets)
        job = replace(job, work=job.work.model_copy(update={"supernet_images": 512, "tune_images": 768}))
        supernet = train(context, job)
        first, second = (
            TargetRun(context, job, plan, find_target(plan.info.id), supernet) for plan in job.target_plans
        )
        yield first, second


def finalists(run: TargetRun) -> list[Finalist]:
    """Some architectures within the limits of both targets."""
    region = run.target_plan.region
    codes = region.canonical(region.draw(*region.range_ms, 64, np.random.default_rng(1)))
    networks = {run.job.space.network(one).id: one for one in region.latency.lattice.decode(codes)}
    found = list(networks.values())[:FINALISTS]
    return [jobs.finalist(one, run.job.space.network(one), float(ms)) for ms, one in enumerate(found, 1)]


@dataclass
class Played:
    """A tournament with its events."""

    networks: list[tuple[Any, ...]]
    events: list[Event]

    def of(self, *kinds: Any) -> list[Event]:
        return [event for event in self.events if isinstance(event, kinds)]

    @property
    def curves(self) -> list[tuple[Any, ...]]:
        """Without what depends on the clock."""
        found = [event for event in self.events if isinstance(event, MetricEvent)]
        return [(e.name, e.step, e.value, e.target) for e in found if e.name != "tune_images_per_second"]

    @property
    def phases(self) -> list[tuple[Any, ...]]:
        found = [event for event in self.events if isinstance(event, PhaseEvent)]
        return [(e.phase, e.status, e.target, e.outputs) for e in found]


def played(run: TargetRun, folder: Path, executor: Any = None) -> Played:
    own = copied(run, folder, executor)
    events: list[Event] = []
    own = replace(own, context=replace(own.context, on_event=events.append))
    return Played(hashes(play(own, finalists(own))), events)


@pytest.fixture(scope="module")
def local(trained: tuple[TargetRun, TargetRun], tmp_path_factory: pytest.TempPathFactory) -> Played:
    """What this process gives."""
    return played(trained[0], tmp_path_factory.mktemp("local") / "store")


def test_other_processes_train_what_this_one_trains(
    trained: tuple[TargetRun, TargetRun], local: Played, tmp_path: Path
) -> None:
    with open_executor("processes:2") as pool:
        found = played(trained[0], tmp_path / "other", pool)
    assert found.networks == local.networks
    assert found.of(FinalistEvent, FrontEvent) == local.of(FinalistEvent, FrontEvent)
    assert found.curves == local.curves and found.phases == local.phases


def test_the_events_are_in_their_order_whoever_ends_first(
    trained: tuple[TargetRun, TargetRun], local: Played, tmp_path: Path
) -> None:
    executor = Elsewhere()
    found = played(trained[0], tmp_path / "other", executor)
    assert [len(items) for items in executor.given] == [3, 2, 1]
    assert found.networks == local.networks and found.curves == local.curves and found.phases == local.phases
    progress = [e for e in found.events if isinstance(e, ProgressEvent) and e.unit == "networks"]
    assert [(e.done, e.total) for e in progress if e.done == e.total] == [(3, 3), (2, 2)]
    assert any(
        e.unit == "steps" for e in found.events if isinstance(e, ProgressEvent)
    )  # of the last one, which is alone


def test_what_is_trained_is_given_to_nobody_again(trained: tuple[TargetRun, TargetRun], tmp_path: Path) -> None:
    first, second = Elsewhere(), Elsewhere()
    run = copied(trained[0], tmp_path / "other", first)
    ranked = play(run, finalists(run))
    events: list[Event] = []
    again = replace(run, context=replace(run.context, executor=second, on_event=events.append))
    assert hashes(play(again, finalists(run))) == hashes(ranked)
    assert len(first.given) == 3 and not second.given
    assert {e.status for e in events if isinstance(e, PhaseEvent)} == {"reused"}


@pytest.mark.parametrize("when_done", [False, True])
def test_a_worker_that_dies_changes_nothing(
    trained: tuple[TargetRun, TargetRun], local: Played, tmp_path: Path, when_done: bool
) -> None:
    with open_executor("processes:2") as pool:
        dying = DyingPool(pool, tmp_path / "died", when_done=when_done)
        found = played(trained[0], tmp_path / "other", dying)
    assert found.networks == local.networks and max(dying.attempts) == 2
    assert found.of(FinalistEvent) == local.of(FinalistEvent)


def test_a_failure_of_a_training_is_typed(trained: tuple[TargetRun, TargetRun], tmp_path: Path) -> None:
    run = copied(trained[0], tmp_path / "other", Elsewhere())
    run.context.arrays(run.job.data).split("train", run.job.data.resolution)  # this process has the images
    Path(run.context.store.path_of(run.job.data.blob)).unlink()
    with pytest.raises(StoreCorrupt, match="lacks the blob"):
        play(run, finalists(run))


def test_what_cannot_be_sent_is_trained_here_with_the_reason(
    trained: tuple[TargetRun, TargetRun], local: Played, tmp_path: Path
) -> None:
    found = played(replace(trained[0], target=Locked()), tmp_path / "other", Elsewhere())
    assert found.networks == local.networks
    said = [event.message for event in found.events if isinstance(event, LogEvent)]
    assert said and all("cannot pickle '_thread.lock' object" in message for message in said)


def test_targets_share_the_trainings_that_are_equal(
    trained: tuple[TargetRun, TargetRun], local: Played, tmp_path: Path
) -> None:
    executor, events = Elsewhere(), list[Event]()
    one = copied(trained[0], tmp_path / "other", executor)
    context = replace(one.context, on_event=events.append)
    board, dpu = (replace(run, context=context) for run in trained)
    ours, theirs = play_together([(board, finalists(board)), (dpu, finalists(board))])
    assert hashes(ours) == local.networks
    items = [item for item in executor.given[0] if isinstance(item, TrainNetwork)]
    assert [[target.info.id for target in item.targets] for item in items] == [["board", "dpu"]] * FINALISTS
    assert {f.finalist.architecture for f in theirs} == {f.finalist.architecture for f in ours}
    reported = [event.target for event in events if isinstance(event, FinalistEvent | FrontEvent)]
    first_round = ["board"] * (FINALISTS + 1) + ["dpu"] * (FINALISTS + 1)
    assert reported[: len(first_round)] == first_round


def test_a_teacher_goes_along_by_its_network_and_its_weights(
    trained: tuple[TargetRun, TargetRun], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    run = copied(trained[0], tmp_path / "other")
    (one, *_), largest = finalists(run), run.job.space.network(run.job.space.largest())
    assert run.supernet is not None
    teacher = SupernetTeacher(run.context, run.job, run.supernet, largest)
    taught = Training(run, one.network, run.supernet, 64, 0, teacher)
    item = unpack_item(pack_item(module._item([taught], alone=False)))
    assert isinstance(item, TrainNetwork) and item.job.target_plans == ()
    assert item.teacher == (largest, run.supernet.hash) and item.sliced and item.start == run.supernet.hash
    alone = module._item([replace(taught, start="hash", teacher=None)], alone=True)
    assert (alone.taught, alone.sliced, alone.start, alone.alone) == (False, False, "hash", True)
