"""What each ONNX operator means as layers. A handler may decline; its node is then a layer named `onnx:<OpType>`.

Not here: convolutions and pools (`onnx_windows.py`), products of matrices (`onnx_products.py`), the walk and what is
pending on a value (`onnx_walk.py`), fusing activations and scales (`onnx_fusing.py`).
"""

from collections.abc import Callable
from dataclasses import replace
from typing import Final

import numpy as np

from search_spaces import onnx_products, onnx_windows
from search_spaces.onnx_graph import TRANSPARENT, Node
from search_spaces.onnx_walk import AFFINE, TOKEN_LINEAR, Affine, Handler, Value, Walk, elements, trivial


def _transparent(walk: Walk, node: Node) -> bool:
    return walk.alias(node, walk.values[node.inputs[0]]) if node.inputs[0] in walk.values else False


def _quantize(walk: Walk, node: Node) -> bool:
    """Quantisation is ignored; but a convolution or linear layer that saturates to 0..1 has a hard sigmoid."""
    to = _range(walk, node)
    layer = walk.layers.get(walk.values[node.inputs[0]].source)
    if to is not None and to[1] == 0 and abs(to[0] * 255 - 1) < 1e-4 and layer is not None and layer.has_weights:
        walk.elementwise(node, "activation", activation="hard_sigmoid")
    else:
        walk.alias(node, walk.values[node.inputs[0]])
    return walk.alias(node, replace(walk.values[node.outputs[0]], quantised=to))


def _dequantize(walk: Walk, node: Node) -> bool:
    """Integers read with another range than they were written with are scaled and shifted, which may be a hard sigmoid."""
    value, to = walk.values[node.inputs[0]], _range(walk, node)
    of, plain = value.quantised, replace(value, quantised=None)
    if of is None or to is None or (of[1] == to[1] and abs(to[0] / of[0] - 1) < 1e-4):
        return walk.alias(node, plain)
    if to[1] == 0 and abs(of[0] * of[1] / 3 - 1) < 1e-4 and abs(to[0] * 2 * of[1] - 1) < 1e-4:
        walk.elementwise(node, "activation", activation="hard_sigmoid")
    else:
        walk.elementwise(node, AFFINE)
    return walk.alias(node, replace(walk.values[node.outputs[0]], quantised=None))


def _range(walk: Walk, node: Node) -> tuple[float, int] | None:
    """The one scale and zero point of a tensor, where they are known."""
    scale = walk.graph.value(node.inputs[1])
    zero = walk.graph.value(node.inputs[2]) if len(node.inputs) > 2 else np.zeros(1)
    if scale is None or zero is None or scale.size != 1 or zero.size != 1 or not float(scale.reshape(())) > 0:
        return None
    return float(scale.reshape(())), int(zero.reshape(()))


def _global_mean(walk: Walk, node: Node) -> bool:
    return walk.add(node, "global_avg_pool", node.inputs[:1])


def _reduce_mean(walk: Walk, node: Node) -> bool:
    axes = node.attributes.get("axes")
    if axes is None and len(node.inputs) > 1:
        axes = walk.graph.value(node.inputs[1])
    value, made = walk.read(node.inputs[0], allow="transpose")
    rank = len(value.shape)
    if axes is None or rank != 4:
        return False
    permutation = value.detail if value.pending == "transpose" else range(4)
    if {permutation[int(axis) % rank] for axis in axes} != {2, 3}:
        return False
    shape = walk.shape(node)
    walk.append(node, "global_avg_pool", (value.source,), (made,))
    name = walk.values[node.outputs[0]].source
    walk.layers[name] = replace(walk.layers[name], out_shape=(made[0], 1, 1))
    return walk.alias(node, Value(name, shape, "reshape" if walk.triple(shape) != (made[0], 1, 1) else None))


def _activation(name: str) -> Callable[[Walk, Node], bool]:
    def handle(walk: Walk, node: Node) -> bool:
        return walk.elementwise(node, "activation", activation=name)

    return handle


def _clip(walk: Walk, node: Node) -> bool:
    limits = [walk.graph.value(name) for name in node.inputs[1:] if name]
    if limits and all(limit is not None and limit.dtype.kind in "iu" for limit in limits):
        return _transparent(walk, node)  # the limits of a quantised range
    low, high = (_limit(walk, node, index, key) for index, key in ((1, "min"), (2, "max")))
    if low is None or high is None or low != 0 or (high != 6 and high < 1e30):
        return False
    return walk.elementwise(node, "activation", activation="relu6" if high == 6 else "relu")


def _limit(walk: Walk, node: Node, index: int, key: str) -> float | None:
    """A limit of a `Clip`; None when it is not known."""
    if key in node.attributes:
        return float(node.attributes[key])
    if len(node.inputs) <= index or not node.inputs[index]:
        return -np.inf if key == "min" else np.inf
    value = walk.graph.value(node.inputs[index])
    return None if value is None or value.size != 1 else round(float(value.reshape(())), 4)


def _hard_sigmoid(walk: Walk, node: Node) -> bool:
    alpha, beta = node.attributes.get("alpha", 0.2), node.attributes.get("beta", 0.5)
    known = abs(alpha - 1 / 6) < 1e-3 and abs(beta - 0.5) < 1e-3
    return walk.elementwise(node, "activation", activation="hard_sigmoid") if known else False


def _binary(walk: Walk, node: Node) -> bool:
    """`Add`, `Mul`, `Sub`, `Div`, `Sum`: of two tensors, or a scale or shift by constants."""
    dynamic = [i for i in node.inputs if i in walk.values]
    if len(dynamic) == 1:
        return _scale(walk, node, dynamic[0])
    op = {"Add": "add", "Sum": "add", "Mul": "mul"}.get(node.op)
    if op is None or len(dynamic) != 2:
        return False
    first, second = dynamic
    same = walk.values[first], walk.values[second]
    if same[0].pending == same[1].pending == "transpose" and same[0].detail == same[1].detail:
        shapes = [walk.made(v.source) for v in same]
        return False if shapes[0] != shapes[1] else walk.inherit(node, op, same)
    shapes = [walk.read(name)[1] for name in dynamic]
    out = walk.triple(walk.shape(node))
    if shapes[0] != out:
        first, second, shapes = second, first, shapes[::-1]
    if shapes[0] != out or shapes[1] not in (out, (out[0], 1, 1)):
        return False
    return walk.add(node, op, (first, second))


def _scale(walk: Walk, node: Node, dynamic: str) -> bool:
    """A scale or shift by one number or one number a channel; the constant may stand on either side."""
    value, constants = walk.values[dynamic], [i for i in node.inputs if i != dynamic]
    constant = constants[0] if len(constants) == 1 else ""
    shape = walk.graph.shapes.get(constant)
    if shape is None or walk.shape(node) != value.shape or (node.op == "Div" and node.inputs[0] != dynamic):
        return False
    known, one = walk.graph.value(constant), elements(shape) == 1
    scalar = float(known.reshape(-1)[0]) if known is not None and one else None
    if not one and not _per_channel(walk, value, shape):
        return False
    walk.elementwise(node, AFFINE, dynamic)
    own = 0 if one else walk.claim(constant)
    walk.affine[walk.values[node.outputs[0]].source] = Affine(node.op, scalar, own, node)
    return True


def _per_channel(walk: Walk, value: Value, shape: tuple[int, ...]) -> bool:
    """Whether a constant of this shape has a number for each channel of a feature map, or for each feature of a linear layer."""
    rank = len(value.shape)
    axes = [rank - len(shape) + i for i, size in enumerate(shape) if size > 1]
    if len(axes) != 1:
        return False
    layer = walk.layers.get(value.source)
    if layer is not None and layer.op in TOKEN_LINEAR and value.pending is None:
        return axes[0] == rank - 1
    permutation = value.detail if value.pending == "transpose" else range(rank)
    plain = value.pending is None or value.shape[axes[0]] == walk.made(value.source)[0]
    return permutation[axes[0]] == 1 and plain


def _batch_norm(walk: Walk, node: Node) -> bool:
    value = walk.values[node.inputs[0]]
    if not all(walk.is_constant(i) for i in node.inputs[1:]) or (value.pending == "transpose" and value.detail[1] != 1):
        return False
    walk.elementwise(node, AFFINE)
    walk.affine[walk.values[node.outputs[0]].source] = Affine(node.op, None, walk.claim(*node.inputs[1:3]), node)
    return True


def _concat(walk: Walk, node: Node) -> bool:
    rank = len(walk.shape(node))
    if rank < 2 or int(node.attributes.get("axis", 1)) % rank != 1 or not all(i in walk.values for i in node.inputs):
        return False
    if rank == 3 and any(walk.values[i].pending is not None for i in node.inputs):
        return False
    return walk.add(node, "concat", node.inputs)


def _split(walk: Walk, node: Node) -> bool:
    """Each part that is read is a slice of channels."""
    value, shape = walk.read(node.inputs[0])
    rank = len(value.shape)
    if rank != 4 or int(node.attributes.get("axis", 0)) % rank != 1:
        return False
    start = 0
    for index, output in enumerate(node.outputs):
        channels = walk.shape(node, index)[1]
        if output and (index == 0 or output in walk.graph.read):
            walk.append(node, "slice", (value.source,), (shape,), index, start=start)
        start += channels
    return True


def _slice(walk: Walk, node: Node) -> bool:
    """A slice of channels one after another."""
    value, shape = walk.read(node.inputs[0])
    known = [walk.graph.value(name) for name in node.inputs[1:]] if len(node.inputs) > 1 else [
        np.array(node.attributes[name]) for name in ("starts", "ends", "axes") if name in node.attributes
    ]  # fmt: skip
    if len(value.shape) != 4 or len(known) < 3 or any(one is None or one.size != 1 for one in known):
        return False
    start, _, axis, *step = (int(one.reshape(())) for one in known if one is not None)
    if axis % 4 != 1 or step not in ([], [1]):
        return False
    return walk.append(node, "slice", (value.source,), (shape,), start=start % shape[0] if start < 0 else start)


def _shuffled(walk: Walk, node: Node, value: Value, permutation: tuple[int, ...]) -> bool:
    """Groups of channels that are interleaved, between two reshapes that leave rows and columns as they are."""
    made = walk.made(value.source)
    groups = value.shape[1:3]
    if permutation != (0, 2, 1, 3, 4) or value.shape[3:] != made[1:] or groups[0] * groups[1] != made[0]:
        return False
    walk.append(node, "shuffle", (value.source,), (made,), groups=groups[0])
    name = walk.values[node.outputs[0]].source
    walk.layers[name] = replace(walk.layers[name], out_shape=made)
    return walk.alias(node, Value(name, walk.shape(node)))


def _reshape(walk: Walk, node: Node) -> bool:
    value, shape = walk.values[node.inputs[0]], walk.shape(node)
    if value.pending in ("transpose", "pad") and not (value.pending == "transpose" and trivial(value)):
        value, _ = walk.read(node.inputs[0])
    made = walk.made(value.source)
    if elements(walk.triple(shape)) != elements(made):
        return False
    return walk.alias(node, Value(value.source, shape, "reshape" if walk.triple(shape) != made else None))


def _transpose(walk: Walk, node: Node) -> bool:
    value = walk.values[node.inputs[0]]
    permutation = tuple(node.attributes.get("perm") or reversed(range(len(value.shape))))
    shape = walk.shape(node)
    if permutation[0] != 0:
        return False
    if value.pending is None and len(value.shape) == 5 and _shuffled(walk, node, value, permutation):
        return True
    if value.pending == "transpose":
        composed = tuple(value.detail[axis] for axis in permutation)
        plain = composed == tuple(range(len(composed)))
        return walk.alias(node, Value(value.source, shape, None if plain else "transpose", () if plain else composed))
    value, _ = walk.read(node.inputs[0])
    if len(value.shape) > 4:
        return False
    return walk.alias(node, Value(value.source, shape, "transpose", permutation))


def _pad(walk: Walk, node: Node) -> bool:
    pads = node.attributes.get("pads")
    if pads is None and len(node.inputs) > 1:
        pads = walk.graph.value(node.inputs[1])
    value, _ = walk.read(node.inputs[0])
    other = len(node.inputs) > 3 or node.attributes.get("mode", b"constant") != b"constant"
    if pads is None or len(pads) not in (6, 8) or other:
        return False
    half = len(pads) // 2
    before, after = (tuple(int(p) for p in part) + (0,) * (4 - half) for part in (pads[:half], pads[half:]))
    constant = node.attributes.get("value", 0.0)
    if len(node.inputs) > 2 and node.inputs[2]:
        known = walk.graph.value(node.inputs[2])
        constant = 1.0 if known is None else 0.0 if known.dtype.kind in "iu" else float(known.reshape(-1)[0])
    if any((*before[:2], *after[:2])) or min(*before, *after) < 0 or constant != 0:
        return False
    if not any((*before, *after)):
        return walk.alias(node, value)
    return walk.alias(node, Value(value.source, walk.shape(node), "pad", (*before[2:], *after[2:])))


def _resize(walk: Walk, node: Node) -> bool:
    shape, before = walk.shape(node), walk.values[node.inputs[0]].shape
    if node.attributes.get("mode") != b"linear" or len(shape) != 4 or shape[:2] != before[:2]:
        return False
    return walk.add(node, "resize", node.inputs[:1])


def _of_first(handler: Handler) -> Handler:
    """A handler for nodes whose first input depends on the network's input."""
    return lambda walk, node: node.inputs[0] in walk.values and handler(walk, node)


HANDLERS: Final[dict[str, Handler]] = {
    **dict.fromkeys(TRANSPARENT, _of_first(_transparent)),
    **dict.fromkeys(("Flatten", "Reshape", "Squeeze", "Unsqueeze"), _of_first(_reshape)),
    **dict.fromkeys(("Add", "Sub", "Mul", "Div", "Sum"), _binary),
    **dict.fromkeys(("Gemm", "MatMul"), onnx_products.linear),
    **dict.fromkeys(("LSTM", "GRU", "RNN"), onnx_products.recurrent),
    "Einsum": onnx_products.einsum,
    "Attention": onnx_products.attention,
    **dict.fromkeys(("Resize", "Upsample"), _of_first(_resize)),
    "QuantizeLinear": _of_first(_quantize),
    "DequantizeLinear": _of_first(_dequantize),
    "Conv": onnx_windows.conv,
    "ConvTranspose": onnx_windows.transposed_conv,
    "DeformConv": onnx_windows.deformable_conv,
    "BatchNormalization": _of_first(_batch_norm),
    "MaxPool": _of_first(onnx_windows.pool("max_pool")),
    "AveragePool": _of_first(onnx_windows.pool("avg_pool")),
    "GlobalAveragePool": _of_first(_global_mean),
    "GlobalMaxPool": _of_first(onnx_windows.global_max),
    "ReduceMean": _of_first(_reduce_mean),
    "Concat": _of_first(_concat),
    "Split": _of_first(_split),
    "Slice": _of_first(_slice),
    "Transpose": _of_first(_transpose),
    "Pad": _of_first(_pad),
    "Clip": _of_first(_clip),
    "HardSigmoid": _of_first(_hard_sigmoid),
    "Relu": _of_first(_activation("relu")),
    "LeakyRelu": _of_first(_activation("leaky_relu")),
    "Sigmoid": _of_first(_activation("sigmoid")),
    "HardSwish": _of_first(_activation("hard_swish")),
}
