"""A network as a plain module of torch, for `torch.compile`: what a static network costs. Not for results, see `nas/interpreter.py`."""

from collections.abc import Callable
from typing import Final

import torch
import torch.nn.functional as F
from torch import Tensor

from nas.interpreter import EPSILON
from nas.supernet_weights import SupernetWeights
from search_spaces.network import INPUT, Network

_ACTIVATIONS: Final[dict[str, Callable[[Tensor], Tensor]]] = {
    "relu": F.relu, "relu6": F.relu6, "hard_swish": F.hardswish, "hard_sigmoid": F.hardsigmoid, "sigmoid": torch.sigmoid,
    "silu": F.silu, "leaky_relu": F.leaky_relu,
}  # fmt: skip


class Static(torch.nn.Module):
    """A network as a plain module with weights of its own, which `torch.compile` reads as one graph."""

    def __init__(self, network: Network, device: str) -> None:
        super().__init__()
        self.network = network
        tensors = SupernetWeights.of(network.layers, 0, device).tensors
        self.place = {name: f"p{number}" for number, name in enumerate(tensors)}
        for name, tensor in tensors.items():
            self.register_parameter(self.place[name], torch.nn.Parameter(tensor))

    def forward(self, images: Tensor) -> Tensor:
        """Logits (N, classes) in training mode."""
        values = {INPUT: images}
        for layer in self.network.layers:
            inputs = [values[source] for source in layer.inputs]
            x = inputs[0]
            if layer.has_weights:
                weight = self._own(layer.name + ".weight")
                bias = None if layer.norm else self._own(layer.name + ".bias")
                if layer.op == "linear":
                    y = F.linear(x.flatten(1), weight.flatten(1), bias)[:, :, None, None]
                else:
                    y = F.conv2d(x, weight, bias, layer.stride, layer.padding[:2], layer.dilation, layer.groups)
                if layer.norm:
                    gamma, beta = self._own(layer.name + ".gamma"), self._own(layer.name + ".beta")
                    y = F.batch_norm(y, None, None, gamma, beta, training=True, eps=EPSILON)
            elif layer.op == "add":
                y = x + inputs[1]
            elif layer.op == "mul":
                y = x * inputs[1]
            elif layer.op == "global_avg_pool":
                y = x.mean((2, 3), keepdim=True)
            else:
                raise NotImplementedError(layer.op)
            values[layer.name] = y if layer.activation is None else _ACTIVATIONS[layer.activation](y)
        return values[self.network.outputs[0]].flatten(1)

    def _own(self, name: str) -> Tensor:
        found: Tensor = getattr(self, self.place[name])
        return found
