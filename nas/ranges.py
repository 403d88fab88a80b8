"""Ranges of a network's tensors: observed while a float mode runs it on calibration images, selected by the rules of a scheme.

Affine ranges span the extremes of groups of images, averaged. Powers of two are too far apart for that: each tensor gets
the exponent with the least squared error on a sample of its values. Not here: weights' scales and the modes (`quantise.py`).
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from math import inf
from typing import Final

import torch
from torch import Tensor

from hw_targets.scheme import AFFINE, Range, Scheme, exponent_for, power_of_two
from hw_targets.weights import PRE, fused_activation, hard_swish_range, passthrough_range
from nas.errors import InvalidData
from nas.interpreter import BNFolded, activate, run
from search_spaces.network import INPUT, Layer, Network

LEAST_CALIBRATION: Final = 32
"""Fewest images that ranges are observed on; fewer make accuracy random."""

_GROUP: Final = 16
"""Images whose largest value is one sample of a range; the range is the mean of the samples, so an outlier has little weight."""

_SAMPLED: Final = 16_384
"""Values of a tensor from each batch for selecting exponents."""

_FINER: Final = 4
"""Exponents that are tried below the one that saturates nothing."""

_LEAST_SCALE: Final = 2.0**-24
"""Range of a tensor that is all zeros."""

Ranges = Mapping[str, Range]
"""By tensor, as in `QuantWeights.ranges`."""


@dataclass
class _RangeStats:
    """Statistics of one tensor: extremes of each image, (2, images) a batch, and values sampled from all of it."""

    extremes: list[Tensor] = field(default_factory=list)
    values: list[Tensor] = field(default_factory=list)

    def bounds(self, group: int) -> tuple[float, float]:
        """Smallest and largest value of groups of images, averaged."""
        groups = torch.cat(self.extremes, dim=1).split(group, dim=1)
        low = torch.stack([images[0].amin() for images in groups]).mean()
        high = torch.stack([images[1].amax() for images in groups]).mean()
        return float(low), float(high)


class Observed:
    """A float mode that records the extremes of every tensor, and values where the scheme needs them.

    Args:
        mode: to run the network with.
        scheme: of the ranges.
    """

    def __init__(self, mode: BNFolded, scheme: Scheme = AFFINE) -> None:
        self.mode, self.scheme = mode, scheme
        self._seen: dict[str, _RangeStats] = {}
        self._images = 0

    def enter(self, images: Tensor) -> Tensor:
        """The images as they are."""
        self._images += len(images)
        return self.mode.enter(images)

    def layer(self, layer: Layer, inputs: Sequence[Tensor]) -> Tensor:
        """The mode's result; it is recorded before and after the activation."""
        y = self.mode.compute(layer, inputs)
        if not fused_activation(layer, self.scheme):
            self._see(layer.name + PRE, y)
        y = activate(layer, y)
        if not passthrough_range(layer):
            self._see(layer.name, y)
        return y

    def leave(self, name: str, value: Tensor) -> Tensor:
        """The output as it is."""
        return self.mode.leave(name, value)

    def _see(self, tensor: str, y: Tensor) -> None:
        rows = y.permute(0, 2, 3, 1).reshape(len(y), -1)
        seen = self._seen.setdefault(tensor, _RangeStats())
        seen.extremes.append(torch.stack((rows.amin(1), rows.amax(1))))
        if self.scheme.power_of_two:
            flat = rows.flatten()
            generator = torch.Generator(flat.device).manual_seed(self._images)
            indices = torch.randint(len(flat), (min(_SAMPLED, len(flat)),), generator=generator, device=flat.device)
            seen.values.append(flat[indices])

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
        ranges: dict[str, Range] = {INPUT: self.scheme.input}
        for layer in network.layers:
            if passthrough_range(layer):
                ranges[layer.name] = ranges[layer.inputs[0]]
                continue
            if not fused_activation(layer, self.scheme):
                ranges[layer.name + PRE] = self._before(layer)
            ranges[layer.name] = self._after(layer, is_output=layer.name in network.outputs)
        return ranges

    def _before(self, layer: Layer) -> Range:
        """Range of a layer's tensor before its activation."""
        seen = self._seen[layer.name + PRE]
        if self.scheme.power_of_two:
            return _least_error(seen)
        low, high = seen.bounds(_GROUP)
        return hard_swish_range(high) if layer.activation == "hard_swish" else self.scheme.covering_range(low, high)

    def _after(self, layer: Layer, *, is_output: bool) -> Range:
        """Range of a layer's result, whose activation may bound it."""
        if layer.activation in ("sigmoid", "hard_sigmoid"):
            return self.scheme.sigmoid_range
        seen = self._seen[layer.name]
        if self.scheme.power_of_two and not is_output:
            return _least_error(seen)
        # Outputs keep their true extremes: logits that saturate would tie.
        low, high = seen.bounds(self._images if is_output else _GROUP)
        bound = {"relu": inf, "relu6": 6.0}.get(layer.activation or "")
        return (
            self.scheme.covering_range(low, high)
            if bound is None
            else self.scheme.covering_range(0.0, min(high, bound))
        )


def observe(network: Network, mode: BNFolded, batches: Iterable[Tensor], scheme: Scheme = AFFINE) -> Ranges:
    """Ranges of all tensors on calibration images.

    Args:
        network: what to run.
        mode: its float mode; `BNFolded` or any with batch norm.
        batches: images (N, C, H, W), at least 32 in all; 128 are enough.
        scheme: of the ranges.

    Raises:
        InvalidData: fewer than 32 images.
    """
    observed = Observed(mode, scheme)
    with torch.inference_mode():
        for images in batches:
            run(network, images, observed)
    return observed.ranges(network)


def _least_error(seen: _RangeStats) -> Range:
    low, high = seen.bounds(_GROUP)
    return power_of_two(least_error_exponent(torch.cat(seen.values), -128.0, 127.0, max(-low, high)))


def least_error_exponent(values: Tensor, least: float, most: float, reach: float) -> int:
    """The exponent k for which clip(round(values / 2**k), least, most) * 2**k has the least squared error.

    Args:
        values: to be quantised.
        least, most: bounds of the integers.
        reach: the largest magnitude; the coarsest exponent that is tried holds it in `most` steps.
    """
    coarsest = exponent_for(max(reach / most, _LEAST_SCALE))
    exponents = torch.arange(coarsest - _FINER, coarsest + 1, device=values.device)
    steps = torch.exp2(exponents.to(values.dtype))[:, None]
    flat = values.reshape(1, -1)
    error = ((flat / steps).round_().clamp_(least, most) * steps).sub_(flat).square_().sum(1)
    return coarsest - _FINER + int(error.argmin())
