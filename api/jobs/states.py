"""The states of a job and the ways between them, as data. `docs/reference/rest.md` shows the same table.

`paused` is part of the vocabulary that clients must know; no way leads there yet.
"""

from collections.abc import Mapping
from typing import Final, Literal

State = Literal["queued", "running", "paused", "cancelling", "cancelled", "succeeded", "failed"]

TRANSITIONS: Final[Mapping[State, frozenset[State]]] = {
    "queued": frozenset({"running", "cancelled"}),
    "running": frozenset({"queued", "cancelling", "succeeded", "failed"}),
    "paused": frozenset(),
    "cancelling": frozenset({"cancelled", "succeeded", "failed"}),
    "cancelled": frozenset(),
    "succeeded": frozenset(),
    "failed": frozenset(),
}
"""Where each state may lead. `running` to `queued`: the worker was lost, or the server stops."""

ENDED: Final[tuple[State, ...]] = ("cancelled", "succeeded", "failed")


def sources(target: State) -> tuple[State, ...]:
    """The states from which `target` may be reached."""
    return tuple(state for state, ways in TRANSITIONS.items() if target in ways)
