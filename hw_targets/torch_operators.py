"""The operators without weights in torch, whatever the number format, and asymmetric padding. Not here: convolutions, activations."""

from collections.abc import Callable, Mapping, Sequence
from typing import Final

import torch
import torch.nn.functional as F
from torch import Tensor

from search_spaces.network import Layer


def padded(layer: Layer, x: Tensor, value: float) -> tuple[Tensor, tuple[int, int]]:
    """The input, padded here where the padding is asymmetric, and the remaining padding."""
    top, left, bottom, right = layer.padding
    if top == bottom and left == right:
        return x, (top, left)
    return F.pad(x, (left, right, top, bottom), value=value), (0, 0)


def _max_pool(layer: Layer, inputs: Sequence[Tensor]) -> Tensor:
    x, padding = padded(layer, inputs[0], float("-inf"))
    return F.max_pool2d(x, layer.kernel, layer.stride, padding, layer.dilation)


def _avg_pool(layer: Layer, inputs: Sequence[Tensor]) -> Tensor:
    x, padding = padded(layer, inputs[0], 0.0)
    return F.avg_pool2d(x, layer.kernel, layer.stride, padding)


def _resize(layer: Layer, inputs: Sequence[Tensor]) -> Tensor:
    return F.interpolate(inputs[0], size=layer.out_shape[1:], mode="bilinear", align_corners=False)


WEIGHTLESS: Final[Mapping[str, Callable[[Layer, Sequence[Tensor]], Tensor]]] = {
    "add": lambda layer, inputs: inputs[0] + inputs[1],
    "mul": lambda layer, inputs: inputs[0] * inputs[1],
    "concat": lambda layer, inputs: torch.cat(list(inputs), dim=1),
    "slice": lambda layer, inputs: inputs[0][:, layer.start : layer.start + layer.out_shape[0]],
    "shuffle": lambda layer, inputs: F.channel_shuffle(inputs[0], layer.groups),
    "max_pool": _max_pool,
    "avg_pool": _avg_pool,
    "global_avg_pool": lambda layer, inputs: inputs[0].mean((2, 3), keepdim=True),
    "activation": lambda layer, inputs: inputs[0],
    "resize": _resize,
}
"""By the operator's name: a layer and its inputs (batch, C, H, W) to its output before the activation."""
