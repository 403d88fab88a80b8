"""An ONNX graph as plain values: nodes, the shape of every tensor, and the values of small constants.

Not here: how a file is read (`onnx_file.py`), how shapes and constants are inferred (`onnx_shapes.py`).
"""

from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property
from typing import Any, Final

from numpy.typing import NDArray

from search_spaces.onnx_layout import Layout

TRANSPARENT: Final = frozenset({
    "Identity", "Dropout", "Cast", "CastLike", "QuantizeLinear", "DequantizeLinear", "DynamicQuantizeLinear",
})  # fmt: skip
"""Operators whose first output is their first input, as far as a network's graph goes."""


@dataclass(frozen=True, slots=True)
class Node:
    """One operator of the file: names of its tensors ("" for one left out) and its attributes as Python values."""

    name: str
    op: str
    inputs: tuple[str, ...]
    outputs: tuple[str, ...]
    attributes: Mapping[str, Any]
    captured: tuple[str, ...] = ()
    """Tensors that only its subgraphs read."""
    standard: bool = True
    """Whether it is an operator of ONNX itself, not of an extension."""


@dataclass(frozen=True)
class OnnxGraph:
    """The graph with everything that can be known without running it.

    Attributes:
        name: title of the graph.
        input: name of its one input.
        outputs: names of its outputs.
        nodes: in topological order.
        shapes: of every tensor whose shape is known.
        constants: names of the tensors that do not depend on the input.
        values: of the small constants.
        unknown: for tensors whose shape or value is not known, the reason where there is one.
        layout: what the axes of the input are.
        batch: how many images the input holds.
    """

    name: str
    input: str
    outputs: tuple[str, ...]
    nodes: tuple[Node, ...]
    shapes: Mapping[str, tuple[int, ...]]
    constants: frozenset[str]
    values: Mapping[str, NDArray[Any]]
    unknown: Mapping[str, str]
    layout: Layout
    batch: int

    @cached_property
    def read(self) -> frozenset[str]:
        """All tensors that are read."""
        return frozenset(self.outputs).union(*(node.inputs + node.captured for node in self.nodes))

    @cached_property
    def producers(self) -> dict[str, Node]:
        """The node that makes each tensor."""
        return {output: node for node in self.nodes for output in node.outputs}

    def value(self, name: str) -> NDArray[Any] | None:
        """The value of a small constant, or None where it is large, in another file or not constant."""
        return self.values.get(name)
