"""Searches that suggest several architectures at once: who is whose rival, how many are suggested, and a kill at any instant."""

import math
import tempfile
from collections.abc import Callable, Sequence
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from nas.events import CandidateEvent, Event, FrontEvent, ProgressEvent, ignore
from nas.files import Files
from nas.journal import Journal
from nas.search.candidate import Candidate, Evaluation, Suggestion, front
from nas.search.problem import SearchProblem
from nas.search.region import LimitedRegion
from nas.search.study import run
from nas.search.study_journal import read_lines
from nas.testing.sampler import Searched, small_space
from search_spaces.cost import macs
from search_spaces.space import Architecture
from tests.nas.places import Killed, Mortal, place

SPACE = small_space((2, 3, 4, 6, 8), (1, 2, 3))
SEARCHED = Searched(SPACE, lambda region, trials, seed: pytest.fail("the searcher of the problem is taken"))
EVALUATIONS = 10


def problem(at_once: int, evaluations: int = EVALUATIONS) -> SearchProblem:
    """Dropped candidates cost half of the others."""
    region = LimitedRegion(SEARCHED.latency, SEARCHED.limit_ms)
    return SearchProblem(
        SPACE, region, "made-up", SEARCHED.limit_ms, evaluations, seed=3, images=100, most=60, at_once=at_once
    )


def value(architecture: Architecture) -> float:
    """Hardly depends on the multiply-accumulates; every seventh has none."""
    number = int(architecture.id, 16)
    share = macs(SPACE.network(architecture)) / macs(SPACE.network(SPACE.largest()))
    return math.nan if number % 7 == 0 else 0.1 * share + number % 997 / 1000


class Raced:
    """Drops what is worse than its rival after half of the images, dies at a given evaluation, and counts all of them."""

    def __init__(self, dies_at: int | None = None) -> None:
        self.dies_at, self.batches = dies_at, list[Sequence[Suggestion]]()

    @property
    def suggestions(self) -> list[Suggestion]:
        return [one for batch in self.batches for one in batch]

    def __call__(self, suggestions: Sequence[Suggestion]) -> list[Evaluation]:
        before = len(self.suggestions)
        if self.dies_at is not None and before <= self.dies_at < before + len(suggestions):
            raise Killed
        self.batches.append(suggestions)
        return [self._evaluation(one) for one in suggestions]

    def _evaluation(self, one: Suggestion) -> Evaluation:
        own = value(one.architecture)
        if math.isnan(own):
            return Evaluation(own)
        return Evaluation(own, 50 if one.rival is not None and own < value(one.rival) else 100)


def search(
    journal: Files, at_once: int, evaluate: Raced, on_event: Callable[[Event], None] = ignore, **changes: object
) -> list[Candidate]:
    changed = replace(problem(at_once), **changes)  # type: ignore[arg-type]
    return run(changed, evaluate, Journal(journal), on_event=on_event, cancelled=lambda: False)


@pytest.fixture(scope="module")
def whole() -> dict[int, list[Candidate]]:
    """What uninterrupted searches find."""
    return {at_once: search(place("memory", Path()), at_once, Raced()) for at_once in (1, 4)}


def test_what_a_search_finds_depends_on_how_many_it_suggests_at_once(whole: dict[int, list[Candidate]]) -> None:
    assert all(any(one.images == 50 for one in found) for found in whole.values())  # some were dropped
    assert whole[1] != whole[4] and whole[1][0] == whole[4][0]


def test_rivals_were_told_before_the_batch(whole: dict[int, list[Candidate]]) -> None:
    evaluate = Raced()
    found = {one.architecture: one for one in search(place("memory", Path()), 4, evaluate)}
    known: list[Candidate] = []
    for batch in evaluate.batches:
        for one in batch:
            latency_ms = float(problem(4).region.predict_ms(problem(4).region.encode([one.architecture]))[0])
            assert one.rival == problem(4).rival(known, latency_ms)
        known += [found[one.architecture] for one in batch if one.architecture in found]
    assert any(one.rival for one in evaluate.suggestions) and known == whole[4]


def test_no_more_are_suggested_than_are_left_to_do(whole: dict[int, list[Candidate]]) -> None:
    """Each costs one evaluation at most, so that the work is exceeded by less than one."""
    for at_once in (3, 4, 64):
        evaluate = Raced()
        found = search(place("memory", Path()), at_once, evaluate)
        failed = sum(math.isnan(value(one.architecture)) for one in evaluate.suggestions)
        work = failed + sum(problem(4).work(one.images) for one in found)
        sizes = [len(batch) for batch in evaluate.batches]
        assert EVALUATIONS <= work < EVALUATIONS + 1
        assert sizes[0] == min(at_once, EVALUATIONS) and sizes == sorted(sizes, reverse=True)
    evaluate = Raced()
    search(place("memory", Path()), 4, evaluate, most=6)
    assert [len(batch) for batch in evaluate.batches] == [4, 2]


def test_the_first_architectures_come_first_in_their_order() -> None:
    region = problem(4).region
    some = region.canonical(region.draw(*region.range_ms, 64, np.random.default_rng(0)))
    first = tuple(dict.fromkeys(SEARCHED.latency.lattice.decode(some)))[:6]
    evaluate = Raced()
    search(place("memory", Path()), 4, evaluate, first=first)
    assert tuple(one.architecture for one in evaluate.suggestions[:6]) == first
    assert len(evaluate.batches[1]) == 4


def test_an_architecture_that_comes_twice_in_a_batch_is_evaluated_once() -> None:
    only = small_space((4,), (1,))
    one = Searched(only, SEARCHED.create)
    region = LimitedRegion(one.latency, one.limit_ms)
    alone = SearchProblem(only, region, "made-up", one.limit_ms, 6, seed=0, at_once=4)
    calls: list[int] = []

    def evaluate(suggestions: Sequence[Suggestion]) -> list[Evaluation]:
        calls.append(len(suggestions))
        return [Evaluation(0.5, core_seconds=3.0) for _ in suggestions]

    found = run(alone, evaluate, Journal(place("memory", Path())), on_event=ignore, cancelled=lambda: False)
    assert calls == [1] and [c.value for c in found] == [0.5] * 6
    spent = [c.core_seconds or 0.0 for c in found]
    assert spent[0] >= 3.0 and max(spent[4:]) < 1.0  # of the second batch nothing was evaluated


def test_events_are_in_the_order_of_suggestion(whole: dict[int, list[Candidate]]) -> None:
    events: list[Event] = []
    search(place("memory", Path()), 4, Raced(), events.append)
    assert [e.architecture_id for e in events if isinstance(e, CandidateEvent)] == [c.architecture.id for c in whole[4]]
    fronts = [e for e in events if isinstance(e, FrontEvent)]
    assert [p.architecture_id for p in fronts[-1].points] == [c.architecture.id for c in front(whole[4])]
    done = [e.done for e in events if isinstance(e, ProgressEvent)]
    assert done == sorted(done) and done[-1] == EVALUATIONS and len(done) >= len(whole[4])


def live(at_once: int, deaths: list[tuple[int, float]], dies_at: int | None = None) -> tuple[list[Candidate], int]:
    """Dies at these writes or removals, each in a life of its own, or at an evaluation; what the last life finds, and how often it died."""
    died = 0
    with tempfile.TemporaryDirectory() as folder:
        files = place("memory", Path(folder))
        for lives, part in deaths:
            with pytest.MonkeyPatch.context() as patch:
                try:
                    search(Mortal.among(files, lives, part, patch), at_once, Raced())
                except Killed:
                    died += 1
        if dies_at is not None:
            try:
                search(files, at_once, Raced(dies_at))
            except Killed:
                died += 1
        lines = read_lines(Journal(files))
        evaluate = Raced()
        found = search(files, at_once, evaluate)
        names = {tuple(sorted(line["values"].items())) for line in lines}
        assert not names & {tuple(sorted(one.architecture.values)) for one in evaluate.suggestions}, "evaluated again"
        return found, died


@pytest.mark.parametrize("at_once", [1, 4])
@pytest.mark.parametrize("part", [0.0, 0.5, 1.0])
def test_a_kill_at_each_write_and_removal(whole: dict[int, list[Candidate]], at_once: int, part: float) -> None:
    at, died = 0, 1
    while died:
        found, died = live(at_once, [(at, part)])
        assert found == whole[at_once] and front(found) == front(whole[at_once])
        at += 1
    assert at > (15 if at_once == 1 else 5)


@pytest.mark.parametrize("at_once", [1, 4])
def test_a_kill_at_each_evaluation(whole: dict[int, list[Candidate]], at_once: int) -> None:
    at, died = 0, 1
    while died:
        found, died = live(at_once, [], at)
        assert found == whole[at_once]
        at += 1
    assert at > len(whole[at_once])


@settings(max_examples=15)
@given(deaths=st.lists(st.tuples(st.integers(0, 9), st.sampled_from([0.0, 0.3, 1.0])), max_size=4))
def test_several_kills_one_after_the_other(whole: dict[int, list[Candidate]], deaths: list[tuple[int, float]]) -> None:
    assert live(4, deaths)[0] == whole[4]
