"""A piece of work as a plain value, what it needs, and what a worker has to run it. Not here: where it runs (`executor.py`).

An item makes a result be in the store: stages are content-addressed and idempotent, so an item that runs twice does no harm.
Large inputs are named by their hash, and the worker reads them from the store.
"""

import json
import time
import traceback
from collections import OrderedDict
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any, Final, Protocol, TypeVar, cast

from hw_targets.stopping import never, stoppable
from nas.errors import Cancelled, FailedWork, OutOfWorkerMemory, WorkerLost
from nas.events import EventSink, ignore
from nas.store import Store
from search_spaces.errors import HwnasError

T = TypeVar("T")

LOOPBACK: Final = "127.0.0.1"
"""The host of executors whose workers are on this machine."""

OUT_OF_MEMORY: Final = "was ended since its machine ran out of memory"
"""Why a worker was lost."""

KEPT: Final = 4
"""Costly values that a worker keeps between items."""


@dataclass(frozen=True, slots=True)
class Needs:
    """What an item needs of its worker.

    Attributes:
        cores: of the processor; also the number of its threads.
        device: that it measures, alone; None where it measures none.
        memory_bytes: the most that it takes; 0 where that does not matter.
    """

    cores: int = 1
    device: str | None = None
    memory_bytes: int = 0


class KeptValues:
    """Costly values by key, such as a supernet's weights; the least recently used one is dropped for a new one."""

    def __init__(self, most: int = KEPT) -> None:
        self._most = most
        self._values: OrderedDict[str, object] = OrderedDict()

    def get(self, key: str, make: Callable[[], T]) -> T:
        """The value of a key; made where it is not kept."""
        if key not in self._values:
            while len(self._values) >= self._most:
                self._values.popitem(last=False)
            self._values[key] = make()
        self._values.move_to_end(key)
        return cast(T, self._values[key])


@dataclass(frozen=True)
class Site:
    """What a worker has: the store, a sink for events, the check for a stop, and costly values of earlier items."""

    store: Store
    on_event: EventSink = ignore
    cancelled: Callable[[], bool] = never
    kept: KeptValues = field(default_factory=KeptValues)

    def keep(self, key: str, make: Callable[[], T]) -> T:
        """A costly value that later items of this worker use again, such as the supernet of a hash; few are kept."""
        return self.kept.get(key, make)


class WorkItem(Protocol):
    """A picklable plain value that knows how to run. It may run more than once, and on any worker that has what it needs."""

    @property
    def name(self) -> str:
        """What it does, for messages: `evaluate k3e6`."""

    @property
    def needs(self) -> Needs:
        """What it needs of a worker."""

    def run(self, site: Site) -> Any:
        """Does the work: results go into the store, and a small JSON value is returned.

        Raises:
            HwnasError: what a user can act on; it reaches the caller as it is, and the item is not tried again.
        """


@dataclass(frozen=True, slots=True)
class WorkOutcome:
    """How an item ended.

    Attributes:
        index: of the item, in the order in which items were given.
        value: that it returned, a JSON value; None where it failed.
        error: that it raised, or `WorkerLost` where no worker could finish it.
        attempts: how often it was begun.
        worker: that had it last.
        lost: why the workers of earlier attempts were lost.
    """

    index: int
    value: Any
    error: HwnasError | None = None
    attempts: int = 1
    worker: str = "local"
    lost: tuple[str, ...] = ()

    def result(self) -> Any:
        """The value.

        Raises:
            HwnasError: the item's error, where it has one.
        """
        if self.error is not None:
            raise self.error
        return self.value


def run_item(item: WorkItem, site: Site, deadline_s: float | None = None) -> Any:
    """What an item returns, as JSON gives it back: the same whether it ran here or elsewhere.

    Args:
        item: to run.
        site: where.
        deadline_s: after which the item is stopped at its next check (`hw_targets/stopping.py`).

    Raises:
        Cancelled: the caller requested a stop.
        WorkerLost: the deadline is over.
        OutOfWorkerMemory: there was not enough memory.
        FailedWork: the item failed with an exception that is no `HwnasError`, or returned no JSON value.
        HwnasError: any other of the item's own.
    """
    until = None if deadline_s is None else time.monotonic() + deadline_s

    def check() -> None:
        if site.cancelled():
            raise Cancelled(f"{item.name} was cancelled; what was computed is stored.", fix="Run it again to continue.")
        if until is not None and time.monotonic() > until:
            raise worker_lost(item.name, [f"not done within {deadline_s:g} s"])

    try:
        with stoppable(check):
            check()
            return json.loads(json.dumps(item.run(site)))
    except HwnasError:
        raise
    except MemoryError as error:
        raise _out_of_memory(item.name) from error
    except Exception as error:
        raise FailedWork(
            f"{item.name} failed with {type(error).__name__}: {error}.",
            fix="This is a defect; report it with the trace in its facts. The results of other work are kept.",
            facts={"item": item.name, "trace": "".join(traceback.format_exception(error))},
        ) from error


def _out_of_memory(name: str) -> OutOfWorkerMemory:
    return OutOfWorkerMemory(
        f"There is not enough memory for {name}.",
        fix="Use fewer workers, a smaller space or a lower resolution, or machines with more memory.",
        facts={"item": name},
    )


def worker_lost(name: str, reasons: list[str]) -> WorkerLost | OutOfWorkerMemory:
    """The error of an item that no worker could finish, with the reason of each attempt."""
    if set(reasons) == {OUT_OF_MEMORY}:
        return _out_of_memory(name)
    times = "once" if len(reasons) == 1 else f"{len(reasons)} times"
    return WorkerLost(
        f"The worker of {name} was lost {times}: {'; '.join(dict.fromkeys(reasons))}.",
        fix="Check the worker's memory and logs, then run the same command again: it continues.",
        facts={"item": name, "attempts": len(reasons), "reasons": list(reasons)},
    )
