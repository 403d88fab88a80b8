"""Gives items to workers, again where a worker was lost, and yields their outcomes. Not here: the workers (`crew.py`)."""

import itertools
import time
from collections import Counter, deque
from collections.abc import Callable, Iterator, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from typing import Final

from nas.errors import Cancelled
from nas.events import EVENT, EventSink, LogEvent
from nas.execution.crew import Assignment, Crew, Departed, Emitted, Ended, Notice, Started, Unmet
from nas.execution.packing import PackedStore, pack_item, restored_error
from nas.execution.work import Needs, WorkItem, WorkOutcome, worker_lost
from search_spaces.errors import HwnasError

ATTEMPTS: Final = 3
POLL_S: Final = 0.2
GRACE_S: Final = 15.0
"""A worker that has not stopped this long after it was asked to is killed."""
STARTUP_S: Final = 180.0
"""A worker that has not begun its item after this is killed."""
AHEAD_S: Final = 0.8
"""Work that is queued ahead at a worker, at most, or one item."""
SHORT_S: Final = 1.0
"""Items are queued ahead at workers only where they are shorter than this on average."""

_tickets = itertools.count(1)


@dataclass(slots=True)
class _Attempt:
    index: int
    worker: str
    assigned: float
    started: float | None = None


@dataclass
class Dispatch:
    """One `map` over a crew.

    Attributes:
        crew: the workers.
        items: in their order.
        store: that they work in.
        on_event: receives their events.
        cancelled: whether the caller requested a stop.
        deadline_s: of one attempt.
        by_value: whether code that is not installed goes along with an item.
        most: the most workers that it may have, asked often, for a cluster that others use too; None for no bound.
    """

    crew: Crew
    items: Sequence[WorkItem]
    store: PackedStore
    on_event: EventSink
    cancelled: Callable[[], bool]
    deadline_s: float | None = None
    by_value: bool = False
    most: Callable[[], int] | None = None
    _waiting: dict[Needs, deque[int]] = field(default_factory=dict)
    _running: dict[int, _Attempt] = field(default_factory=dict)
    _lost: dict[int, list[str]] = field(default_factory=dict)
    _ended: list[WorkOutcome] = field(default_factory=list)
    _surplus: set[str] = field(default_factory=set)
    _killed: set[str] = field(default_factory=set)
    _seconds: deque[float] = field(default_factory=lambda: deque(maxlen=32))

    def outcomes(self) -> Iterator[WorkOutcome]:
        """The outcome of each item, as they end.

        Raises:
            Cancelled: the caller requested a stop, and all workers have stopped.
        """
        for index, item in enumerate(self.items):
            self._waiting.setdefault(item.needs, deque()).append(index)
        try:
            while any(self._waiting.values()) or self._running or self._ended:
                self._check_cancelled()
                self._assign()
                yield from self._take_ended()
                if self._running or any(self._waiting.values()):
                    self._receive(POLL_S)
                    self._kill_overdue()
                    yield from self._take_ended()
        finally:
            self._stop()

    def _take_ended(self) -> Iterator[WorkOutcome]:
        while self._ended:
            yield self._ended.pop(0)

    def _check_cancelled(self) -> None:
        if self.cancelled():
            self._stop()
            raise Cancelled(
                "The work was cancelled; what was computed is stored.", fix="Run the same command again to continue it."
            )

    def _assign(self) -> None:
        """Gives waiting items to workers that can take one more."""
        needed = Counter({needs: len(indices) for needs, indices in self._waiting.items()})
        needed.update(self.items[attempt.index].needs for attempt in self._running.values())
        loads = Counter(attempt.worker for attempt in self._running.values())
        if self.most is not None:
            needed = self._within_share(needed, loads, max(1, self.most()))
        self.crew.recruit({needs: count for needs, count in needed.items() if count})
        self._dismiss(loads)
        running = [self.items[attempt.index].needs for attempt in self._running.values()]
        for needs in sorted((n for n, w in self._waiting.items() if w), key=lambda n: self._waiting[n][0]):
            workers = [one for one in self.crew.suited(needs) if one not in self._surplus]
            for load in range(self._depth(needs, len(workers))):
                for worker in (one for one in workers if loads[one] == load):
                    if not self._waiting[needs]:
                        break
                    if load or self.crew.admits(needs, running):
                        self._give(worker, self._waiting[needs].popleft())
                        loads[worker] += 1
                        running.append(needs)

    def _within_share(self, needed: Counter[Needs], loads: Counter[str], most: int) -> Counter[Needs]:
        """What is needed, cut to so many workers. Those above that get no further item, and are ended once they are idle."""
        had = {worker for needs in needed for worker in self.crew.suited(needs)} - self._killed
        self._surplus = {*sorted(had, key=lambda one: (not loads[one], one))[most:], *self._killed}
        running = Counter(self.items[attempt.index].needs for attempt in self._running.values())
        left = max(0, most - len({attempt.worker for attempt in self._running.values()}))
        cut: Counter[Needs] = Counter()
        for needs, count in needed.items():
            more = min(count - running[needs], left)
            cut[needs] = running[needs] + more
            left -= more
        return cut

    def _dismiss(self, loads: Counter[str]) -> None:
        """Ends surplus workers that are idle; after the crew was told that it needs fewer, so that it starts no others."""
        for worker in sorted(self._surplus - self._killed):
            if not loads[worker]:
                self._killed.add(worker)
                self.crew.kill(worker, "made room for others")

    def _depth(self, needs: Needs, workers: int) -> int:
        """How many items a worker may have: several only of short ones, and no more than wait for each worker, so that all end together."""
        mean = sum(self._seconds) / len(self._seconds) if self._seconds else SHORT_S
        if mean >= SHORT_S or len(self._waiting[needs]) <= workers:
            return 1
        queued = max(1, int(AHEAD_S / max(mean, 1e-6)))
        return 1 + min(self.crew.queued_ahead, queued, len(self._waiting[needs]) // max(1, workers))

    def _give(self, worker: str, index: int) -> None:
        try:
            packed = pack_item(self.items[index], by_value=self.by_value)
        except HwnasError as error:
            self._ended.append(WorkOutcome(index, None, error, attempts=0, worker=""))
            return
        ticket = next(_tickets)
        self._running[ticket] = _Attempt(index, worker, time.monotonic())
        self.crew.assign(worker, Assignment(ticket, packed, self.store, self.items[index].needs.cores))

    def _receive(self, timeout_s: float) -> None:
        """Handles what the workers sent; what belongs to no attempt of this map is of an earlier one and ignored."""
        for message in self.crew.messages(timeout_s):
            match message:
                case Notice(text, level):
                    self.on_event(LogEvent(level=level, message=text))
                case Unmet(needs, document):
                    self._ended += [
                        WorkOutcome(index, None, restored_error(document), attempts=0, worker="")
                        for index in self._waiting.pop(needs, ())
                    ]
                case Departed(worker, reason):
                    self._killed.discard(worker)
                    self._retry(worker, reason)
                case Started(ticket) if ticket in self._running:
                    self._running[ticket].started = time.monotonic()
                case Emitted(ticket, event) if ticket in self._running:
                    self.on_event(EVENT.validate_json(event))
                case Ended(ticket, value, document) if ticket in self._running:
                    attempt = self._running.pop(ticket)
                    self._seconds.append(time.monotonic() - (attempt.started or attempt.assigned))
                    error = None if document is None else restored_error(document)
                    lost = tuple(self._lost.get(attempt.index, ()))
                    self._ended.append(WorkOutcome(attempt.index, value, error, 1 + len(lost), attempt.worker, lost))
                case _:
                    pass

    def _retry(self, worker: str, reason: str) -> None:
        """Lets the items of a lost worker wait again, before others; the one that it worked on counts as tried."""
        tickets = [ticket for ticket, attempt in self._running.items() if attempt.worker == worker]
        for order, attempt in reversed(list(enumerate(self._running.pop(ticket) for ticket in tickets))):
            item, reasons = self.items[attempt.index], self._lost.setdefault(attempt.index, [])
            if order == 0:  # it alone was begun, or about to be
                reasons.append(reason)
            if len(reasons) >= ATTEMPTS:
                error = worker_lost(item.name, reasons)
                self._ended.append(WorkOutcome(attempt.index, None, error, len(reasons), worker, tuple(reasons)))
                continue
            self.on_event(LogEvent(level="warning", message=f"{item.name} is tried again: its worker {reason}."))
            self._waiting.setdefault(item.needs, deque()).appendleft(attempt.index)

    def _kill_overdue(self) -> None:
        now = time.monotonic()
        for attempt in list(self._running.values()):
            if attempt.started is None and now - attempt.assigned > STARTUP_S and self._is_alone(attempt):
                self.crew.kill(attempt.worker, f"did not begin within {STARTUP_S:g} s")
            elif self.deadline_s is not None and attempt.started and now - attempt.started > self.deadline_s:
                self.crew.kill(attempt.worker, f"was not done within {self.deadline_s:g} s")

    def _is_alone(self, attempt: _Attempt) -> bool:
        return sum(other.worker == attempt.worker for other in self._running.values()) == 1

    def _stop(self) -> None:
        """Ends what still runs: workers are asked to stop, and killed where they do not. A crew that is gone has none."""
        with suppress(HwnasError):
            self._stop_workers()
            self.crew.rest()
        self._running.clear()
        self._waiting.clear()

    def _stop_workers(self) -> None:
        for worker in {attempt.worker for attempt in self._running.values()}:
            self.crew.cancel(worker)
        until = time.monotonic() + GRACE_S
        while self._running and time.monotonic() < until:
            for message in self.crew.messages(POLL_S):
                if isinstance(message, Ended):
                    self._running.pop(message.ticket, None)
                elif isinstance(message, Emitted) and message.ticket in self._running:
                    self.on_event(EVENT.validate_json(message.event))  # such as of a last checkpoint
                elif isinstance(message, Departed):
                    self._running = {t: a for t, a in self._running.items() if a.worker != message.worker}
        for worker in {attempt.worker for attempt in self._running.values()}:
            self.crew.kill(worker, "did not stop")
