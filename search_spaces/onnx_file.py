"""From the bytes of an ONNX file to a checked graph with the shape of every tensor and the values of its small constants.

Weights are never looked at, only their shapes, and no file but the one given is opened: tensors kept outside of it are
known by their shapes. Not here: what the operators mean (`onnx_reader.py`, `onnx_operators.py`).
"""

from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

import numpy as np
from numpy.typing import NDArray

from search_spaces.errors import UnreadableModel
from search_spaces.onnx_graph import SMALL, TRANSPARENT, Node, OnnxGraph

if TYPE_CHECKING:
    import onnx

MAX_BYTES: Final = 768 * 2**20
MAX_NODES: Final = 50_000
_SAY: Final = "Say it: `input_size=224` in Python, `--input-size 224` on the command line."

_QLINEAR: Final = {
    "QLinearConv": ("Conv", (0, 3, 8)),
    "QLinearMatMul": ("MatMul", (0, 3)),
    "QGemm": ("Gemm", (0, 3, 6)),
    "QLinearAdd": ("Add", (0, 3)),
    "QLinearMul": ("Mul", (0, 3)),
    "QLinearGlobalAveragePool": ("GlobalAveragePool", (0,)),
    "QLinearAveragePool": ("AveragePool", (0,)),
    "QLinearLeakyRelu": ("LeakyRelu", (0,)),
    "QLinearSigmoid": ("Sigmoid", (0,)),
    "QLinearSoftmax": ("Softmax", (0,)),
}
"""Integer operators as the float operator they compute, with the inputs that are not scales or zero points."""


def load(source: Path | str | bytes, input_size: tuple[int, int] | None) -> OnnxGraph:
    """Reads and checks a file, and works out its shapes at batch 1 (or the batch it is fixed to).

    Raises:
        UnreadableModel: it is missing, too large, no ONNX, has several inputs, or its shapes cannot be worked out.
    """
    model = _prune(_parse(source))
    protos = list(model.graph.node)
    constants: dict[str, NDArray[Any] | None] = {}
    shapes: dict[str, tuple[int, ...]] = {}
    _take_initializers(model, constants, shapes)
    name = _fix_input(model, constants, input_size)
    graph = OnnxGraph(
        name=model.graph.name or "model",
        input=name,
        outputs=tuple(o.name for o in model.graph.output),
        nodes=tuple(_node(proto, index) for index, proto in enumerate(protos)),
        shapes=shapes,
        constants=set(constants),
        nhwc=_is_nhwc(model, name),
        _protos={output: proto for proto in protos for output in proto.output},
        _opsets=list(model.opset_import),
        _values=constants,
    )
    _infer(model, graph)
    return graph


def _unreadable(detail: str, fix: str) -> UnreadableModel:
    return UnreadableModel(detail, fix=fix)


def _parse(source: Path | str | bytes) -> "onnx.ModelProto":
    import onnx
    from google.protobuf.message import DecodeError

    if isinstance(source, bytes):
        title, data = "The model", source
    else:
        path = Path(source)
        title = str(path)
        try:
            size = path.stat().st_size
            data = path.read_bytes() if size <= MAX_BYTES else b""
        except OSError as error:
            raise _unreadable(
                f"Cannot read {path}: {error.strerror or error}.", "Give the path of an ONNX file."
            ) from error
        if size > MAX_BYTES:
            raise _unreadable(
                f"{path} has {size:,} bytes; at most {MAX_BYTES:,} are read.", "Save its weights as external data."
            )
    if not data or len(data) > MAX_BYTES:
        raise _unreadable(f"{title} has {len(data):,} bytes.", f"Give an ONNX file of 1 to {MAX_BYTES:,} bytes.")
    try:
        model: onnx.ModelProto = onnx.ModelProto.FromString(data)
    except (DecodeError, RuntimeError, ValueError) as error:
        raise _unreadable(f"{title} is not an ONNX file.", "Export the model to ONNX again.") from error
    if not model.graph.node or not model.opset_import:
        raise _unreadable(f"{title} is not an ONNX file, or its graph is empty.", "Export the model to ONNX again.")
    if model.functions:
        from onnx.inliner import inline_local_functions

        try:
            model = inline_local_functions(model)
        except Exception as error:
            raise _unreadable(
                f"{title}: its functions cannot be inlined.", "Export it without local functions."
            ) from error
    if len(model.graph.node) > MAX_NODES:
        raise _unreadable(
            f"{title} has {len(model.graph.node):,} nodes; at most {MAX_NODES:,} are read.", "Simplify the graph first."
        )
    return model


def _prune(model: "onnx.ModelProto") -> "onnx.ModelProto":
    """Rewrites integer operators as what they compute, and drops what no output depends on."""
    for node in model.graph.node:
        if node.op_type in _QLINEAR:
            op, kept = _QLINEAR[node.op_type]
            inputs = [node.input[i] for i in kept if i < len(node.input)]
        elif node.op_type == "QLinearConcat":
            op, inputs = "Concat", list(node.input[2::3])
        else:
            continue
        if any(a.name == "channels_last" and a.i for a in node.attribute):
            continue
        node.op_type, node.domain = op, ""
        del node.input[:]
        node.input.extend(inputs)
    needed = {o.name for o in model.graph.output}
    kept_nodes = []
    for node in reversed(model.graph.node):
        if needed.intersection(node.output):
            needed.update((*node.input, *_captured(node)))
            kept_nodes.append(node)
    kept_nodes.reverse()
    del model.graph.node[:]
    model.graph.node.extend(kept_nodes)
    return model


def _captured(node: "onnx.NodeProto") -> Iterable[str]:
    for attribute in node.attribute:
        for graph in (attribute.g, *attribute.graphs) if attribute.HasField("g") or attribute.graphs else ():
            for inner in graph.node:
                yield from inner.input
                yield from _captured(inner)
            yield from (o.name for o in graph.output)


def _take_initializers(
    model: "onnx.ModelProto", constants: dict[str, NDArray[Any] | None], shapes: dict[str, tuple[int, ...]]
) -> None:
    """Notes shapes and small values of all initialisers, and leaves large ones in the graph as typed inputs only."""
    from onnx import TensorProto, helper, numpy_helper

    constants[""] = None
    small, inputs = [], {i.name for i in model.graph.input}
    for tensor in model.graph.initializer:
        shapes[tensor.name] = tuple(tensor.dims)
        constants[tensor.name] = None
        if any(d < 0 for d in tensor.dims):
            raise _unreadable(f"Tensor {tensor.name!r} has a negative size.", "Export the model to ONNX again.")
        size = int(np.prod(tensor.dims, dtype=object)) if tensor.dims else 1
        if size <= SMALL and tensor.data_location != TensorProto.EXTERNAL:
            try:
                constants[tensor.name] = numpy_helper.to_array(tensor)
            except (ValueError, TypeError, KeyError) as error:
                raise _unreadable(
                    f"Tensor {tensor.name!r} is damaged: {error}.", "Export the model to ONNX again."
                ) from error
            small.append(tensor)
        elif tensor.name not in inputs:
            model.graph.input.append(helper.make_tensor_value_info(tensor.name, tensor.data_type, list(tensor.dims)))
    for sparse in model.graph.sparse_initializer:
        shapes[sparse.values.name], constants[sparse.values.name] = tuple(sparse.dims), None
    del model.graph.initializer[:]
    model.graph.initializer.extend(small)


def _fix_input(model: "onnx.ModelProto", constants: Mapping[str, object], input_size: tuple[int, int] | None) -> str:
    """Gives the one input a fixed shape, and returns its name."""
    inputs = [i for i in model.graph.input if i.name not in constants]
    if len(inputs) != 1:
        names = ", ".join(i.name for i in inputs) or "none"
        raise _unreadable(
            f"A model with one input is read; this one has {len(inputs)} ({names}).", "Export one image input only."
        )
    dims = inputs[0].type.tensor_type.shape.dim
    if len(dims) not in (2, 3, 4):
        raise _unreadable(
            f"Input {inputs[0].name!r} has {len(dims)} dimensions.",
            "Export an image input (batch, channels, height, width).",
        )
    spatial = () if len(dims) != 4 else (1, 2) if _is_nhwc(model, inputs[0].name) else (2, 3)
    for index, dim in enumerate(dims):
        if index in spatial and input_size is not None:
            dim.dim_value = input_size[spatial.index(index)]
        elif index == 0 and dim.dim_value <= 0:
            dim.dim_value = 1
        elif dim.dim_value <= 0:
            which = "spatial size" if index in spatial else f"dimension {index}"
            raise _unreadable(
                f"The {which} of input {inputs[0].name!r} is dynamic.",
                _SAY if index in spatial else "Export the model with that dimension fixed.",
            )
    name: str = inputs[0].name
    return name


def _is_nhwc(model: "onnx.ModelProto", name: str) -> bool:
    """Whether the input is transposed from NHWC to NCHW before anything else happens to it."""
    same = {name}
    for node in model.graph.node:
        if same.intersection(node.input):
            if node.op_type == "Transpose":
                return [list(a.ints) for a in node.attribute if a.name == "perm"] == [[0, 3, 1, 2]]
            if node.op_type in TRANSPARENT or node.op_type in ("Mul", "Div", "Add", "Sub"):
                same.update(node.output)
    return False


def _node(proto: "onnx.NodeProto", index: int) -> Node:
    from onnx import AttributeProto, helper

    graphs = (AttributeProto.GRAPH, AttributeProto.GRAPHS)
    attributes = {a.name: helper.get_attribute_value(a) for a in proto.attribute if a.type not in graphs}
    name = proto.name or next((o for o in proto.output if o), f"node_{index}")
    captured = tuple(dict.fromkeys(i for i in _captured(proto)))
    return Node(name, proto.op_type, tuple(proto.input), tuple(proto.output), attributes, captured)


def _infer(model: "onnx.ModelProto", graph: OnnxGraph) -> None:
    """Works out all shapes, folding shape arithmetic that ONNX's own inference cannot follow."""
    from onnx import numpy_helper, shape_inference

    stated = {v.name: _dims(v) for v in model.graph.value_info}
    del model.graph.value_info[:]
    for output in model.graph.output:
        output.ClearField("type")
    injected: set[str] = set()
    for _ in range(16):
        try:
            inferred = shape_inference.infer_shapes(model, data_prop=True).graph
        except Exception as error:
            raise _unreadable(
                f"Its shapes cannot be worked out: {error}.", "Check the file with `onnx.checker`."
            ) from error
        for info in (*inferred.value_info, *inferred.output, *inferred.input):
            if (dims := _dims(info)) is not None:
                graph.shapes[info.name] = dims
        _mark_constants(graph)
        stuck = next((n for n in graph.nodes if n.outputs[0] not in graph.shapes), None)
        names = {
            n for n in (stuck.inputs[1:] if stuck else ()) if n and n not in injected and graph.value(n) is not None
        }
        names -= {i.name for i in model.graph.initializer}
        if not names:
            break
        injected |= names
        for node in model.graph.node:  # a value now known takes the place of what computed it
            for position, output in enumerate(node.output):
                if output in names:
                    node.output[position] = f"{output}/computed"
        values = {n: graph.value(n) for n in sorted(names)}
        model.graph.initializer.extend(numpy_helper.from_array(v, n) for n, v in values.items() if v is not None)
    for name, dims in stated.items():
        if dims is not None:
            graph.shapes.setdefault(name, dims)


def _mark_constants(graph: OnnxGraph) -> None:
    for node in graph.nodes:
        if node.op == "Constant":
            _take_constant(node, graph)
        constant = node.op in ("Constant", "Shape", "Size") or all(
            i in graph.constants for i in (*node.inputs, *node.captured)
        )
        if constant and (node.inputs or node.op == "Constant") and not node.captured:
            graph.constants.update(node.outputs)


def _take_constant(node: Node, graph: OnnxGraph) -> None:
    from onnx import numpy_helper

    for key, value in node.attributes.items():
        if key == "value":
            size = int(np.prod(value.dims, dtype=object)) if value.dims else 1
            graph._values[node.outputs[0]] = numpy_helper.to_array(value) if size <= SMALL else None
        elif key in ("value_float", "value_floats", "value_int", "value_ints"):
            graph._values[node.outputs[0]] = np.asarray(value)


def _dims(info: "onnx.ValueInfoProto") -> tuple[int, ...] | None:
    kind = info.type.tensor_type
    if not kind.HasField("shape"):
        return None
    dims = tuple(d.dim_value if d.HasField("dim_value") else -1 for d in kind.shape.dim)
    return dims if all(d >= 0 for d in dims) else None
