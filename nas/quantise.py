"""INT8 as modes of the interpreter: weights are quantised, and networks run or retrained on integers.

The rules are those of the file that is lowered (`hw_targets.lowering`), so that search, retraining and deployment see the
same numbers: activations and weights by the scheme (`hw_targets.scheme`), biases int32 on the grid input scale x
weight scale. Between layers a tensor holds q - zero_point as floats, and convolutions of such integers are
exact while their partial sums stay below 2**24: which they do, since biases are kept below 2**22.
Not here: float modes (`interpreter.py`), how ranges are observed (`ranges.py`), the file itself, the loop that retrains (`training/`).
"""

from abc import ABC, abstractmethod
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

import numpy as np
import torch
from torch import Tensor

from hw_targets.scheme import AFFINE, Range, Scheme, exponent_for
from hw_targets.weights import MOVES, PRE, QuantLayer, QuantWeights, fused_activation, passthrough_range
from nas.interpreter import activate, operate, run
from nas.ranges import Ranges, least_error_exponent
from nas.supernet_weights import BIAS, WEIGHT, weight_extent
from search_spaces.network import INPUT, Layer, Network

_LARGEST_BIAS: Final = 2.0**22
Rounding = Callable[[Tensor, float, float], Tensor]
"""Rounds half to even and saturates to two integer bounds."""


@dataclass(frozen=True, slots=True)
class QuantTensors:
    """The INT8 form of one layer as tensors that hold integers: weight in [-127, 127], bias, and scale of each channel."""

    weight: Tensor
    bias: Tensor
    scale: Tensor


def saturate(y: Tensor, low: float, high: float) -> Tensor:
    """`Rounding` without a gradient; overwrites its input."""
    return y.round_().clamp_(low, high)


class _StraightThrough(torch.autograd.Function):
    """Rounding whose gradient is that of the saturation alone."""

    @staticmethod
    def forward(ctx: Any, y: Tensor, low: float, high: float) -> Tensor:
        ctx.save_for_backward(y)
        ctx.bounds = (low, high)
        return y.round().clamp_(low, high)

    @staticmethod
    def backward(ctx: Any, *gradients: Tensor) -> tuple[Tensor, None, None]:
        gradient: Tensor = torch.ops.aten.hardtanh_backward(gradients[0], ctx.saved_tensors[0], *ctx.bounds)
        return gradient, None, None


def straight_through(y: Tensor, low: float, high: float) -> Tensor:
    """`Rounding` with a straight-through gradient (Bengio et al. 2013), zero where it saturates."""
    result: Tensor = _StraightThrough.apply(y, low, high)  # type: ignore[no-untyped-call]
    return result


def integers(
    layer: Layer, weight: Tensor, bias: Tensor, in_scale: float, rounding: Rounding, scheme: Scheme = AFFINE
) -> QuantTensors:
    """Quantises one layer: per-channel scale from the largest weight, or the power of two of least squared error for all of
    them; bias on the grid input scale x weight scale.

    Args:
        layer: of the parameters.
        weight: folded, (out, in / groups, height, width).
        bias: folded, (out,).
        in_scale: scale of the input's range.
        rounding: `saturate`, or `straight_through` when training.
        scheme: of the scales.
    """
    step = float(np.float32(in_scale))
    with torch.no_grad():
        reach = bias.abs() + (3.0 if layer.activation == "hard_sigmoid" else 0.0)
        least = reach / (step * _LARGEST_BIAS)
        if scheme.power_of_two:
            exponent = least_error_exponent(weight, -127.0, 127.0, float(weight.abs().amax()))
            finest = exponent_for(max(float(least.amax()), 1e-12))
            scale = torch.full_like(bias, 2.0 ** max(exponent, finest))
        else:
            scale = torch.maximum(weight.abs().amax((1, 2, 3)) / 127, least).clamp_(min=1e-12)
        grid = scale.double() * step
    return QuantTensors(
        rounding(weight / scale[:, None, None, None], -127.0, 127.0),
        rounding(bias.double() / grid, -_LARGEST_BIAS, _LARGEST_BIAS).float(),
        scale,
    )


class _Integer(ABC):
    """Shared by the quantised modes: the arithmetic between layers.

    Args:
        ranges: of all tensors.
        rounding: how results are rounded.
        scheme: that the ranges are of.
    """

    def __init__(self, network: Network, ranges: Ranges, rounding: Rounding, scheme: Scheme) -> None:
        self.scheme = scheme
        self.ranges: dict[str, Range] = {INPUT: ranges[INPUT]}
        for layer in network.layers:
            self.ranges[layer.name] = self.ranges[layer.inputs[0]] if passthrough_range(layer) else ranges[layer.name]
            if not fused_activation(layer, scheme):
                self.ranges[layer.name + PRE] = ranges[layer.name + PRE]
        self.rounding = rounding

    def scale(self, tensor: str) -> float:
        """Scale of a tensor as the file holds it, in single precision."""
        return float(np.float32(self.ranges[tensor].scale))

    @abstractmethod
    def operands(self, layer: Layer) -> QuantTensors:
        """The integers of a layer with weights."""

    def enter(self, images: Tensor) -> Tensor:
        """Images, pixels / 255, as integers."""
        return self._quantised(images / self.scale(INPUT), INPUT)

    def leave(self, name: str, value: Tensor) -> Tensor:
        """An output as real numbers."""
        return value * self.scale(name)

    def layer(self, layer: Layer, inputs: Sequence[Tensor]) -> Tensor:
        """One layer on integers: exact accumulation, then one rounding (two where an activation needs its own range)."""
        if layer.op in MOVES and passthrough_range(layer):
            return operate(layer, inputs)
        if layer.has_weights:
            own = self.operands(layer)
            bias, unit = own.bias, own.scale
            if layer.activation == "hard_sigmoid" and fused_activation(layer, self.scheme):
                bias = bias + (3 / (own.scale.double() * self.scale(layer.inputs[0]))).round().float()
                unit = own.scale / 6
            y = operate(layer, inputs, own.weight, bias)
            return self._activate(layer, y, (unit * self.scale(layer.inputs[0]))[:, None, None])
        if len(inputs) == 1:
            return self._activate(layer, operate(layer, inputs), self.scale(layer.inputs[0]))
        scaled = [x * self.scale(source) for x, source in zip(inputs, layer.inputs, strict=True)]
        return self._activate(layer, operate(layer, scaled), 1.0)

    def _activate(self, layer: Layer, y: Tensor, unit: Tensor | float) -> Tensor:
        """Activation and rounding of results in which 1 is `unit`; overwrites them."""
        if layer.op == "activation":
            y = y.clone()
        to = self.scale(layer.name)
        if layer.activation in (None, "relu", "relu6") or (layer.has_weights and fused_activation(layer, self.scheme)):
            limit = {"relu": float("inf"), "relu6": 6 / to}.get(layer.activation or "")
            return self._quantised(y.mul_(unit / to), layer.name, limit)
        if layer.op == "activation":
            x = y.mul_(unit)
        else:
            pre = self.scale(layer.name + PRE)
            x = self._quantised(y.mul_(unit / pre), layer.name + PRE).mul_(pre)
        if layer.activation == "silu":
            of = self.scheme.sigmoid_range
            gate = self.rounding(torch.sigmoid(x).mul_(round(1 / of.scale)), 0.0, float(of.most))
            return self._quantised((x * gate).mul_(of.scale / to), layer.name)
        return self._quantised(activate(layer, x).div_(to), layer.name)

    def _quantised(self, y: Tensor, tensor: str, limit: float | None = None) -> Tensor:
        """Rounds to a tensor's steps; a limit bounds it to 0 and that many steps."""
        low, high = float(self.ranges[tensor].least), float(self.ranges[tensor].most)
        if limit is not None:
            low, high = max(low, 0.0), min(high, float(np.rint(min(limit, 255.0))))
        return self.rounding(y, low, high)


class Quantised(_Integer):
    """Runs a quantised network on the numbers of its file.

    Args:
        network: what to run.
        weights: as they are lowered.
        device: where it runs.
    """

    def __init__(self, network: Network, weights: QuantWeights, device: str | torch.device = "cpu") -> None:
        super().__init__(network, weights.ranges, saturate, weights.scheme)
        self._layers: dict[str, QuantTensors] = {}
        for layer in network.layers:
            if layer.has_weights:
                own = weights.layers[layer.name]
                weight = torch.from_numpy(own.weight.astype(np.float32)).reshape(weight_extent(layer))
                bias = torch.from_numpy(own.bias.astype(np.float32))
                scale = torch.from_numpy(own.weight_scale.astype(np.float32))
                self._layers[layer.name] = QuantTensors(weight.to(device), bias.to(device), scale.to(device))

    def operands(self, layer: Layer) -> QuantTensors:
        """The integers of a layer with weights."""
        return self._layers[layer.name]


class FakeQuant(_Integer):
    """Quantises float weights as it runs: quantisation-aware training (with `straight_through`), or a quick evaluation.

    Args:
        network: what to run.
        parameters: as for `BNFolded`.
        ranges: of all tensors, fixed.
        rounding: `straight_through` to train, `saturate` to evaluate.
        scheme: that the ranges are of.
    """

    def __init__(
        self,
        network: Network,
        parameters: Mapping[str, Tensor],
        ranges: Ranges,
        rounding: Rounding = straight_through,
        scheme: Scheme = AFFINE,
    ) -> None:
        super().__init__(network, ranges, rounding, scheme)
        self._parameters = parameters
        self._fixed: dict[str, QuantTensors] | None = None if rounding is straight_through else {}

    def operands(self, layer: Layer) -> QuantTensors:
        """The integers of a layer with weights, from its current weights."""
        if self._fixed is not None and layer.name in self._fixed:
            return self._fixed[layer.name]
        weight, bias = self._parameters[layer.name + WEIGHT], self._parameters[layer.name + BIAS]
        own = integers(layer, weight, bias, self.ranges[layer.inputs[0]].scale, self.rounding, self.scheme)
        if self._fixed is not None:
            self._fixed[layer.name] = own
        return own


def quantise(
    network: Network, parameters: Mapping[str, Tensor], ranges: Ranges, scheme: Scheme = AFFINE
) -> QuantWeights:
    """The numbers a network is lowered with.

    Args:
        network: of the parameters.
        parameters: as for `BNFolded`.
        ranges: from `nas.ranges.observe`.
        scheme: that they are of.
    """
    mode = FakeQuant(network, parameters, ranges, saturate, scheme)
    layers: dict[str, QuantLayer] = {}
    with torch.inference_mode():
        for layer in network.layers:
            if layer.has_weights:
                own = mode.operands(layer)
                layers[layer.name] = QuantLayer(
                    own.weight.reshape(layer.weight_shape).cpu().numpy().astype(np.int8),
                    own.scale.cpu().numpy(),
                    own.bias.cpu().numpy().astype(np.int32),
                )
    return QuantWeights(layers, dict(mode.ranges), scheme)


def run_quantised(network: Network, weights: QuantWeights, images: Tensor, batch: int = 256) -> Tensor:
    """Logits (N, classes) of uint8 images (N, C, H, W), as ONNX Runtime computes them from the lowered file."""
    mode = Quantised(network, weights, images.device)
    with torch.inference_mode():
        return torch.cat([run(network, part.float() / 255, mode) for part in images.split(batch)])
