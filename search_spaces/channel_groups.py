"""Groups of channels that must agree: those of tensors that are added, gated or convolved in groups have one order and one count.

A network's function does not change when the channels of a group are permuted in all of its tensors at once, in whole blocks where a
convolution in groups reads them.
"""

import math
from dataclasses import dataclass
from typing import Final

from search_spaces.network import INPUT, Layer, Network

_SAME: Final = frozenset({"add", "mul", "max_pool", "avg_pool", "global_avg_pool", "activation", "resize"})
"""Operators that keep each channel in its place."""


@dataclass(frozen=True, slots=True)
class ChannelGroup:
    """Channels that are permuted together.

    Attributes:
        channels: how many.
        tensors: names of the layers (or `INPUT`) whose results have these channels, in order.
        writers: layers with weights whose results have these channels, in order.
        readers: layers whose weights have an input for each of these channels, in order.
        fixed: whether their order is the caller's: of the network's input and outputs, and around operators that move channels.
        block: channels that stay together, the smallest common multiple of the groups of convolutions that read them; 1 without any.
    """

    channels: int
    tensors: tuple[str, ...]
    writers: tuple[str, ...]
    readers: tuple[str, ...]
    fixed: bool
    block: int = 1


def channel_groups(network: Network) -> tuple[ChannelGroup, ...]:
    """The groups of a network, in the order of their first tensors; every tensor's channels are in one."""
    groups = _Groups()
    fixed = {INPUT, *network.outputs}
    for layer in network.layers:
        if layer.block is not None or layer.op in _SAME:
            for source in layer.inputs:
                groups.join(layer.name, source)
        elif layer.op != "linear" and not (layer.op == "conv" and layer.groups == 1):
            fixed.update((layer.name, *layer.inputs))
    members: dict[str, list[Layer]] = {}
    readers: dict[str, list[str]] = {}
    blocks: dict[str, int] = {}
    channels = {groups.root(INPUT): network.input_shape[0]}
    for layer in network.layers:
        channels.setdefault(groups.root(layer.name), layer.out_shape[0])
        members.setdefault(groups.root(layer.name), []).append(layer)
        if layer.block is not None:
            root = groups.root(layer.name)
            blocks[root] = math.lcm(blocks.get(root, 1), layer.block)
        elif layer.has_weights:
            readers.setdefault(groups.root(layer.inputs[0]), []).append(layer.name)
    stuck = {groups.root(name) for name in fixed}
    return tuple(
        ChannelGroup(
            count,
            (*([INPUT] if root == groups.root(INPUT) else []), *(layer.name for layer in members.get(root, ()))),
            tuple(layer.name for layer in members.get(root, ()) if layer.has_weights),
            tuple(readers.get(root, ())),
            root in stuck,
            blocks.get(root, 1),
        )
        for root, count in channels.items()
    )


class _Groups:
    """Tensors in disjoint sets."""

    def __init__(self) -> None:
        self._parent: dict[str, str] = {}

    def root(self, name: str) -> str:
        """The tensor that stands for its set."""
        while (above := self._parent.get(name, name)) != name:
            name = above
        return name

    def join(self, one: str, other: str) -> None:
        """Makes one set of two."""
        self._parent[self.root(one)] = self.root(other)
