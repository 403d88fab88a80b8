"""Runs any `Network` on torch: one walk over its layers, and small modes that define how a layer computes.

Float modes are here: training (batch norm on the batch's own statistics), evaluation (with a subnet's statistics) and
folded (no batch norm left). Quantised modes are in `quantise.py`, over the same walk and the same operators.
Also here: turning a slice of the supernet into a subnet of its own: `recalibrate`, `extract`, `fold`.
"""

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final, Protocol

import torch
import torch.nn.functional as F
from torch import Tensor

from hw_targets.errors import UnsupportedLayer
from hw_targets.stopping import check_cancelled
from hw_targets.torch_operators import WEIGHTLESS, padded
from hw_targets.weights import FloatLayer, FloatWeights
from nas.depthwise import depthwise, is_faster
from nas.gpu_convolution import convolution, has_own_form
from nas.supernet_weights import BETA, BIAS, GAMMA, WEIGHT, SupernetWeights
from nas.tensors import Tensors
from search_spaces.network import INPUT, Layer, Network

EPSILON: Final = 1e-5
"""Added to a variance before its root."""

MEAN: Final = ".mean"
VAR: Final = ".var"

Statistics = Mapping[str, Tensor]
"""Batch-norm statistics of one subnet: `<layer>.mean` and `<layer>.var`, each (out,)."""


class ExecutionMode(Protocol):
    """How a layer computes, and the representation of tensors between layers."""

    def enter(self, images: Tensor) -> Tensor:
        """The network's input in the mode's representation."""

    def layer(self, layer: Layer, inputs: Sequence[Tensor]) -> Tensor:
        """One layer's result, after its activation."""

    def leave(self, name: str, value: Tensor) -> Tensor:
        """An output of the network as real numbers."""


Forward = Callable[[Network, Tensor, ExecutionMode], Tensor]
"""Runs a network in a mode, as `run` does: float32 outputs."""


def run(network: Network, images: Tensor, mode: ExecutionMode) -> Tensor:
    """The network's one output for images (N, C, H, W): (N, features) where it is a vector, else (N, C, H, W).

    Raises:
        UnsupportedLayer: a layer's operator is not one of `search_spaces.network.OPERATORS`.
    """
    return run_all(network, images, mode)[0]


def run_all(network: Network, images: Tensor, mode: ExecutionMode) -> tuple[Tensor, ...]:
    """All outputs of the network, in their order. Raises what `run` raises."""
    last = {source: layer.name for layer in network.layers for source in layer.inputs}
    values = {INPUT: mode.enter(channels_last(images))}
    for layer in network.layers:
        check_cancelled()
        values[layer.name] = mode.layer(layer, [values[source] for source in layer.inputs])
        for source in layer.inputs:
            if last[source] == layer.name and source not in network.outputs:
                values.pop(source, None)
    results = (mode.leave(name, values[name]) for name in network.outputs)
    return tuple(y.flatten(1) if y.shape[2:] == (1, 1) else y for y in results)


def channels_last(images: Tensor) -> Tensor:
    """Images (N, C, H, W) laid out channels-last, which is faster; `contiguous` leaves images of one channel as they are."""
    if images.stride(1) == 1:
        return images
    return torch.empty_like(images, memory_format=torch.channels_last).copy_(images)


def operate(layer: Layer, inputs: Sequence[Tensor], weight: Tensor | None = None, bias: Tensor | None = None) -> Tensor:
    """A layer's operator alone, without norm and activation, on (N, C, H, W) tensors. Raises what `run` raises."""
    x = inputs[0]
    if layer.op == "conv":
        assert weight is not None
        if torch.is_grad_enabled() and is_faster(layer, x):
            return depthwise(layer, x, weight, bias)
        x, padding = padded(layer, x, 0.0)
        if x.device.type == "cuda" and has_own_form(layer):
            return convolution(layer, x, weight, bias, padding)
        stride = layer.stride
        if layer.kernel == (1, 1) and stride != (1, 1) and padding == (0, 0):
            # oneDNN's weight gradient of a strided 1 x 1 convolution writes past its buffer where there are fewer channels
            # than it takes at a time (16 with AVX-512; its issue 6035). It uses no other pixels than these anyway.
            x, stride = x[:, :, :: stride[0], :: stride[1]].contiguous(memory_format=torch.channels_last), (1, 1)
        return F.conv2d(x, weight, bias, stride, padding, layer.dilation, layer.groups)
    if layer.op == "linear":
        assert weight is not None
        return F.linear(x.flatten(1), weight.flatten(1), bias)[:, :, None, None]
    operator = WEIGHTLESS.get(layer.op)
    if operator is None:
        raise UnsupportedLayer(
            f"Layer {layer.name!r} has the operator {layer.op!r}, which cannot be run.",
            fix="Use only the operators in search_spaces.network.OPERATORS.",
            facts={"layer": layer.name, "op": layer.op},
        )
    return operator(layer, inputs)


_ACTIVATIONS: Final[Mapping[str, Callable[[Tensor], Tensor]]] = {
    "relu": F.relu,
    "relu6": F.relu6,
    "hard_swish": F.hardswish,
    "hard_sigmoid": F.hardsigmoid,
    "sigmoid": torch.sigmoid,
    "silu": F.silu,
    "leaky_relu": F.leaky_relu,
}


class _ReLU6(torch.autograd.Function):
    """ReLU6 in place; torch's own keeps a copy of its input."""

    @staticmethod
    def forward(ctx: Any, y: Tensor) -> Tensor:
        ctx.mark_dirty(y.clamp_(0.0, 6.0))
        ctx.save_for_backward(y)
        return y

    @staticmethod
    def backward(ctx: Any, *gradients: Tensor) -> Tensor:
        gradient: Tensor = torch.ops.aten.hardtanh_backward(gradients[0], ctx.saved_tensors[0], 0.0, 6.0)
        return gradient


_IN_PLACE: Final[Mapping[str, Callable[[Tensor], Tensor]]] = {"relu": F.relu_, "relu6": _ReLU6.apply}
"""Activations whose gradient needs their result alone: in place they save memory traffic, most of a CPU's training time."""


def activate(layer: Layer, y: Tensor) -> Tensor:
    """The layer's activation of real numbers (in place where it can be); a `leaky_relu` has a slope of 0.01."""
    if layer.activation is None:
        return y
    if layer.op != "activation" and layer.activation in _IN_PLACE:
        return _IN_PLACE[layer.activation](y)
    return _ACTIVATIONS[layer.activation](y)


class BNFolded:
    """Float mode without batch norm: what a deployed network computes before quantisation.

    Args:
        parameters: `<layer>.weight` (out, in / groups, height, width) and `<layer>.bias` (out,).
    """

    def __init__(self, parameters: Mapping[str, Tensor]) -> None:
        self.parameters = parameters

    def enter(self, images: Tensor) -> Tensor:
        """The images as they are."""
        return images

    def layer(self, layer: Layer, inputs: Sequence[Tensor]) -> Tensor:
        """Operator, bias, norm (in the modes that have one), activation."""
        return activate(layer, self.compute(layer, inputs))

    def compute(self, layer: Layer, inputs: Sequence[Tensor]) -> Tensor:
        """The result before the activation."""
        if not layer.has_weights:
            return operate(layer, inputs)
        y = operate(layer, inputs, self.parameters[layer.name + WEIGHT], self.parameters.get(layer.name + BIAS))
        return self.normalise(layer, y)

    def normalise(self, layer: Layer, y: Tensor) -> Tensor:
        """The result of a layer with weights, normalised."""
        return y

    def leave(self, name: str, value: Tensor) -> Tensor:
        """The output as it is."""
        return value


class Training(BNFolded):
    """Float mode with batch norm on the statistics of the batch itself.

    Args:
        parameters: `<layer>.weight`, and `.gamma` and `.beta` where the layer is normalised, else `.bias`.
    """

    def normalise(self, layer: Layer, y: Tensor) -> Tensor:
        """Batch norm of the batch."""
        if not layer.norm:
            return y
        gamma, beta = self.parameters[layer.name + GAMMA], self.parameters[layer.name + BETA]
        return F.batch_norm(y, None, None, gamma, beta, training=True, eps=EPSILON)


class Evaluation(BNFolded):
    """Float mode with batch norm on a subnet's own statistics.

    Args:
        parameters: as for `Training`.
        statistics: the subnet's, from `recalibrate`.
    """

    def __init__(self, parameters: Mapping[str, Tensor], statistics: Statistics) -> None:
        super().__init__(parameters)
        self.statistics = statistics

    def normalise(self, layer: Layer, y: Tensor) -> Tensor:
        """Batch norm with fixed statistics."""
        if not layer.norm:
            return y
        name = layer.name
        mean, var = self.statistics[name + MEAN], self.statistics[name + VAR]
        gamma, beta = self.parameters[name + GAMMA], self.parameters[name + BETA]
        return F.batch_norm(y, mean, var, gamma, beta, training=False, eps=EPSILON)


class Recalibration(Training):
    """Training mode without gradients that collects each layer's mean and variance."""

    def __init__(self, parameters: Mapping[str, Tensor]) -> None:
        super().__init__(parameters)
        self._gathered: dict[str, list[tuple[Tensor, Tensor]]] = {}

    def normalise(self, layer: Layer, y: Tensor) -> Tensor:
        """Batch norm of the batch, whose statistics are kept."""
        if not layer.norm:
            return y
        gamma, beta = self.parameters[layer.name + GAMMA], self.parameters[layer.name + BETA]
        result, mean, rstd = torch.native_batch_norm(y, gamma, beta, None, None, True, 0.0, EPSILON)
        self._gathered.setdefault(layer.name, []).append((mean, (rstd**-2 - EPSILON).clamp_(min=0.0)))
        return result

    def statistics(self) -> Statistics:
        """Mean and variance of each layer, pooled over the batches seen (which must be of one size)."""
        statistics: Tensors = {}
        for name, gathered in self._gathered.items():
            statistics[name + MEAN], statistics[name + VAR] = pooled(gathered)
        return statistics


def pooled(batches: Iterable[tuple[Tensor, Tensor]]) -> tuple[Tensor, Tensor]:
    """Mean and variance over batches of one size, from each one's own: (C,) each."""
    means, variances = (torch.stack(values) for values in zip(*batches, strict=True))
    return means.mean(0), variances.mean(0) + means.var(0, correction=0)


def recalibrate(network: Network, weights: SupernetWeights, batches: Iterable[Tensor]) -> Statistics:
    """Batch-norm statistics of one subnet: mean and variance pooled over the batches, each normalised by its own.

    Args:
        network: the subnet.
        weights: where its parameters are.
        batches: images (N, C, H, W), at least one batch, all of one size N.
    """
    mode = Recalibration(weights.parameters(network))
    with torch.inference_mode():
        for images in batches:
            run(network, images, mode)
        return mode.statistics()


@dataclass(frozen=True)
class Subnet:
    """A network with weights and batch-norm statistics of its own.

    Attributes:
        parameters: as `SupernetWeights.tensors`, of exactly the network's extents.
        statistics: `<layer>.mean` and `<layer>.var`.
    """

    network: Network
    parameters: Mapping[str, Tensor]
    statistics: Statistics

    def mode(self) -> Evaluation:
        """The mode that evaluates it in float."""
        return Evaluation(self.parameters, self.statistics)


def extract(network: Network, weights: SupernetWeights, statistics: Statistics) -> Subnet:
    """A static copy of a slice of the supernet: it computes bit for bit what the slice computes."""
    parameters = {name: view.detach().clone() for name, view in weights.parameters(network).items()}
    return Subnet(network, parameters, {name: value.detach().clone() for name, value in statistics.items()})


def folded(network: Network, parameters: Mapping[str, Tensor], statistics: Statistics) -> Tensors:
    """Parameters for the `BNFolded` mode: batch norm multiplied into weights and biases."""
    result: Tensors = {}
    for layer in network.layers:
        if not layer.has_weights:
            continue
        name = layer.name
        weight = parameters[name + WEIGHT]
        if layer.norm:
            factor = parameters[name + GAMMA] * torch.rsqrt(statistics[name + VAR] + EPSILON)
            result[name + WEIGHT] = weight * factor[:, None, None, None]
            result[name + BIAS] = parameters[name + BETA] - statistics[name + MEAN] * factor
        else:
            result[name + WEIGHT], result[name + BIAS] = weight, parameters[name + BIAS]
    return result


def fold(subnet: Subnet) -> FloatWeights:
    """A subnet's weights as they are lowered: batch norm folded, each weight of `Layer.weight_shape`."""
    return float_weights(subnet.network, folded(subnet.network, subnet.parameters, subnet.statistics))


def float_weights(network: Network, parameters: Mapping[str, Tensor]) -> FloatWeights:
    """Parameters of the `BNFolded` mode as arrays, each weight of `Layer.weight_shape`."""
    return {
        layer.name: FloatLayer(
            parameters[layer.name + WEIGHT].detach().reshape(layer.weight_shape).cpu().numpy(),
            parameters[layer.name + BIAS].detach().cpu().numpy(),
        )
        for layer in network.layers
        if layer.has_weights
    }
