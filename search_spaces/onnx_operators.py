"""What each ONNX operator means as layers: the walk over a graph, before activations and scales are fused.

Reshapes, transpositions and paddings stay pending on a tensor until somebody reads it in a way that needs them, so that a
flatten before a classifier, an NHWC input and a `Pad` before a convolution leave nothing behind. Not here: shapes and
constants (`onnx_file.py`), fusing (`onnx_reader.py`).
"""

from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Any, Final

import numpy as np

from search_spaces.errors import UnreadableModel
from search_spaces.network import INPUT, Layer, Shape
from search_spaces.onnx_file import TRANSPARENT, Node, OnnxGraph

AFFINE: Final = "onnx:Affine"
"""Provisional operator of a scale and a shift with constants (batch norm, `Mul`, `Add`, `Sub`, `Div`), fused later."""

Quad = tuple[int, int, int, int]


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


class Walk:
    """Layers drawn so far, and the value behind each tensor."""

    def __init__(self, graph: OnnxGraph) -> None:
        shape = graph.shapes[graph.input]
        self.graph = graph
        self.layers: dict[str, Layer] = {}
        self.affine: dict[str, Affine] = {}
        self.values: dict[str, Value] = {graph.input: Value(INPUT, shape)}
        self.input_shape = triple(shape)
        if graph.nhwc:
            self.input_shape = (shape[3], shape[1], shape[2])
            self.values[graph.input] = Value(INPUT, shape, "transpose", (0, 2, 3, 1))

    def run(self) -> None:
        """Visits all nodes.

        Raises:
            UnreadableModel: a tensor is read before it is made, or the shape of one is not known.
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
            self._visit(node)

    def _visit(self, node: Node) -> None:
        known = node.op in _HANDLERS and (node.op in _ANY_ORDER or node.inputs[:1] and node.inputs[0] in self.values)
        try:
            if not (known and _HANDLERS[node.op](self, node)):
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
                fix="Export the model with a fixed input size, or simplify it first.",
                facts={"node": node.name, "operator": node.op},
            )
        return shape

    def read(self, name: str, allow: str | None = None) -> tuple[Value, Shape]:
        """A tensor and the shape it is read with; what is pending on it is carried out unless allowed to stay."""
        value = self.values[name]
        made = self._made(value.source)
        if value.pending is None or value.pending == allow:
            return value, made
        if value.pending != "pad" and triple(value.shape) == made and _trivial(value):
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

    def _made(self, source: str) -> Shape:
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
        name, count = title, 1
        while name == INPUT or name in self.layers:
            name, count = f"{title}_{count}", count + 1
        self.layers[name] = Layer(name, op, sources, shapes, triple(shape), **attributes)
        self.values[node.outputs[output]] = Value(name, shape)
        return True

    def alias(self, node: Node, value: Value) -> bool:
        """Lets the node's first output be a value that exists."""
        self.values[node.outputs[0]] = value
        return True

    def _unknown(self, node: Node) -> None:
        names = [n for n in (*node.inputs, *node.captured) if n in self.values]
        read = [self.read(name) for name in names]
        for index, output in enumerate(node.outputs):
            if output and (index == 0 or output in self.graph.read):
                sources, shapes = tuple(r[0].source for r in read), tuple(r[1] for r in read)
                self.append(node, f"onnx:{node.op}", sources, shapes, index)


def _trivial(value: Value) -> bool:
    """Whether a pending transposition only moves dimensions of size 1 (a reshape to the same triple always is)."""
    if value.pending != "transpose":
        return True
    moved = [axis for axis, size in zip(value.detail, value.shape, strict=True) if size > 1]
    return moved == sorted(moved)


def _transparent(walk: Walk, node: Node) -> bool:
    return walk.alias(node, walk.values[node.inputs[0]]) if node.inputs[0] in walk.values else False


def _quantize(walk: Walk, node: Node) -> bool:
    """Quantisation is seen through; but a convolution or linear layer that saturates to 0..1 bears a hard sigmoid."""
    to = _range(walk, node)
    layer = walk.layers.get(walk.values[node.inputs[0]].source)
    if to is not None and to[1] == 0 and abs(to[0] * 255 - 1) < 1e-4 and layer is not None and layer.has_weights:
        _elementwise(walk, node, "activation", activation="hard_sigmoid")
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
        _elementwise(walk, node, "activation", activation="hard_sigmoid")
    else:
        _elementwise(walk, node, AFFINE)
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
        return _elementwise(walk, node, "activation", activation=name)

    return handle


def _elementwise(walk: Walk, node: Node, op: str, **attributes: Any) -> bool:
    """Appends a layer of one input that works on any layout: what is pending on the input is then pending on the result."""
    value = walk.values[node.inputs[0]]
    if value.pending == "pad":
        value, _ = walk.read(node.inputs[0])
    made = walk._made(value.source)
    walk.append(node, op, (value.source,), (made,), **attributes)
    name = walk.values[node.outputs[0]].source
    walk.layers[name] = replace(walk.layers[name], out_shape=made)
    return walk.alias(node, replace(value, source=name))


def _clip(walk: Walk, node: Node) -> bool:
    limits = [walk.graph.value(name) for name in node.inputs[1:] if name]
    if limits and all(limit is not None and limit.dtype.kind in "iu" for limit in limits):
        return _transparent(walk, node)  # the limits of a range in steps
    low, high = (_limit(walk, node, index, key) for index, key in ((1, "min"), (2, "max")))
    if low is None or high is None or low != 0 or (high != 6 and high < 1e30):
        return False
    return _elementwise(walk, node, "activation", activation="relu6" if high == 6 else "relu")


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
    return _elementwise(walk, node, "activation", activation="hard_sigmoid") if known else False


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
        shapes = [walk._made(v.source) for v in same]
        return False if shapes[0] != shapes[1] else _together(walk, node, op, same)
    shapes = [walk.read(name)[1] for name in dynamic]
    out = triple(walk.shape(node))
    if shapes[0] != out:
        first, second, shapes = second, first, shapes[::-1]
    if shapes[0] != out or shapes[1] not in (out, (out[0], 1, 1)):
        return False
    return walk.add(node, op, (first, second))


def _together(walk: Walk, node: Node, op: str, values: tuple[Value, Value]) -> bool:
    """Two tensors transposed alike are combined before the transposition."""
    made = walk._made(values[0].source)
    walk.append(node, op, tuple(v.source for v in values), (made, made))
    name = walk.values[node.outputs[0]].source
    walk.layers[name] = replace(walk.layers[name], out_shape=made)
    return walk.alias(node, replace(values[0], source=name))


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
        channels = walk._made(value.source)[0]
        if len(axes) != 1 or permutation[axes[0]] != 1 or value.shape[axes[0]] != channels:
            return False
    if not _elementwise(walk, node, AFFINE):
        return False
    walk.affine[walk.values[node.outputs[0]].source] = Affine(node.op, scalar)
    return True


def _batch_norm(walk: Walk, node: Node) -> bool:
    value = walk.values[node.inputs[0]]
    if not all(walk.is_constant(i) for i in node.inputs[1:]) or value.pending == "transpose" and value.detail[1] != 1:
        return False
    _elementwise(walk, node, AFFINE)
    walk.affine[walk.values[node.outputs[0]].source] = Affine(node.op, None)
    return True


def _concat(walk: Walk, node: Node) -> bool:
    rank = len(walk.shape(node))
    if int(node.attributes.get("axis", 1)) % rank != 1 or not all(i in walk.values for i in node.inputs) or rank == 3:
        return False
    return walk.add(node, "concat", node.inputs)


def _reshape(walk: Walk, node: Node) -> bool:
    value, shape = walk.values[node.inputs[0]], walk.shape(node)
    if value.pending in ("transpose", "pad") and not (value.pending == "transpose" and _trivial(value)):
        value, _ = walk.read(node.inputs[0])
    made = walk._made(value.source)
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


_ANY_ORDER: Final = frozenset({"Add", "Sub", "Mul", "Div", "Sum"})
"""Operators of which another input than the first may be the one that depends on the network's input."""

_HANDLERS: Final[dict[str, Callable[[Walk, Node], bool]]] = {
    **dict.fromkeys(TRANSPARENT, _transparent),
    **dict.fromkeys(("Flatten", "Reshape", "Squeeze", "Unsqueeze"), _reshape),
    **dict.fromkeys(_ANY_ORDER, _binary),
    **dict.fromkeys(("Gemm", "MatMul"), _linear),
    **dict.fromkeys(("Resize", "Upsample"), _resize),
    "QuantizeLinear": _quantize,
    "DequantizeLinear": _dequantize,
    "Conv": _conv,
    "BatchNormalization": _batch_norm,
    "MaxPool": _pool("max_pool"),
    "AveragePool": _pool("avg_pool"),
    "GlobalAveragePool": _global_mean,
    "GlobalMaxPool": _global_max,
    "ReduceMean": _reduce_mean,
    "Concat": _concat,
    "Transpose": _transpose,
    "Pad": _pad,
    "Clip": _clip,
    "HardSigmoid": _hard_sigmoid,
    "Relu": _activation("relu"),
    "LeakyRelu": _activation("leaky_relu"),
    "Sigmoid": _activation("sigmoid"),
    "HardSwish": _activation("hard_swish"),
}
