"""Which workers a cluster should have: how many for which needs, on which nodes. Pure; Ray is asked for them in `cluster_hub.py`."""

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Final

from nas.execution.work import Needs

DEVICE: Final = "device:"
"""A node with a device has one of a custom resource of this name and the device's, such as `device:kv260`."""


@dataclass(frozen=True)
class Node:
    """A node of a cluster.

    Attributes:
        id: that Ray gives it.
        address: of its machine.
        resources: its cores (`CPU`), bytes of memory (`memory`) and devices (`device:NAME`).
    """

    id: str
    address: str
    resources: Mapping[str, float]


@dataclass(frozen=True)
class Placed:
    """A worker on a node."""

    worker: str
    node: str
    needs: Needs
    busy: bool


def resources_of(needs: Needs) -> dict[str, float]:
    """What a worker for some needs takes of its node."""
    taken: dict[str, float] = {"CPU": needs.cores}
    if needs.memory_bytes:
        taken["memory"] = needs.memory_bytes
    if needs.device is not None:
        taken[f"{DEVICE}{needs.device}"] = 1
    return taken


def fits(needs: Needs, nodes: Iterable[Node]) -> bool:
    """Whether a node is large enough, if it were free."""
    return any(_room(node.resources, needs) for node in nodes)


def slots(nodes: Iterable[Node]) -> int:
    """How many workers of one core the nodes have room for."""
    return sum(_room(node.resources, Needs()) for node in nodes)


def plan(
    needed: Mapping[Needs, int], nodes: Sequence[Node], workers: Iterable[Placed]
) -> tuple[list[tuple[str, Needs]], list[str]]:
    """The workers to start, as pairs of a node and needs, and the idle ones to end for them.

    As many are started as there are items, as long as nodes have room beside this caller's workers; on the nodes with most room
    first. An idle worker of needs that no item has is ended once there is no room for one that items need.
    """
    placed = list(workers)
    free = {node.id: Counter(node.resources) for node in nodes}
    for one in placed:
        if one.node in free:
            free[one.node].subtract(resources_of(one.needs))
    idle = [one for one in placed if not one.busy and not needed.get(one.needs)]
    have = Counter(one.needs for one in placed)
    started: list[tuple[str, Needs]] = []
    ended: list[str] = []
    for needs, count in needed.items():
        for _ in range(count - have[needs]):
            node = _roomiest(free, needs)
            while node is None and (victim := _victim(idle, nodes, needs)) is not None:
                idle.remove(victim)
                ended.append(victim.worker)
                free[victim.node].update(resources_of(victim.needs))
                node = _roomiest(free, needs)
            if node is None:
                break
            free[node].subtract(resources_of(needs))
            started.append((node, needs))
    return started, ended


def _room(resources: Mapping[str, float], needs: Needs) -> int:
    return int(min(resources.get(name, 0) // amount for name, amount in resources_of(needs).items() if amount))


def _roomiest(free: Mapping[str, Mapping[str, float]], needs: Needs) -> str | None:
    node = max(free, key=lambda one: _room(free[one], needs), default=None)
    return node if node is not None and _room(free[node], needs) > 0 else None


def _victim(idle: Sequence[Placed], nodes: Sequence[Node], needs: Needs) -> Placed | None:
    """An idle worker of a node that is large enough for the needs."""
    large = {node.id for node in nodes if _room(node.resources, needs) > 0}
    return next((one for one in idle if one.node in large), None)
