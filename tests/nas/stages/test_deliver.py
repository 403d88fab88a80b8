"""Which trained network is exported, and which are displayed: made-up files on a made-up device."""

import random
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import pytest

from nas.events import Event, FrontEvent, LogEvent
from nas.job import Job
from nas.stages import deliver as stage
from nas.stages.finalist import TrainedFinalist
from nas.stages.package import Delivered
from nas.stages.target_run import TargetRun
from nas.stages.verify import FileLatency
from search_spaces.network import Network
from search_spaces.space import Architecture
from tests.nas.stages import jobs
from tests.nas.stages.jobs import board
from tests.nas.stages.test_tournament import files

__all__ = ["board"]

BUDGET_MS = 3.5


@dataclass(frozen=True)
class Answer:
    """What was exported: its index, the front's indices, and the messages."""

    delivered: int
    front: list[int]
    warnings: list[str]


def trained(job: Job) -> list[TrainedFinalist]:
    """Three networks, the best first: of 3, 2 and 1 ms, right on 0.9, 0.8 and 0.7."""
    rng, found = random.Random(0), dict[str, tuple[Architecture, Network]]()
    while len(found) < 3:
        one = job.space.sample(rng)
        network = job.space.network(one)
        found[network.id] = (one, network)
    return [
        TrainedFinalist(jobs.finalist(one, network, ms), str(number), files(value), 1)
        for number, ((one, network), ms, value) in enumerate(
            zip(found.values(), (3.0, 2.0, 1.0), (0.9, 0.8, 0.7), strict=True)
        )
    ]


def deliver(folder: Path, patch: pytest.MonkeyPatch, *file_ms: float, p50_ms: float = 0.0) -> Answer:
    """What comes of them when their files take so long, with a budget on the quiet latency."""
    context, job = jobs.with_target_plans(folder)
    events, handed, played = list[Event](), list[Delivered](), trained(job)
    run = jobs.run_of(replace(context, on_event=events.append), job)
    run = replace(run, target_plan=replace(run.target_plan, budget_ms=BUDGET_MS))

    def retrained(_run: TargetRun, network: Network, weights: str) -> Any:
        return replace(played[int(weights)].files, int8=weights)

    def measure_file(_run: TargetRun, digest: str) -> FileLatency:
        ms = file_ms[int(digest)]
        return FileLatency(ms, max(p50_ms, ms), max(p50_ms, ms), 0.0)

    def package(_run: TargetRun, delivered: Delivered, _folder: Path, **_search: object) -> None:
        handed.append(delivered)

    patch.setattr(stage, "play", lambda *_: played)
    patch.setattr(stage, "retrained", retrained)
    patch.setattr(stage, "measure_file", measure_file)
    patch.setattr(stage, "package", package)
    stage.deliver(run, folder)
    (delivered,) = handed
    ids = [one.finalist.architecture.id for one in played]
    last = [event for event in events if isinstance(event, FrontEvent) and event.of == "trained"][-1]
    return Answer(
        ids.index(delivered.trained.finalist.architecture.id),
        [ids.index(point.architecture_id) for point in last.points],
        [event.message for event in events if isinstance(event, LogEvent) and event.level == "warning"],
    )


@pytest.mark.usefixtures("board")
class TestDelivered:
    def test_the_best_is_delivered_and_the_front_is_shown(
        self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        assert deliver(tmp_path, monkeypatch, 3.1, 2.1, 1.1) == Answer(0, [2, 1, 0], [])

    def test_one_whose_file_exceeds_the_budget_is_replaced_and_not_shown(
        self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        assert deliver(tmp_path, monkeypatch, 4.0, 2.1, 1.1) == Answer(1, [2, 1], [])
        assert deliver(tmp_path, monkeypatch, 4.0, 3.9, 1.1) == Answer(2, [2], [])

    def test_where_all_miss_it_the_one_that_misses_it_least_is_delivered_with_a_warning(
        self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        answer = deliver(tmp_path, monkeypatch, 4.0, 3.8, 3.9)
        assert (answer.delivered, answer.front) == (1, [1])
        assert "The budget of 3.5 ms on board is exceeded: the model took 3.8 ms" in answer.warnings[0]

    def test_a_budget_that_a_quiet_machine_alone_keeps_is_said(
        self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        answer = deliver(tmp_path, monkeypatch, 3.1, 2.1, 1.1, p50_ms=7.9)
        assert answer.delivered == 0
        assert "the median run took 7.9 ms" in answer.warnings[0] and "--budget-on p50" in answer.warnings[0]
