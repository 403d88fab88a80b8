"""From the bytes of an ONNX file to a checked graph with the shape of every tensor and the values of its small constants.

Of weights, only the shapes are read. Of a model that is a local file, small tensors may lie in another file of its
folder; a model that came as bytes opens no file. Not here: how shapes are inferred (`onnx_shapes.py`), what the operators
mean (`onnx_reader.py`, `onnx_operators.py`).
"""

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

import numpy as np
from numpy.typing import NDArray

from search_spaces.errors import UnreadableModel
from search_spaces.onnx_graph import Node, OnnxGraph
from search_spaces.onnx_integer import as_real
from search_spaces.onnx_layout import Layout, find_layout
from search_spaces.onnx_shapes import MAX_NODES, SMALL, Tensors, captured, take_tensor, work_out
from search_spaces.onnx_tensors import read_tensor

if TYPE_CHECKING:
    import onnx

MAX_BYTES: Final = 768 * 2**20
OLDEST_OPSET: Final = 7
"""Before it, broadcasting was an attribute, and batch norm and dropout had a mode for training."""

_GIVE_SIZE: Final = "Give it: `input_size=224` in Python, `--input-size 224` on the command line."
_CONVERT: Final = (
    'Export the model again, or convert it in Python: `model = onnx.load("old.onnx"); model.ir_version = 8; '
    'onnx.save(onnx.version_converter.convert_version(model, 17), "new.onnx")`.'
)
_RANKS: Final = (2, 3, 4, 5)


def load(
    source: Path | str | bytes, input_size: tuple[int, int] | None, open_size: tuple[int, int] | None = None
) -> OnnxGraph:
    """Reads and checks a file, and infers its shapes at batch 1 (or the batch it is fixed to).

    Args:
        source: path of the file, or its bytes.
        input_size: height and width of the input in pixels, whatever the file says.
        open_size: the same, where the file leaves them open.

    Raises:
        UnreadableModel: it is missing, too large, no ONNX, of an old opset, has several inputs, or an open size.
    """
    from onnx import helper

    model = parse(source)
    folder = None if isinstance(source, bytes) else Path(source).resolve().parent

    def read(tensor: "onnx.TensorProto") -> NDArray[Any] | str:
        return read_tensor(tensor, folder)

    tensors = Tensors()
    tensors.constants.add("")
    for tensor in model.graph.initializer:
        if any(d < 0 for d in tensor.dims):
            raise _unreadable(f"Tensor {tensor.name!r} has a negative size.", "Export the model to ONNX again.")
        take_tensor(tensor, tensor.name, tensors, read)
    for sparse in model.graph.sparse_initializer:
        tensors.constants.add(sparse.values.name)
        tensors.types[sparse.values.name] = helper.make_tensor_type_proto(sparse.values.data_type, list(sparse.dims))
    image = _only_input(model, tensors)
    layout = _layout(model, image, tensors)
    open_sizes = _fix_sizes(image, layout, input_size, open_size)
    tensors.types[image.name] = image.type
    protos = work_out(model, tensors, read, open_sizes)
    shapes = tensors.shapes()
    sizes = shapes[image.name]
    return OnnxGraph(
        name=model.graph.name or "model",
        input=image.name,
        outputs=tuple(o.name for o in model.graph.output),
        nodes=tuple(_node(proto, index) for index, proto in enumerate(protos)),
        shapes=shapes,
        constants=frozenset(tensors.constants),
        values=tensors.values,
        unknown=tensors.unknown,
        layout=layout,
        batch=max(1, layout.place(sizes)[0]),
    )


def parse(source: Path | str | bytes) -> "onnx.ModelProto":
    """The checked model without what no output depends on, integer operators as what they compute in real numbers. Raises as `load`."""
    return _prune(_parse(source))


def _unreadable(detail: str, fix: str) -> UnreadableModel:
    return UnreadableModel(detail, fix=fix)


def _parse(source: Path | str | bytes) -> "onnx.ModelProto":
    import onnx
    from google.protobuf.message import DecodeError

    title, data = ("The model", source) if isinstance(source, bytes) else (str(source), _read(Path(source)))
    if not data or len(data) > MAX_BYTES:
        raise _unreadable(f"{title} has {len(data):,} bytes.", f"Give an ONNX file of 1 to {MAX_BYTES:,} bytes.")
    try:
        model: onnx.ModelProto = onnx.ModelProto.FromString(data)
    except (DecodeError, RuntimeError, ValueError) as error:
        raise _unreadable(f"{title} is not an ONNX file.", "Export the model to ONNX again.") from error
    if not model.graph.node or not model.opset_import:
        raise _unreadable(f"{title} is not an ONNX file, or its graph is empty.", "Export the model to ONNX again.")
    names = (n for node in model.graph.node for n in (node.op_type, node.domain, node.name, *node.input, *node.output))
    if not all(isinstance(name, str) for name in names):
        raise _unreadable(f"{title} is damaged: a name in it is no text.", "Export the model to ONNX again.")
    _check_opset(model, title)
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


def _read(path: Path) -> bytes:
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
    return data


def _check_opset(model: "onnx.ModelProto", title: str) -> None:
    from onnx import defs

    newest = defs.onnx_opset_version()
    version = next((opset.version for opset in model.opset_import if opset.domain in ("", "ai.onnx")), newest)
    if version < OLDEST_OPSET:
        raise _unreadable(
            f"{title} is written in opset {version} of ONNX; opsets {OLDEST_OPSET} to {newest} are read.", _CONVERT
        )
    if version > newest:
        raise _unreadable(
            f"{title} is written in opset {version} of ONNX; opsets {OLDEST_OPSET} to {newest} are read.",
            f"Export the model again with an opset of at most {newest}, or install a newer version of the package `onnx`.",
        )


def _prune(model: "onnx.ModelProto") -> "onnx.ModelProto":
    """Rewrites integer operators as what they compute, and drops what no output depends on."""
    nodes = [real for node in model.graph.node for real in as_real(node)]
    needed = {o.name for o in model.graph.output}
    kept = []
    for node in reversed(nodes):
        if needed.intersection(node.output):
            needed.update((*node.input, *captured(node)))
            kept.append(node)
    kept.reverse()
    del model.graph.node[:]
    model.graph.node.extend(kept)
    return model


def _only_input(model: "onnx.ModelProto", tensors: Tensors) -> "onnx.ValueInfoProto":
    inputs = [i for i in model.graph.input if i.name not in tensors.constants]
    if len(inputs) != 1:
        names = ", ".join(i.name for i in inputs) or "none"
        raise _unreadable(
            f"A model with one input is read; this one has {len(inputs)} ({names}).", "Export one image input only."
        )
    rank = len(inputs[0].type.tensor_type.shape.dim)
    if rank not in _RANKS:
        raise _unreadable(
            f"Input {inputs[0].name!r} has {rank} dimensions.",
            "Export an image input (batch, channels, height, width).",
        )
    image: onnx.ValueInfoProto = inputs[0]
    if any(image.name in node.output for node in model.graph.node):
        raise _unreadable(f"A node overwrites the input {image.name!r}.", "Export the model to ONNX again.")
    return image


def _layout(model: "onnx.ModelProto", image: "onnx.ValueInfoProto", tensors: Tensors) -> Layout:
    stated = {
        node.output[0]: attribute.t
        for node in model.graph.node
        if node.op_type == "Constant" and node.output
        for attribute in node.attribute
        if attribute.name == "value"
    }

    def constant(name: str) -> NDArray[Any] | None:
        if name not in stated or int(np.prod(stated[name].dims, dtype=object)) > SMALL:
            return tensors.values.get(name)
        value = read_tensor(stated[name], None)
        return None if isinstance(value, str) else value

    sizes = [dim.dim_value for dim in image.type.tensor_type.shape.dim]
    return find_layout(model.graph.node, image.name, sizes, constant)


def _fix_sizes(
    image: "onnx.ValueInfoProto",
    layout: Layout,
    input_size: tuple[int, int] | None,
    open_size: tuple[int, int] | None,
) -> dict[str, int]:
    """Gives the input a fixed shape, and returns what the names of its open sizes stand for."""
    dims = image.type.tensor_type.shape.dim
    spatial = _spatial(layout)
    named: dict[str, int] = {}
    for index, dim in enumerate(dims):
        title = dim.dim_param
        size = input_size or (open_size if dim.dim_value <= 0 else None)
        if index in spatial and size is not None:
            dim.dim_value = size[spatial.index(index)]
        elif layout.axes[index] == 0 and dim.dim_value <= 0:
            dim.dim_value = 1
        elif dim.dim_value <= 0:
            which = "spatial size" if index in spatial else f"dimension {index}"
            raise _unreadable(
                f"The {which} of input {image.name!r} is dynamic.",
                _GIVE_SIZE if index in spatial else "Export the model with that dimension fixed.",
            )
        if title:
            named[title] = dim.dim_value
    return named


def _spatial(layout: Layout) -> Sequence[int]:
    """The axes of the input that are height and width, or the length of a sequence with channels."""
    found = sorted((axis, index) for index, axis in enumerate(layout.axes) if axis >= 2)
    return [index for _, index in found] if len(found) <= 2 and layout.rank <= 4 else []


def _node(proto: "onnx.NodeProto", index: int) -> Node:
    from onnx import AttributeProto, defs, helper

    graphs = (AttributeProto.GRAPH, AttributeProto.GRAPHS)
    attributes = {a.name: helper.get_attribute_value(a) for a in proto.attribute if a.type not in graphs}
    name = proto.name or next((o for o in proto.output if o), f"node_{index}")
    standard = proto.domain in ("", "ai.onnx") and defs.has(proto.op_type)
    inside = tuple(dict.fromkeys(captured(proto)))
    return Node(name, proto.op_type, tuple(proto.input), tuple(proto.output), attributes, inside, standard)
