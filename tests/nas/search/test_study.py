"""The study on a small space with a made-up accuracy: limits kept, the optimum found, an interrupted run continued."""

import json
import math
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from latency_models.additive import MACS
from latency_models.compiled import compile_cost
from nas.errors import Cancelled, FailedEvaluations, StoreCorrupt
from nas.events import EVENT, CandidateEvent, Event, FrontEvent, ProgressEvent
from nas.files import Files
from nas.journal import Journal
from nas.objective import Objective
from nas.search.candidate import Candidate, Evaluation, Suggestion, front, on_all_images, one_by_one
from nas.search.front import hypervolume
from nas.search.problem import SearchProblem
from nas.search.study import run
from search_spaces.cost import macs
from search_spaces.lattice import IntArray, Lattice
from search_spaces.registry import space
from search_spaces.space import Architecture, Choice

SPACE = space("resnet", resolution=12, channels=1, classes=4)
LIMIT_MS = 1.0


class MacsRegion:
    """Latency is MACs in millions: a region without a table, by rejection."""

    def __init__(self) -> None:
        self.lattice = Lattice.of(SPACE)
        self.cost = compile_cost(MACS, self.lattice)

    @property
    def choices(self) -> tuple[Choice, ...]:
        return SPACE.choices

    @property
    def range_ms(self) -> tuple[float, float]:
        return macs(SPACE.network(SPACE.smallest())) / 1e6, LIMIT_MS

    limited = True

    @property
    def enumerated(self) -> None:
        return None

    def predict_ms(self, codes: IntArray) -> np.ndarray[tuple[int], np.dtype[np.float64]]:
        return self.cost.predict(codes) / 1e6

    def constraints(self, codes: IntArray) -> dict[str, np.ndarray[tuple[int], np.dtype[np.float64]]]:
        return {"latency": self.predict_ms(codes) / LIMIT_MS - 1}

    def draw(self, low_ms: float, high_ms: float, count: int, rng: np.random.Generator) -> IntArray:
        codes = np.stack([rng.integers(len(c.values), size=min(count, 64)) for c in self.choices], axis=1)
        latency = self.predict_ms(codes)
        return codes[(latency >= low_ms) & (latency <= high_ms)]

    def encode(self, architectures: list[Architecture]) -> IntArray:
        return self.lattice.encode(architectures)

    def canonical(self, codes: IntArray) -> IntArray:
        return self.lattice.canonical(codes)

    def admitted(self, codes: IntArray) -> IntArray:
        return self.canonical(codes[self.predict_ms(codes) <= LIMIT_MS])


REGION = MacsRegion()


def accuracy(architecture: Architecture) -> float:
    """Made up: grows with MACs and prefers deep second stages."""
    return 0.1 * math.log10(macs(SPACE.network(architecture))) + 0.05 * int(dict(architecture.values)["s2.depth"])


def problem(evaluations: int = 24, objective: Objective = "front") -> SearchProblem:
    return SearchProblem(SPACE, REGION, "cpu", LIMIT_MS, evaluations, seed=3, objective=objective)


def search(
    journal: Path, evaluations: int = 24, events: list[Event] | None = None, objective: Objective = "front"
) -> list[Candidate]:
    sink = events.append if events is not None else lambda event: None
    return run(
        problem(evaluations, objective),
        on_all_images(accuracy),
        Journal(Files.at(journal)),
        on_event=sink,
        cancelled=lambda: False,
    )


def test_every_candidate_keeps_the_limit_and_is_new(tmp_path: Path) -> None:
    found = search(tmp_path / "j")
    assert len(found) == 24
    assert len({c.architecture for c in found}) == 24
    assert max(c.latency_ms for c in found) <= LIMIT_MS


def test_beats_uniform_sampling(tmp_path: Path) -> None:
    guided = max(c.value for c in search(tmp_path / "j", evaluations=40))
    rng = np.random.default_rng(0)
    uniform = np.concatenate([REGION.draw(0.0, LIMIT_MS, 64, rng) for _ in range(3)])[:40]
    assert guided > max(accuracy(a) for a in REGION.lattice.decode(uniform))


@pytest.mark.parametrize(
    ("objective", "kept"), [("front", 0), ("front", 1), ("front", 9), ("front", 23), ("metric", 9), ("reward", 9)]
)
def test_an_interrupted_search_goes_the_same_way(tmp_path: Path, objective: Objective, kept: int) -> None:
    whole = search(tmp_path / "whole", objective=objective)
    cut = Journal(Files.at(tmp_path / "cut"))
    for line in Journal(Files.at(tmp_path / "whole")).read()[:kept]:
        cut.append(line)
    assert search(tmp_path / "cut", objective=objective) == whole


def test_the_best_metric_alone_is_found_at_the_limit_and_the_reward_below_it(tmp_path: Path) -> None:
    """The made-up accuracy grows with latency; 0.05 a decade is less than what MnasNet's reward takes for it."""
    best = {
        objective: np.mean([c.latency_ms for c in search(tmp_path / objective, 40, objective=objective)[20:]])
        for objective in ("metric", "reward")
    }
    assert best["metric"] > best["reward"]


@one_by_one
def halved(suggestion: Suggestion) -> Evaluation:
    """Half of the images say of each that is worse than its rival that it is."""
    value = accuracy(suggestion.architecture)
    worse = suggestion.rival is not None and value < accuracy(suggestion.rival)
    return Evaluation(value, 50 if worse else 100)


def raced(journal: Path, evaluations: int, calibration: float) -> list[Candidate]:
    one = replace(problem(evaluations), images=100, calibration=calibration, most=1000, searcher="random")
    return run(one, halved, Journal(Files.at(journal)), on_event=lambda e: None, cancelled=lambda: False)


def test_dropped_candidates_leave_work_for_others(tmp_path: Path) -> None:
    found = raced(tmp_path / "j", 40, calibration=0.0)
    work = [0.5 if c.images == 50 else 1.0 for c in found]
    assert sum(work) >= 40 > sum(work[:-1]) and 40 < len(found) <= 80
    assert len(raced(tmp_path / "k", 40, calibration=100.0)) < len(found)  # a dropped one costs three quarters


def test_a_rival_is_as_fast_and_was_evaluated_on_all_images(tmp_path: Path) -> None:
    found = raced(tmp_path / "j", 12, calibration=0.0)
    whole = [c for c in found if c.images == 100]
    for number, candidate in enumerate(found):
        before = [c for c in found[:number] if c.images == 100 and c.latency_ms <= candidate.latency_ms]
        assert (candidate.images == 50) == any(c.value > candidate.value for c in before)
    assert {c.architecture for c in front(found)} <= {c.architecture for c in whole}


def some_fail(architecture: Architecture) -> float:
    return math.nan if int(architecture.id, 16) % 8 == 0 else accuracy(architecture)


@pytest.mark.parametrize("kept", [3, 11, 23])
def test_failed_evaluations_are_counted_and_a_search_with_them_goes_the_same_way(tmp_path: Path, kept: int) -> None:
    def search_failing(name: str) -> list[Candidate]:
        journal = Journal(Files.at(tmp_path / name))
        return run(problem(40), on_all_images(some_fail), journal, on_event=lambda e: None, cancelled=lambda: False)

    whole, lines = search_failing("whole"), Journal(Files.at(tmp_path / "whole")).read()
    assert len(lines) == 40 and 0 < 40 - len(whole) == sum("failed" in line for line in lines)
    cut = Journal(Files.at(tmp_path / "cut"))
    for line in lines[:kept]:
        cut.append(line)
    assert search_failing("cut") == whole


def test_a_search_ends_where_most_evaluations_fail_and_keeps_the_others(tmp_path: Path) -> None:
    journal, evaluated = Journal(Files.at(tmp_path / "j")), list[Architecture]()

    def broken(architecture: Architecture) -> float:
        evaluated.append(architecture)
        return math.nan if len(evaluated) > 10 else accuracy(architecture)

    with pytest.raises(FailedEvaluations, match="5 of 15 evaluations gave no number") as caught:
        run(problem(), on_all_images(broken), journal, on_event=lambda e: None, cancelled=lambda: False)
    assert caught.value.facts["failed"] == 5
    assert [("failed" in line) for line in journal.read()] == [False] * 10 + [True] * 5


def test_a_journal_of_another_space_is_rejected_and_kept(tmp_path: Path) -> None:
    journal = Journal(Files.at(tmp_path / "j"))
    journal.append({"values": {"width": 3}, "value": 0.5, "latency_ms": 0.1})
    with pytest.raises(StoreCorrupt, match="not of the space resnet"):
        search(tmp_path / "j")
    assert len(journal.read()) == 1


def test_cancelling_keeps_the_trials(tmp_path: Path) -> None:
    polls = iter([False] * 5 + [True])
    with pytest.raises(Cancelled):
        run(
            problem(),
            on_all_images(accuracy),
            Journal(Files.at(tmp_path / "j")),
            on_event=lambda e: None,
            cancelled=lambda: next(polls),
        )
    assert len(Journal(Files.at(tmp_path / "j")).read()) == 5


def test_events_tell_every_candidate_and_the_growing_front(tmp_path: Path) -> None:
    events: list[Event] = []
    found = search(tmp_path / "j", events=events)
    assert [e.architecture_id for e in events if isinstance(e, CandidateEvent)] == [c.architecture.id for c in found]
    last = [e for e in events if isinstance(e, FrontEvent)][-1]
    assert [p.architecture_id for p in last.points] == [c.architecture.id for c in front(found)]
    assert [e.done for e in events if isinstance(e, ProgressEvent)] == list(range(1, 25))


def test_events_tell_what_is_cheaply_known(tmp_path: Path) -> None:
    events: list[Event] = []
    found = search(tmp_path / "j", events=events)
    for candidate, event in zip(found, (e for e in events if isinstance(e, CandidateEvent)), strict=True):
        assert event.choices == dict(candidate.architecture.values)
        assert event.macs == macs(SPACE.network(candidate.architecture)) == pytest.approx(1e6 * candidate.latency_ms)
        assert event.params and event.weight_bytes and event.weight_bytes > event.params
        assert event.peak_memory_bytes and event.peak_memory_bytes >= 2 * 144  # the input's map and the stem's at least
    fronts = [e for e in events if isinstance(e, FrontEvent)]
    areas = [e.hypervolume for e in fronts if e.hypervolume is not None]
    assert len(areas) == len(fronts) and areas == sorted(areas) and areas[0] > 0
    last = fronts[-1]
    assert last.limit_ms == LIMIT_MS and last.predicted_error is None
    assert areas[-1] == hypervolume(
        [p.metric.value for p in last.points], [p.latency_ms for p in last.points], limit=LIMIT_MS
    )


def test_events_of_earlier_versions_are_read() -> None:
    candidate = {
        "type": "candidate", "number": 0, "architecture": "a=1", "architecture_id": "x",
        "metric": {"name": "accuracy", "value": 0.5},
        "latency_ms": {"cpu": 1.0}, "feasible": {"cpu": True},
    }  # fmt: skip
    front_before = {"type": "front", "target": "cpu", "budget_ms": 1.0, "evaluations": 1, "points": []}
    metric = {"type": "metric", "phase": "training", "name": "loss_largest", "step": 0, "value": 1.0}
    phase = {"type": "phase", "phase": "training", "status": "finished", "target": None, "seconds": 1.0}
    for old in (candidate, front_before, metric, phase):
        assert EVENT.validate_json(json.dumps(old)).type == old["type"]


def test_a_search_that_continues_emits_again_what_it_found_before(tmp_path: Path) -> None:
    first: list[Event] = []
    search(tmp_path / "journal", evaluations=5, events=first)
    second: list[Event] = []
    search(tmp_path / "journal", evaluations=8, events=second)

    def emitted(events: list[Event]) -> list[CandidateEvent]:
        return [event for event in events if isinstance(event, CandidateEvent)]

    assert [event.number for event in emitted(second)] == list(range(8))
    assert emitted(second)[:5] == emitted(first)


def test_a_journal_of_an_earlier_version_without_times_is_continued(tmp_path: Path) -> None:
    whole = search(tmp_path / "whole")
    assert all(one.seconds is not None and one.core_seconds is not None and one.finished_unix_s for one in whole)
    older = Journal(Files.at(tmp_path / "older"))
    for line in Journal(Files.at(tmp_path / "whole")).read()[:10]:
        older.append({name: line[name] for name in ("values", "value", "latency_ms")})
    continued = search(tmp_path / "older")
    assert continued == whole
    assert [one.seconds is None for one in continued] == [True] * 10 + [False] * 14
