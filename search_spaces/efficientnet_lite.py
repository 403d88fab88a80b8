"""The space `efficientnet_lite`: EfficientNet-Lite made elastic, so that a search can start from its ImageNet weights.

EfficientNet (Tan and Le 2019) without attention and with ReLU6, as released for edge devices. The largest network at a resolution
is the published one; smaller ones have fewer channels, blocks and stages, and 3x3 kernels in place of 5x5.
"""

from dataclasses import dataclass
from math import ceil
from typing import Final, Literal

from search_spaces.blocks import round_channels
from search_spaces.declarative import HeadSpec, SpaceSpec, StageSpec, StemSpec
from search_spaces.mobilenet import input_sizes, widths

Variant = Literal["lite0", "lite1", "lite2"]

STEM, HEAD = 32, 1280


@dataclass(frozen=True, slots=True)
class _Stage:
    expansion: int
    kernel: int
    stride: Literal[1, 2]
    channels: int
    depth: int


STAGES: Final = (
    _Stage(1, 3, 1, 16, 1),
    _Stage(6, 3, 2, 24, 2),
    _Stage(6, 5, 2, 40, 2),
    _Stage(6, 3, 2, 80, 3),
    _Stage(6, 5, 1, 112, 3),
    _Stage(6, 5, 2, 192, 4),
    _Stage(6, 3, 1, 320, 1),
)
"""EfficientNet-B0's stages (table 1 of the paper); the first and the last keep their depth in every variant."""
SCALES: Final[dict[Variant, tuple[float, float]]] = {"lite0": (1.0, 1.0), "lite1": (1.0, 1.1), "lite2": (1.1, 1.2)}
"""Factors of width and depth."""
FIRST_END: Final = 4
"""A network has at least so many stages: earlier features are of textures, not of objects."""


def scaled(variant: Variant) -> tuple[_Stage, ...]:
    """The stages of a variant, with its widths and depths."""
    width, depth = SCALES[variant]
    ends = {STAGES[0], STAGES[-1]}
    return tuple(
        _Stage(
            s.expansion,
            s.kernel,
            s.stride,
            _scaled_width(s.channels, width),
            s.depth if s in ends else ceil(s.depth * depth),
        )
        for s in STAGES
    )


def _scaled_width(channels: int, factor: float) -> int:
    """To a multiple of 8 that is not more than a tenth smaller."""
    rounded = round_channels(channels * factor)
    return rounded + 8 if rounded < 0.9 * channels * factor else rounded


def efficientnet_lite(resolution: int, *, variant: Variant = "lite0") -> SpaceSpec:
    """The space around a variant for images of a size."""
    stages = tuple(
        StageSpec(
            block="inverted_residual",
            channels=widths(stage.channels),
            depth=tuple(range(1, stage.depth + 1)),
            kernel=(3, 5) if stage.kernel == 5 else (3,),
            expansion=(1,) if stage.expansion == 1 else (2, 3, 4, 6),
            stride=stage.stride,
        )
        for stage in scaled(variant)
    )
    return SpaceSpec(
        name="efficientnet_lite" if variant == "lite0" else f"efficientnet_lite:variant={variant}",
        resolution=input_sizes(resolution),
        activation="relu6",
        stem=StemSpec(channels=(16, 24, STEM), stride=(2,)),
        stages=stages,
        ends=tuple(range(FIRST_END, len(stages) + 1)),
        head=HeadSpec(channels=(HEAD // 4, HEAD // 2, HEAD)),
    )
