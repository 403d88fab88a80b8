"""An ONNX graph as plain values: nodes, the shape of every tensor, and the values of small constants.

Shape arithmetic (`Shape`, `Gather`, `Concat` and their like) is folded here, on demand and within bounds; weights are never
looked at. Not here: how a file is read (`onnx_file.py`).
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import cached_property
from typing import TYPE_CHECKING, Any, Final

import numpy as np
from numpy.typing import NDArray

if TYPE_CHECKING:
    import onnx

SMALL: Final = 4096
"""Constants of at most so many elements have values (shapes, axes, limits); larger ones are weights."""

TRANSPARENT: Final = frozenset({"Identity", "Dropout", "Cast", "CastLike", "QuantizeLinear", "DequantizeLinear"})
"""Operators whose first output is their first input, as far as a network's graph goes."""

_FOLDED: Final = frozenset({
    "Identity", "Dropout", "Cast", "QuantizeLinear", "DequantizeLinear", "Gather", "Unsqueeze", "Squeeze", "Concat", "Slice",
    "Reshape", "Transpose", "Add", "Sub", "Mul", "Div", "Mod", "Neg", "Floor", "Ceil", "Sqrt", "Exp", "Min", "Max", "Equal",
    "Where", "ConstantOfShape", "ReduceProd", "ReduceMax", "ReduceMin",
})  # fmt: skip
"""Operators on small constants that are computed; none makes more than a bounded number of elements out of them."""


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


@dataclass
class OnnxGraph:
    """The graph with everything that can be known without running it.

    Attributes:
        name: title of the graph.
        input: name of its one input.
        outputs: names of its outputs.
        nodes: in topological order.
        shapes: of every tensor whose shape is known, batch first.
        constants: names of the tensors that do not depend on the input.
        nhwc: whether the input is (batch, height, width, channels), transposed before anything else.
    """

    name: str
    input: str
    outputs: tuple[str, ...]
    nodes: tuple[Node, ...]
    shapes: dict[str, tuple[int, ...]]
    constants: set[str]
    nhwc: bool
    _protos: dict[str, "onnx.NodeProto"]
    _opsets: "list[onnx.OperatorSetIdProto]"
    _values: dict[str, NDArray[Any] | None] = field(default_factory=dict)

    @cached_property
    def read(self) -> frozenset[str]:
        """All tensors that somebody reads."""
        return frozenset(self.outputs).union(*(node.inputs + node.captured for node in self.nodes))

    def value(self, name: str) -> NDArray[Any] | None:
        """The value of a small constant, or None when it is large, kept elsewhere or not constant."""
        if name not in self._values and name in self.constants:
            pending = [name]
            while pending:  # iterative: a chain of constants may be long
                current = pending[-1]
                proto = self._protos.get(current)
                missing = [i for i in proto.input if i and i not in self._values] if proto is not None else []
                if missing and current not in self._values:
                    self._values[current] = None  # guards against a cycle
                    pending += missing
                    continue
                pending.pop()
                self._values[current] = self._fold(current)
        return self._values.get(name)

    def _fold(self, name: str) -> NDArray[Any] | None:
        known = self._values.get(name)
        proto, shape = self._protos.get(name), self.shapes.get(name)
        if known is not None or proto is None or proto.output[0] != name:
            return known
        if proto.op_type == "Shape" and proto.input[0] in self.shapes:
            bounds = {a.name: a.i for a in proto.attribute}
            return np.asarray(self.shapes[proto.input[0]][bounds.get("start", 0) : bounds.get("end")], dtype=np.int64)
        inputs = {i: self._values.get(i) for i in proto.input if i}
        small = all(v is not None for v in inputs.values()) and (shape is None or np.prod(shape, dtype=object) <= SMALL)
        if proto.op_type not in _FOLDED or not small or (shape is None and proto.op_type == "ConstantOfShape"):
            return None
        if proto.op_type == "DequantizeLinear":
            return _dequantised([value for name in proto.input if (value := inputs.get(name)) is not None])
        from onnx import ValueInfoProto, helper
        from onnx.reference import ReferenceEvaluator

        into, out = ([ValueInfoProto(name=n) for n in names] for names in (inputs, proto.output))
        model = helper.make_model(helper.make_graph([proto], "one", into, out), opset_imports=self._opsets)
        try:
            result = ReferenceEvaluator(model).run(None, inputs)
        except (ArithmeticError, AssertionError, AttributeError, LookupError, RuntimeError, TypeError, ValueError):
            return None  # what cannot be evaluated stays unknown
        value = np.asarray(next(iter(result)))
        self.shapes.setdefault(name, tuple(value.shape))
        return value if value.size <= SMALL else None


def _dequantised(inputs: list[NDArray[Any]]) -> NDArray[Any] | None:
    """The real values of integers with one scale; per-channel scales belong to weights, which are not looked at."""
    x, *parameters = inputs
    if not 1 <= len(parameters) <= 2 or any(p.size != 1 for p in parameters):
        return None
    offset = int(parameters[1].item()) if len(parameters) == 2 else 0
    value: NDArray[Any] = (x.astype(np.int64) - offset) * float(parameters[0].item())
    return value
