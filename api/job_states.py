"""The states of a job and the transitions between them, as data. `docs/reference/rest.md` shows the same table."""

from collections.abc import Mapping
from typing import Final, Literal

State = Literal["queued", "running", "paused", "cancelling", "cancelled", "succeeded", "failed"]

TRANSITIONS: Final[Mapping[State, frozenset[State]]] = {
    "queued": frozenset({"running", "paused", "cancelled"}),
    "running": frozenset({"queued", "paused", "cancelling", "succeeded", "failed"}),
    "paused": frozenset({"queued", "cancelled"}),
    "cancelling": frozenset({"cancelled", "succeeded", "failed"}),
    "cancelled": frozenset(),
    "succeeded": frozenset(),
    "failed": frozenset(),
}
"""The states that may follow each state. `running` to `queued`: the worker was lost, or the server stops."""

LEASED: Final[tuple[State, ...]] = ("running", "cancelling")
"""The states in which a worker has a lease on the job."""

ENDED: Final[tuple[State, ...]] = ("cancelled", "succeeded", "failed")


def sources(target: State) -> tuple[State, ...]:
    """The states from which `target` may be reached."""
    return tuple(state for state, following in TRANSITIONS.items() if target in following)
