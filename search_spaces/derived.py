"""A space derived from a trained classifier's network: its widths, kernels, blocks, ends and input size become choices.

The network is cut into links (`chain.py`), each of which is a stage. Channels that must agree have one width: it is chosen where
they are first written, and later links take it from the shape that they read. A link that adds to what it reads can be left out, a
kernel can shrink to its centre, and the network can end before each of its last halvings with a head of its own. What cannot be shrunk
safely keeps its size, and `frozen` says why.
Not here: reading files (`onnx_weights.py`), the order of channels (`nas/importance.py`).
"""

import math
import re
from collections.abc import Mapping
from dataclasses import dataclass, replace
from functools import cached_property, lru_cache
from itertools import accumulate
from pathlib import Path
from typing import Final, TypeVar

from search_spaces.builder import Graph, Tensor
from search_spaces.chain import links
from search_spaces.channel_groups import ChannelGroup, channel_groups
from search_spaces.cost import layer_macs
from search_spaces.declarative import ENDS
from search_spaces.errors import InvalidSpace
from search_spaces.mobilenet import input_sizes
from search_spaces.network import INPUT, OPERATORS, Layer, Network
from search_spaces.onnx_reader import drawn, read_onnx
from search_spaces.space import RESOLUTION, Choice, SearchSpace, Stage, Value

Weight = TypeVar("Weight")

SHARES: Final = (0.25, 0.5, 0.625, 0.75, 0.875, 1.0)
"""Widths to choose from, as shares of the whole."""
SHARED: Final = (0.5, 0.75, 1.0)
"""The same for channels of a sum, which many layers read."""
LEAST_KERNEL: Final = 3
FIRST_END: Final = 1 / 3
"""A network ends after this share of its multiply-accumulates at the earliest: earlier features are of textures, not of objects."""
MOST_ENDS: Final = 4
MOST_WAYS: Final = 512
"""Ways through one link; where its choices would make more, they are tied to one."""
LARGEST_SIDE: Final = 512
DELIVERED: Final = "model.fp32.onnx"
"""The trained network in what a search delivers."""


@dataclass(frozen=True, slots=True)
class Frozen:
    """Layers whose channels keep their number, and why."""

    layers: tuple[str, ...]
    reason: str


@dataclass(frozen=True)
class Derivation:
    """What of a network can shrink.

    Attributes:
        network: as it was read, of one output.
        links: its layers between cuts.

    Raises:
        InvalidSpace: it has operators that cannot be trained, several outputs, or does not end in a classifier.
    """

    network: Network
    links: tuple[tuple[Layer, ...], ...]

    @staticmethod
    def of(network: Network) -> "Derivation":
        """The derivation of a network as `read_onnx` gives it."""
        layers = tuple(_global(layer) for layer in network.layers)
        _check_operators(layers)
        checked = replace(network, layers=layers)
        _check_classifier(checked)
        return Derivation(checked, links(checked))

    @cached_property
    def head(self) -> Layer:
        """The layer that makes a value for each class."""
        return next(layer for layer in reversed(self.network.layers) if layer.has_weights)

    @cached_property
    def classes(self) -> int:
        """How many classes the network tells apart."""
        return self.head.out_shape[0]

    @cached_property
    def names(self) -> Mapping[str, str]:
        """Names in the space, `<stage>.<layer>`, by the network's own."""
        found: dict[str, str] = {}
        for position, link in enumerate(self.links):
            used: dict[str, int] = {}
            for layer in link:
                title = "depthwise" if layer.is_depthwise else layer.op.replace("_", "")
                used[title] = used.get(title, 0) + 1
                own = title if used[title] == 1 else f"{title}{used[title]}"
                found[layer.name] = f"{self.stage_name(position)}.{own}"
        return found

    def renamed(self, weights: Mapping[str, Weight]) -> dict[str, Weight]:
        """Weights `<layer>.<role>` of the network, by the layers' names in the space."""
        found = {}
        for key, value in weights.items():
            name, _, role = key.rpartition(".")
            found[f"{self.names[name]}.{role}"] = value
        return found

    def stage_name(self, position: int) -> str:
        """The name of a link's stage; the last is the head."""
        return "head" if position == len(self.links) - 1 else f"b{position + 1}"

    @cached_property
    def _groups(self) -> tuple[ChannelGroup, ...]:
        return channel_groups(self.network)

    @cached_property
    def widths(self) -> Mapping[str, tuple[int, ...]]:
        """By the first writer of a group that can shrink, the widths to choose from."""
        added = {source for layer in self.network.layers if layer.op == "add" for source in layer.inputs}
        found = {}
        for group in self._groups:
            if not group.writers or group.fixed:
                continue
            shared = any(name in added for name in self.group_tensors[group.writers[0]])
            values = shrunk(group.channels, SHARED if shared else SHARES, group.block)
            if len(values) > 1:
                found[group.writers[0]] = values
        return found

    @cached_property
    def group_of(self) -> Mapping[str, str]:
        """The first writer of the group of each tensor's channels; of the input's, `INPUT`."""
        found: dict[str, str] = {}
        for group in self._groups:
            for name in group.tensors:
                found[name] = group.writers[0] if group.writers and INPUT not in group.tensors else INPUT
        return found

    @cached_property
    def group_tensors(self) -> Mapping[str, tuple[str, ...]]:
        """The tensors of the group of each first writer."""
        return {group.writers[0]: group.tensors for group in self._groups if group.writers}

    @cached_property
    def frozen(self) -> tuple[Frozen, ...]:
        """The layers with weights whose channels keep their number, with reasons; the head apart."""
        found: dict[str, list[str]] = {}
        for group in self._groups:
            if not group.writers or group.writers[0] in self.widths or self.head.name in group.writers:
                continue
            found.setdefault(self._reason(group), []).extend(group.writers)
        return tuple(Frozen(tuple(names), reason) for reason, names in found.items())

    def _reason(self, group: ChannelGroup) -> str:
        if not group.fixed:
            return "too few channels to leave any out"
        tensors = set(group.tensors)
        for layer in self.network.layers:
            near = layer.name in tensors or tensors.intersection(layer.inputs)
            if near and layer.op in ("slice", "shuffle"):
                return "split or shuffled"
            if near and layer.op == "concat":
                return "concatenated with other channels"
            if near and layer.groups > 1 and layer.block is None:
                return "read or written by a convolution in groups of other sizes"
        return "added to the network's input or output"

    @cached_property
    def prunable_share(self) -> float:
        """Share of the multiply-accumulates in layers that read or write channels that can shrink, or can be left out."""
        total = shrinks = 0
        for position, link in enumerate(self.links):
            for layer in link:
                cost = layer_macs(layer)
                total += cost
                near = {self.group_of[layer.name], *(self.group_of[source] for source in layer.inputs)}
                if near & self.widths.keys() or self.skippable(position):
                    shrinks += cost
        return shrinks / max(1, total)

    def skippable(self, position: int) -> bool:
        """Whether a link can be left out: it adds something to what it reads."""
        link, last = self.links[position], self.links[position][-1]
        before = self.links[position - 1][-1].name if position else INPUT
        return last.op == "add" and before in last.inputs and len(link) > 1 and position > 0

    @cached_property
    def ends(self) -> tuple[int, ...]:
        """Positions of the links after which the network may end, the last included: before each of the last halvings."""
        costs = [sum(layer_macs(layer) for layer in link) for link in self.links]
        reached = [sum_ / max(1, sum(costs)) for sum_ in accumulate(costs)]
        side = [link[-1].out_shape[1] for link in self.links]
        early = [
            position
            for position in range(len(self.links) - 1)
            if reached[position] >= FIRST_END and side[position] > side[position + 1] and side[position] > 1
            and any(layer.op == "conv" for link in self.links[position + 1 :] for layer in link if layer.stride[0] > 1)
        ]  # fmt: skip
        return (*early[-(MOST_ENDS - 1) :], len(self.links) - 1)

    @cached_property
    def fixed_side(self) -> int | None:
        """The only input side in pixels, where a layer flattens a feature map; None where others do."""
        flattens = any(layer.op == "linear" and layer.in_shapes[0][1:] != (1, 1) for layer in self.network.layers)
        return self.network.input_shape[1] if flattens else None

    def describe(self) -> str:
        """What can shrink and what cannot, for a person, in one line."""
        text = f"{self.prunable_share:.0%} of the multiply-accumulates are in layers that can shrink"
        reasons = [f"{len(one.layers)} layers are {one.reason}" for one in self.frozen]
        return text + (f"; {', '.join(reasons)} and keep their channels" if reasons else "")

    def space(self, name: str, *, resolution: int, channels: int, classes: int) -> SearchSpace:
        """The space for images of a size.

        Args:
            name: of the space.
            resolution: side of the images in pixels.
            channels: of the images; another number than the network's is possible where convolutions read them.
            classes: of the last layer.

        Raises:
            InvalidSpace: the network cannot be run at this size.
        """
        sides = self._sides(resolution)
        stages = tuple(self._stage(position, classes) for position in range(len(self.links)))
        space = SearchSpace(name, channels, classes, Choice(RESOLUTION, sides), stages)
        space.network(space.architecture({c.name: c.values[-1] for c in space.choices} | {RESOLUTION: sides[0]}))
        return space

    def _sides(self, resolution: int) -> tuple[int, ...]:
        if self.fixed_side is None:
            return tuple(side for side in input_sizes(resolution) if side <= max(LARGEST_SIDE, resolution))
        if resolution != self.fixed_side:
            raise InvalidSpace(
                f"{self.network.name} flattens a feature map, so that it reads images of {self.fixed_side} pixels only, not {resolution}.",
                fix=f"Give --resolution {self.fixed_side}.",
                facts={"resolution": self.fixed_side},
            )
        return (resolution,)

    def _stage(self, position: int, classes: int) -> Stage:
        link, name, ends = self._link(position), self.stage_name(position), self.ends
        before = self.links[position - 1][-1].name if position else INPUT
        ending = len(ends) > 1 and position > ends[0]
        last, skippable = position == len(self.links) - 1, self.skippable(position)

        def build(g: Graph, x: Tensor, read: Mapping[str, Value]) -> Tensor:
            if ending and (end := int(read[ENDS])) < len(ends):
                if last:
                    return g.linear(f"classifier{end}", g.global_avg_pool(f"pool{end}", x), classes)
                if position > ends[end - 1]:
                    return x
            if skippable and not read[f"{name}.kept"]:
                return x
            made, decided = {before: x}, {self.group_of[before]: x.shape[0]}
            for layer in self.links[position]:
                group = self.group_of[layer.name]
                if self._is_head(layer):
                    decided[group] = classes
                elif layer.has_weights and group not in decided:
                    decided[group] = link.width(layer, read)
                made[layer.name] = g.like(
                    link.titles[layer.name],
                    layer,
                    [made[source] for source in layer.inputs],
                    channels=decided.get(group),
                    kernel=link.kernel(layer, read),
                    norm=self.normalised(layer),
                )
            return made[self.links[position][-1].name]

        ends_choice = (Choice(ENDS, tuple(range(1, len(ends) + 1))),) if ending else ()
        kept = (Choice(f"{name}.kept", (False, True)),) if skippable else ()
        return Stage(name, (*ends_choice, *kept, *link.choices), build)

    def _link(self, position: int) -> "_Link":
        """The choices of a link; the width of the channels that it reads is not among them."""
        layers, read = self.links[position], self.group_of[self.links[position - 1][-1].name if position else INPUT]
        return _Link(
            self.stage_name(position),
            {layer.name: self.names[layer.name].partition(".")[2] for layer in layers},
            {
                layer.name: self.widths[layer.name]
                for layer in layers
                if layer.name in self.widths and layer.name != read
            },
            {
                layer.name: sides
                for layer in layers
                if not self._is_head(layer) and len(sides := kernel_sides(layer)) > 1
            },
        )

    def _is_head(self, layer: Layer) -> bool:
        return layer.name == self.head.name

    def normalised(self, layer: Layer) -> bool:
        """Whether training normalises a layer: a convolution to a feature map, the head apart.

        A file has no batch norm left. What it did is put back (`nas/own_source.py`), since training and narrower widths need it.
        """
        return layer.op == "conv" and layer.out_shape[1:] != (1, 1) and not self._is_head(layer)


def derive(path: Path, *, side: int) -> Derivation:
    """The derivation of an ONNX file.

    Args:
        path: of the file.
        side: of its input in pixels, where the file leaves it open.

    Raises:
        UnreadableModel: it cannot be read.
        InvalidSpace: it is no classifier, or has operators that cannot be trained.
    """
    try:
        status = path.stat()
    except OSError:
        return Derivation.of(read_onnx(path))  # says what is wrong
    return _derived(path, side, status.st_mtime_ns, status.st_size)


@lru_cache(maxsize=4)
def _derived(path: Path, side: int, modified: int, size: int) -> Derivation:
    """A file is read once as long as it does not change."""
    return Derivation.of(drawn(path, open_size=side).network)


def title(path: Path) -> str:
    """The name of a network and of its space by its file: of a delivered model, the names of its run and its target."""
    parts = (path.parent.parent.name, path.parent.name) if path.name == DELIVERED else (path.stem,)
    return re.sub(r"[^A-Za-z0-9_.-]+", "_", "-".join(filter(None, parts)))[:64] or "network"


def shrunk(channels: int, shares: tuple[float, ...], block: int = 1) -> tuple[int, ...]:
    """Shares of a number of channels and the whole, in blocks, and in multiples of 8 that targets like (of few channels, 4 or 2)."""
    step = math.lcm(block, 8 if channels >= 32 else 4 if channels >= 16 else 2)
    values = {max(step, round(channels * share / step) * step) for share in shares}
    return tuple(sorted({value for value in values if value < channels} | {channels}))


def kernel_sides(layer: Layer) -> tuple[int, ...]:
    """The square kernels that a convolution's can shrink to, its own included; its own alone where it cannot."""
    side = layer.kernel[0]
    if layer.op != "conv" or layer.kernel != (side, side) or side % 2 == 0 or layer.dilation[0] != layer.dilation[1]:
        return (side,)
    return tuple(
        small
        for small in range(min(LEAST_KERNEL, side), side + 1, 2)
        if layer.dilation[0] * (side - small) // 2 <= min(layer.padding)
    )


@dataclass(frozen=True)
class _Link:
    """The choices of one link, and how its stage reads them.

    Attributes:
        name: of its stage.
        titles: names of its layers within the stage, by the network's own.
        widths: by first writer, the widths to choose from.
        kernels: by layer, the sides to choose from.
    """

    name: str
    titles: Mapping[str, str]
    widths: Mapping[str, tuple[int, ...]]
    kernels: Mapping[str, tuple[int, ...]]

    @property
    def tied(self) -> bool:
        """Whether one choice stands for all widths, and one for all kernels: single ones would make too many ways."""
        return math.prod(map(len, (*self.widths.values(), *self.kernels.values()))) > MOST_WAYS

    @property
    def choices(self) -> tuple[Choice, ...]:
        """In the order in which they are listed."""
        if not self.tied:
            return (
                *(Choice(f"{self.name}.{self.titles[layer]}.width", values) for layer, values in self.widths.items()),
                *(Choice(f"{self.name}.{self.titles[layer]}.kernel", values) for layer, values in self.kernels.items()),
            )
        sides = tuple(sorted({side for values in self.kernels.values() for side in values}))
        width = (Choice(f"{self.name}.width", SHARES),) if self.widths else ()
        return (*width, *((Choice(f"{self.name}.kernel", sides),) if sides else ()))

    def width(self, layer: Layer, read: Mapping[str, Value]) -> int:
        """The channels of a group at its first writer."""
        values = self.widths.get(layer.name)
        if values is None:
            return layer.out_shape[0]
        if not self.tied:
            return int(read[f"{self.name}.{self.titles[layer.name]}.width"])
        wanted = float(read[f"{self.name}.width"]) * values[-1]
        return min(values, key=lambda value: abs(value - wanted))

    def kernel(self, layer: Layer, read: Mapping[str, Value]) -> int | None:
        """The side of a kernel; None where it keeps its own."""
        sides = self.kernels.get(layer.name)
        if sides is None:
            return None
        if not self.tied:
            return int(read[f"{self.name}.{self.titles[layer.name]}.kernel"])
        most = int(read[f"{self.name}.kernel"])
        return max(side for side in sides if side <= max(most, sides[0]))


def _global(layer: Layer) -> Layer:
    """A pool of the whole feature map as what it is at any size."""
    whole = layer.op == "avg_pool" and layer.out_shape[1:] == (1, 1) and layer.kernel == layer.in_shapes[0][1:]
    if not whole or any(layer.padding):
        return layer
    return replace(layer, op="global_avg_pool", kernel=(1, 1), stride=(1, 1))


def _check_operators(layers: tuple[Layer, ...]) -> None:
    unknown = sorted({layer.op.removeprefix("onnx:") for layer in layers if layer.op not in OPERATORS})
    if unknown:
        raise InvalidSpace(
            f"A search cannot start from this network: it has operators that are not trained here ({', '.join(unknown)}).",
            fix="Use a convolutional classifier without them, or start from one of the networks that `hwnas spaces` lists.",
            facts={"operators": unknown},
        )


def _check_classifier(network: Network) -> None:
    output = network.by_name.get(network.outputs[0])
    head = next((layer for layer in reversed(network.layers) if layer.has_weights), None)
    after = () if head is None else network.layers[network.layers.index(head) + 1 :]
    classifies = (
        len(network.outputs) == 1
        and head is not None
        and output is not None
        and output.out_shape == (head.out_shape[0], 1, 1)
        and head.groups == 1
        and all(layer.op in ("global_avg_pool", "avg_pool", "activation") for layer in after)
    )
    if not classifies:
        shapes = ", ".join(str(network.by_name[name].out_shape) for name in network.outputs if name in network.by_name)
        raise InvalidSpace(
            f"A search cannot start from this network: it is no classifier, since it gives {shapes or 'no result'} "
            "and not one value for each class from its last layer with weights.",
            fix="Export the classifier alone, with its logits as the only output.",
            facts={"outputs": list(network.outputs)},
        )
