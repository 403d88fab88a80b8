"""The blocks that stages are made of, with fixed values: plain functions from a tensor to a tensor.

Channels inside a block are rounded to multiples of 8, the width of vectors on most INT8 engines.
"""

from typing import Final

from search_spaces.builder import Graph, Tensor

SQUEEZE: Final = 4
"""Squeeze-and-excite reduces the channels by this factor (Howard et al. 2019, MobileNetV3, section 5.3)."""


def round_channels(channels: float) -> int:
    """The nearest multiple of 8, at least 8."""
    return max(8, int(channels / 8 + 0.5) * 8)


def squeeze_excite(g: Graph, x: Tensor) -> Tensor:
    """Channels scaled by a hard sigmoid of their pooled means (Hu et al. 2018; hard sigmoid as in MobileNetV3)."""
    pooled = g.global_avg_pool("se.pool", x)
    squeezed = g.conv("se.reduce", pooled, round_channels(x.shape[0] / SQUEEZE), activation="relu", norm=False)
    attention_scale = g.conv("se.gate", squeezed, x.shape[0], activation="hard_sigmoid", norm=False)
    return g.mul("se.scale", x, attention_scale)


def inverted_residual(
    g: Graph, x: Tensor, *, channels: int, kernel: int, expansion: float, stride: int, activation: str, se: bool
) -> Tensor:
    """Expand, depthwise, (squeeze-and-excite,) project; residual where shapes agree (Sandler et al. 2018, MobileNetV2)."""
    hidden = round_channels(x.shape[0] * expansion)
    y = x if expansion == 1 else g.conv("expand", x, hidden, activation=activation)
    y = g.conv("depthwise", y, y.shape[0], kernel=kernel, stride=stride, groups=y.shape[0], activation=activation)
    if se:
        y = squeeze_excite(g, y)
    y = g.conv("project", y, channels)
    return g.add("add", x, y) if y.shape == x.shape else y


def fused_inverted_residual(
    g: Graph, x: Tensor, *, channels: int, kernel: int, expansion: float, stride: int, activation: str, se: bool
) -> Tensor:
    """A full convolution in place of expand and depthwise, then project (Tan and Le 2021, EfficientNetV2)."""
    y = g.conv("fused", x, round_channels(x.shape[0] * expansion), kernel=kernel, stride=stride, activation=activation)
    if se:
        y = squeeze_excite(g, y)
    y = g.conv("project", y, channels)
    return g.add("add", x, y) if y.shape == x.shape else y


def _shortcut(g: Graph, x: Tensor, channels: int, stride: int) -> Tensor:
    if x.shape[0] == channels and stride == 1:
        return x
    return g.conv("shortcut", x, channels, stride=stride)


def basic(
    g: Graph, x: Tensor, *, channels: int, kernel: int, expansion: float, stride: int, activation: str, se: bool
) -> Tensor:
    """Two convolutions beside a shortcut; `expansion` is the inner width over the outer (He et al. 2016, figure 5 left)."""
    y = g.conv("first", x, round_channels(channels * expansion), kernel=kernel, stride=stride, activation=activation)
    y = g.conv("second", y, channels, kernel=kernel)
    if se:
        y = squeeze_excite(g, y)
    return g.add("add", _shortcut(g, x, channels, stride), y, activation=activation)


def bottleneck(
    g: Graph, x: Tensor, *, channels: int, kernel: int, expansion: float, stride: int, activation: str, se: bool
) -> Tensor:
    """Reduce, convolve, restore beside a shortcut; `expansion` is the inner width over the outer (He et al. 2016, figure 5 right)."""
    hidden = round_channels(channels * expansion)
    y = g.conv("reduce", x, hidden, activation=activation)
    y = g.conv("convolve", y, hidden, kernel=kernel, stride=stride, activation=activation)
    y = g.conv("restore", y, channels)
    if se:
        y = squeeze_excite(g, y)
    return g.add("add", _shortcut(g, x, channels, stride), y, activation=activation)


def plain(
    g: Graph, x: Tensor, *, channels: int, kernel: int, expansion: float, stride: int, activation: str, se: bool
) -> Tensor:
    """One convolution with its activation; `expansion` has no meaning here and must be 1."""
    y = g.conv("conv", x, channels, kernel=kernel, stride=stride, activation=activation)
    return squeeze_excite(g, y) if se else y


BLOCKS: Final = {
    "inverted_residual": inverted_residual,
    "fused_inverted_residual": fused_inverted_residual,
    "basic": basic,
    "bottleneck": bottleneck,
    "conv": plain,
}
