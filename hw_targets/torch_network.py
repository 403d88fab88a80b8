"""Runs a network in torch, layer by layer, in one floating-point format: what a GPU target measures.

Not here: training and INT8 (`nas/interpreter.py`, which this agrees with), how it is captured and timed (`cuda_graph.py`).
"""

from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Final

import torch
import torch.nn.functional as F
from torch import Tensor

from hw_targets.torch_operators import WEIGHTLESS, padded
from hw_targets.weights import FloatWeights
from search_spaces.network import INPUT, Layer, Network

_ACTIVATIONS: Final[Mapping[str, Callable[[Tensor, bool], Tensor]]] = {
    "relu": lambda y, own: F.relu(y, inplace=own),
    "relu6": lambda y, own: F.relu6(y, inplace=own),
    "hard_swish": lambda y, own: F.hardswish(y, inplace=own),
    "hard_sigmoid": lambda y, own: F.hardsigmoid(y, inplace=own),
    "sigmoid": lambda y, own: y.sigmoid_() if own else y.sigmoid(),
    "silu": lambda y, own: F.silu(y, inplace=own),
    "leaky_relu": lambda y, own: F.leaky_relu(y, inplace=own),
}
"""On a tensor, and whether it may be overwritten."""


class TorchNetwork:
    """A network with its weights on a device, channels-last.

    Args:
        network: its operators are in `search_spaces.network.OPERATORS`.
        weights: of every layer with weights.
        device: where it runs.
        dtype: of weights and activations.
    """

    def __init__(self, network: Network, weights: FloatWeights, *, device: str, dtype: torch.dtype) -> None:
        self.network, self.device, self.dtype = network, device, dtype
        self._weights = {
            name: (self._placed(torch.from_numpy(own.weight)), self._placed(torch.from_numpy(own.bias)))
            for name, own in weights.items()
        }

    def _placed(self, tensor: Tensor) -> Tensor:
        moved = tensor.to(self.device, self.dtype)
        return moved.contiguous(memory_format=torch.channels_last) if moved.dim() == 4 else moved

    def noise(self, batch: int, seed: int = 0) -> Tensor:
        """Random images (batch, C, H, W) in its format."""
        generator = torch.Generator().manual_seed(seed)
        return self._placed(torch.rand(batch, *self.network.input_shape, generator=generator))

    def __call__(self, images: Tensor) -> tuple[Tensor, ...]:
        """The network's outputs, (batch, C, H, W) each, for images (batch, C, H, W)."""
        *_, values = self.layer_by_layer(images)
        return tuple(values[name] for name in self.network.outputs)

    def layer_by_layer(self, images: Tensor) -> Iterator[dict[str, Tensor]]:
        """After each layer the tensors that are still needed: one dictionary, which changes."""
        last = {source: layer.name for layer in self.network.layers for source in layer.inputs}
        values = {INPUT: images}
        for layer in self.network.layers:
            with torch.no_grad():
                values[layer.name] = self._layer(layer, [values[source] for source in layer.inputs])
            for source in layer.inputs:
                if last[source] == layer.name and source not in self.network.outputs:
                    values.pop(source, None)
            yield values

    def _layer(self, layer: Layer, inputs: Sequence[Tensor]) -> Tensor:
        y = self._operator(layer, inputs)
        if layer.activation is None:
            return y
        return _ACTIVATIONS[layer.activation](y, layer.op != "activation")

    def _operator(self, layer: Layer, inputs: Sequence[Tensor]) -> Tensor:
        x = inputs[0]
        match layer.op:
            case "conv":
                weight, bias = self._weights[layer.name]
                if layer.kernel == (1, 1) and layer.groups == 1 and not any(layer.padding):
                    return _pointwise(layer, x, weight, bias)
                x, padding = padded(layer, x, 0.0)
                return F.conv2d(x, weight, bias, layer.stride, padding, layer.dilation, layer.groups)
            case "linear":
                weight, bias = self._weights[layer.name]
                # flattened in the order of the network, whatever the layout in memory
                return F.linear(x.flatten(1), weight.flatten(1), bias)[:, :, None, None]
            case weightless:
                return WEIGHTLESS[weightless](layer, inputs)


def _pointwise(layer: Layer, x: Tensor, weight: Tensor, bias: Tensor) -> Tensor:
    """As a matrix product: the bias is added in the same kernel, and no library builds a plan for each shape."""
    (down, right), channels = layer.stride, x.shape[1]
    places = x[:, :, ::down, ::right].permute(0, 2, 3, 1)
    return F.linear(places, weight.reshape(-1, channels), bias).permute(0, 3, 1, 2)
