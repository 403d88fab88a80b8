"""Strides move up through 1x1 convolutions: a feature map of which all readers read every second pixel is computed at those only.

The compiler does so ("fake_downsample" in its layer profiles). Only ever less work; not here: fusion (`fusion.py`).
"""

from dataclasses import replace
from typing import Final

from search_spaces.network import Layer, Network, Shape, readers

Stride = tuple[int, int]
NONE: Final = (1, 1)


def hoisted(network: Network) -> tuple[dict[str, Layer], dict[str, Stride]]:
    """Each layer as it is computed, and for each `add` with a stride the strides of inputs computed in full."""
    users = readers(network.layers)
    taken: dict[str, Stride] = {}
    for layer in reversed(network.layers):
        strides = {_taken_by(user, taken[user.name]) for user in users.get(layer.name, ())}
        all_equal = len(strides) == 1 and layer.name not in network.outputs
        taken[layer.name] = strides.pop() if all_equal and _movable(layer) else NONE
    if all(stride == NONE for stride in taken.values()):
        return network.by_name, {}
    return {layer.name: _computed(layer, taken) for layer in network.layers}, {
        layer.name: taken[layer.name] for layer in network.layers if layer.op == "add" and taken[layer.name] != NONE
    }


def _movable(layer: Layer) -> bool:
    return layer.op == "add" or (layer.op == "conv" and layer.groups == 1)


def _taken_by(user: Layer, stride: Stride) -> Stride:
    """At which pixels a reader reads its input, when only every `stride`-th of its own results is read."""
    if user.op == "add":
        return stride
    pointwise = user.kernel == NONE and (user.op == "max_pool" or (user.op == "conv" and user.groups == 1))
    return _times(user.stride, stride) if pointwise and not any(user.padding[:2]) else NONE


def _computed(layer: Layer, taken: dict[str, Stride]) -> Layer:
    own = taken[layer.name]
    read = taken.get(layer.inputs[0], NONE)
    stride = NONE if read != NONE else _times(layer.stride, own)
    if layer.op == "add":
        stride = layer.stride
    if read == NONE and own == NONE:
        return layer
    shapes = tuple(_smaller(s, taken.get(n, NONE)) for n, s in zip(layer.inputs, layer.in_shapes, strict=True))
    return replace(layer, in_shapes=shapes, out_shape=_smaller(layer.out_shape, own), stride=stride)


def _smaller(shape: Shape, stride: Stride) -> Shape:
    return shape[0], -(-shape[1] // stride[0]), -(-shape[2] // stride[1])


def _times(a: Stride, b: Stride) -> Stride:
    return a[0] * b[0], a[1] * b[1]
