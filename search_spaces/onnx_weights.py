"""Reads the weights of an ONNX model beside its network: each layer's own, with every scale and shift that is folded into it.

A network with these weights computes the file's own outputs, except for a closing softmax or arg-max, which is left out.
Constants may be hidden behind transpositions, casts or dequantisation: ONNX's reference evaluator works them out.
Not here: structure (`onnx_reader.py`), operators that compute something else than their layer (`onnx_exact.py`).
"""

import json
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

import numpy as np
from numpy.typing import NDArray

from search_spaces.errors import UnreadableModel
from search_spaces.network import INPUT, Layer, Network
from search_spaces.onnx_exact import check_exact
from search_spaces.onnx_file import parse
from search_spaces.onnx_graph import Node
from search_spaces.onnx_reader import Drawn, drawn
from search_spaces.onnx_tensors import read_tensor

if TYPE_CHECKING:
    import onnx

FloatArray = NDArray[np.float32]
_Array = NDArray[np.float64]

NAMES: Final = ("classes", "class_names", "names", "labels")
"""Keys of a file's metadata under which the names of its classes are looked for, as JSON."""
_FLIPS: Final = frozenset({"Gather", "Slice", "Split", "Concat"})
"""Operators that may change the order of an image's channels."""


@dataclass(frozen=True)
class TrainedNetwork:
    """A network with its weights.

    Attributes:
        weights: of every layer with weights `<layer>.weight`, (out, in / groups, height, width), of a `linear` (out, C, H, W) of what it
            reads; and `<layer>.bias`, (out,).
        scale, offset: (C,); the network reads the file's input times the scale plus the offset.
        layout: `NCHW`, or the order in which the file's input has batch, channels, height and width.
        class_names: from the file's metadata; empty where it has none.
    """

    network: Network
    weights: Mapping[str, FloatArray]
    scale: _Array
    offset: _Array
    layout: str
    class_names: tuple[str, ...]


def read_trained(source: Path | str | bytes, *, open_size: int | None = None) -> TrainedNetwork:
    """Reads an ONNX model with its weights.

    Args:
        source: path of the file, or its bytes, which open no other file.
        open_size: height and width of the input in pixels where the file leaves them open.

    Raises:
        UnreadableModel: as `read_onnx`; weights that are missing, computed from the input, integers or not finite; an operator
            that the network's layer of its name does not compute exactly.
    """
    read, model = drawn(source, open_size=open_size), parse(source)
    check_exact(read)
    folder = None if isinstance(source, bytes) else Path(source).resolve().parent
    wanted = [name for layer in read.network.layers if layer.has_weights for name in _constants(read, layer)]
    preprocessing = _preprocessing(read)
    wanted += [name for node in preprocessing for name in node.inputs if name in read.walk.graph.constants]
    values = _evaluated(model, {name for name in wanted if name}, folder)
    weights: dict[str, FloatArray] = {}
    for layer in read.network.layers:
        if layer.has_weights:
            weight, bias = _own(read, layer, values)
            for name in read.folded.get(layer.name, ()):
                factor, shift = _affine(read, name, layer.out_shape[0], values)
                weight, bias = weight * factor[:, None, None, None], bias * factor + shift
            weights[f"{layer.name}.weight"] = _finite(layer.name, weight)
            weights[f"{layer.name}.bias"] = _finite(layer.name, bias)
    count = read.network.input_shape[0]
    scale, offset = np.ones(count), np.zeros(count)
    for node in preprocessing:
        factor, shift = _of_node(node, count, values, read.walk.graph.constants)
        scale, offset = scale * factor, offset * factor + shift
    layout = "".join("NCHW"[axis] if axis < 4 else "?" for axis in read.walk.graph.layout.axes)
    return TrainedNetwork(read.network, weights, scale, offset, layout, _class_names(model))


def _constants(read: Drawn, layer: Layer) -> Iterable[str]:
    """Names of the constants that a layer's weights come from."""
    walk = read.walk
    for name in (layer.name, *read.folded.get(layer.name, ())):
        affine = walk.affine.get(name)
        node = walk.nodes.get(name) if affine is None else affine.node
        if node is None:
            raise UnreadableModel(
                f"The weights of layer {layer.name!r} cannot be read: the file rescales integers there.",
                fix="Give the floating-point file that this one was quantised from.",
            )
        yield from (one for one in node.inputs if one and one in walk.graph.constants)


def _preprocessing(read: Drawn) -> list[Node]:
    """The scales and shifts of the image, in their order."""
    walk, found = read.walk, []
    pixels = walk.graph.layout.pixels
    for node in walk.graph.nodes:
        if node.outputs and node.outputs[0] in pixels and walk.values[node.outputs[0]].source == INPUT:
            if node.op in _FLIPS:
                raise UnreadableModel(
                    f"Node {node.name!r} ({node.op}) may change the order of the image's channels.",
                    fix="Export the network without it: hwnas tries both orders of the channels.",
                )
            if node.op in ("Add", "Sub", "Mul", "Div"):
                found.append(node)
    nodes = (walk.affine[name].node for name in read.folded.get(INPUT, ()))
    return found + [node for node in nodes if node is not None]


def _evaluated(model: "onnx.ModelProto", wanted: set[str], folder: Path | None) -> dict[str, NDArray[Any]]:
    """The values of constants."""
    from onnx import TensorProto, helper
    from onnx.reference import ReferenceEvaluator
    from onnx.reference.op_run import OpRun

    class DequantizeLinear(OpRun):
        """Of any opset; the evaluator has the newer ones only."""

        def _run(
            self, x: Any, scale: Any, zero: Any = None, axis: int = 1, block_size: int = 0, **_: Any
        ) -> tuple[Any]:
            axis %= max(1, x.ndim)
            shape = [-1 if scale.size > 1 and index == axis else 1 for index in range(x.ndim)]

            def spread(values: Any) -> Any:
                real = values.astype(np.float32)
                if not block_size:
                    return real.reshape(shape)
                return np.repeat(real, block_size, axis).take(np.arange(x.shape[axis]), axis)

            return ((x.astype(np.float32) - (0 if zero is None else spread(zero))) * spread(scale),)

    needed, nodes = set(wanted), []
    for node in reversed(model.graph.node):
        if needed.intersection(node.output):
            nodes.append(node)
            needed.update(node.input)
    stored = {tensor.name: tensor for tensor in model.graph.initializer if tensor.name in needed}
    values: dict[str, NDArray[Any]] = {}
    for name, tensor in stored.items():
        value = read_tensor(tensor, folder)
        if isinstance(value, str):
            raise UnreadableModel(
                f"Weights are not in the file: {value}.",
                fix='Save the model with its tensors inside: `onnx.save(onnx.load("model.onnx"), "whole.onnx")`.',
            )
        values[name] = value
    if not nodes:
        return values
    outputs = [name for name in wanted if name not in values]
    graph = helper.make_graph(
        nodes[::-1],
        "constants",
        [helper.make_tensor_value_info(name, tensor.data_type, list(tensor.dims)) for name, tensor in stored.items()],
        [helper.make_tensor_value_info(name, TensorProto.FLOAT, None) for name in outputs],
    )
    part = helper.make_model(graph, opset_imports=model.opset_import, ir_version=model.ir_version)
    try:
        found = ReferenceEvaluator(part, new_ops=[DequantizeLinear]).run(None, values)
    except Exception as error:  # whatever an operator of the file raises
        raise UnreadableModel(
            f"The weights cannot be worked out: {error}.", fix="Export the model with its constants folded."
        ) from error
    return values | dict(zip(outputs, found, strict=True))


def _own(read: Drawn, layer: Layer, values: Mapping[str, NDArray[Any]]) -> tuple[_Array, _Array]:
    """Weight and bias of a layer before what is folded into it."""
    walk, count = read.walk, layer.out_shape[0]
    if layer.name in walk.affine:  # a scale that had no layer to fold into
        factor, shift = _affine(read, layer.name, count, values)
        return factor[:, None, None, None], shift
    node = walk.nodes[layer.name]
    weight = _real(node, values.get(node.inputs[1]))
    bias = _real(node, values.get(node.inputs[2])) if len(node.inputs) > 2 and node.inputs[2] else np.zeros(count)
    if layer.op == "conv":
        return weight.reshape(layer.weight_shape), bias.reshape(count)
    alpha, beta = (float(node.attributes.get(name, 1.0)) for name in ("alpha", "beta"))
    rows = weight if node.op == "Gemm" and node.attributes.get("transB", 0) else weight.T
    return (alpha * rows).reshape(count, *layer.in_shapes[0]), beta * np.broadcast_to(bias.reshape(-1), (count,))


def _affine(read: Drawn, name: str, count: int, values: Mapping[str, NDArray[Any]]) -> tuple[_Array, _Array]:
    node = read.walk.affine[name].node
    assert node is not None
    return _of_node(node, count, values, read.walk.graph.constants)


def _of_node(
    node: Node, count: int, values: Mapping[str, NDArray[Any]], constants: frozenset[str]
) -> tuple[_Array, _Array]:
    """Factor and shift of a node, each (count,)."""
    if node.op == "BatchNormalization":
        gamma, beta, mean, variance = (_real(node, values.get(name)) for name in node.inputs[1:5])
        if gamma.size != count:
            raise UnreadableModel(
                f"Node {node.name!r} (BatchNormalization) normalises flattened pixels one by one, which is not trained here.",
                fix="Start from a network that normalises channels.",
            )
        factor = gamma / np.sqrt(variance + float(node.attributes.get("epsilon", 1e-5)))
        return factor, beta - mean * factor
    first = node.inputs[0] in constants
    constant = _real(node, values.get(node.inputs[0 if first else 1])).reshape(-1)
    number, one, zero = np.broadcast_to(constant, (count,)), np.ones(count), np.zeros(count)
    match node.op:
        case "Mul":
            return number, zero
        case "Div":
            return 1 / number, zero
        case "Sub":
            return (-one, number) if first else (one, -number)
    return one, number


def _real(node: Node, value: NDArray[Any] | None) -> _Array:
    if value is None:
        raise UnreadableModel(
            f"A weight of {node.name!r} ({node.op}) is computed from the image.",
            fix="Start from a network whose weights are constants.",
        )
    if value.dtype.kind not in "fV":
        raise UnreadableModel(
            f"The weights of {node.name!r} ({node.op}) are integers.",
            fix="Give the floating-point file that this one was quantised from.",
        )
    return np.asarray(value, np.float64)


def _finite(layer: str, value: _Array) -> FloatArray:
    if not np.isfinite(value).all():
        raise UnreadableModel(f"Layer {layer!r} has weights that are no numbers.", fix="Train the network again.")
    return np.ascontiguousarray(value, np.float32)


def _class_names(model: "onnx.ModelProto") -> tuple[str, ...]:
    for entry in model.metadata_props:
        if entry.key not in NAMES:
            continue
        try:
            names = json.loads(entry.value)
        except ValueError:
            continue
        listed = list(names.values()) if isinstance(names, dict) else names
        if isinstance(listed, list) and all(isinstance(name, str) for name in listed):
            return tuple(listed)
    return ()
