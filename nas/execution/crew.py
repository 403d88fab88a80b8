"""The workers of an executor as the dispatcher sees them: what can be sent to them, and what comes back."""

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Literal, Protocol

from nas.execution.packing import PackedStore
from nas.execution.work import Needs


@dataclass(frozen=True, slots=True)
class Assignment:
    """An attempt at an item, for one worker.

    Attributes:
        ticket: number of the attempt, unique in a crew.
        item: packed.
        store: in which it works.
        cores: threads that it may use.
    """

    ticket: int
    item: bytes
    store: PackedStore
    cores: int


@dataclass(frozen=True, slots=True)
class Started:
    """A worker began an attempt."""

    ticket: int


@dataclass(frozen=True, slots=True)
class Emitted:
    """An attempt emitted an event, as JSON."""

    ticket: int
    event: str


@dataclass(frozen=True, slots=True)
class Ended:
    """An attempt ended with a value, or with the document of an error."""

    ticket: int
    value: Any
    error: Mapping[str, Any] | None


@dataclass(frozen=True, slots=True)
class Departed:
    """A worker is gone, with everything that it had."""

    worker: str
    reason: str


@dataclass(frozen=True, slots=True)
class Notice:
    """A crew has something to say to the user, of no attempt."""

    message: str
    level: Literal["info", "warning"] = "info"


@dataclass(frozen=True, slots=True)
class Unmet:
    """No worker can have what some needs are: the document of the error for items that have them."""

    needs: Needs
    error: Mapping[str, Any]


FromWorker = Started | Emitted | Ended
Message = FromWorker | Departed | Notice | Unmet


class Crew(Protocol):
    """Workers that come and go."""

    queued_ahead: int
    """Assignments that a worker may have besides the one that it works on."""

    def recruit(self, needed: Mapping[Needs, int]) -> None:
        """Adapts the workers to what is needed: how many items of each kind wait or run. Called often; must not block for long.

        Raises:
            HwnasError: there can be no workers at all.
        """

    def suited(self, needs: Needs) -> Sequence[str]:
        """The workers that may get items of these needs, idle or not."""

    def admits(self, needs: Needs, running: Collection[Needs]) -> bool:
        """Whether an item may start beside those that run."""

    def assign(self, worker: str, assignment: Assignment) -> None:
        """Gives a worker an item. One that cannot be given departs."""

    def cancel(self, worker: str) -> None:
        """Asks a worker to stop everything that it was given so far."""

    def kill(self, worker: str, reason: str) -> None:
        """Ends a worker at once; it departs with the reason."""

    def rest(self) -> None:
        """Nothing is needed for now: workers stay for a time, for what may come."""

    def messages(self, timeout_s: float) -> Sequence[Message]:
        """What came from the workers, in the order of each; waits for something for a time."""
