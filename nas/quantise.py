"""INT8 as modes of the interpreter: ranges are observed, weights quantised, and networks run or retrained on integers.

The rules are those of the file that is lowered (`hw_targets.lowering`), so that search, retraining and deployment see the
same numbers: activations uint8 affine per tensor, weights int8 symmetric per output channel, biases int32 on the grid
input scale x weight scale. Between layers a tensor holds q - zero_point as floats, and convolutions of such integers are
exact while their partial sums stay below 2**24: which they do, since biases are kept below 2**22.
Not here: float modes (`interpreter.py`), the file itself, the loop that retrains (`training/`).
"""

from abc import ABC, abstractmethod
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

import numpy as np
import torch
from torch import Tensor

from hw_targets.scheme import GATE_RANGE, INPUT_RANGE, Range
from hw_targets.weights import PRE, QuantLayer, QuantWeights, absorbed, hard_swish_range, keeps_range
from nas.bank import BIAS, WEIGHT, weight_extent
from nas.errors import InvalidData
from nas.interpreter import Folded, activate, operate, run
from search_spaces.network import INPUT, Layer, Network

LEAST_CALIBRATION: Final = 32
"""Fewest images that ranges are observed on; fewer leave accuracy to chance."""

_GROUP: Final = 16
"""Images whose largest value is one sample of a range; the range is the mean of the samples, so an outlier weighs little."""

_LARGEST_BIAS: Final = 2.0**22
_LEAST_SPAN: Final = 1e-5

Ranges = Mapping[str, Range]
"""By tensor, as in `QuantWeights.ranges`."""

Rounding = Callable[[Tensor, float, float], Tensor]
"""Rounds half to even and saturates to two integer bounds."""


class Observed:
    """A float mode that notes the extremes of every tensor on its way.

    Args:
        mode: what the network is run with.
    """

    def __init__(self, mode: Folded) -> None:
        self.mode = mode
        self._seen: dict[str, list[Tensor]] = {}
        self._images = 0

    def enter(self, images: Tensor) -> Tensor:
        """The images as they are."""
        self._images += len(images)
        return self.mode.enter(images)

    def layer(self, layer: Layer, inputs: Sequence[Tensor]) -> Tensor:
        """What the mode computes; its extremes are noted before and after the activation."""
        y = self.mode.compute(layer, inputs)
        if not absorbed(layer):
            self._see(layer.name + PRE, y)
        y = activate(layer, y)
        if not keeps_range(layer):
            self._see(layer.name, y)
        return y

    def leave(self, name: str, value: Tensor) -> Tensor:
        """The output as it is."""
        return self.mode.leave(name, value)

    def _see(self, tensor: str, y: Tensor) -> None:
        rows = y.permute(0, 2, 3, 1).reshape(len(y), -1)
        self._seen.setdefault(tensor, []).append(torch.stack((rows.amin(1), rows.amax(1))))

    def _bounds(self, tensor: str, group: int = _GROUP) -> tuple[float, float]:
        """Least and largest value of groups of images, averaged."""
        groups = torch.cat(self._seen[tensor], dim=1).split(group, dim=1)
        low = torch.stack([images[0].amin() for images in groups]).mean()
        high = torch.stack([images[1].amax() for images in groups]).mean()
        return float(low), float(high)

    def ranges(self, network: Network) -> Ranges:
        """The range of every tensor of the network that was run.

        Raises:
            InvalidData: fewer than 32 images were seen.
        """
        if self._images < LEAST_CALIBRATION:
            raise InvalidData(
                f"Ranges were observed on {self._images} images; at least {LEAST_CALIBRATION} are needed.",
                fix="Calibrate on more images.",
                facts={"images": self._images, "least": LEAST_CALIBRATION},
            )
        ranges: dict[str, Range] = {INPUT: INPUT_RANGE}
        for layer in network.layers:
            if keeps_range(layer):
                ranges[layer.name] = ranges[layer.inputs[0]]
                continue
            if not absorbed(layer):
                low, high = self._bounds(layer.name + PRE)
                hard_swish = layer.activation == "hard_swish"
                ranges[layer.name + PRE] = hard_swish_range(high) if hard_swish else affine(low, high)
            # Outputs keep their true extremes: logits that saturate would tie.
            group = self._images if layer.name in network.outputs else _GROUP
            ranges[layer.name] = _range_after(layer, *self._bounds(layer.name, group))
        return ranges


def affine(low: float, high: float) -> Range:
    """The range that spans low to high and holds 0 exactly."""
    low, high = min(low, 0.0), max(high, 0.0)
    scale = max(high - low, _LEAST_SPAN) / 255
    return Range(scale, round(-low / scale))


def _range_after(layer: Layer, low: float, high: float) -> Range:
    """Range of a layer's result, whose activation may bound it."""
    match layer.activation:
        case "relu6":
            return affine(0.0, min(high, 6.0))
        case "relu":
            return affine(0.0, high)
        case "sigmoid" | "hard_sigmoid":
            return GATE_RANGE
        case _:
            return affine(low, high)


def observe(network: Network, mode: Folded, batches: Iterable[Tensor]) -> Ranges:
    """Ranges of all tensors on calibration images: extremes of groups of images, averaged, so that outliers weigh little.

    Args:
        network: what to run.
        mode: its float mode; `Folded` or any with batch norm.
        batches: images (N, C, H, W), at least 32 in all; 128 are plenty.

    Raises:
        InvalidData: fewer than 32 images.
    """
    observed = Observed(mode)
    with torch.inference_mode():
        for images in batches:
            run(network, images, observed)
    return observed.ranges(network)


@dataclass(frozen=True, slots=True)
class Integers:
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


def integers(layer: Layer, weight: Tensor, bias: Tensor, in_scale: float, rounding: Rounding) -> Integers:
    """Quantises one layer: per-channel scale from the largest weight, bias on the grid input scale x weight scale.

    Args:
        layer: whose they are.
        weight: folded, (out, in / groups, height, width).
        bias: folded, (out,).
        in_scale: scale of the input's range.
        rounding: `saturate`, or `straight_through` when training.
    """
    step = float(np.float32(in_scale))
    with torch.no_grad():
        reach = bias.abs() + (3.0 if layer.activation == "hard_sigmoid" else 0.0)
        scale = torch.maximum(weight.abs().amax((1, 2, 3)) / 127, reach / (step * _LARGEST_BIAS)).clamp_(min=1e-12)
        grid = scale.double() * step
    return Integers(
        rounding(weight / scale[:, None, None, None], -127.0, 127.0),
        rounding(bias.double() / grid, -_LARGEST_BIAS, _LARGEST_BIAS).float(),
        scale,
    )


class _Integer(ABC):
    """What the quantised modes share: the arithmetic between layers.

    Args:
        ranges: of all tensors.
        rounding: how results are rounded.
    """

    def __init__(self, network: Network, ranges: Ranges, rounding: Rounding) -> None:
        self.ranges: dict[str, Range] = {INPUT: ranges[INPUT]}
        for layer in network.layers:
            self.ranges[layer.name] = self.ranges[layer.inputs[0]] if keeps_range(layer) else ranges[layer.name]
            if not absorbed(layer):
                self.ranges[layer.name + PRE] = ranges[layer.name + PRE]
        self.rounding = rounding

    def scale(self, tensor: str) -> float:
        """Scale of a tensor as the file holds it, in single precision."""
        return float(np.float32(self.ranges[tensor].scale))

    @abstractmethod
    def operands(self, layer: Layer) -> Integers:
        """The integers of a layer with weights."""

    def enter(self, images: Tensor) -> Tensor:
        """Images, pixels / 255, as integers."""
        return self._quantised(images / self.scale(INPUT), INPUT)

    def leave(self, name: str, value: Tensor) -> Tensor:
        """An output as real numbers."""
        return value * self.scale(name)

    def layer(self, layer: Layer, inputs: Sequence[Tensor]) -> Tensor:
        """One layer on integers: exact accumulation, then one rounding (two where an activation needs its own range)."""
        if layer.op == "max_pool" and keeps_range(layer):
            return operate(layer, inputs)
        if layer.has_weights:
            own = self.operands(layer)
            bias, unit = own.bias, own.scale
            if layer.activation == "hard_sigmoid":
                bias = bias + (3 / (own.scale.double() * self.scale(layer.inputs[0]))).round().float()
                unit = own.scale / 6
            y = operate(layer, inputs, own.weight, bias)
            return self._finish(layer, y, (unit * self.scale(layer.inputs[0]))[:, None, None])
        if len(inputs) == 1:
            return self._finish(layer, operate(layer, inputs), self.scale(layer.inputs[0]))
        scaled = [x * self.scale(source) for x, source in zip(inputs, layer.inputs, strict=True)]
        return self._finish(layer, operate(layer, scaled), 1.0)

    def _finish(self, layer: Layer, y: Tensor, unit: Tensor | float) -> Tensor:
        """Activation and rounding of results whose one is `unit`; overwrites them."""
        if layer.op == "activation":
            y = y.clone()
        to = self.scale(layer.name)
        if layer.activation in (None, "relu", "relu6") or (layer.activation == "hard_sigmoid" and layer.has_weights):
            limit = {"relu": float("inf"), "relu6": 6 / to}.get(layer.activation or "")
            return self._quantised(y.mul_(unit / to), layer.name, limit)
        if layer.op == "activation":
            x = y.mul_(unit)
        else:
            pre = self.scale(layer.name + PRE)
            x = self._quantised(y.mul_(unit / pre), layer.name + PRE).mul_(pre)
        if layer.activation == "silu":
            gate = self.rounding(torch.sigmoid(x).mul_(255.0), 0.0, 255.0)
            return self._quantised((x * gate).mul_(GATE_RANGE.scale / to), layer.name)
        return self._quantised(activate(layer, x).div_(to), layer.name)

    def _quantised(self, y: Tensor, tensor: str, limit: float | None = None) -> Tensor:
        """Rounds to a tensor's steps; a limit bounds it to 0 and that many steps."""
        zero = self.ranges[tensor].zero_point
        low, high = float(-zero), float(255 - zero)
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
        super().__init__(network, weights.ranges, saturate)
        self._layers: dict[str, Integers] = {}
        for layer in network.layers:
            if layer.has_weights:
                own = weights.layers[layer.name]
                weight = torch.from_numpy(own.weight.astype(np.float32)).reshape(weight_extent(layer))
                bias = torch.from_numpy(own.bias.astype(np.float32))
                scale = torch.from_numpy(own.weight_scale.astype(np.float32))
                self._layers[layer.name] = Integers(weight.to(device), bias.to(device), scale.to(device))

    def operands(self, layer: Layer) -> Integers:
        """The integers of a layer with weights."""
        return self._layers[layer.name]


class Requantised(_Integer):
    """Quantises float weights as it runs: quantisation-aware training (with `straight_through`), or a quick evaluation.

    Args:
        network: what to run.
        parameters: as for `Folded`.
        ranges: of all tensors, fixed.
        rounding: `straight_through` to train, `saturate` to evaluate.
    """

    def __init__(
        self, network: Network, parameters: Mapping[str, Tensor], ranges: Ranges, rounding: Rounding = straight_through
    ) -> None:
        super().__init__(network, ranges, rounding)
        self._parameters = parameters
        self._fixed: dict[str, Integers] | None = None if rounding is straight_through else {}

    def operands(self, layer: Layer) -> Integers:
        """The integers of a layer with weights, of its weights as they are now."""
        if self._fixed is not None and layer.name in self._fixed:
            return self._fixed[layer.name]
        weight, bias = self._parameters[layer.name + WEIGHT], self._parameters[layer.name + BIAS]
        own = integers(layer, weight, bias, self.ranges[layer.inputs[0]].scale, self.rounding)
        if self._fixed is not None:
            self._fixed[layer.name] = own
        return own


def quantise(network: Network, parameters: Mapping[str, Tensor], ranges: Ranges) -> QuantWeights:
    """The numbers a network is lowered with.

    Args:
        network: whose they are.
        parameters: as for `Folded`.
        ranges: as `observe` gave them.
    """
    mode = Requantised(network, parameters, ranges, saturate)
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
    return QuantWeights(layers, dict(mode.ranges))


def run_quantised(network: Network, weights: QuantWeights, images: Tensor, batch: int = 256) -> Tensor:
    """Logits (N, classes) of uint8 images (N, C, H, W), as ONNX Runtime computes them from the lowered file."""
    mode = Quantised(network, weights, images.device)
    with torch.inference_mode():
        return torch.cat([run(network, part.float() / 255, mode) for part in images.split(batch)])
