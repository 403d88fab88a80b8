"""Where a file computes something else than the layers that are read from it, which is good enough for counts but not for weights.

Not here: the weights themselves (`onnx_weights.py`).
"""

from collections.abc import Iterator
from typing import Final

import numpy as np

from search_spaces.errors import UnreadableModel
from search_spaces.network import INPUT, Layer
from search_spaces.onnx_graph import Node
from search_spaces.onnx_reader import Drawn
from search_spaces.onnx_walk import AFFINE, Walk
from search_spaces.onnx_windows import four

_POSITIVE: Final = frozenset({"relu", "relu6", "sigmoid", "hard_sigmoid"})
"""Activations without negative results."""
_SAME: Final = (b"SAME_UPPER", b"SAME_LOWER")
_FLOAT_FILE: Final = "Give the floating-point file that this one was quantised from."


def check_exact(read: Drawn) -> None:
    """Rejects operators whose layer computes something else.

    Raises:
        UnreadableModel: the first of them.
    """
    walk = read.walk
    signed = _signed(walk, unknown=True)
    for layer in read.network.layers:
        node = walk.nodes.get(layer.name)
        if node is not None and node.op in ("AveragePool", "MaxPool"):
            for otherwise in _pool(walk, node, layer, signed):
                _reject(node, otherwise)
    signed = _signed(walk, unknown=False)
    for node in walk.graph.nodes:
        if node.op == "LeakyRelu" and abs(node.attributes.get("alpha", 0.01) - 0.01) >= 1e-6:
            _reject(node, "has another slope than 0.01")
        if node.op == "BatchNormalization" and node.attributes.get("training_mode", 0):
            _reject(node, "takes the statistics of its batch", "Export the model in evaluation mode (`model.eval()`).")
        made = walk.values.get(node.outputs[0]) if node.op == "QuantizeLinear" else None
        if made is not None and made.source in signed and _starts_at_zero(walk, node):
            _reject(node, "cuts off negative numbers in the place of an activation", _FLOAT_FILE)


def _reject(node: Node, otherwise: str, fix: str = "Start from a network without it.") -> None:
    raise UnreadableModel(f"Node {node.name!r} ({node.op}) {otherwise}, which is not trained here.", fix=fix)


def _pool(walk: Walk, node: Node, layer: Layer, signed: frozenset[str]) -> Iterator[str]:
    """What a pool does that its layer does not."""
    value = walk.values[node.inputs[0]]
    outer = value.detail if value.pending == "pad" else (0, 0, 0, 0)
    inner = tuple(p - o for p, o in zip(layer.padding, outer, strict=True))
    stated = inner if node.attributes.get("auto_pad") in _SAME else tuple(four(node.attributes.get("pads")))
    if layer.op == "max_pool":
        if any(outer) and value.source in signed:
            yield "takes the largest of negative numbers and the zeros around them"
    else:
        if any(inner) and not node.attributes.get("count_include_pad", 0):
            yield "leaves its padding out of the mean"
        if inner != stated:
            yield "has windows that reach over its padding (`ceil_mode`)"
        if layer.dilation != (1, 1):
            yield "has a dilation"
    for axis in (0, 1):
        last = (layer.out_shape[1 + axis] - 1) * layer.stride[axis]
        if last >= layer.in_shapes[0][1 + axis] + layer.padding[axis] and last > 0:
            yield "has a window that starts outside of its input (`ceil_mode`)"


def _signed(walk: Walk, *, unknown: bool) -> frozenset[str]:
    """Layers whose results may be negative; whether so are the image and what operators of ONNX's name give is told."""
    found = {INPUT} if unknown else set[str]()
    for layer in walk.layers.values():
        if layer.op in ("conv", "linear"):
            negative = True
        elif layer.op == "activation" and layer.activation in _POSITIVE:
            negative = False
        elif layer.op.startswith("onnx:") and (unknown or layer.op != AFFINE):
            negative = unknown
        else:
            negative = not found.isdisjoint(layer.inputs)
        if negative:
            found.add(layer.name)
    return frozenset(found)


def _starts_at_zero(walk: Walk, node: Node) -> bool:
    """Whether the range of a quantisation has no negative numbers."""
    if len(node.inputs) < 3 or not node.inputs[2]:
        return "output_dtype" not in node.attributes
    zero = walk.graph.value(node.inputs[2])
    return zero is not None and zero.dtype.kind in "iu" and bool((zero == np.iinfo(zero.dtype).min).all())
