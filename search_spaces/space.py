"""A search space is a chain of stages, each a function from its input shape and its choices to layers.

Choices are shared by name: one that several stages list (a width, a depth, an attention flag) has one value for all of them; one that
a single stage lists is local to it. The input resolution is the first choice of every space. A choice that no stage
reads on the way through (the kernel of a block beyond the depth) is inactive, and a canonical architecture leaves it out.

Not here: enumeration (`lattice.py`), the spaces that come with the package (`mobilenet.py`, `resnet.py`), YAML (`declarative.py`).
"""

import hashlib
import json
import random
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, replace
from functools import cached_property
from typing import Final

from search_spaces.builder import Graph, Tensor
from search_spaces.errors import InvalidArchitecture, InvalidSpace
from search_spaces.network import INPUT, Layer, Network, Shape

Value = int | float | str | bool
Build = Callable[[Graph, Tensor, Mapping[str, Value]], Tensor]
"""Builds one stage: (graph, the stage's input, its choices' values by name) to the stage's result.

It reads only the choices it needs, as late as it can: what it does not read is inactive.
"""

RESOLUTION: Final = "resolution"


@dataclass(frozen=True, slots=True)
class Choice:
    """A named decision. Values are listed from the smallest to the largest, so that the ends are the sandwich's ends."""

    name: str
    values: tuple[Value, ...]


@dataclass(frozen=True, slots=True)
class Stage:
    """One link of the chain: the choices it may read and the function that builds it. Its name prefixes its layers'."""

    name: str
    choices: tuple[Choice, ...]
    build: Build

    def layers(self, shape: Shape, values: Mapping[str, Value]) -> tuple[Layer, ...]:
        """The stage's layers for an input of `shape`; they read that input as `INPUT`. Empty when it is skipped."""
        graph = Graph(shape, prefix=f"{self.name}.")
        result = self.build(graph, graph.input, values)
        layers = tuple(graph.layers)
        if (layers[-1].name if layers else INPUT) != result.name:
            raise InvalidSpace(
                f"Stage {self.name!r} does not end in the layer it returns, {result.name!r}.",
                fix="Return the tensor that was built last.",
            )
        return layers


@dataclass(frozen=True)
class Architecture:
    """A point of a space: the values of its active choices, in the space's order. Immutable, hashable, canonical.

    Make it with `SearchSpace.architecture`, which leaves out inactive choices; two equal networks of a space then have
    equal architectures.
    """

    space: str
    values: tuple[tuple[str, Value], ...]

    def __str__(self) -> str:
        return " ".join(f"{name}={text(value)}" for name, value in self.values)

    @cached_property
    def id(self) -> str:
        """A stable hash, 12 hex digits."""
        return hashlib.sha256(f"{self.space} {self}".encode()).hexdigest()[:12]

    def to_json(self) -> dict[str, object]:
        """`{space, id, values}`."""
        return {"space": self.space, "id": self.id, "values": dict(self.values)}


def text(value: Value) -> str:
    """A value as in an architecture's string."""
    return str(value).lower() if isinstance(value, bool) else str(value)


class _TrackingMapping(Mapping[str, Value]):
    """The given values; records which of them are read."""

    def __init__(self, values: Mapping[str, Value]) -> None:
        self._values = values
        self.read: set[str] = set()

    def __getitem__(self, name: str) -> Value:
        value = self._values[name]
        self.read.add(name)
        return value

    def __iter__(self) -> Iterator[str]:
        return iter(self._values)

    def __len__(self) -> int:
        return len(self._values)


class _Decisions(dict[str, Value]):
    """Values that are decided when they are first read."""

    def __init__(self, choices: Mapping[str, Choice], decide: Callable[[Choice], Value]) -> None:
        super().__init__()
        self._choices, self._decide = choices, decide

    def __missing__(self, name: str) -> Value:
        self[name] = self._decide(self._choices[name])
        return self[name]


@dataclass(frozen=True)
class SearchSpace:
    """All networks that a chain of stages can build for images of `channels` and a number of `classes`.

    Attributes:
        name: with its options, for example `mobilenet:activation=hard_swish`.
        channels: of the input image.
        classes: of the output.
        resolution: the input sizes to choose from, in pixels.
        stages: the chain.

    Raises:
        InvalidSpace: a choice has no values or repeated ones, or one name stands for two different choices.
    """

    name: str
    channels: int
    classes: int
    resolution: Choice
    stages: tuple[Stage, ...]

    def __post_init__(self) -> None:
        for choice in (self.resolution, *(c for stage in self.stages for c in stage.choices)):
            if not choice.values or len(set(choice.values)) != len(choice.values):
                raise InvalidSpace(f"Choice {choice.name!r} needs distinct values.", fix="List each value once.")
            if self._choice_by_name.setdefault(choice.name, choice) != choice:
                raise InvalidSpace(
                    f"Two choices are named {choice.name!r} with different values.",
                    fix="Give them different names, or the same values to share one decision.",
                )
        if len({stage.name for stage in self.stages}) != len(self.stages):
            raise InvalidSpace("Two stages have one name.", fix="Give every stage a name of its own.")

    @cached_property
    def _choice_by_name(self) -> dict[str, Choice]:
        return {}

    @cached_property
    def choices(self) -> tuple[Choice, ...]:
        """Every choice once, the resolution first, then in the order of the stages."""
        return tuple(self._choice_by_name.values())

    def network(self, architecture: Architecture) -> Network:
        """The network of an architecture.

        Raises:
            InvalidArchitecture: it is not of this space.
            InvalidSpace: one of its stages cannot fit the resolution.
        """
        if architecture.space != self.name:
            raise InvalidArchitecture(
                f"The architecture is of the space {architecture.space!r}, not {self.name!r}.", fix="Use its own space."
            )
        network, _ = self._build(dict(architecture.values))
        return network

    def architecture(self, values: Mapping[str, Value]) -> Architecture:
        """The canonical architecture of a full assignment (extra values of inactive choices are dropped).

        Raises:
            InvalidArchitecture: an active choice is missing, a choice is unknown, or a value is not offered.
        """
        for name, value in values.items():
            choice = self._choice_by_name.get(name)
            if choice is None or value not in choice.values:
                offered = "is no choice of this space" if choice is None else f"offers {list(choice.values)}"
                raise InvalidArchitecture(f"{name}={value}: {name} {offered}.", fix="Use the space's choices.")
        _, active = self._build(values)
        return Architecture(self.name, tuple((c.name, values[c.name]) for c in self.choices if c.name in active))

    def choose(self, decide: Callable[[Choice], Value]) -> Architecture:
        """The architecture from deciding each choice when a stage first reads it; inactive choices are never decided.

        Raises:
            InvalidSpace: one of its stages cannot fit the resolution.
        """
        decided = _Decisions(self._choice_by_name, decide)
        _, active = self._build(decided)
        return Architecture(self.name, tuple((c.name, decided[c.name]) for c in self.choices if c.name in active))

    def _build(self, values: Mapping[str, Value]) -> tuple[Network, set[str]]:
        tracked = _TrackingMapping(values)
        try:
            size = int(tracked[RESOLUTION])
            shape: Shape = (self.channels, size, size)
            previous = INPUT
            layers: list[Layer] = []
            for stage in self.stages:
                built = stage.layers(shape, tracked)
                layers.extend(rewire(built, previous))
                if built:
                    previous, shape = built[-1].name, built[-1].out_shape
        except KeyError as error:
            raise InvalidArchitecture(
                f"The choice {error} has no value.", fix="Give every active choice one."
            ) from error
        return Network(self.name, (self.channels, size, size), tuple(layers)), tracked.read

    def parse(self, string: str) -> Architecture:
        """The architecture of its canonical string.

        Raises:
            InvalidArchitecture: it is not one of this space.
        """
        pairs = dict(item.partition("=")[::2] for item in string.split())
        values: dict[str, Value] = {}
        for name, raw in pairs.items():
            offered = {text(v): v for v in self._choice_by_name[name].values} if name in self._choice_by_name else {}
            if raw not in offered:
                raise InvalidArchitecture(f"{name}={raw} is not of the space {self.name!r}.", fix="Use its choices.")
            values[name] = offered[raw]
        return self.architecture(values)

    def sample(self, rng: random.Random) -> Architecture:
        """Every choice sampled uniformly and independently, inactive ones then dropped."""
        return self.architecture({c.name: rng.choice(c.values) for c in self.choices})

    def smallest(self) -> Architecture:
        """The first value of every choice."""
        return self.architecture({c.name: c.values[0] for c in self.choices})

    def largest(self) -> Architecture:
        """The last value of every choice."""
        return self.architecture({c.name: c.values[-1] for c in self.choices})

    @cached_property
    def fingerprint(self) -> str:
        """A hash that changes with the choices or with what the stages build (checked on the smallest, the largest and 16 samples)."""
        rng = random.Random(0)
        probes = [self.smallest(), self.largest(), *(self.sample(rng) for _ in range(16))]
        document = [
            self.name, self.channels, self.classes,
            [[s.name, [[c.name, list(c.values)] for c in s.choices]] for s in self.stages],
            list(self.resolution.values), [self.network(a).id for a in probes],
        ]  # fmt: skip
        return hashlib.sha256(json.dumps(document).encode()).hexdigest()[:16]


def rewire(layers: tuple[Layer, ...], previous: str) -> tuple[Layer, ...]:
    """A stage's layers with `previous` in place of `INPUT`."""
    if previous == INPUT:
        return layers
    return tuple(
        replace(layer, inputs=tuple(previous if i == INPUT else i for i in layer.inputs))
        if INPUT in layer.inputs
        else layer
        for layer in layers
    )
