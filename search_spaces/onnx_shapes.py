"""Shapes of all tensors of an ONNX graph and values of its small constants, inferred in one pass over the nodes.

Each node is given to ONNX's own shape inference with the values that are known, and executed where all that it reads is
constant and small; so whatever an exporter computes from shapes is folded, however long the chain and whatever the
operators. Weights are never read. Not here: how a file is read (`onnx_file.py`).
"""

from collections import deque
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Final

import numpy as np
from numpy.typing import NDArray

from search_spaces.errors import UnreadableModel

if TYPE_CHECKING:
    import onnx

SMALL: Final = 4096
"""Constants of at most so many elements have values (shapes, axes, limits); larger ones are weights."""

MAX_NODES: Final = 50_000

_NOT_EXECUTED: Final = frozenset({
    "Einsum", "RandomNormalLike", "RandomUniformLike", "Bernoulli", "Multinomial", "ImageDecoder",
})  # fmt: skip
"""Operators that are never executed: their work is not bounded by the sizes of what they read, or they are random."""

_LIKE_FIRST: Final = frozenset({"GroupNormalization", "MeanVarianceNormalization"})
"""Operators that ONNX infers no shape for: it is that of their first input."""

_FAULTS: Final = (
    ArithmeticError, AssertionError, AttributeError, LookupError, MemoryError, RuntimeError, TypeError, ValueError,
)  # fmt: skip
"""What ONNX's inference and its operators raise over invalid nodes."""

ReadTensor = Callable[["onnx.TensorProto"], NDArray[Any] | str]
"""Gives the value of a small tensor, or the reason why it is not known."""


@dataclass
class Tensors:
    """What is known of the tensors so far."""

    types: "dict[str, onnx.TypeProto]" = field(default_factory=dict)
    values: dict[str, NDArray[Any]] = field(default_factory=dict)
    constants: set[str] = field(default_factory=set)
    unknown: dict[str, str] = field(default_factory=dict)
    """Why a shape or a value is not known."""

    def shape(self, name: str) -> tuple[int, ...] | None:
        """The shape of a tensor, where all of it is known."""
        return full_shape(self.types[name]) if name in self.types else None

    def shapes(self) -> dict[str, tuple[int, ...]]:
        """All shapes that are known."""
        return {name: shape for name in self.types if (shape := self.shape(name)) is not None}

    def set_value(self, name: str, value: NDArray[Any], kind: "int | None" = None) -> None:
        """Records the value of a constant."""
        from onnx import helper

        self.constants.add(name)
        self.values[name] = value
        element = helper.np_dtype_to_tensor_dtype(value.dtype) if kind is None else kind
        self.types[name] = helper.make_tensor_type_proto(element, value.shape)


def full_shape(kind: "onnx.TypeProto") -> tuple[int, ...] | None:
    """A type's shape, where all of it is known."""
    tensor = kind.tensor_type
    if not tensor.HasField("shape"):
        return None
    dims = tuple(d.dim_value if d.HasField("dim_value") else -1 for d in tensor.shape.dim)
    return dims if all(d >= 0 for d in dims) else None


def work_out(
    model: "onnx.ModelProto", tensors: Tensors, read: ReadTensor, open_sizes: Mapping[str, int]
) -> "list[onnx.NodeProto]":
    """Records type and shape of every tensor, and the value of small constants.

    Args:
        model: its input has a type in `tensors`, and so have its initialisers.
        tensors: is filled.
        read: of tensors in the file.
        open_sizes: what the names of the input's open sizes stand for.

    Returns:
        The nodes in order; an `If` whose condition is known is replaced by its branch.

    Raises:
        UnreadableModel: too many nodes.
    """
    stated = {info.name: _bound(info.type, open_sizes) for info in (*model.graph.value_info, *model.graph.output)}
    infer = _Inference(model, tensors)
    waiting, done = deque(model.graph.node), []
    while waiting:
        node = waiting.popleft()
        if node.op_type == "If" and (branch := _branch(node, tensors)) is not None:
            for tensor in branch.initializer:
                take_tensor(tensor, tensor.name, tensors, read)
            waiting.extendleft(reversed(branch.node))
            continue
        done.append(node)
        if len(done) > MAX_NODES:
            raise UnreadableModel(f"The model has more than {MAX_NODES:,} nodes.", fix="Simplify the graph first.")
        outputs = infer.outputs(node)
        for name in filter(None, node.output):
            if name in stated and (name not in outputs or full_shape(outputs[name]) is None):
                outputs[name] = stated[name]
            if name in outputs:
                tensors.types[name] = outputs[name]
        _take_constant(node, tensors, read, infer)
    return done


def _bound(kind: "onnx.TypeProto", open_sizes: Mapping[str, int]) -> "onnx.TypeProto":
    """A stated type with the sizes of the input in place of their names."""
    for dim in kind.tensor_type.shape.dim if kind.tensor_type.HasField("shape") else ():
        if dim.dim_param in open_sizes:
            dim.dim_value = open_sizes[dim.dim_param]
    return kind


def take_tensor(tensor: "onnx.TensorProto", name: str, tensors: Tensors, read: ReadTensor) -> None:
    """Records a tensor of the file: its shape, and its value where it is small."""
    from onnx import helper

    tensors.constants.add(name)
    tensors.types[name] = helper.make_tensor_type_proto(tensor.data_type, list(tensor.dims))
    if int(np.prod(tensor.dims, dtype=object)) <= SMALL:
        value = read(tensor)
        if isinstance(value, str):
            tensors.unknown[name] = value
        else:
            tensors.set_value(name, value, tensor.data_type)


class _Inference:
    """ONNX's shape inference of single nodes."""

    def __init__(self, model: "onnx.ModelProto", tensors: Tensors) -> None:
        self.opsets = {opset.domain or "ai.onnx": opset.version for opset in model.opset_import}
        self.imports = list(model.opset_import)
        self.tensors = tensors

    def outputs(self, node: "onnx.NodeProto") -> "dict[str, onnx.TypeProto]":
        """Types of a node's outputs, as far as they can be inferred; the reason is recorded where they cannot."""
        from onnx import defs

        tensors = self.tensors
        known = {i: tensors.types[i] for i in (*node.input, *captured(node)) if i in tensors.types}
        version = self.opsets.get(node.domain or "ai.onnx", 0)
        if any(i and i not in known for i in node.input) or not defs.has(node.op_type, version, node.domain):
            return {}
        found = self._infer(node, known)
        if isinstance(found, str):
            found = self._infer_untyped(node, known) or found
        if isinstance(found, str):
            tensors.unknown.update(dict.fromkeys(node.output, found))
            return {}
        if node.op_type in _LIKE_FIRST and node.input[0] in known:
            found[node.output[0]] = known[node.input[0]]
        return found

    def _infer(
        self, node: "onnx.NodeProto", known: "Mapping[str, onnx.TypeProto]"
    ) -> "dict[str, onnx.TypeProto] | str":
        from onnx import checker, defs, numpy_helper, shape_inference

        values = self.tensors.values
        schema = defs.get_schema(node.op_type, self.opsets[node.domain or "ai.onnx"], node.domain)
        if schema.deprecated:
            return {}
        data = {i: numpy_helper.from_array(values[i], i) for i in node.input if i in values}
        try:
            return shape_inference.infer_node_outputs(schema, node, dict(known), data, opset_imports=self.imports)
        except (checker.ValidationError, shape_inference.InferenceError, *_FAULTS) as error:
            return str(error).strip() or type(error).__name__

    def _infer_untyped(
        self, node: "onnx.NodeProto", known: "Mapping[str, onnx.TypeProto]"
    ) -> "dict[str, onnx.TypeProto]":
        """As a graph of its own, which may mix integers with the real numbers that they stand for."""
        from onnx import helper, numpy_helper, shape_inference

        inputs = [helper.make_value_info(name, kind) for name, kind in known.items()]
        outputs = [helper.make_empty_tensor_value_info(name) for name in node.output if name]
        values = [numpy_helper.from_array(self.tensors.values[i], i) for i in known if i in self.tensors.values]
        graph = helper.make_graph([node], "one", inputs, outputs, values)
        try:
            model = helper.make_model(graph, opset_imports=self.imports)
            inferred = shape_inference.infer_shapes(model, data_prop=True).graph.output
        except (shape_inference.InferenceError, *_FAULTS):
            return {}
        return {info.name: info.type for info in inferred if info.type.tensor_type.HasField("shape")}


def captured(node: "onnx.NodeProto") -> list[str]:
    """Names that the subgraphs of a node read."""
    found: list[str] = []
    waiting = [node]
    while waiting:
        for attribute in waiting.pop().attribute:
            for graph in (*([attribute.g] if attribute.HasField("g") else ()), *attribute.graphs):
                found += [o.name for o in graph.output]
                for inner in graph.node:
                    found += inner.input
                    waiting.append(inner)
    return found


def _branch(node: "onnx.NodeProto", tensors: Tensors) -> "onnx.GraphProto | None":
    """The branch that an `If` takes, with its results under the node's names; None where that is not known."""
    from onnx import GraphProto, helper

    condition = tensors.values.get(node.input[0]) if node.input else None
    if condition is None or condition.size != 1:
        return None
    taken = "then_branch" if bool(condition.reshape(())) else "else_branch"
    graph = next((a.g for a in node.attribute if a.name == taken), None)
    if graph is None or len(graph.output) != len(node.output) or graph.sparse_initializer:
        return None
    branch = GraphProto()
    branch.CopyFrom(graph)
    for inner, outer in zip(graph.output, node.output, strict=True):
        branch.node.append(helper.make_node("Identity", [inner.name], [outer], name=f"{node.name}/{outer}"))
    return branch


def _take_constant(node: "onnx.NodeProto", tensors: Tensors, read: ReadTensor, infer: _Inference) -> None:
    """Records which outputs do not depend on the input, and computes them where they are small."""
    if node.op_type == "DynamicQuantizeLinear":  # its scale is a number, as far as layers go
        tensors.constants.update(node.output[1:])
    elif node.op_type == "Constant":
        _take_attribute(node, tensors, read)
    elif node.op_type in ("Shape", "Size") and node.input:
        tensors.constants.update(node.output)
        shape = tensors.shape(node.input[0])
        if shape is not None:
            bounds = {a.name: a.i for a in node.attribute}
            part = np.asarray(shape[bounds.get("start", 0) : bounds.get("end")], np.int64)
            size = np.asarray(np.prod(shape, dtype=object), np.int64)
            tensors.set_value(node.output[0], part if node.op_type == "Shape" else size)
    elif node.input and tensors.constants.issuperset(filter(None, (*node.input, *captured(node)))):
        tensors.constants.update(filter(None, node.output))
        missing = next((tensors.unknown[i] for i in node.input if i in tensors.unknown), None)
        if missing is not None:
            tensors.unknown.update(dict.fromkeys(node.output, missing))
        for name, value in zip(node.output, _execute(node, tensors, infer.imports), strict=False):
            if name and value.size <= SMALL:
                tensors.set_value(name, value)


def _take_attribute(node: "onnx.NodeProto", tensors: Tensors, read: ReadTensor) -> None:
    name = node.output[0]
    tensors.constants.add(name)
    for attribute in node.attribute:
        if attribute.name == "value":
            take_tensor(attribute.t, name, tensors, read)
        elif attribute.name in ("value_float", "value_floats"):
            tensors.set_value(name, np.asarray(list(attribute.floats) or attribute.f, np.float32))
        elif attribute.name in ("value_int", "value_ints"):
            tensors.set_value(name, np.asarray(list(attribute.ints) or attribute.i, np.int64))


def _execute(
    node: "onnx.NodeProto", tensors: Tensors, opsets: "Sequence[onnx.OperatorSetIdProto]"
) -> list[NDArray[Any]]:
    """The results of a node that reads small constants only and makes small ones; none where it cannot be executed."""
    from onnx import ValueInfoProto, helper
    from onnx.reference import ReferenceEvaluator

    inputs = {name: tensors.values.get(name) for name in node.input if name}
    graphs = any(a.HasField("g") or a.graphs for a in node.attribute)
    if graphs or node.domain not in ("", "ai.onnx") or node.op_type in _NOT_EXECUTED:
        return []
    if any(value is None or value.dtype.kind in "OSUc" for value in inputs.values()):
        return []
    if not all(_is_small(tensors.types.get(name)) for name in node.output if name):
        return []
    into, out = ([ValueInfoProto(name=n) for n in names if n] for names in (inputs, node.output))
    model = helper.make_model(helper.make_graph([node], "one", into, out), opset_imports=opsets)
    try:
        with np.errstate(all="ignore"):
            results = ReferenceEvaluator(model).run(None, inputs)
    except _FAULTS:
        return []  # what cannot be evaluated stays unknown
    return [np.asarray(result) for result in results]


def _is_small(kind: "onnx.TypeProto | None") -> bool:
    """Whether a result is of bounded size. Sizes that depend on values are bounded by those of what is read."""
    if kind is None or not kind.tensor_type.HasField("shape"):
        return False
    return int(np.prod([d.dim_value for d in kind.tensor_type.shape.dim if d.dim_value > 0], dtype=object)) <= SMALL
