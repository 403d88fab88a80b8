"""Several targets with workers: what is found, trained and exported for each is what one process gives, and so are its events."""

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from hw_targets.registry import target as find_target
from nas.events import CandidateEvent, Event, FinalistEvent, FrontEvent, LogEvent, MeasurementEvent, PhaseEvent
from nas.execution.executor import open_executor
from nas.stages.deliver import deliver_all
from nas.stages.search_ahead import SearchTargets, search_ahead
from nas.stages.search_subnets import search_subnets
from nas.stages.target_run import TargetRun
from nas.stages.train import train
from nas.stages.training_item import RetrainNetwork, TrainNetwork
from tests.nas import boards
from tests.nas.stages import jobs
from tests.nas.stages.elsewhere import Elsewhere, Locked, copied, hashes


@pytest.fixture(scope="module")
def trained(tmp_path_factory: pytest.TempPathFactory) -> Iterator[list[TargetRun]]:
    """Two targets of two INT8 schemes, of a job whose supernet is hardly trained, in a store that the tests copy."""
    folder = tmp_path_factory.mktemp("trained")
    with pytest.MonkeyPatch.context() as patch:
        boards.install(patch)
        budgets = [{"target": name, "latency_ms": "60%"} for name in ("board", "dpu")]
        context, job = jobs.with_target_plans(folder, targets=budgets)
        work = {"supernet_images": 512, "evaluations": 4, "finalists": 2, "tune_images": 256}
        job = replace(job, work=job.work.model_copy(update=work))
        supernet = train(context, job)
        yield [TargetRun(context, job, plan, find_target(plan.info.id), supernet) for plan in job.target_plans]


class Kept:
    """A copy of the runs that keeps its events, those of each target in their order."""

    def __init__(self, runs: list[TargetRun], folder: Path, executor: Any = None, **spec: Any) -> None:
        self.folder = folder
        self.events: dict[str | None, list[Event]] = {"board": [], "dpu": [], None: []}
        job = replace(runs[0].job, spec=runs[0].job.spec.model_copy(update=spec))
        context = replace(copied(runs[0], folder / "store", executor).context, on_event=self.keep)
        self.runs = [replace(run, context=context, job=job) for run in runs]

    def keep(self, event: Event) -> None:
        if isinstance(event, CandidateEvent):
            self.events[next(iter(event.latency_ms))].append(event)
        elif isinstance(event, FrontEvent | FinalistEvent | MeasurementEvent):
            self.events[event.target].append(event)
        elif isinstance(event, LogEvent):
            self.events[None].append(event)
        elif isinstance(event, PhaseEvent) and event.phase == "searching":
            self.events[event.target].append(event.model_copy(update={"seconds": None}))

    @property
    def comparable(self) -> dict[str | None, list[Event]]:
        """A search that is in the store reports its last front only, and workers report phases when they end."""
        return {name: [e for e in events if not _repeated(e, events)] for name, events in self.events.items()}

    def delivered(self) -> dict[str, Any]:
        outcomes = deliver_all(self.runs, self.folder / "runs")
        return {name: (hashes(list(one.finalists)), one.trained, one.estimates) for name, one in outcomes.items()}


def _repeated(event: Event, events: list[Event]) -> bool:
    estimates = [one for one in events if isinstance(one, FrontEvent) and one.of != "trained"]
    return isinstance(event, PhaseEvent) or (event in estimates and event is not estimates[-1])


def test_targets_are_delivered_alike_with_workers(trained: list[TargetRun], tmp_path: Path) -> None:
    executor = Elsewhere()
    local, other = Kept(trained, tmp_path / "local"), Kept(trained, tmp_path / "other", executor)
    assert other.delivered() == local.delivered() and other.comparable == local.comparable
    kinds = [{type(item) for item in items} for items in executor.given]
    assert kinds[0] == {SearchTargets} and kinds[-1] == {RetrainNetwork} and len(executor.given[-1]) == 2
    assert set().union(*kinds[1:-1]) == {TrainNetwork}


def test_other_processes_search_for_the_targets_at_the_same_time(trained: list[TargetRun], tmp_path: Path) -> None:
    with open_executor("processes:2") as pool:
        other = Kept(trained, tmp_path / "other", pool)
        searched = search_ahead(other.runs)
        found = [search_subnets(run) for run in searched]
    assert [run.id for run in searched] == ["board", "dpu"]
    local = Kept(trained, tmp_path / "local")
    assert found == [search_subnets(run) for run in local.runs]
    statuses = {name: [e.status for e in events if isinstance(e, PhaseEvent)] for name, events in other.events.items()}
    assert statuses == {"board": ["started", "finished"], "dpu": ["started", "finished"], None: []}
    assert all(other.runs[0].context.seconds[f"searching:{name}"] > 0 for name in ("board", "dpu"))
    assert search_ahead(other.runs) == other.runs  # all are in the store


def test_targets_that_share_evaluations_are_searched_by_one_worker(trained: list[TargetRun], tmp_path: Path) -> None:
    executor = Elsewhere()
    kept = Kept(trained, tmp_path / "other", executor)
    board, dpu = kept.runs
    tighter = replace(board, target_plan=replace(board.target_plan, limit_ms=0.9 * board.target_plan.limit_ms))
    search_ahead([board, tighter, dpu])
    names = [
        [target.info.id for target in item.targets] for item in executor.given[0] if isinstance(item, SearchTargets)
    ]
    assert names == [["board", "board"], ["dpu"]]
    same = Elsewhere()
    alike = Kept(trained, tmp_path / "alike", same).runs[:1]
    assert search_ahead(alike) == alike and not same.given


def test_candidates_are_given_to_workers_where_several_are_evaluated_at_once(
    trained: list[TargetRun], tmp_path: Path
) -> None:
    executor = Elsewhere()
    kept = Kept(trained, tmp_path / "other", executor, at_once=2)
    assert search_ahead(kept.runs) == kept.runs and not executor.given


def test_what_cannot_be_sent_is_searched_here_with_the_reason(trained: list[TargetRun], tmp_path: Path) -> None:
    executor = Elsewhere()
    kept = Kept([replace(trained[0], target=Locked()), trained[1]], tmp_path / "other", executor)
    found = [search_subnets(run) for run in search_ahead(kept.runs)]
    assert found == [search_subnets(run) for run in Kept(trained, tmp_path / "local").runs]
    (said,) = kept.events[None]
    assert isinstance(said, LogEvent) and "in this process: search for board cannot be sent" in said.message
    assert executor.ran[:1] == ["search for dpu"]
