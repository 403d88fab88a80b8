"""Who gets which item, with workers of a test that does what they would: started, ended, lost, too slow."""

from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from hw_targets.stopping import never
from nas.errors import Cancelled, OutOfWorkerMemory, UnmetNeeds, WorkerLost
from nas.events import Event, LogEvent, ignore
from nas.execution import dispatch
from nas.execution.crew import Assignment, Departed, Ended, Message, Notice, Started, Unmet
from nas.execution.dispatch import Dispatch
from nas.execution.packing import PackedStore, error_document, unpack_item
from nas.execution.work import OUT_OF_MEMORY, Needs, Site, WorkItem, WorkOutcome, run_item, worker_lost
from nas.store import Store

STORE = PackedStore(b"", "", "", "nowhere")


@dataclass(frozen=True)
class Number:
    """An item that is its number."""

    number: int
    needs: Needs = field(default_factory=Needs)

    @property
    def name(self) -> str:
        return f"item {self.number}"

    def run(self, site: Site) -> int:
        return self.number


@dataclass
class Crew:
    """Workers `a`, `b`, ... that a function moves on whenever messages are asked for."""

    names: list[str]
    moves: Callable[["Crew"], list[Message]]
    queued_ahead: int = 0
    given: list[tuple[str, Assignment]] = field(default_factory=list)
    history: list[tuple[str, int]] = field(default_factory=list)
    killed: list[tuple[str, str]] = field(default_factory=list)
    cancelled: list[str] = field(default_factory=list)
    rested: int = 0

    def recruit(self, needed: Mapping[Needs, int]) -> None:
        assert all(count > 0 for count in needed.values())

    def suited(self, needs: Needs) -> Sequence[str]:
        return self.names

    def admits(self, needs: Needs, running: Collection[Needs]) -> bool:
        return True

    def assign(self, worker: str, assignment: Assignment) -> None:
        self.given.append((worker, assignment))
        item = unpack_item(assignment.item)
        assert isinstance(item, Number)
        self.history.append((worker, item.number))
        assert sum(name == worker for name, _ in self.given) <= 1 + self.queued_ahead

    def cancel(self, worker: str) -> None:
        self.cancelled.append(worker)

    def kill(self, worker: str, reason: str) -> None:
        self.killed.append((worker, reason))
        self.given = [(name, one) for name, one in self.given if name != worker]

    def rest(self) -> None:
        self.rested += 1

    def messages(self, timeout_s: float) -> Sequence[Message]:
        gone: list[Message] = [Departed(worker, reason) for worker, reason in self.killed]
        self.killed = []
        return gone or self.moves(self)

    def end(self, position: int = 0) -> list[Message]:
        """The first item of those that are given ends."""
        if not self.given:
            return []
        _, one = self.given.pop(position)
        return [Started(one.ticket), Ended(one.ticket, run_item(unpack_item(one.item), Site(Store("unused"))), None)]

    def lose(self, worker: str, reason: str = "was lost") -> list[Message]:
        """A worker goes with all that it had."""
        self.given = [(name, one) for name, one in self.given if name != worker]
        return [Departed(worker, reason)]


def run(crew: Crew, items: Sequence[WorkItem], **options: object) -> list[WorkOutcome]:
    found = list(Dispatch(crew, items, STORE, **{"on_event": ignore, "cancelled": never, **options}).outcomes())  # type: ignore[arg-type]
    return sorted(found, key=lambda outcome: outcome.index)


def test_waiting_items_go_to_idle_workers_in_their_order() -> None:
    crew = Crew(["a", "b"], lambda crew: crew.end())
    assert [outcome.value for outcome in run(crew, [Number(n) for n in range(4)])] == [0, 1, 2, 3]
    assert crew.history == [("a", 0), ("b", 1), ("a", 2), ("b", 3)] and crew.rested == 1


@given(st.integers(0, 12), st.integers(1, 4), st.integers(0, 2), st.randoms(use_true_random=False))
def test_every_item_has_one_outcome_whoever_is_lost(items: int, workers: int, ahead: int, rng: "object") -> None:
    lost: list[str] = []

    def moves(crew: Crew) -> list[Message]:
        choice = rng.random()  # type: ignore[attr-defined]
        if choice < 0.3 and crew.given:
            lost.append("")
            return crew.lose(rng.choice(crew.names))  # type: ignore[attr-defined]
        return crew.end(rng.randrange(len(crew.given))) if crew.given else []  # type: ignore[attr-defined]

    outcomes = run(Crew([str(n) for n in range(workers)], moves, ahead), [Number(n) for n in range(items)])
    assert [outcome.index for outcome in outcomes] == list(range(items))
    for outcome in outcomes:
        if outcome.error is None:
            assert outcome.value == outcome.index and 1 <= outcome.attempts <= 3
        else:
            assert isinstance(outcome.error, WorkerLost) and outcome.attempts == 3 <= len(lost)


def test_only_the_item_that_a_lost_worker_worked_on_counts_as_tried() -> None:
    steps = iter(range(99))

    def moves(crew: Crew) -> list[Message]:
        if next(steps) == 4:
            assert [name for name, _ in crew.given] == ["a", "a"]  # one in its hands, one queued ahead
            return crew.lose("a")
        return crew.end()

    events: list[Event] = []
    outcomes = run(Crew(["a"], moves, 1), [Number(n) for n in range(9)], on_event=events.append)
    assert [outcome.value for outcome in outcomes] == list(range(9))
    assert sorted(outcome.attempts for outcome in outcomes) == [1] * 8 + [2]
    assert all(
        "is tried again: its worker was lost" in event.message for event in events if isinstance(event, LogEvent)
    )


def test_long_items_are_not_queued_ahead(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(dispatch, "SHORT_S", 0.0)
    crew = Crew(["a", "b"], lambda crew: crew.end(), queued_ahead=1)

    def one_each(crew: Crew) -> list[Message]:
        assert len({name for name, _ in crew.given}) == len(crew.given)
        return crew.end()

    crew.moves = one_each
    assert len(run(crew, [Number(n) for n in range(8)])) == 8


def test_a_worker_that_is_too_slow_is_killed_and_its_item_given_to_another() -> None:
    begun: list[int] = []

    def moves(crew: Crew) -> list[Message]:
        ticket = crew.given[0][1].ticket
        if ticket not in begun:
            begun.append(ticket)
            return [Started(ticket)]
        return crew.end() if len(begun) == 3 else []

    (outcome,) = run(Crew(["a"], moves), [Number(5)], deadline_s=0.01)
    assert (outcome.value, outcome.attempts) == (5, 3)


def test_memory_that_runs_out_every_time_is_an_error_of_its_own() -> None:
    (outcome,) = run(Crew(["a"], lambda crew: crew.lose("a", OUT_OF_MEMORY)), [Number(5)])
    assert isinstance(outcome.error, OutOfWorkerMemory) and "item 5" in outcome.error.detail
    assert isinstance(worker_lost("x", [OUT_OF_MEMORY, "was lost"]), WorkerLost)


def test_needs_that_nobody_meets_and_what_a_crew_has_to_say() -> None:
    large = Needs(cores=99)
    error = UnmetNeeds("No node has 99 cores.", fix="Add one.")
    said: Iterator[list[Message]] = iter([[Unmet(large, error_document(error))], [Notice("Waits.", "warning")]])
    events: list[Event] = []
    crew = Crew(["a"], lambda crew: next(said, []) or crew.end())
    crew.suited = lambda needs: [] if needs == large else ["a"]  # type: ignore[method-assign]
    outcomes = run(crew, [Number(1, large), Number(2)], on_event=events.append)
    assert (str(outcomes[0].error), outcomes[0].attempts, outcomes[1].value) == (str(error), 0, 2)
    assert events == [LogEvent(level="warning", message="Waits.")]


def test_workers_that_do_not_stop_are_killed(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(dispatch, "GRACE_S", 0.05)
    asked: list[bool] = []

    def stops() -> bool:
        asked.append(True)
        return len(asked) > 2

    def moves(crew: Crew) -> list[Message]:
        if crew.cancelled:
            crew.given = [(name, one) for name, one in crew.given if name == "b"]
            return [Departed("a", "has stopped")]
        return []

    crew = Crew(["a", "b"], moves)
    with pytest.raises(Cancelled):
        run(crew, [Number(1), Number(2)], cancelled=stops)
    assert sorted(crew.cancelled) == ["a", "b"] and crew.killed == [("b", "did not stop")]


def test_a_users_module_is_sent_by_value_where_workers_have_other_files(tmp_path: Path) -> None:
    import importlib
    import sys

    from nas.execution.packing import pack_item

    (tmp_path / "helpers_of_mine.py").write_text("def twice(x):\n    return 2 * x\n")
    (tmp_path / "items_of_mine.py").write_text(
        "import helpers_of_mine\nfrom nas.execution.work import Needs\n"
        "class Item:\n    name, needs = 'mine', Needs()\n    def run(self, site):\n        return helpers_of_mine.twice(4)\n"
    )
    sys.path.insert(0, str(tmp_path))
    try:
        item = importlib.import_module("items_of_mine").Item()
        packed = {by_value: pack_item(item, by_value=by_value) for by_value in (False, True)}
    finally:
        sys.path.remove(str(tmp_path))
        for name in ("items_of_mine", "helpers_of_mine"):
            del sys.modules[name]
    assert unpack_item(packed[True]).run(Site(Store("unused"))) == 8
    from nas.errors import UnsendableWork

    with pytest.raises(UnsendableWork, match="items_of_mine"):
        unpack_item(packed[False])
