"""A network as the groups that an overlay runs: a convolution with its activation and the pool or add that alone reads it.

Concatenations, resizings and reshapes are free: their readers read the parts, each in whole words of channels. What ends a
network on the host (softmax, decoding) is left out. Not here: cycles (`work.py`), limits (`support.py`).
"""

from dataclasses import dataclass, replace
from typing import Final

from hw_targets.overlay.hoisting import hoisted
from search_spaces.network import INPUT, Layer, Network, Shape, readers

IMAGE: Final = -1
"""The network's input, among the groups that are read."""

FREE: Final = frozenset(
    {
        "concat", "shuffle", "resize", "activation", "onnx:Resize", "onnx:Upsample", "onnx:SpaceToDepth", "onnx:DepthToSpace",
        "onnx:Reshape",
        "onnx:Flatten", "onnx:Transpose", "onnx:Squeeze", "onnx:Unsqueeze", "onnx:Identity",
    }
)  # fmt: skip
"""Operators that cost nothing: they change where a feature map lies, not its values."""

CONVOLUTIONS: Final = frozenset({"conv", "onnx:ConvTranspose"})
POOLS: Final = frozenset({"max_pool", "avg_pool", "global_avg_pool"})


@dataclass(frozen=True, slots=True)
class Read:
    """A feature map that a group reads: the group that computes it (or `IMAGE`), and the part that is read."""

    group: int
    shape: Shape


@dataclass(frozen=True, slots=True)
class Group:
    """Layers that run as one.

    Attributes:
        layers: names of the layers in it, the one that computes its result last.
        main: the layer that reads; None where it is an add alone.
        pool, add: fused behind it.
        reads: what `main` reads (of an add alone: its first input).
        add_reads: the other inputs of the add.
        out_shape: of its result.
        words: words of channels that `main` goes through; more than its channels fill where parts of a concatenation do not
            end with a word, since the next begins with one of its own.
        is_output: whether its result goes to memory in any case.
        through_memory: whether it is also read from there, since the host works on it.
    """

    layers: tuple[str, ...]
    main: Layer | None
    pool: Layer | None
    add: Layer | None
    reads: tuple[Read, ...]
    add_reads: tuple[Read, ...]
    out_shape: Shape
    words: int
    is_output: bool = False
    through_memory: bool = False

    @property
    def name(self) -> str:
        """The layer that computes its result."""
        return self.layers[-1]

    @property
    def leading(self) -> Layer:
        """Its main layer, or the add."""
        found = self.main or self.add
        assert found is not None
        return found


def groups(network: Network, word: int, host: frozenset[str] = frozenset()) -> tuple[Group, ...]:
    """The groups of a network in the order in which they run.

    Args:
        network: to run.
        word: channels that lie side by side in an on-chip bank.
        host: layers that the host runs; they read and write feature maps in memory and belong to no group.
    """
    return _Draft(network, word, host).groups()


class _Draft:
    def __init__(self, network: Network, word: int, host: frozenset[str]) -> None:
        self._network, self._word, self._host = network, word, host
        self._layers, self._strided = hoisted(network)
        self._users = readers(network.layers)
        self._made: dict[str, tuple[Read, ...]] = {INPUT: (Read(IMAGE, network.input_shape),)}
        self._done: list[Group] = []
        self._spread: set[int] = set()
        self._fused: set[str] = set()

    def groups(self) -> tuple[Group, ...]:
        for layer in self._network.layers:
            if layer.name in self._fused:
                continue
            if layer.op in FREE or layer.name in self._host:
                self._made[layer.name] = self._passed(layer)
            else:
                self._start(self._layers[layer.name])
        read = {r.group for group in self._done for r in (*group.reads, *group.add_reads)}
        read -= {r.group for name in self._network.outputs for r in self._made[name]}
        return tuple(
            replace(g, is_output=number not in read, through_memory=number in self._spread)
            for number, g in enumerate(self._done)
        )

    def _passed(self, layer: Layer) -> tuple[Read, ...]:
        parts = tuple(r for name in layer.inputs for r in self._made[name])
        if layer.name in self._host:  # a feature map of its own in memory, complete once all its parts are
            self._spread.update(r.group for r in parts if r.group != IMAGE)
            return (Read(max((r.group for r in parts), default=IMAGE), layer.out_shape),)
        if layer.op in ("resize", "onnx:Resize", "onnx:Upsample"):
            (_, height, width), (_, to_height, to_width) = layer.in_shapes[0], layer.out_shape
            parts = tuple(
                Read(r.group, (r.shape[0], r.shape[1] * to_height // height, r.shape[2] * to_width // width))
                for r in parts
            )
        return parts

    def _start(self, layer: Layer) -> None:
        if layer.op in ("add", "mul"):
            first, *rest = (self._made[name] for name in layer.inputs)
            others = tuple(r for made in rest for r in made)
            self._close((layer.name,), None, None, layer, first, others, layer.out_shape)
            return
        names, pool, add = [layer.name], None, None
        others = ()
        out, name = layer.out_shape, layer.name
        reads = self._made[layer.inputs[0]]
        if layer.op == "conv" and not layer.is_depthwise and (after := self._only(name)) and after.op == "max_pool":
            pool = self._layers[after.name]
            out, name = pool.out_shape, pool.name
            names.append(name)
        if layer.op in CONVOLUTIONS and (after := self._only(name)) and after.op == "add" and self._ready(after, name):
            add = self._layers[after.name]
            stride = self._strided.get(add.name)
            others = tuple(
                r if stride is None else replace(r, shape=(r.shape[0], *add.out_shape[1:]))
                for other in add.inputs
                if other != name
                for r in self._made[other]
            )
            out, name = add.out_shape, add.name
            names.append(name)
        self._close(tuple(names), layer, pool, add, reads, others, out)

    def _close(
        self, names: tuple[str, ...], main: Layer | None, pool: Layer | None, add: Layer | None,
        reads: tuple[Read, ...], others: tuple[Read, ...], out: Shape,
    ) -> None:  # fmt: skip
        self._fused.update(names)
        self._made[names[-1]] = (Read(len(self._done), out),)
        words = self._words(main.inputs[0]) if main is not None else 0
        self._done.append(Group(names, main, pool, add, reads, others, out, words))

    def _words(self, name: str) -> int:
        """Words of channels in which a feature map lies."""
        layer = self._network.by_name.get(name)
        on_host = name in self._host
        if layer is not None and layer.op == "concat" and not on_host:
            return sum(map(self._words, layer.inputs))
        if layer is not None and (layer.op in ("activation", "resize") or layer.op in POOLS) and not on_host:
            # as it lay before
            return self._words(layer.inputs[0])
        channels = self._network.input_shape[0] if layer is None else layer.out_shape[0]
        return -(-channels // self._word)

    def _only(self, name: str) -> Layer | None:
        """The one reader of a layer."""
        users = self._users.get(name, [])
        alone = len(users) == 1 and name not in self._network.outputs and users[0].name not in self._host
        return users[0] if alone else None

    def _ready(self, add: Layer, name: str) -> bool:
        """Whether the other inputs of an add are computed before."""
        others = [other for other in add.inputs if other != name]
        return len(others) > 0 and all(other in self._made for other in others)
