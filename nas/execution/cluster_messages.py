"""What a `ClusterCrew` and its hub process say to each other, besides the messages of workers (`crew.py`)."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from nas.execution.crew import Assignment
from nas.execution.work import Needs


@dataclass(frozen=True, slots=True)
class Recruit:
    """How many items there are of each kind of needs."""

    needed: Mapping[Needs, int]


@dataclass(frozen=True, slots=True)
class Assign:
    """An item for a worker."""

    worker: str
    assignment: Assignment


@dataclass(frozen=True, slots=True)
class Cancel:
    """A worker stops its items up to a ticket."""

    worker: str
    up_to: int


@dataclass(frozen=True, slots=True)
class Kill:
    """A worker is ended, for a reason."""

    worker: str
    reason: str


@dataclass(frozen=True, slots=True)
class Serve:
    """The files of a folder are served to nodes that do not see it; None ends that."""

    folder: str | None


Command = Recruit | Assign | Cancel | Kill | Serve


@dataclass(frozen=True, slots=True)
class Nodes:
    """The nodes have been checked; the first of these ends the start.

    Attributes:
        address: of the head.
        host: address of this machine in the cluster.
        slots: how many workers of one core the nodes have room for.
        devices: that can be measured on nodes.
    """

    address: str
    host: str
    slots: int
    devices: frozenset[str]


@dataclass(frozen=True, slots=True)
class Joined:
    """A worker is there."""

    worker: str
    needs: Needs


@dataclass(frozen=True, slots=True)
class Alive:
    """The hub is not stuck."""


@dataclass(frozen=True, slots=True)
class Failed:
    """There is no cluster any more, or none that can be used: the document of an error. The last message."""

    error: Mapping[str, Any]
