"""How much a network's channels matter on a user's data: first-order Taylor saliency, and what follows from it.

A channel's saliency is the change of the loss that removing it causes, to first order, by the scale and shift of its batch norm
(Molchanov et al. 2019, equation 8). Channels are sorted by it, so that the leading slices of a supernet's weights are its best ones. The
importance of a layer is the sum over its channels, less for a smaller kernel: additive over layers, so that
`latency_models/knapsack.py` finds the most important architecture within a latency.
"""

import json
import math
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from nas.interpreter import Training, run_all
from nas.supernet_weights import BETA, BIAS, GAMMA, WEIGHT, SupernetWeights
from nas.tensors import Tensors
from search_spaces.channel_groups import channel_groups
from search_spaces.network import Layer, Network

FloatArray = NDArray[np.float64]
Loss = Callable[[Tensor, Tensor], Tensor]
"""(outputs, labels) to a scalar."""


@dataclass(frozen=True)
class Importance:
    """The importance of a network's layers.

    Attributes:
        channels: by layer, (out,) saliency of each channel.
        kernels: by layer with a spatial kernel, the saliency within the central square of each odd size up to the whole, as
            shares of the whole: index 0 is 1x1, index 1 is 3x3.
    """

    channels: Mapping[str, FloatArray]
    kernels: Mapping[str, FloatArray]

    def of(self, layer: Layer) -> float:
        """Of a layer that is a slice of the network's; minus infinity where it has weights that the network lacks."""
        if not layer.has_weights:
            return 0.0
        if layer.name not in self.channels:
            return -math.inf
        share = float(self.kernels[layer.name][layer.kernel[0] // 2]) if layer.name in self.kernels else 1.0
        return share * float(self.channels[layer.name][: layer.out_shape[0]].sum())

    def permuted(self, orders: Mapping[str, "Order"]) -> "Importance":
        """The importance after the channels were permuted."""
        moved = {name: order.out.numpy() for name, order in orders.items() if order.out is not None}
        return Importance(
            {name: value[moved[name]] if name in moved else value for name, value in self.channels.items()},
            self.kernels,
        )

    def to_json(self) -> str:
        """The inverse of `from_json`."""
        return json.dumps(
            {
                part: {name: value.tolist() for name, value in getattr(self, part).items()}
                for part in ("channels", "kernels")
            }
        )

    @staticmethod
    def from_json(document: str) -> "Importance":
        """The inverse of `to_json`."""
        parts = json.loads(document)
        return Importance(
            *({name: np.array(value) for name, value in parts[part].items()} for part in ("channels", "kernels"))
        )


def importances(
    network: Network, weights: SupernetWeights, batches: Iterable[tuple[Tensor, Tensor]], loss: Loss
) -> tuple[Importance, ...]:
    """The importance of a network's layers for each of its outputs, the mean over batches.

    Args:
        network: with one or more outputs of classes.
        weights: where its parameters are.
        batches: images (B, C, H, W) and labels (B,); at least one.
        loss: of a batch, at each output.
    """
    leaves = weights.leaves(network)
    meters = [_Meter(network) for _ in network.outputs]
    for images, labels in batches:
        with torch.enable_grad():
            losses = [loss(output, labels) for output in run_all(network, images, Training(leaves))]
        for meter, value in zip(meters, losses, strict=True):
            gradients = torch.autograd.grad(value, list(leaves.values()), retain_graph=True, allow_unused=True)
            meter.add({n: g for n, g in zip(leaves, gradients, strict=True) if g is not None}, leaves)
    return tuple(meter.result() for meter in meters)


class _Meter:
    """Sums the saliencies of the layers that an output depends on."""

    def __init__(self, network: Network) -> None:
        self._layers = [layer for layer in network.layers if layer.has_weights]
        self._channels: dict[str, Tensor] = {}
        self._kernels: dict[str, Tensor] = {}
        self._count = 0

    @torch.no_grad()
    def add(self, gradients: Mapping[str, Tensor], parameters: Mapping[str, Tensor]) -> None:
        """Adds one batch."""
        self._count += 1
        for layer in self._layers:
            roles = (GAMMA, BETA) if layer.norm else (BIAS,)
            names = [layer.name + role for role in roles if layer.name + role in gradients]
            if not names:
                continue
            change = torch.stack([gradients[name] * parameters[name] for name in names]).sum(0).abs()
            self._channels[layer.name] = self._channels.get(layer.name, torch.zeros_like(change)) + change
            if layer.op == "conv" and layer.kernel[0] > 1:
                weight = layer.name + WEIGHT
                each = (gradients[weight] * parameters[weight]).abs().sum((0, 1))
                self._kernels[layer.name] = self._kernels.get(layer.name, torch.zeros_like(each)) + each

    def result(self) -> Importance:
        """The means."""
        channels = {name: (total / self._count).double().cpu().numpy() for name, total in self._channels.items()}
        return Importance(
            channels, {name: _central_shares(total.double().cpu().numpy()) for name, total in self._kernels.items()}
        )


def _central_shares(total: FloatArray) -> FloatArray:
    """The share of a (k, k) kernel within its central squares of 1, 3, ... k."""
    middle = len(total) // 2
    squares = [total[middle - r : middle + r + 1, middle - r : middle + r + 1].sum() for r in range(middle + 1)]
    return np.array(squares) / max(float(total.sum()), 1e-30)


@dataclass(frozen=True, slots=True)
class Order:
    """The new order of a layer's channels: of its result and of what it reads, as indices; None where it stays."""

    out: Tensor | None = None
    read: Tensor | None = None


def descending(network: Network, importance: Sequence[Mapping[str, FloatArray]]) -> dict[str, Order]:
    """By layer, the order that puts the most important channels first and leaves the network's function unchanged.

    Args:
        network: whose channels are sorted; those that must agree have one order.
        importance: of channels by layer, summed over all that are given.
    """
    orders: dict[str, Order] = {}
    for group in channel_groups(network):
        if group.fixed or not group.writers:
            continue
        total = sum(one[name] for one in importance for name in group.writers if name in one)
        if isinstance(total, int):
            continue
        blocks = np.argsort(-total.reshape(-1, group.block).sum(1), kind="stable")
        order = torch.from_numpy((blocks[:, None] * group.block + np.arange(group.block)).reshape(-1))
        for name in group.writers:
            orders[name] = Order(order, orders.get(name, Order()).read)
        for name in group.readers:
            orders[name] = Order(orders.get(name, Order()).out, order)
    return orders


def permuted(parameters: Mapping[str, Tensor], orders: Mapping[str, Order]) -> Tensors:
    """Parameters by `<layer>.<role>` with their channels in a new order."""
    result = dict(parameters)
    for name, order in orders.items():
        if order.out is not None:
            for role in (WEIGHT, GAMMA, BETA, BIAS):
                if name + role in result:
                    result[name + role] = result[name + role][order.out]
        if order.read is not None and name + WEIGHT in result:
            result[name + WEIGHT] = result[name + WEIGHT][:, order.read]
    return result


def norms(parameters: Mapping[str, Tensor]) -> dict[str, FloatArray]:
    """By layer, the L1 norm of each channel's weights: their importance where no data are at hand (Li et al. 2017)."""
    return {
        name.removesuffix(WEIGHT): value.detach().abs().flatten(1).sum(1).double().numpy()
        for name, value in parameters.items()
        if name.endswith(WEIGHT)
    }
