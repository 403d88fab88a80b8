"""Layers being drawn from an ONNX graph, and the value behind each of its tensors, while its nodes are visited.

Reshapes, transpositions and paddings stay pending on a value until somebody reads it in a way that needs them, so that a
flatten before a classifier, an NHWC input and a `Pad` before a convolution leave nothing behind. Not here: what each
operator means (`onnx_operators.py`).
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from typing import Any, Final

import numpy as np

from search_spaces.errors import UnreadableModel
from search_spaces.network import INPUT, Layer, Shape
from search_spaces.onnx_graph import Node, OnnxGraph

AFFINE: Final = "onnx:Affine"
"""Provisional operator of a scale and a shift with constants (batch norm, `Mul`, `Add`, `Sub`, `Div`), fused later."""


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
    """A scale or shift by constants: ONNX's operator, and the constant where it is one number."""

    op: str
    scalar: float | None


def triple(shape: tuple[int, ...]) -> Shape:
    """An ONNX shape (batch first) as (channels, height, width); more dimensions are counted as channels."""
    body = shape[1:]
    if len(body) <= 3:
        padded = (*body, 1, 1, 1)
        return (padded[0], padded[1], padded[2])
    return (int(np.prod(body[:-2], dtype=object)), body[-2], body[-1])


Handler = Callable[["Walk", Node], bool]
"""Turns a node into layers or values and says true, or says false and leaves it alone."""


class Walk:
    """Layers drawn so far, and the value behind each tensor."""

    def __init__(self, graph: OnnxGraph) -> None:
        shape = graph.shapes[graph.input]
        self.graph = graph
        self.layers: dict[str, Layer] = {}
        self.affine: dict[str, Affine] = {}
        self._used: dict[str, int] = {}
        self.values: dict[str, Value] = {graph.input: Value(INPUT, shape)}
        self.input_shape = triple(shape)
        if graph.nhwc:
            self.input_shape = (shape[3], shape[1], shape[2])
            self.values[graph.input] = Value(INPUT, shape, "transpose", (0, 2, 3, 1))

    def run(self, handlers: Mapping[str, Handler]) -> None:
        """Visits all nodes; one without a handler, or whose handler says no, is a layer of its own operator.

        Raises:
            UnreadableModel: a tensor is read before it is made, its shape is not known, or a node is malformed.
        """
        for node in self.graph.nodes:
            if node.outputs and node.outputs[0] in self.graph.constants:
                continue
            for name in node.inputs:
                if name and name not in self.values and name not in self.graph.constants:
                    raise UnreadableModel(
                        f"Node {node.name!r} ({node.op}) reads {name!r}, which nothing before it makes.",
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
            raise UnreadableModel(
                f"The shape of {node.outputs[output]!r}, made by {node.name!r} ({node.op}), cannot be worked out.",
                fix="Export the model with a fixed input size and standard operators, or simplify it first.",
                facts={"node": node.name, "operator": node.op},
            )
        return shape

    def read(self, name: str, allow: str | None = None) -> tuple[Value, Shape]:
        """A tensor and the shape it is read with; what is pending on it is carried out unless allowed to stay."""
        value = self.values[name]
        made = self.made(value.source)
        if value.pending is None or value.pending == allow:
            return value, made
        if value.pending != "pad" and triple(value.shape) == made and trivial(value):
            return Value(value.source, value.shape), made
        shape = triple(value.shape)
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
        """The shape that a layer makes."""
        return self.input_shape if source == INPUT else self.layers[source].out_shape

    def add(self, node: Node, op: str, inputs: tuple[str, ...], **attributes: Any) -> bool:
        """Appends a layer that reads these tensors and makes the node's first output."""
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
        self.layers[name] = Layer(name, op, sources, shapes, triple(shape), **attributes)
        self.values[node.outputs[output]] = Value(name, shape)
        return True

    def alias(self, node: Node, value: Value) -> bool:
        """Lets the node's first output be a value that exists."""
        self.values[node.outputs[0]] = value
        return True

    def elementwise(self, node: Node, op: str, **attributes: Any) -> bool:
        """Appends a layer of one input that works on any layout: what is pending on its input is then pending on it."""
        value = self.values[node.inputs[0]]
        if value.pending == "pad":
            value, _ = self.read(node.inputs[0])
        return self.inherit(node, op, (value,), **attributes)

    def inherit(self, node: Node, op: str, values: tuple[Value, ...], **attributes: Any) -> bool:
        """Appends a layer that reads values before what is pending on them, alike on all, which is then pending on it."""
        made = self.made(values[0].source)
        self.append(node, op, tuple(v.source for v in values), (made,) * len(values), **attributes)
        name = self.values[node.outputs[0]].source
        self.layers[name] = replace(self.layers[name], out_shape=made)
        return self.alias(node, replace(values[0], source=name))

    def _unknown(self, node: Node) -> None:
        names = [n for n in (*node.inputs, *node.captured) if n in self.values]
        read = [self.read(name) for name in names]
        for index, output in enumerate(node.outputs):
            if output and (index == 0 or output in self.graph.read):
                sources, shapes = tuple(r[0].source for r in read), tuple(r[1] for r in read)
                self.append(node, f"onnx:{node.op}", sources, shapes, index)


def trivial(value: Value) -> bool:
    """Whether a pending transposition only moves dimensions of size 1 (a reshape to the same triple always is)."""
    if value.pending != "transpose":
        return True
    moved = [axis for axis, size in zip(value.detail, value.shape, strict=True) if size > 1]
    return moved == sorted(moved)
