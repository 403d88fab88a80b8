"""What a worker does with the items that it is given, in a process of its own or on a cluster: one after the other.

Not here: how items reach it, and how its messages go back (`worker.py`, `cluster_worker.py`).
"""

import os
import queue
import sys
import time
from collections.abc import Callable
from typing import Final

from nas.errors import UnreachableStore
from nas.events import EVENT, Event
from nas.execution.crew import Assignment, Emitted, Ended, FromWorker, Started
from nas.execution.packing import PackedStore, error_document, unpack_item
from nas.execution.work import KeptValues, Site, run_item
from nas.files import FileSystem
from nas.store import Store
from search_spaces.errors import HwnasError

THREADS: Final = ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS")


class Bench:
    """The items of one worker. `work` runs in one thread for good, since native libraries keep threads for each thread."""

    def __init__(self, send: Callable[[FromWorker], None]) -> None:
        self._send = send
        self._queue: queue.Queue[tuple[Assignment, FileSystem | None] | None] = queue.Queue()
        self._cancelled_up_to = 0
        self._running: tuple[str, float] | None = None
        self._stores: dict[PackedStore, Store] = {}
        self._kept = KeptValues()

    def submit(self, assignment: Assignment, served: FileSystem | None = None) -> None:
        """Adds an item to the queue; its store is reached through `served` where its files are not seen from here."""
        self._queue.put((assignment, served))

    def cancel(self, up_to: int) -> None:
        """Stops the running item at its next check, and those in the queue when their turn comes, if their ticket is not later."""
        self._cancelled_up_to = max(self._cancelled_up_to, up_to)

    def has_more(self) -> bool:
        """Whether an item waits in the queue."""
        return not self._queue.empty()

    def running(self) -> dict[str, object]:
        """The name of the running item and its seconds so far; empty where there is none."""
        now = self._running
        return {} if now is None else {"item": now[0], "seconds": time.monotonic() - now[1]}

    def end(self) -> None:
        """Lets `work` return after the items so far."""
        self._queue.put(None)

    def work(self) -> None:
        """Runs the items of the queue."""
        while (given := self._queue.get()) is not None:
            assignment, served = given
            self._send(Started(assignment.ticket))
            try:
                value, error = self._run(assignment, served), None
            except HwnasError as found:
                value, error = None, error_document(found)
            self._running = None
            self._send(Ended(assignment.ticket, value, error))

    def _run(self, assignment: Assignment, served: FileSystem | None) -> object:
        def emit(event: Event) -> None:
            self._send(Emitted(assignment.ticket, EVENT.dump_json(event).decode()))

        def cancelled() -> bool:
            return assignment.ticket <= self._cancelled_up_to

        set_threads(assignment.cores)
        site = Site(self._store(assignment.store, served), emit, cancelled, self._kept)
        item = unpack_item(assignment.item)
        self._running = item.name, time.monotonic()
        return run_item(item, site)

    def _store(self, packed: PackedStore, served: FileSystem | None) -> Store:
        """The store, opened once for each `map`.

        Raises:
            UnreachableStore: it cannot be seen from here.
        """
        if packed not in self._stores:
            try:
                self._stores = {packed: packed.open(served)}
            except UnreachableStore:
                self._stores = {}
                raise
        return self._stores[packed]


def set_threads(cores: int) -> None:
    """Lets native libraries use so many threads: torch at once, others where they are not loaded yet."""
    for name in THREADS:
        os.environ[name] = str(cores)
    torch = sys.modules.get("torch")
    if torch is not None and torch.get_num_threads() != cores:
        torch.set_num_threads(cores)
