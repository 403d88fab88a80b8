"""The space `resnet`: residual stages of basic or bottleneck blocks with elastic depth, width, expansion and resolution.

After He et al. 2016; plain 3x3 convolutions are what INT8 engines run best, so this is often the faster space on a CPU.
"""

from typing import Final, Literal

from search_spaces.blocks import round_channels
from search_spaces.declarative import SpaceSpec, StageSpec, StemSpec
from search_spaces.mobilenet import LARGE, halvings, input_sizes

Block = Literal["basic", "bottleneck"]

WIDTHS: Final = (16, 32, 64, 128, 256)
"""The usual width of each stage; the space reaches from half to one and a quarter of it."""


def resnet(resolution: int, *, block: Block = "basic", activation: Literal["relu", "relu6"] = "relu") -> SpaceSpec:
    """The space for images of a size."""
    large = resolution >= LARGE
    strides = halvings(resolution) - large
    count = min(len(WIDTHS), strides + 1)
    scale = 1 if block == "basic" else 2
    stages = tuple(
        StageSpec(
            block=block,
            channels=tuple(sorted({round_channels(width * scale * s) for s in (0.5, 0.75, 1.0, 1.25)})),
            depth=(1, 2, 3),
            kernel=(3,),
            expansion=(0.5, 0.75, 1.0) if block == "basic" else (0.25, 0.375, 0.5),
            stride=2 if position else 1,
        )
        for position, width in enumerate(WIDTHS[:count])
    )
    options = [f"block={block}"] * (block != "basic") + [f"activation={activation}"] * (activation != "relu")
    return SpaceSpec(
        name="resnet" + (":" + ",".join(options) if options else ""),
        resolution=input_sizes(resolution),
        activation=activation,
        stem=StemSpec(channels=(8, 16), stride=(2,) if large else (1, 2) if resolution >= 16 else (1,)),
        stages=stages,
    )
