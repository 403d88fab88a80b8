"""A worker on a Ray cluster: an actor with a `Bench`, whose messages are fetched by long polls. Its class is plain; Ray is not needed."""

import os
import threading
import time
from collections import deque
from collections.abc import Callable, Sequence
from typing import Final

from nas.execution.bench import Bench
from nas.execution.crew import Assignment, Ended, FromWorker, Started
from nas.files import FileSystem

POLL_S: Final = 2.0
"""A poll without a message returns after this, which shows that the worker is alive."""
STARTED_S: Final = 0.3
"""That an item has begun is not worth a reply of its own where it ends within this."""
TOGETHER_S: Final = 0.5
"""The ends of short items wait for each other so long, while the worker has more of them."""
BATCH: Final = 200
"""Messages of one reply, so that it stays small."""


class Outbox:
    """Messages for the next poll."""

    def __init__(self) -> None:
        self._messages: deque[tuple[float, FromWorker]] = deque()
        self._changed = threading.Condition()

    def put(self, message: FromWorker) -> None:
        """Adds a message."""
        with self._changed:
            self._messages.append((time.monotonic(), message))
            if not isinstance(message, Started):
                self._changed.notify_all()

    def take(self, timeout_s: float, *, busy: Callable[[], bool] = lambda: False) -> list[FromWorker]:
        """The messages so far; waits for one.

        While the worker is `busy` with items that it has already, the ends of several are one reply.
        """
        until = time.monotonic() + timeout_s
        with self._changed:
            while (wait := min(until - time.monotonic(), self._patience(busy))) > 0:
                self._changed.wait(wait)
            return [self._messages.popleft()[1] for _ in range(min(BATCH, len(self._messages)))]

    def _patience(self, busy: Callable[[], bool]) -> float:
        """How much longer the first message may wait, seconds; without one, for ever."""
        if not self._messages:
            return POLL_S
        age = time.monotonic() - self._messages[0][0]
        kinds = {type(message) for _, message in self._messages}
        if kinds == {Started}:
            return STARTED_S - age
        return TOGETHER_S - age if kinds <= {Started, Ended} and busy() else 0.0


class ClusterWorker:
    """The methods that the hub calls; they run in threads beside the items."""

    def __init__(self) -> None:
        self._outbox = Outbox()
        self._bench = Bench(self._outbox.put)
        threading.Thread(target=self._work, daemon=True).start()

    def _work(self) -> None:
        try:
            self._bench.work()
        finally:
            os._exit(1)  # an item has ended the thread; the worker is of no use any more

    def submit(self, assignment: Assignment, served: FileSystem | None) -> None:
        """Adds an item; the store is reached through `served` where its folder is not seen."""
        self._bench.submit(assignment, served)

    def poll(self, assignments: Sequence[Assignment] = (), served: FileSystem | None = None) -> list[FromWorker]:
        """What has happened since the last poll; items may come with it, as by `submit`."""
        for assignment in assignments:
            self.submit(assignment, served)
        return self._outbox.take(POLL_S, busy=self._bench.has_more)

    def cancel(self, up_to: int) -> None:
        """Stops the items up to a ticket."""
        self._bench.cancel(up_to)

    def running(self) -> dict[str, object]:
        """What it does now: the item's name and its seconds so far; nothing where it is idle."""
        return self._bench.running()
