"""Layers being built from an ONNX graph, and the value behind each of its tensors, while its nodes are visited.

Reshapes, transpositions and paddings stay pending on a value until a reader needs them, so that a
flatten before a classifier, an NHWC input and a `Pad` before a convolution add no layers. Not here: what each
operator means (`onnx_operators.py`).
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from typing import Any, Final

import numpy as np

from search_spaces.errors import UnreadableModel
from search_spaces.network import INPUT, Layer, Shape
from search_spaces.onnx_graph import TRANSPARENT, Node, OnnxGraph

AFFINE: Final = "onnx:Affine"
"""Provisional operator of a scale and a shift with constants (batch norm, `Mul`, `Add`, `Sub`, `Div`), fused later."""


TOKEN_LINEAR: Final = frozenset({"onnx:MatMul", "onnx:Gemm"})
"""Products of matrices; with a constant, they are linear layers of many vectors at once."""


@dataclass(frozen=True, slots=True)
class Value:
    """A tensor that depends on the input: what layer made it, and what is still to be done to it.

    Attributes:
        source: the layer (or `INPUT`) whose result it is.
        shape: its ONNX shape, batch first.
        pending: `reshape`, `transpose` or `pad`, not yet carried out; or None.
        detail: permutation of the source's axes, or padding (top, left, bottom, right).
        quantised: scale and zero point, while it is integers.
    """

    source: str
    shape: tuple[int, ...]
    pending: str | None = None
    detail: tuple[int, ...] = ()
    quantised: tuple[float, int] | None = None


@dataclass(frozen=True, slots=True)
class Affine:
    """A scale or shift by constants: ONNX's operator, the constant where it is one number, the parameters it owns, and its node."""

    op: str
    scalar: float | None
    params: int = 0
    node: Node | None = None


_SAME_ELEMENTS: Final = TRANSPARENT | {"Transpose", "Reshape", "Flatten", "Squeeze", "Unsqueeze"}
"""Operators that give the same weight in another form."""

_MAX_FORMS: Final = 16
"""Operators through which a weight is followed to its constant."""


PRODUCTS: Final = frozenset({
    "Conv", "ConvTranspose", "ConvInteger", "QLinearConv", "DeformConv", "MatMul", "MatMulInteger", "QLinearMatMul", "Gemm",
    "Einsum", "LSTM", "GRU", "RNN", "Attention", "LinearAttention", "CausalConvWithState", "SwiGLU", "DFT", "STFT", "If",
    "Loop", "Scan", "SequenceMap",
})  # fmt: skip
"""Operators of ONNX that multiply and accumulate, or may; all others count 0."""

LEARNED: Final = {
    **dict.fromkeys(("LayerNormalization", "GroupNormalization", "InstanceNormalization", "BatchNormalization"), 3),
    **dict.fromkeys(("RMSNormalization", "PRelu", "Add", "Sub", "Mul", "Div", "Concat"), 2),
    "Gather": 1,
}
"""Operators whose constants are counted as parameters, and how many of their first inputs may be such."""

Handler = Callable[["Walk", Node], bool]
"""Turns a node into layers or values and returns true, or returns false and changes nothing."""


class Walk:
    """Layers built so far with the node that each comes from, and the value behind each tensor."""

    def __init__(self, graph: OnnxGraph) -> None:
        self.graph = graph
        self.layers: dict[str, Layer] = {}
        self.affine: dict[str, Affine] = {}
        self.nodes: dict[str, Node] = {}
        self._used: dict[str, int] = {}
        self._claimed: set[str] = set()
        shape = graph.shapes[graph.input]
        image = graph.layout.place(shape)
        self.input_shape = self.triple(image)
        self.values: dict[str, Value] = {graph.input: Value(INPUT, shape)}
        for name, axes in graph.layout.pixels.items():
            self._read_pixels(name, axes, image)

    def _read_pixels(self, name: str, axes: tuple[int, ...], image: tuple[int, ...]) -> None:
        """Lets a tensor be the input with its axes in another order, if it still holds all of it."""
        shape = self.graph.shapes.get(name, ())
        if shape != tuple(image[axis] for axis in axes):
            return
        moved = len(axes) == len(image) and axes != tuple(range(len(axes)))
        self.values[name] = Value(INPUT, shape, "transpose" if moved else None, axes if moved else ())

    def triple(self, shape: tuple[int, ...]) -> Shape:
        """An ONNX shape of the whole batch as (channels, height, width) of one image; more dimensions count as channels.

        Where the first dimension holds more than the images (windows of an image, boxes), it counts as channels, too.
        """
        rows = shape[0] // self.graph.batch if shape else 1
        body = (rows, *shape[1:]) if rows > 1 else shape[1:]
        if len(body) <= 3:
            padded = (*body, 1, 1, 1)
            return (padded[0], padded[1], padded[2])
        return (elements(body[:-2]), body[-2], body[-1])

    def is_batch(self, shape: tuple[int, ...]) -> bool:
        """Whether the first dimension of an ONNX shape holds the images and nothing else."""
        return bool(shape) and shape[0] == self.graph.batch

    def claim(self, *names: str) -> int:
        """Elements of constants that no earlier layer owns; from now on, they are owned."""
        owned = 0
        for name in names:
            if not self.is_constant(name):
                continue
            root = name
            for _ in range(_MAX_FORMS):
                maker = self.graph.producers.get(root)
                if maker is None or maker.op not in _SAME_ELEMENTS:
                    break
                root = maker.inputs[0]
            if root not in self._claimed:
                self._claimed.add(root)
                owned += elements(self.graph.shapes.get(name, (0,)))
        return owned

    def run(self, handlers: Mapping[str, Handler]) -> None:
        """Visits all nodes; one without a handler, or whose handler returns false, is a layer of its own operator.

        Raises:
            UnreadableModel: a tensor is read before it is computed, its shape is not known, or a node is malformed.
        """
        for node in self.graph.nodes:
            if node.outputs and (node.outputs[0] in self.graph.constants or node.outputs[0] in self.values):
                continue
            for name in node.inputs:
                if name and name not in self.values and name not in self.graph.constants:
                    raise UnreadableModel(
                        f"Node {node.name!r} ({node.op}) reads {name!r}, which no node before it computes.",
                        fix="Export the model again; its nodes are not in order.",
                    )
            try:
                if node.op not in handlers or not handlers[node.op](self, node):
                    self._unknown(node)
            except (IndexError, ValueError, TypeError, KeyError, AttributeError, ZeroDivisionError) as error:
                raise UnreadableModel(
                    f"Node {node.name!r} ({node.op}) has inputs or attributes that its operator cannot have: {error}.",
                    fix="Check the file with `onnx.checker`, and export the model again.",
                ) from error

    def shape(self, node: Node, output: int = 0) -> tuple[int, ...]:
        """ONNX shape of a node's output."""
        shape = self.graph.shapes.get(node.outputs[output])
        if shape is None or not shape:
            if shape == ():
                return (1,)
            raise self._no_shape(node, output)
        return shape

    def _no_shape(self, node: Node, output: int) -> UnreadableModel:
        unknown = self.graph.unknown
        reason = next((unknown[n] for n in (*node.inputs, node.outputs[output]) if n in unknown), "")
        elsewhere = "is stored in another file" in reason
        return UnreadableModel(
            f"The shape of {node.outputs[output]!r}, computed by {node.name!r} ({node.op}), cannot be inferred"
            f"{': ' if reason else ''}{reason}.",
            fix='Save the model with its tensors inside: `onnx.save(onnx.load("model.onnx"), "whole.onnx")`.'
            if elsewhere
            else "Export the model with a fixed input size and standard operators, or simplify it first.",
            facts={"node": node.name, "operator": node.op},
        )

    def read(self, name: str, allow: str | None = None) -> tuple[Value, Shape]:
        """A tensor and the shape it is read with; what is pending on it is carried out unless allowed to stay."""
        value = self.values[name]
        made = self.made(value.source)
        if value.pending is None or value.pending == allow:
            return value, made
        if value.pending != "pad" and self.triple(value.shape) == made and trivial(value):
            return Value(value.source, value.shape), made
        shape = self.triple(value.shape)
        op = {"reshape": "onnx:Reshape", "transpose": "onnx:Transpose", "pad": "onnx:Pad"}[value.pending]
        detail = ",".join(map(str, value.detail)) or "x".join(map(str, shape))
        layer = Layer(f"{value.source}/{value.pending}_{detail}", op, (value.source,), (made,), shape)
        if layer.name not in self.layers:
            self.layers[layer.name] = layer
        return Value(layer.name, value.shape), shape

    def is_constant(self, name: str) -> bool:
        """Whether a tensor does not depend on the input."""
        return name in self.graph.constants and name != ""

    def made(self, source: str) -> Shape:
        """The shape of a layer's result."""
        return self.input_shape if source == INPUT else self.layers[source].out_shape

    def add(self, node: Node, op: str, inputs: tuple[str, ...], **attributes: Any) -> bool:
        """Appends a layer that reads these tensors and computes the node's first output."""
        read = tuple(self.read(name) for name in inputs)
        return self.append(node, op, tuple(r[0].source for r in read), tuple(r[1] for r in read), **attributes)

    def append(
        self,
        node: Node,
        op: str,
        sources: tuple[str, ...],
        shapes: tuple[Shape, ...],
        output: int = 0,
        **attributes: Any,
    ) -> bool:
        """Appends a layer under a name of its own."""
        shape = self.shape(node, output)
        title = node.name.split(":")[0] or node.op  # a part of a layer is named `layer:part`
        title = title if output == 0 else f"{title}/{output}"
        name = title
        while name == INPUT or name in self.layers:
            self._used[title] = self._used.get(title, 0) + 1
            name = f"{title}_{self._used[title]}"
        self.layers[name] = Layer(name, op, sources, shapes, self.triple(shape), **attributes)
        self.nodes[name] = node
        self.values[node.outputs[output]] = Value(name, shape)
        return True

    def counted(self, node: Node, macs: int, params: int) -> bool:
        """Appends a layer of ONNX's name, with its multiply-accumulates over the whole batch and the parameters it owns."""
        read = [self.read(name) for name in dict.fromkeys(node.inputs) if name in self.values]
        sources, shapes = tuple(r[0].source for r in read), tuple(r[1] for r in read)
        own: dict[str, Any] = {"macs": macs // self.graph.batch, "params": params}
        for index, output in enumerate(node.outputs):
            if output and (index == 0 or output in self.graph.read):
                self.append(node, f"onnx:{node.op}", sources, shapes, index, **(own if index == 0 else {}))
        return True

    def alias(self, node: Node, value: Value) -> bool:
        """Lets the node's first output be a value that exists."""
        self.values[node.outputs[0]] = value
        return True

    def elementwise(self, node: Node, op: str, name: str | None = None, **attributes: Any) -> bool:
        """Appends a layer of one input that works on any layout: what is pending on its input is then pending on it."""
        read = node.inputs[0] if name is None else name
        value = self.values[read]
        if value.pending == "pad":
            value, _ = self.read(read)
        return self.inherit(node, op, (value,), **attributes)

    def inherit(self, node: Node, op: str, values: tuple[Value, ...], **attributes: Any) -> bool:
        """Appends a layer that reads values before what is pending on them, the same on all, which is then pending on it."""
        made = self.made(values[0].source)
        self.append(node, op, tuple(v.source for v in values), (made,) * len(values), **attributes)
        name = self.values[node.outputs[0]].source
        self.layers[name] = replace(self.layers[name], out_shape=made)
        return self.alias(node, replace(values[0], source=name))

    def _unknown(self, node: Node) -> None:
        names = [n for n in (*node.inputs, *node.captured) if n in self.values]
        read = [self.read(name) for name in names]
        counted = node.standard and node.op not in PRODUCTS
        own = self.claim(*filter(self._is_learned, self._may_be_learned(node)))
        for index, output in enumerate(node.outputs):
            if output and (index == 0 or output in self.graph.read):
                sources, shapes = tuple(r[0].source for r in read), tuple(r[1] for r in read)
                params = own if own and index == 0 else None
                self.append(node, f"onnx:{node.op}", sources, shapes, index, counted=counted, params=params)

    def _may_be_learned(self, node: Node) -> tuple[str, ...]:
        maker = self.graph.producers.get(node.inputs[0]) if node.inputs else None
        if node.op == "InstanceNormalization" and maker is not None and maker.op == "Reshape":
            return ()  # a group norm in several nodes: its scale and shift are ones and zeros here, the learned ones follow
        return node.inputs[: LEARNED.get(node.op, 0)]

    def _is_learned(self, name: str) -> bool:
        """Whether a constant is likely to be learned: several real numbers, and no mask or bias of an attention matrix."""
        shape = self.graph.shapes.get(name, ())
        many = elements(shape) > 1
        return self.is_constant(name) and many and (len(shape) <= 3 or sum(size > 1 for size in shape) == 1)


def elements(shape: tuple[int, ...]) -> int:
    """Number of elements of a tensor."""
    return int(np.prod(shape, dtype=object))


def trivial(value: Value) -> bool:
    """Whether a pending transposition only moves dimensions of size 1 (a reshape to the same triple always is)."""
    if value.pending != "transpose":
        return True
    moved = [axis for axis, size in zip(value.detail, value.shape, strict=True) if size > 1]
    return moved == sorted(moved)
