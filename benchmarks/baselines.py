"""The networks that found ones are compared with: MobileNetV2 at several widths, and the small ResNets of He et al.

Both as published for small images: strides are dropped from the front until four pixels or more are left at the end.
"""

from collections.abc import Sequence

from search_spaces.blocks import round_channels
from search_spaces.declarative import HeadSpec, SpaceSpec, StageSpec, StemSpec
from search_spaces.network import Network

INVERTED_RESIDUALS = (
    (1, 16, 1, 1),
    (6, 24, 2, 2),
    (6, 32, 3, 2),
    (6, 64, 4, 2),
    (6, 96, 3, 1),
    (6, 160, 3, 2),
    (6, 320, 1, 1),
)
"""Expansion, channels, repeats, stride of each stage (Sandler et al. 2018, table 2); the stem strides by 2 before them."""

STRIDES = (2, *(stride for *_, stride in INVERTED_RESIDUALS))
"""Of the stem and of each stage."""


def mobilenet_v2(width: float, *, resolution: int, channels: int, classes: int) -> Network:
    """MobileNetV2 at a width multiplier; the last 1x1 convolution keeps 1280 channels, as published for widths below 1."""
    strides = list(STRIDES)
    for i, stride in enumerate(strides):
        left = resolution
        for s in strides:
            left = -(-left // s)
        if stride == 2 and left < 4:
            strides[i] = 1
    return _mobilenet_v2(width, strides, resolution, channels, classes)


def published_mobilenet_v2(width: float, *, resolution: int, channels: int, classes: int) -> Network:
    """MobileNetV2 with all of its five strides, as in libraries, whatever the image size."""
    return _mobilenet_v2(width, STRIDES, resolution, channels, classes)


def _mobilenet_v2(width: float, strides: Sequence[int], resolution: int, channels: int, classes: int) -> Network:
    stages = tuple(
        StageSpec(
            block="inverted_residual",
            channels=round_channels(c * width),
            depth=n,
            expansion=float(t),
            stride=1 if stride == 1 else 2,
        )
        for (t, c, n, _), stride in zip(INVERTED_RESIDUALS, strides[1:], strict=True)
    )
    stem = StemSpec(channels=round_channels(32 * width), stride=strides[0])
    spec = SpaceSpec(name=f"mobilenetv2-{width:g}", stem=stem, stages=stages, head=HeadSpec(channels=1280))
    return _only(spec, resolution, channels, classes)


def resnet(depth: int, *, resolution: int, channels: int, classes: int) -> Network:
    """The ResNet of 6n + 2 layers for small images: stages of 16, 32 and 64 channels (He et al. 2016, section 4.2).

    From 64 pixels on, stem and first stage stride as well.
    """
    large = resolution >= 64
    stages = tuple(
        StageSpec(block="basic", channels=c, depth=(depth - 2) // 6, stride=2 if large or c > 16 else 1)
        for c in (16, 32, 64)
    )
    spec = SpaceSpec(
        name=f"resnet-{depth}", activation="relu", stem=StemSpec(channels=16, stride=2 if large else 1), stages=stages
    )
    return _only(spec, resolution, channels, classes)


def baselines(*, resolution: int, channels: int, classes: int) -> dict[str, Network]:
    """All of them by name."""
    shape = {"resolution": resolution, "channels": channels, "classes": classes}
    networks = [resnet(d, **shape) for d in (8, 14)] + [mobilenet_v2(width, **shape) for width in (0.25, 0.35, 0.5)]
    return {network.name: network for network in networks}


def _only(spec: SpaceSpec, resolution: int, channels: int, classes: int) -> Network:
    space = spec.build(resolution=resolution, channels=channels, classes=classes)
    return space.network(space.largest())
