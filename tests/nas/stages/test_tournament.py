"""Which finalists continue and which is exported, with artificial trainings and evaluations."""

import random
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from nas.events import Event, FinalistEvent, FrontEvent
from nas.metrics import Scores
from nas.stages import tournament
from nas.stages.finalist import Finalist, TrainedFinalist, trained_points
from nas.stages.quantize import Quantized
from nas.stages.target_run import TargetRun
from nas.stages.tournament import play, remember, remembered
from search_spaces.network import Network
from search_spaces.space import Architecture
from tests.nas.stages import jobs
from tests.nas.stages.jobs import board

__all__ = ["board"]

IMAGES = 1000
"""Of the validation set, so that three digits are exact."""


def files(value: float) -> Quantized:
    """Judged right on so many."""
    right = round(IMAGES * value)
    return Quantized("int8", "fp32", Scores(np.array([[right, IMAGES - right], [0, 0]]), "accuracy"))


@dataclass
class Scripted:
    """Trainings that take no time, after which a network is as good as its script says of the round.

    Attributes:
        script: values by the network's name, round after round.
        trained: (name, images, round, whether a teacher was listened to) in their order.
    """

    names: Mapping[str, str]
    script: Mapping[str, Sequence[float]]
    trained: list[tuple[str, int, int, bool]] = field(default_factory=list)
    starts: list[Any] = field(default_factory=list)

    def fine_tune(
        self,
        run: TargetRun,
        network: Network,
        *,
        start: Any,
        images: int,
        number: int,
        teacher: Any,
    ) -> str:
        name = self.names[network.id]
        self.trained.append((name, images, number, teacher is not None))
        self.starts.append(start)
        return f"{name}{number}"

    def quantized(self, run: TargetRun, network: Network, weights: str) -> Quantized:
        return files(self.script[weights[0]][int(weights[1:])])


@dataclass
class Play:
    """A job of four finalists, a to d, of 1 to 4 ms."""

    run: TargetRun
    finalists: list[Finalist]
    events: list[Event]
    patch: pytest.MonkeyPatch

    def __call__(self, supernet: Any = None, **script: Sequence[float]) -> tuple[list[TrainedFinalist], Scripted]:
        names = {f.network.id: name for f, name in zip(self.finalists, "abcd", strict=True)}
        scripted = Scripted(names, script)
        self.patch.setattr(tournament, "fine_tune", scripted.fine_tune)
        self.patch.setattr(tournament, "quantized", scripted.quantized)
        return play(replace(self.run, supernet=supernet), self.finalists[: len(script)]), scripted

    def name(self, one: TrainedFinalist) -> str:
        return "abcd"[self.finalists.index(one.finalist)]


@pytest.fixture
def four(board: None, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Play:
    context, job = jobs.with_target_plans(tmp_path)
    events: list[Event] = []
    context = replace(context, on_event=events.append)
    job = replace(job, work=job.work.model_copy(update={"tune_images": 1000}))
    rng, found = random.Random(0), dict[str, Architecture]()
    while len(found) < 4:
        one = job.space.sample(rng)
        found[job.space.network(one).id] = one
    finalists = [
        jobs.finalist(one, job.space.network(one), ms)
        for ms, one in zip((1.0, 2.0, 3.0, 4.0), found.values(), strict=True)
    ]
    return Play(jobs.run_of(context, job), finalists, events, monkeypatch)


def test_the_better_half_continues_and_ties_go_to_the_faster(four: Play) -> None:
    # of b, c and d, which are equal, b is the fastest: it goes on with a
    trained, scripted = four(a=[0.9, 0.91, 0.92], b=[0.8, 0.85], c=[0.8], d=[0.8])
    assert [(name, images, number) for name, images, number, _ in scripted.trained] == [
        ("a", 250, 0), ("b", 250, 0), ("c", 250, 0), ("d", 250, 0), ("a", 250, 1), ("b", 250, 1), ("a", 500, 2)
    ]  # fmt: skip
    assert scripted.starts == [None] * 4 + ["a0", "b0", "a1"]  # a round goes on from the weights of the one before
    assert [(four.name(f), f.weights, f.images) for f in trained] == [
        ("a", "a2", 1000), ("b", "b1", 500), ("c", "c0", 250), ("d", "d0", 250)
    ]  # fmt: skip


def test_the_winner_is_the_faster_of_equals(four: Play) -> None:
    trained, _ = four(a=[0.5], b=[0.5], c=[0.8, 0.9, 0.9], d=[0.8, 0.9])
    assert [four.name(f) for f in trained[:2]] == ["c", "d"]


def test_each_judgement_is_reported(four: Play) -> None:
    four(a=[0.9, 0.91, 0.92], b=[0.8, 0.85], c=[0.8], d=[0.7])
    emitted = [e for e in four.events if isinstance(e, FinalistEvent)]
    assert [(e.round, e.rounds, e.images, e.metric.value) for e in emitted] == [
        (0, 3, 250, 0.9), (0, 3, 250, 0.8), (0, 3, 250, 0.8), (0, 3, 250, 0.7), (1, 3, 500, 0.91), (1, 3, 500, 0.85),
        (2, 3, 1000, 0.92),
    ]  # fmt: skip
    assert {e.kind for e in emitted} == {"simulated"} and emitted[0].standard_error == pytest.approx(
        (0.09 / 1000) ** 0.5
    )
    fronts = [e for e in four.events if isinstance(e, FrontEvent)]
    assert [e.of for e in fronts] == ["trained"] * 3
    assert [p.metric.value for p in fronts[-1].points] == [
        0.92
    ]  # the fastest is the best: nothing else is on the front


def test_who_makes_no_mistake_trains_no_further_than_the_second_round(four: Play) -> None:
    trained, scripted = four(a=[1.0, 1.0], b=[0.8, 0.9], c=[0.7], d=[0.6])
    assert max(number for _, _, number, _ in scripted.trained) == 1
    assert four.name(trained[0]) == "a"


def test_two_rounds_that_find_nothing_better_are_the_last(four: Play) -> None:
    trained, scripted = four(a=[0.9, 0.9, 0.9, 0.9], b=[0.8, 0.8], c=[0.7], d=[0.6])
    assert scripted.trained[-1][:3] == ("a", 500, 2) and trained[0].files.validation.value == 0.9


@dataclass
class Teacher:
    """A supernet's largest network, right on 85 of 100."""

    context: Any
    job: Any
    supernet: Any
    architecture: Any
    value: float = 0.85


def test_a_teacher_is_dropped_when_its_pupil_is_better(four: Play) -> None:
    four.patch.setattr(tournament, "SupernetTeacher", Teacher)
    _, scripted = four("supernet", a=[0.9, 0.91, 0.92], b=[0.8, 0.85], c=[0.8], d=[0.7])
    assert all(taught for _, _, number, taught in scripted.trained if number == 0)
    assert [(name, taught) for name, _, number, taught in scripted.trained if number] == [
        ("a", False), ("b", True), ("a", False)
    ]  # fmt: skip
    assert scripted.starts[:4] == ["supernet"] * 4


def test_one_finalist_is_trained_for_all_of_the_images(four: Play) -> None:
    trained, scripted = four(a=[0.5])
    assert scripted.trained == [("a", 1000, 0, False)] and trained[0].images == 1000


def test_the_front_of_what_is_trained(four: Play) -> None:
    done = [TrainedFinalist(f, "w", files(v), 1) for f, v in zip(four.finalists, (0.8, 0.7, 0.9, 0.9), strict=True)]
    points = trained_points(four.run.target_plan, done)
    assert [(p.latency_ms, p.metric.value, p.kind) for p in points] == [
        (1.0, 0.8, "simulated"),
        (3.0, 0.9, "simulated"),
    ]


def test_the_budget_is_held_against_the_latency_that_was_named(four: Play) -> None:
    finalist = four.finalists[0]
    held = [finalist.budgeted_ms(replace(four.run.target_plan, budget_on=on)) for on in ("quiet", "p50", "p95")]
    assert held == [1.0, 1.5, 2.0]
    unmeasured = replace(finalist, profile=None, prediction=jobs.prediction(7.0))
    assert (
        unmeasured.budgeted_ms(four.run.target_plan),
        unmeasured.latency_ms,
        unmeasured.kind(four.run.target_plan),
    ) == (
        7.0,
        7.0,
        "predicted",
    )


def test_what_was_trained_is_remembered_for_the_same_work_only(four: Play) -> None:
    trained, _ = four(a=[0.9, 0.91, 0.92], b=[0.8, 0.85], c=[0.8], d=[0.7])
    run = four.run
    assert remembered(run, four.finalists[0]) is None
    remember(run, trained[:3])
    again = remembered(run, four.finalists[1])
    assert again is not None and (again.weights, again.images) == ("b1", 500)
    assert again.files.validation.value == 0.85
    assert remembered(run, four.finalists[3]) is None

    def with_work(**fields: int) -> TargetRun:
        return replace(run, job=replace(run.job, work=run.job.work.model_copy(update=fields)))

    assert remembered(with_work(resolution=8), four.finalists[1]) is not None  # as the run's own spec has it
    assert remembered(with_work(tune_images=2000), four.finalists[1]) is None
