"""The space `mobilenet`: inverted residuals with elastic kernel, expansion, depth, width, attention and resolution.

After MobileNetV2/V3 and Once-for-All (Cai et al. 2020, section 3.2), scaled from 8x8 digits to 224x224 photographs.
"""

from math import log2
from typing import Final, Literal

from search_spaces.blocks import round_channels
from search_spaces.declarative import HeadSpec, SpaceSpec, StageSpec, StemSpec

Activation = Literal["relu", "relu6", "hard_swish"]

WIDTHS: Final = (16, 24, 40, 80, 112, 160)
"""Full width of each stage, MobileNetV3-Large's."""

LARGE: Final = 48
"""From this input size on images are photographs: the stem strides, and feature maps are halved as often as in MobileNetV2."""


def input_sizes(resolution: int) -> tuple[int, ...]:
    """Input sizes to choose from: the data's own, and about 0.85 and 0.7 of it in multiples of 4; of tiny images, their own only."""
    if resolution < 16:
        return (resolution,)
    return tuple(sorted({max(12, int(resolution * s / 4 + 0.5) * 4) for s in (0.7, 0.85)} | {resolution}))


def halvings(resolution: int) -> int:
    """How often feature maps are halved so that 4 to 8 pixels are left at the end; of photographs 3 to 5, up to the usual 5 times."""
    return min(5, round(log2(resolution / 4))) if resolution >= LARGE else max(1, round(log2(resolution / 6)))


def widths(full: int) -> tuple[int, ...]:
    """Half, three quarters and all of a width, in multiples of 8."""
    return tuple(sorted({round_channels(full * s) for s in (0.5, 0.75, 1.0)}))


def mobilenet(resolution: int, *, activation: Activation = "relu6") -> SpaceSpec:
    """The space for images of a size; the activation is set for the space, not searched."""
    large = resolution >= LARGE
    left = halvings(resolution) - large
    count = left + 2
    full = WIDTHS[:count] if large else WIDTHS[1 : count + 1]
    stages = tuple(
        StageSpec(
            block="inverted_residual",
            channels=widths(width),
            depth=(1, 2, 3) if position else (1,) if large else (1, 2),
            kernel=(3, 5) if large else (3, 5, 7),
            expansion=(1, 3) if large and position == 0 else (3, 4, 6),
            stride=2 if 1 <= position <= left else 1,
            squeeze_excite=(False, True),
        )
        for position, width in enumerate(full)
    )
    name = "mobilenet" if activation == "relu6" else f"mobilenet:activation={activation}"
    return SpaceSpec(
        name=name,
        resolution=input_sizes(resolution),
        activation=activation,
        stem=StemSpec(channels=(16,), stride=(2,) if large else (1,)),
        stages=stages,
        head=HeadSpec(channels=(320, 640) if large else (64, 128)),
    )
