"""What ONNX's convolutions and pools mean as layers: of feature maps and of sequences; in three dimensions they are counted only.

A sequence of n steps is a feature map of n x 1 pixels, so a convolution along it is one of k x 1 weights. Not here: products of
matrices (`onnx_products.py`), all other operators (`onnx_operators.py`).
"""

from collections.abc import Callable
from typing import Any

from search_spaces.errors import UnreadableModel
from search_spaces.network import Shape
from search_spaces.onnx_graph import Node
from search_spaces.onnx_walk import Value, Walk, elements


def conv(walk: Walk, node: Node) -> bool:
    """`Conv`."""
    weight, out = walk.graph.shapes.get(node.inputs[1]), walk.shape(node)
    if weight is None or len(weight) < 3 or len(weight) != len(out):
        return False
    before = walk.graph.shapes.get(node.inputs[0], ())
    groups = int(node.attributes.get("group", 1))
    if groups < 1 or len(before) != len(weight) or weight[1] * groups != before[1]:
        raise UnreadableModel(
            f"Convolution {node.name!r} has weights for {weight[1] * groups} channels and reads "
            f"{before[1] if len(before) > 1 else 'none'}.",
            fix="Give the input size that the model was made for, or export it again.",
        )
    params = _owned(walk, node, weight[0])
    if len(weight) > 4 or not _plain(walk, node):
        macs = elements(weight[1:]) * elements(out)
        return walk.counted(node, macs, elements(weight) + weight[0] if params is None else params)
    value, shape = walk.read(node.inputs[0], allow="pad")
    window = _window(walk, node, value, shape, _pair(weight[2:]))
    return walk.append(node, "conv", (value.source,), (shape,), groups=groups, params=params, **window)


def transposed_conv(walk: Walk, node: Node) -> bool:
    """`ConvTranspose`; it stays a layer of ONNX's name, with its window."""
    weight, before = walk.graph.shapes.get(node.inputs[1]), walk.graph.shapes.get(node.inputs[0], ())
    if weight is None or len(weight) < 3 or len(weight) != len(before):
        return False
    if weight[0] != before[1]:
        raise UnreadableModel(
            f"Deconvolution {node.name!r} has weights for {weight[0]} channels and reads {before[1]}.",
            fix="Give the input size that the model was made for, or export it again.",
        )
    groups = int(node.attributes.get("group", 1))
    channels = weight[1] * groups
    params = _owned(walk, node, channels)
    if len(weight) > 4 or not _plain(walk, node):
        macs = elements(weight[1:]) * elements(before)
        return walk.counted(node, macs, elements(weight) + channels if params is None else params)
    value, shape = walk.read(node.inputs[0])
    window: dict[str, Any] = {
        "kernel": _pair(weight[2:]),
        "stride": _pair(node.attributes.get("strides")),
        "dilation": _pair(node.attributes.get("dilations")),
        "padding": tuple(four(node.attributes.get("pads"))),
    }
    return walk.append(node, "onnx:ConvTranspose", (value.source,), (shape,), groups=groups, params=params, **window)


def deformable_conv(walk: Walk, node: Node) -> bool:
    """`DeformConv`, counted as the convolution of the same weights."""
    weight, out = walk.graph.shapes.get(node.inputs[1]), walk.shape(node)
    if weight is None:
        return False
    params = _owned(walk, node, weight[0])
    macs = elements(weight[1:]) * elements(out)
    return walk.counted(node, macs, elements(weight) + weight[0] if params is None else params)


def pool(op: str) -> Callable[[Walk, Node], bool]:
    """`MaxPool` or `AveragePool` as a layer of this operator."""

    def handle(walk: Walk, node: Node) -> bool:
        kernel = node.attributes.get("kernel_shape", ())
        if len(kernel) not in (1, 2) or (len(node.outputs) > 1 and node.outputs[1] in walk.graph.read):
            return False
        value, shape = walk.read(node.inputs[0], allow="pad")
        window = _window(walk, node, value, shape, _pair(kernel))
        return walk.append(node, op, (value.source,), (shape,), **window)

    return handle


def global_max(walk: Walk, node: Node) -> bool:
    """`GlobalMaxPool`."""
    value, shape = walk.read(node.inputs[0])
    return walk.append(node, "max_pool", (value.source,), (shape,), kernel=shape[1:])


def _plain(walk: Walk, node: Node) -> bool:
    """Whether it filters a batch of feature maps with a constant weight, and nothing else."""
    before, constant = walk.graph.shapes.get(node.inputs[0], ()), walk.is_constant
    return walk.is_batch(before) and constant(node.inputs[1]) and not constant(node.inputs[0])


def _owned(walk: Walk, node: Node, channels: int) -> int | None:
    """Parameters of its own where an earlier layer has the same weight: its bias, if that is another one; else None."""
    bias = node.inputs[2] if len(node.inputs) > 2 and node.op != "DeformConv" else ""
    own_weight, own_bias = walk.claim(node.inputs[1]), walk.claim(bias)
    return None if own_weight else channels if own_bias else 0


def _window(walk: Walk, node: Node, value: Value, shape: Shape, kernel: tuple[int, int]) -> dict[str, Any]:
    """Attributes of a convolution or pool; the padding includes `auto_pad`, `ceil_mode` and a pending `Pad`."""
    stride = _pair(node.attributes.get("strides"))
    dilation = _pair(node.attributes.get("dilations"))
    pads = four(node.attributes.get("pads"))
    extra = value.detail if value.pending == "pad" else (0, 0, 0, 0)
    out = walk.triple(walk.shape(node))
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
    """One number for height and one for width; along a sequence, the second is 1."""
    pair = tuple(int(v) for v in values) if values else (1, 1)
    return (pair[0], pair[1] if len(pair) > 1 else 1)


def four(values: Any) -> list[int]:
    """Top, left, bottom, right; a sequence has none on the sides."""
    pads = [int(v) for v in values or (0, 0, 0, 0)]
    return pads if len(pads) == 4 else [pads[0], 0, pads[1], 0]
