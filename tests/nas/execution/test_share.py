"""A dispatcher with a bound on its workers, which changes while it works: the share of a cluster that others use, too."""

from collections.abc import Callable, Collection, Mapping, Sequence
from typing import Any

import pytest

from nas.events import ignore
from nas.execution.crew import Assignment, Departed, Ended, Message, Started
from nas.execution.dispatch import Dispatch
from nas.execution.packing import packed_store
from nas.execution.work import Needs
from nas.store import Store
from nas.testing.executor import Square


class Pool:
    """A crew of any size, each of whose workers ends one item at each look. It notes how many of its workers there were."""

    queued_ahead = 0

    def __init__(self) -> None:
        self.workers: list[str] = []
        self.counts: list[int] = []
        self.asked: list[int] = []
        self.given: dict[str, list[int]] = {}
        self.gone: list[Message] = []
        self.made = 0

    def recruit(self, needed: Mapping[Needs, int]) -> None:
        """Has as many as there are items."""
        self.asked.append(sum(needed.values()))
        while len(self.workers) < sum(needed.values()):
            self.made += 1
            self.workers.append(f"w{self.made}")
        self.counts.append(len(self.workers))

    def suited(self, needs: Needs) -> Sequence[str]:
        """All."""
        return list(self.workers)

    def admits(self, needs: Needs, running: Collection[Needs]) -> bool:
        """Always."""
        return True

    def assign(self, worker: str, assignment: Assignment) -> None:
        """The item waits for its turn."""
        assert worker in self.workers
        self.given.setdefault(worker, []).append(assignment.ticket)

    def cancel(self, worker: str) -> None:
        """Nothing runs."""

    def kill(self, worker: str, reason: str) -> None:
        """Ends at the next look."""
        assert not self.given.get(worker) and self.asked[-1] < len(self.workers)  # else another would be started for it
        self.gone.append(Departed(worker, reason))

    def rest(self) -> None:
        """It keeps its workers."""

    def messages(self, timeout_s: float) -> Sequence[Message]:
        """What has happened since."""
        found, self.gone = self.gone, []
        for one in found:
            assert isinstance(one, Departed)
            self.workers.remove(one.worker)
        for tickets in self.given.values():
            if tickets:
                ticket = tickets.pop(0)
                found += [Started(ticket), Ended(ticket, ticket, None)]
        return found


def dispatched(most: Callable[[], int] | None, tmp_path: Any, items: int = 12) -> tuple[Pool, int]:
    """The crew of so many items, and how many were done in one attempt."""
    pool = Pool()
    with packed_store(Store(tmp_path)) as store:
        dispatch = Dispatch(pool, [Square(n) for n in range(items)], store, ignore, lambda: False, most=most)
        outcomes = list(dispatch.outcomes())
    assert sorted(one.index for one in outcomes) == list(range(items))
    return pool, sum(one.attempts == 1 and one.error is None for one in outcomes)


def test_without_a_bound_each_item_has_a_worker(tmp_path: Any) -> None:
    pool, done = dispatched(None, tmp_path)
    assert (max(pool.counts), done) == (12, 12)


@pytest.mark.parametrize("most", [1, 3])
def test_a_bound_is_kept_and_all_is_done(most: int, tmp_path: Any) -> None:
    pool, done = dispatched(lambda: most, tmp_path)
    assert (max(pool.counts), max(pool.asked), done) == (most, most, 12)


def test_workers_make_room_when_the_bound_falls_and_no_item_is_lost(tmp_path: Any) -> None:
    bounds = iter([6] + [2] * 100)
    pool, done = dispatched(lambda: next(bounds), tmp_path, items=20)
    assert (pool.counts[0], pool.counts[-1], done) == (6, 2, 20)


def test_a_worker_with_items_queued_ahead_of_it_makes_room_when_they_are_done(
    tmp_path: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(Pool, "queued_ahead", 1)
    bounds = iter([4] * 6 + [1] * 1000)
    pool, done = dispatched(lambda: next(bounds), tmp_path, items=200)
    assert (pool.counts[0], pool.counts[12], done) == (4, 1, 200)


def test_a_bound_of_none_still_leaves_one_worker(tmp_path: Any) -> None:
    assert dispatched(lambda: 0, tmp_path)[0].made == 1
