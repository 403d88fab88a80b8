"""A network is data: an immutable graph of layers in topological order, and the values derived from one layer at a time.

Everything else about a network (module, ONNX file, latency, cycles, picture) is a function of this value, elsewhere.
Not here: how networks are built (`space.py`), what they cost in total (`cost.py`), how ONNX is read (`onnx_reader.py`).
"""

import hashlib
import json
from collections.abc import Iterable
from dataclasses import asdict, dataclass, field, fields
from functools import cached_property
from typing import Any, Final

from search_spaces.errors import InvalidNetwork

Shape = tuple[int, int, int]
"""(channels, height, width) of one image; the batch is never part of a shape. A vector is (features, 1, 1)."""

INPUT: Final = "input"
"""The name by which layers refer to the network's input."""

SCHEMA: Final = 1

OPERATORS: Final = frozenset(
    {
        "conv", "linear", "add", "mul", "concat", "slice", "shuffle", "max_pool", "avg_pool", "global_avg_pool", "activation",
        "resize",
    }
)  # fmt: skip
"""The operators that every interpreter and lowering knows. Others (read from ONNX) are named `onnx:<OpType>`."""

ACTIVATIONS: Final = frozenset({"relu", "relu6", "hard_swish", "hard_sigmoid", "sigmoid", "silu", "leaky_relu"})


@dataclass(frozen=True, slots=True)
class Layer:
    """One operator with its fused activation.

    `conv` has a bias always (batch norm folds into it); `linear` flattens its input (C, H, W) in that order; `mul` and
    `add` broadcast a (C, 1, 1) second input; `resize` is bilinear (half-pixel) to `out_shape`'s height and width; `slice` takes
    channels from `start` on; `shuffle` interleaves the channels of `groups` groups (ShuffleNet, Zhang et al. 2018).

    Attributes:
        name: unique in its network; names are weights, so layers of one name share parameters across a space.
        op: one of `OPERATORS`, or `onnx:<OpType>`.
        inputs: names of the layers (or `INPUT`) it reads.
        in_shapes: their shapes, in that order.
        out_shape: its own.
        kernel, stride, dilation: (height, width), for `conv` and the pools.
        padding: (top, left, bottom, right) zeros.
        groups: of a `conv` (depthwise when equal to the input channels) or a `shuffle`.
        start: first channel of the input that a `slice` takes.
        activation: applied to the result, one of `ACTIVATIONS`, or None.
        norm: training normalises the result with batch norm before the activation; a deployed network has none left.
        macs: multiply-accumulates of one image, where kernel and shapes do not determine them; None where they do.
        params: parameters that it owns, where shapes do not determine them or an earlier layer owns some; None where they do.
        counted: whether its multiply-accumulates are known; if not, a total of the network is a lower bound.
    """

    name: str
    op: str
    inputs: tuple[str, ...]
    in_shapes: tuple[Shape, ...]
    out_shape: Shape
    kernel: tuple[int, int] = (1, 1)
    stride: tuple[int, int] = (1, 1)
    padding: tuple[int, int, int, int] = (0, 0, 0, 0)
    dilation: tuple[int, int] = (1, 1)
    groups: int = 1
    activation: str | None = None
    norm: bool = False
    macs: int | None = None
    params: int | None = None
    counted: bool = True
    start: int = 0

    @property
    def is_depthwise(self) -> bool:
        """Whether it is a convolution with one input channel to each filter."""
        return self.op == "conv" and self.groups == self.in_shapes[0][0] == self.out_shape[0] and self.groups > 1

    @property
    def block(self) -> int | None:
        """Channels of a group, where each group of the result is made from that of the input at its place: 1 if depthwise; else None."""
        own, read = self.out_shape[0], self.in_shapes[0][0]
        return read // self.groups if self.op == "conv" and self.groups > 1 and own == read else None

    @property
    def has_weights(self) -> bool:
        """Whether it owns a weight and a bias."""
        return self.op in ("conv", "linear")

    @property
    def weight_shape(self) -> tuple[int, int, int, int]:
        """Shape of the weight: (out, in / groups, kernel height, kernel width); a `linear` is (out, C*H*W, 1, 1)."""
        if self.op == "linear":
            channels, height, width = self.in_shapes[0]
            return (self.out_shape[0], channels * height * width, 1, 1)
        return (self.out_shape[0], self.in_shapes[0][0] // self.groups, *self.kernel)

    @property
    def key(self) -> str:
        """What its cost depends on, in words: the operator, shapes, attributes and activation, never its name.

        Two layers of equal key cost the same on a target. Readable on purpose: it is the key of latency tables.
        """
        shapes = "+".join("x".join(map(str, shape)) for shape in self.in_shapes)
        parts = [self.op, f"{shapes}>{'x'.join(map(str, self.out_shape))}"]
        if self.op in ("conv", "max_pool", "avg_pool", "onnx:ConvTranspose"):
            parts.append(f"k{_pair(self.kernel)} s{_pair(self.stride)} p{','.join(map(str, self.padding))}")
            if self.dilation != (1, 1):
                parts.append(f"d{_pair(self.dilation)}")
            if self.groups != 1:
                parts.append(f"g{self.groups}")
        if self.op == "shuffle":
            parts.append(f"g{self.groups}")
        if self.op == "slice":
            parts.append(f"from{self.start}")
        if self.macs:
            parts.append(f"m{self.macs}")
        if self.activation is not None:
            parts.append(self.activation)
        return " ".join(parts)


def _pair(values: tuple[int, int]) -> str:
    return str(values[0]) if values[0] == values[1] else f"{values[0]}x{values[1]}"


_DEFAULTS: Final = {f.name: f.default for f in fields(Layer)}


@dataclass(frozen=True)
class Network:
    """Layers in topological order from one input to one or more outputs.

    Raises:
        InvalidNetwork: a name is used twice, an input is not defined before its reader or has another shape.
    """

    name: str
    input_shape: Shape
    layers: tuple[Layer, ...]
    outputs: tuple[str, ...] = field(default=())

    def __post_init__(self) -> None:
        shapes: dict[str, Shape] = {INPUT: self.input_shape}
        for layer in self.layers:
            if layer.name in shapes:
                raise InvalidNetwork(
                    f"Layer name {layer.name!r} is used twice.", fix="Give every layer a name of its own."
                )
            for source, shape in zip(layer.inputs, layer.in_shapes, strict=True):
                if shapes.get(source) != shape:
                    raise InvalidNetwork(
                        f"Layer {layer.name!r} reads {source!r} as {shape}, which is {shapes.get(source, 'not defined before it')}.",
                        fix="List layers in topological order, and give them the shapes of what they read.",
                    )
            shapes[layer.name] = layer.out_shape
        if not self.layers:
            raise InvalidNetwork(f"Network {self.name!r} has no layers.", fix="Give it at least one.")
        if not self.outputs:
            object.__setattr__(self, "outputs", (self.layers[-1].name,))
        for output in self.outputs:
            if output not in shapes:
                raise InvalidNetwork(f"Output {output!r} is no layer.", fix="Name layers of the network as outputs.")

    @cached_property
    def by_name(self) -> dict[str, Layer]:
        """The layers by their names."""
        return {layer.name: layer for layer in self.layers}

    @cached_property
    def id(self) -> str:
        """A stable hash of the graph (its title apart), 16 hex digits."""
        document = self.to_json()
        del document["name"]
        return hashlib.sha256(json.dumps(document, sort_keys=True).encode()).hexdigest()[:16]

    def to_json(self) -> dict[str, Any]:
        """The network as plain JSON values; attributes at their default are left out."""
        layers = [
            {k: v for k, v in asdict(layer).items() if k not in _DEFAULTS or v != _DEFAULTS[k]} for layer in self.layers
        ]
        document: dict[str, Any] = json.loads(
            json.dumps(
                {
                    "schema": SCHEMA,
                    "name": self.name,
                    "input_shape": self.input_shape,
                    "outputs": self.outputs,
                    "layers": layers,
                }
            )
        )
        return document

    @staticmethod
    def from_json(document: dict[str, Any]) -> "Network":
        """The inverse of `to_json`.

        Raises:
            InvalidNetwork: the document is of another schema, or its layers do not fit together.
        """
        if document.get("schema") != SCHEMA:
            raise InvalidNetwork(
                f"This network has schema {document.get('schema')!r}; this version reads {SCHEMA}.",
                fix="Write it again with this version.",
            )
        try:
            layers = tuple(Layer(**{k: _tuples(v) for k, v in layer.items()}) for layer in document["layers"])
            return Network(document["name"], _tuples(document["input_shape"]), layers, _tuples(document["outputs"]))
        except (KeyError, TypeError) as error:
            raise InvalidNetwork(
                f"Not a network document: {error}.", fix="Use what `Network.to_json` wrote."
            ) from error


def _tuples(value: Any) -> Any:
    return tuple(_tuples(item) for item in value) if isinstance(value, list) else value


def readers(layers: Iterable[Layer]) -> dict[str, list[Layer]]:
    """For each tensor, the layers that read it, in order."""
    found: dict[str, list[Layer]] = {}
    for layer in layers:
        for source in layer.inputs:
            found.setdefault(source, []).append(layer)
    return found
