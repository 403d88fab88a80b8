"""The nodes of a cluster as the hub knows them: asked what they are, used or rejected. Not here: how they are asked."""

from collections.abc import Mapping
from typing import Any, Final

from nas.execution import handshake
from nas.execution.cluster_errors import first_line
from nas.execution.cluster_plan import DEVICE, Node, slots

DESCRIBED_S: Final = 90.0
"""A node that has not described itself by then is not used."""


class Roster:
    """Nodes that are there.

    Attributes:
        usable: those whose versions are those of this machine.
        rejected: those that are not used, with their addresses and the reason.
    """

    def __init__(self, ours: Mapping[str, str]) -> None:
        """Of a driver with a description, see `handshake.describe`."""
        self._ours = ours
        self._asked: dict[str, tuple[Node, float]] = {}
        self.usable: dict[str, Node] = {}
        self.rejected: dict[str, str] = {}

    def update(self, nodes: list[Node], now: float) -> list[Node]:
        """The nodes that are there now; returns those that are new and are to be asked."""
        there = {node.id for node in nodes}
        for known in (self._asked, self.usable, self.rejected):
            for gone in set(known) - there:
                del known[gone]
        new = [node for node in nodes if not any(node.id in k for k in (self._asked, self.usable, self.rejected))]
        self._asked |= {node.id: (node, now) for node in new}
        return new

    def answered(self, node_id: str, answer: Mapping[str, str] | BaseException) -> str | None:
        """Notes what a node has answered; the reason in words where it is not used."""
        if node_id not in self._asked:
            return None  # it has left, or answered too late
        if isinstance(answer, BaseException):
            return self._reject(node_id, f"has no hwnas that answers ({first_line(answer)})")
        if differences := handshake.differences(self._ours, answer):
            return self._reject(node_id, f"has {', '.join(differences)}")
        self.usable[node_id] = self._asked.pop(node_id)[0]
        return None

    def overdue(self, now: float) -> list[str]:
        """Rejects nodes that have not answered in time; the reasons."""
        late = [node_id for node_id, (_, asked) in self._asked.items() if now - asked > DESCRIBED_S]
        return [self._reject(node_id, f"has not answered within {DESCRIBED_S:g} s") for node_id in late]

    def _reject(self, node_id: str, reason: str) -> str:
        node, _ = self._asked.pop(node_id)
        self.rejected[node_id] = f"{node.address} {reason}"
        return f"The node {node.address} is not used: it {reason}."

    @property
    def settled(self) -> bool:
        """Whether every node has answered."""
        return not self._asked

    @property
    def slots(self) -> int:
        """How many workers of one core there is room for."""
        return slots(self.usable.values())

    @property
    def devices(self) -> frozenset[str]:
        """Devices that can be measured on usable nodes."""
        names = (name for node in self.usable.values() for name in node.resources)
        return frozenset(name.removeprefix(DEVICE) for name in names if name.startswith(DEVICE))


def living_nodes() -> list[Node]:
    """The nodes of the cluster to which this process is connected."""
    import ray

    kept = ("CPU", "memory")
    listed: list[dict[str, Any]] = ray.nodes()  # type: ignore[no-untyped-call]  # a part of Ray has no types
    return [
        Node(
            node["NodeID"],
            node["NodeManagerAddress"],
            {name: amount for name, amount in node["Resources"].items() if name in kept or name.startswith(DEVICE)},
        )
        for node in listed
        if node["Alive"]
    ]
