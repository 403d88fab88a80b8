"""The one network for all targets: artificial trainings and evaluations on two simulated boards."""

from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any, Final

import numpy as np
import pytest

from nas.events import Event, FrontPoint, LogEvent
from nas.metric import MetricValue
from nas.result import CommonOutcome
from nas.search.region import LimitedRegion
from nas.stages import serve_all as stage
from nas.stages.deliver import Outcome
from nas.stages.finalist import Finalist, TrainedFinalist
from nas.stages.package import Delivered
from nas.stages.target_run import TargetRun
from search_spaces.network import Network
from search_spaces.space import Architecture
from tests.nas import boards
from tests.nas.stages import jobs
from tests.nas.stages.jobs import board
from tests.nas.stages.test_tournament import files

__all__ = ["board"]

NAMES: Final = "abcde"
VALUES: Final = {"a": (0.95, 0.80), "b": (0.90, 0.90), "c": (0.85, 0.95), "d": (0.91, 0.92), "e": (0.70, 0.70)}
"""Right on the board and on the DPU."""


@dataclass
class Two:
    """Two targets, and five networks that are within the limits of both.

    Attributes:
        over: (name, target) of those that exceed the budget when measured, and `(name, target, "file")` of those whose file does.
        played: names of the networks that were trained for all targets.
        kept: (target, names) that can be exported without training.
    """

    runs: tuple[TargetRun, ...]
    named: dict[str, Architecture]
    events: list[Event]
    over: set[tuple[str, ...]] = field(default_factory=set)
    played: list[str] = field(default_factory=list)
    kept: list[tuple[str, list[str]]] = field(default_factory=list)

    def name(self, network: Network) -> str:
        return next(n for n, one in self.named.items() if self.runs[0].job.space.network(one).id == network.id)

    def finalist(self, run: TargetRun, name: str) -> Finalist:
        architecture = self.named[name]
        ms = run.target_plan.budget_ms * (1.5 if (name, run.id) in self.over else 0.5)
        return jobs.finalist(architecture, run.job.space.network(architecture), ms)

    def trained(self, run: TargetRun, name: str) -> TrainedFinalist:
        return TrainedFinalist(self.finalist(run, name), name, self.files(run, name), 100)

    def files(self, run: TargetRun, name: str) -> Any:
        return files(VALUES[name][self.runs.index(run)])

    def install(self, patch: pytest.MonkeyPatch) -> None:
        def measured_finalists(run: TargetRun, architectures: Sequence[Architecture]) -> list[Finalist]:
            names = {one: name for name, one in self.named.items()}
            return [self.finalist(run, names[one]) for one in architectures]

        def play(run: TargetRun, finalists: Sequence[Finalist]) -> list[TrainedFinalist]:
            self.played += [self.name(one.network) for one in finalists]
            return [self.trained(run, self.name(one.network)) for one in finalists]

        def measured_file(run: TargetRun, trained: TrainedFinalist) -> Delivered:
            if (trained.weights, run.id, "file") in self.over:
                slow = replace(trained.finalist, profile=None, prediction=jobs.prediction(1e6))
                return Delivered(replace(trained, finalist=slow), None)
            return Delivered(trained, None)

        def remember(run: TargetRun, trained: Sequence[TrainedFinalist]) -> None:
            self.kept.append((run.id, [one.weights for one in trained]))

        patch.setattr(stage, "measured_finalists", measured_finalists)
        patch.setattr(stage, "play", play)
        patch.setattr(stage, "quantized", lambda run, network, _: self.files(run, self.name(network)))
        patch.setattr(stage, "retrained", lambda run, network, _: self.files(run, self.name(network)))
        patch.setattr(stage, "tested", lambda _c, _j, _n, found: (found.validation, found.validation))
        patch.setattr(stage, "measured_file", measured_file)
        patch.setattr(stage, "remember", remember)

    def serve(self, trained: Sequence[str], estimates: str = "") -> CommonOutcome | None:
        """What is found where each target trained some networks, the one that it exports first; estimates in falling order."""
        points = tuple(
            FrontPoint(
                architecture=str(self.named[name]),
                architecture_id=self.named[name].id,
                metric=MetricValue(name="accuracy", value=0.9 - 0.1 * number),
                latency_ms=1.0,
            )
            for number, name in enumerate(estimates)
        )
        outcomes = [
            Outcome(points, None, (), (), tuple(self.trained(run, name) for name in names), None)  # type: ignore[arg-type]
            for run, names in zip(self.runs, trained, strict=True)
        ]
        return stage.serve_all(self.runs, outcomes)

    def is_called(self, found: CommonOutcome | None) -> str | None:
        names = {one.id: name for name, one in self.named.items()}
        return None if found is None else names[found.architecture_id]


@pytest.fixture
def two(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, board: None) -> Two:
    targets = [{"target": "board", "latency_ms": "60%"}, {"target": "dpu", "latency_ms": "60%"}]
    context, job = jobs.with_target_plans(tmp_path, targets=targets)
    events: list[Event] = []
    context = replace(context, on_event=events.append)
    devices = (boards.Board(), boards.Dpu())
    runs = tuple(
        TargetRun(context, job, target_plan, device)
        for target_plan, device in zip(job.target_plans, devices, strict=True)
    )
    region = LimitedRegion(job.target_plans[0].latency, 0.9 * job.target_plans[0].limit_ms)
    codes = region.draw(*region.range_ms, 64, np.random.default_rng(0))
    distinct = list(dict.fromkeys(region.latency.lattice.decode(region.canonical(codes))))
    made = Two(runs, dict(zip(NAMES, distinct, strict=False)), events)
    made.install(monkeypatch)
    return made


def test_it_has_the_least_regret_on_the_target_where_it_is_worst(two: Two) -> None:
    """The board has a for itself and the DPU c: their regrets are 0 and 0.15, 0.1 and 0, those of b 0.05 and 0.05."""
    found = two.serve(["ab", "cb"])
    assert two.is_called(found) == "b" and found is not None
    assert {name: round(one.regret, 9) for name, one in found.targets.items()} == {"board": 0.05, "dpu": 0.05}
    assert round(found.worst_regret, 9) == 0.05
    assert found.compared == 3 and two.played == []
    assert {one.kind for one in found.targets.values()} == {"simulated"}


def test_it_can_be_exported_for_every_target(two: Two) -> None:
    two.serve(["ab", "cb"])
    assert two.kept == [("board", ["a", "b", "b"]), ("dpu", ["c", "b", "b"])]


@pytest.mark.parametrize("over", [("b", "dpu"), ("b", "dpu", "file")])
def test_one_that_exceeds_a_budget_is_left_out(two: Two, over: tuple[str, ...]) -> None:
    two.over = {over}
    assert two.is_called(two.serve(["ab", "cb"])) == "c"


def test_a_better_estimate_within_all_limits_is_trained_as_well(two: Two) -> None:
    assert two.is_called(two.serve(["a", "c"], estimates="dac")) == "d"
    assert two.played == ["d"]


def test_nothing_is_trained_where_the_best_estimate_keeps_all_budgets_already(two: Two) -> None:
    assert two.is_called(two.serve(["ab", "cb"], estimates="bd")) == "b"
    assert two.played == []


def test_where_no_trained_network_keeps_all_budgets_one_is_drawn_and_trained(two: Two) -> None:
    two.over = {("a", "dpu"), ("c", "board")}
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(stage, "_drawn", lambda _: two.named["e"])
        assert two.is_called(two.serve(["a", "c"])) == "e"
    assert two.played == ["e"]


def test_what_is_drawn_is_within_all_limits(two: Two) -> None:
    drawn = stage._drawn(two.runs)
    assert drawn is not None
    network = two.runs[0].job.space.network(drawn)
    for run in two.runs:
        assert run.runs(drawn) and run.target_plan.table.predict(network).latency_ms <= run.target_plan.limit_ms


def test_where_there_is_none_each_target_keeps_its_own_and_the_log_says_so(two: Two) -> None:
    two.over = {(name, "dpu") for name in NAMES}
    assert two.serve(["a", "c"], estimates="b") is None
    assert two.kept == []
    assert any("keeps the budgets of all targets" in e.message for e in two.events if isinstance(e, LogEvent))
