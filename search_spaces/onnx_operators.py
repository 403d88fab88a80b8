"""What each ONNX operator means as layers. A handler may say no; its node is then a layer named `onnx:<OpType>`.

Not here: shapes and constants (`onnx_graph.py`), the walk and what is pending on a value (`onnx_walk.py`), fusing
activations and scales (`onnx_reader.py`).
"""

from collections.abc import Callable
from dataclasses import replace
from typing import Any, Final

import numpy as np

from search_spaces.errors import UnreadableModel
from search_spaces.network import Shape
from search_spaces.onnx_graph import TRANSPARENT, Node
from search_spaces.onnx_walk import AFFINE, Affine, Handler, Value, Walk, triple, trivial


def _transparent(walk: Walk, node: Node) -> bool:
    return walk.alias(node, walk.values[node.inputs[0]]) if node.inputs[0] in walk.values else False


def _quantize(walk: Walk, node: Node) -> bool:
    """Quantisation is seen through; but a convolution or linear layer that saturates to 0..1 bears a hard sigmoid."""
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


def _conv(walk: Walk, node: Node) -> bool:
    weight = walk.graph.shapes.get(node.inputs[1])
    if weight is None or len(weight) != 4 or not walk.is_constant(node.inputs[1]) or walk.is_constant(node.inputs[0]):
        return False
    value, shape = walk.read(node.inputs[0], allow="pad")
    groups = int(node.attributes.get("group", 1))
    if groups < 1 or weight[1] * groups != shape[0]:
        raise UnreadableModel(
            f"Convolution {node.name!r} has weights for {weight[1] * groups} channels and reads {shape[0]}.",
            fix="Give the input size that the model was made for, or export it again.",
        )
    window = _window(walk, node, value, shape, (weight[2], weight[3]))
    return walk.append(node, "conv", (value.source,), (shape,), groups=groups, **window)


def _deconv(walk: Walk, node: Node) -> bool:
    """A deconvolution stays a layer of ONNX's name, with its window."""
    weight = walk.graph.shapes.get(node.inputs[1])
    if weight is None or len(weight) != 4 or not walk.is_constant(node.inputs[1]) or walk.is_constant(node.inputs[0]):
        return False
    value, shape = walk.read(node.inputs[0])
    if weight[0] != shape[0]:
        raise UnreadableModel(
            f"Deconvolution {node.name!r} has weights for {weight[0]} channels and reads {shape[0]}.",
            fix="Give the input size that the model was made for, or export it again.",
        )
    kernel, stride = (weight[2], weight[3]), _pair(node.attributes.get("strides"))
    pads = tuple(int(p) for p in node.attributes.get("pads") or (0, 0, 0, 0))
    window: dict[str, Any] = {
        "kernel": kernel,
        "stride": stride,
        "dilation": _pair(node.attributes.get("dilations")),
        "padding": pads,
    }
    groups = int(node.attributes.get("group", 1))
    return walk.append(node, "onnx:ConvTranspose", (value.source,), (shape,), groups=groups, **window)


def _window(walk: Walk, node: Node, value: Value, shape: Shape, kernel: tuple[int, int]) -> dict[str, Any]:
    """Attributes of a convolution or pool; what `auto_pad`, `ceil_mode` and a pending `Pad` mean is in the padding."""
    stride = _pair(node.attributes.get("strides"))
    dilation = _pair(node.attributes.get("dilations"))
    pads = list(node.attributes.get("pads") or (0, 0, 0, 0))
    extra = value.detail if value.pending == "pad" else (0, 0, 0, 0)
    out = triple(walk.shape(node))
    auto = node.attributes.get("auto_pad", b"NOTSET").decode()
    for axis in (0, 1):
        size = shape[1 + axis] + extra[axis] + extra[2 + axis]
        reach = dilation[axis] * (kernel[axis] - 1) + 1
        needed = max(0, (out[1 + axis] - 1) * stride[axis] + reach - size)
        if auto in ("SAME_UPPER", "SAME_LOWER"):
            small = needed // 2
            first = small if auto == "SAME_UPPER" else needed - small
            pads[axis], pads[2 + axis] = first, needed - first
        elif needed > pads[axis] + pads[2 + axis]:  # ceil_mode
            pads[2 + axis] = needed - pads[axis]
    padding = tuple(p + e for p, e in zip(pads, extra, strict=True))
    if min(*padding, *kernel, *stride, *dilation) < 0 or 0 in (*kernel, *stride, *dilation):
        raise ValueError("a negative padding, or a stride of nothing")
    return {"kernel": kernel, "stride": stride, "dilation": dilation, "padding": padding}


def _pair(values: Any) -> tuple[int, int]:
    pair = tuple(int(v) for v in values) if values else (1, 1)
    return (pair[0], pair[1])


def _pool(op: str) -> Callable[[Walk, Node], bool]:
    def handle(walk: Walk, node: Node) -> bool:
        kernel = node.attributes.get("kernel_shape", ())
        if len(kernel) != 2 or (len(node.outputs) > 1 and node.outputs[1] in walk.graph.read):
            return False
        value, shape = walk.read(node.inputs[0], allow="pad")
        window = _window(walk, node, value, shape, _pair(kernel))
        return walk.append(node, op, (value.source,), (shape,), **window)

    return handle


def _global_max(walk: Walk, node: Node) -> bool:
    value, shape = walk.read(node.inputs[0])
    return walk.append(node, "max_pool", (value.source,), (shape,), kernel=shape[1:])


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
    return walk.alias(node, Value(name, shape, "reshape" if triple(shape) != (made[0], 1, 1) else None))


def _linear(walk: Walk, node: Node) -> bool:
    if node.op == "MatMul" and len(walk.shape(node)) != 2:
        return False
    if not walk.is_constant(node.inputs[1]) or node.attributes.get("transA", 0) or walk.is_constant(node.inputs[0]):
        return False
    value, shape = walk.read(node.inputs[0], allow="reshape")
    weight = walk.graph.shapes.get(node.inputs[1], ())
    features = int(np.prod(shape, dtype=object))
    expected = weight[1] if node.attributes.get("transB", 0) and len(weight) == 2 else weight[0] if weight else 0
    if len(value.shape) != 2 or value.shape[1] != features or expected != features:
        raise UnreadableModel(
            f"{node.name!r} ({node.op}) has weights for {expected} features and reads {features}.",
            fix="Give the input size that the model was made for, or export it again.",
        )
    return walk.append(node, "linear", (value.source,), (shape,))


def _activation(name: str) -> Callable[[Walk, Node], bool]:
    def handle(walk: Walk, node: Node) -> bool:
        return walk.elementwise(node, "activation", activation=name)

    return handle


def _clip(walk: Walk, node: Node) -> bool:
    limits = [walk.graph.value(name) for name in node.inputs[1:] if name]
    if limits and all(limit is not None and limit.dtype.kind in "iu" for limit in limits):
        return _transparent(walk, node)  # the limits of a range in steps
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
    out = triple(walk.shape(node))
    if shapes[0] != out:
        first, second, shapes = second, first, shapes[::-1]
    if shapes[0] != out or shapes[1] not in (out, (out[0], 1, 1)):
        return False
    return walk.add(node, op, (first, second))


def _scale(walk: Walk, node: Node, dynamic: str) -> bool:
    """A scale or shift by one number or one number a channel."""
    value, constant = walk.values[dynamic], next(i for i in node.inputs if i != dynamic)
    shape = walk.graph.shapes.get(constant, ())
    known = walk.graph.value(constant)
    scalar = float(known.reshape(-1)[0]) if known is not None and known.size == 1 else None
    if walk.shape(node) != value.shape or (node.op == "Div" and node.inputs[0] != dynamic):
        return False
    if scalar is None:
        axes = [len(value.shape) - len(shape) + i for i, size in enumerate(shape) if size > 1]
        permutation = value.detail if value.pending == "transpose" else range(len(value.shape))
        channels = walk.made(value.source)[0]
        if len(axes) != 1 or permutation[axes[0]] != 1 or value.shape[axes[0]] != channels:
            return False
    if not walk.elementwise(node, AFFINE):
        return False
    walk.affine[walk.values[node.outputs[0]].source] = Affine(node.op, scalar)
    return True


def _batch_norm(walk: Walk, node: Node) -> bool:
    value = walk.values[node.inputs[0]]
    if not all(walk.is_constant(i) for i in node.inputs[1:]) or (value.pending == "transpose" and value.detail[1] != 1):
        return False
    walk.elementwise(node, AFFINE)
    walk.affine[walk.values[node.outputs[0]].source] = Affine(node.op, None)
    return True


def _concat(walk: Walk, node: Node) -> bool:
    rank = len(walk.shape(node))
    if int(node.attributes.get("axis", 1)) % rank != 1 or not all(i in walk.values for i in node.inputs) or rank == 3:
        return False
    return walk.add(node, "concat", node.inputs)


def _reshape(walk: Walk, node: Node) -> bool:
    value, shape = walk.values[node.inputs[0]], walk.shape(node)
    if value.pending in ("transpose", "pad") and not (value.pending == "transpose" and trivial(value)):
        value, _ = walk.read(node.inputs[0])
    made = walk.made(value.source)
    if int(np.prod(triple(shape), dtype=object)) != int(np.prod(made, dtype=object)):
        return False
    return walk.alias(node, Value(value.source, shape, "reshape" if triple(shape) != made else None))


def _transpose(walk: Walk, node: Node) -> bool:
    value = walk.values[node.inputs[0]]
    permutation = tuple(node.attributes.get("perm") or reversed(range(len(value.shape))))
    shape = walk.shape(node)
    if permutation[0] != 0:
        return False
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
    if (
        pads is None
        or len(pads) != 8
        or len(node.inputs) > 3
        or node.attributes.get("mode", b"constant") != b"constant"
    ):
        return False
    top, left, bottom, right = (int(pads[i]) for i in (2, 3, 6, 7))
    constant = node.attributes.get("value", 0.0)
    if len(node.inputs) > 2 and node.inputs[2]:
        known = walk.graph.value(node.inputs[2])
        constant = 1.0 if known is None else 0.0 if known.dtype.kind in "iu" else float(known.reshape(-1)[0])
    if any(int(pads[i]) for i in (0, 1, 4, 5)) or min(top, left, bottom, right) < 0 or constant != 0:
        return False
    if not (top or left or bottom or right):
        return walk.alias(node, value)
    return walk.alias(node, Value(value.source, walk.shape(node), "pad", (top, left, bottom, right)))


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
    **dict.fromkeys(("Gemm", "MatMul"), _of_first(_linear)),
    **dict.fromkeys(("Resize", "Upsample"), _of_first(_resize)),
    "QuantizeLinear": _of_first(_quantize),
    "DequantizeLinear": _of_first(_dequantize),
    "Conv": _of_first(_conv),
    "ConvTranspose": _of_first(_deconv),
    "BatchNormalization": _of_first(_batch_norm),
    "MaxPool": _of_first(_pool("max_pool")),
    "AveragePool": _of_first(_pool("avg_pool")),
    "GlobalAveragePool": _of_first(_global_mean),
    "GlobalMaxPool": _of_first(_global_max),
    "ReduceMean": _of_first(_reduce_mean),
    "Concat": _of_first(_concat),
    "Transpose": _of_first(_transpose),
    "Pad": _of_first(_pad),
    "Clip": _of_first(_clip),
    "HardSigmoid": _of_first(_hard_sigmoid),
    "Relu": _of_first(_activation("relu")),
    "LeakyRelu": _of_first(_activation("leaky_relu")),
    "Sigmoid": _of_first(_activation("sigmoid")),
    "HardSwish": _of_first(_activation("hard_swish")),
}
