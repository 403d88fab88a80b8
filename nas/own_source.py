"""A user's own trained classifier as the start of a search: an ONNX file, or what an earlier search delivered.

A file does not say how pixels become its input. `CONVENTIONS` lists what is usual; `stages/read_source.py` decides by the user's
images. The convention goes into the weights of the layers that read the input. Where these pad with zeros, a border of half a
kernel sees another value than in the file, which fine-tuning makes up for.
Not here: how a file is read (`search_spaces/onnx_weights.py`), what of it can shrink (`search_spaces/derived.py`).
"""

import hashlib
import json
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Final

import numpy as np
from numpy.typing import NDArray

from nas.errors import SourceUnavailable
from search_spaces.derived import DELIVERED, derive, title
from search_spaces.errors import InvalidSpace
from search_spaces.network import INPUT

if TYPE_CHECKING:
    from search_spaces.onnx_weights import TrainedNetwork

FloatArray = NDArray[np.float32]

SUFFIX: Final = ".onnx"
FOREIGN: Final = (".pt", ".pth", ".pkl", ".ckpt", ".h5", ".keras", ".tflite", ".pb", ".safetensors")
"""Endings of files that hold networks in other forms, some of which would run code when they are read."""
EXPORT: Final = (
    "Export the trained network to ONNX, for example with `torch.onnx.export(model.eval(), (images,), 'model.onnx')`."
)
"""What to do with a file in another form."""
SMALL: Final = 96
"""A network for images of less than this size in pixels is used at its own size."""
LUMINANCE: Final = (0.299, 0.587, 0.114)
"""Grey of red, green and blue (ITU-R BT.601)."""


@dataclass(frozen=True, slots=True)
class OwnSource:
    """A network of the user's, a `nas.source.Source`.

    Attributes:
        name: by its file.
        space: path of the file: the space is derived from it.
        sha256: of the file.
        side: the input side in pixels to use it at; None where any will do.
    """

    name: str
    space: str
    sha256: str
    side: int | None
    trained_on: str = "unknown data"
    licence: str = "unknown licence"
    origin: str = "the user's own network"

    @staticmethod
    def of(path: Path) -> "OwnSource":
        """The source of an ONNX file, or of a folder that a search delivered.

        Raises:
            SourceUnavailable: there is no such file, or it is of another form.
            UnreadableModel: it cannot be read.
            InvalidSpace: it is no classifier, or has operators that cannot be trained.
        """
        file = path / DELIVERED if path.is_dir() else path
        if file.suffix.lower() in FOREIGN:
            raise SourceUnavailable(f"{path} is no ONNX file.", fix=EXPORT)
        if not file.is_file():
            raise SourceUnavailable(
                f"There is no file {file}.",
                fix="Give an ONNX file, or the folder of a delivered model, such as runs/NAME/cpu.",
            )
        sha256 = hashlib.sha256(file.read_bytes()).hexdigest()
        derivation = derive(file, side=SMALL)
        native = derivation.network.input_shape[1]
        side = derivation.fixed_side or (native if native < SMALL else None)
        return OwnSource(title(file), str(file), sha256, side)


@dataclass(frozen=True, slots=True)
class Convention:
    """How pixels / 255 become the input of a file: in each channel, pixel * scale + offset.

    Attributes:
        name: for people.
        scale, offset: of red, green and blue.
        reverse: whether the file reads blue first.
    """

    name: str
    scale: tuple[float, float, float]
    offset: tuple[float, float, float]
    reverse: bool = False


def _conventions() -> tuple[Convention, ...]:
    means, deviations = (0.485, 0.456, 0.406), (0.229, 0.224, 0.225)
    scalings = (
        (
            "normalised by ImageNet's mean and deviation",
            (1 / deviations[0], 1 / deviations[1], 1 / deviations[2]),
            (-means[0] / deviations[0], -means[1] / deviations[1], -means[2] / deviations[2]),
        ),
        ("from 0 to 1", (1.0, 1.0, 1.0), (0.0, 0.0, 0.0)),
        ("from -1 to 1", (2.0, 2.0, 2.0), (-1.0, -1.0, -1.0)),
        ("from 0 to 255", (255.0, 255.0, 255.0), (0.0, 0.0, 0.0)),
    )
    orders = ((False, ""), (True, ", blue first"))
    return tuple(Convention(name + more, a, b, reverse) for reverse, more in orders for name, a, b in scalings)


CONVENTIONS: Final = _conventions()
"""The usual ones, the commonest first."""


def read(source: OwnSource, *, side: int) -> "TrainedNetwork":
    """The network of a source with its weights; `side` is that of its input in pixels where the file leaves it open.

    Raises:
        UnreadableModel: the file cannot be read, or its weights are not in it.
    """
    from search_spaces.onnx_weights import read_trained

    trained = read_trained(source.space, open_size=side)
    return replace(trained, class_names=trained.class_names or _delivered_classes(Path(source.space)))


def _delivered_classes(file: Path) -> tuple[str, ...]:
    """The names of the classes of a delivered model, which are in the file beside it."""
    beside = file.with_name("architecture.json")
    if file.name != DELIVERED or not beside.is_file():
        return ()
    try:
        return tuple(map(str, json.loads(beside.read_text())["classes"]))
    except (ValueError, KeyError, TypeError) as error:
        raise SourceUnavailable(
            f"{beside} is not what a search delivers: {error!r}.", fix="Give the ONNX file itself, at another place."
        ) from error


def folded(trained: "TrainedNetwork", convention: Convention, channels: int) -> dict[str, FloatArray]:
    """The weights for images of pixels / 255 with a number of channels: the convention is part of the first layers.

    Raises:
        InvalidSpace: the first layers read other channels than images have.
    """
    count = trained.network.input_shape[0]
    mixing = _mixing(count, channels, convention.reverse)
    own_scale, own_offset = np.broadcast_to(trained.scale, (count,)), np.broadcast_to(trained.offset, (count,))
    order = slice(None, None, -1) if convention.reverse else slice(None)
    scale, offset = (
        np.array(one if count == 3 else (np.mean(one),))[order] for one in (convention.scale, convention.offset)
    )
    scale, offset = scale * own_scale, offset * own_scale + own_offset
    weights = dict(trained.weights)
    for layer in trained.network.layers:
        if INPUT not in layer.inputs:
            continue
        name = layer.name
        if not layer.has_weights or (layer.groups > 1 and not np.array_equal(mixing, np.eye(count))):
            raise InvalidSpace(
                f"A search cannot start from this network: its layer {name!r} reads the image, and how pixels are scaled cannot "
                "become part of its weights.",
                fix="Export the network so that its first layer is a convolution of the image.",
            )
        weight = weights[f"{name}.weight"]
        if layer.groups > 1:
            weights[f"{name}.weight"] = (weight * scale[:, None, None, None]).astype(np.float32)
            moved = (weight * offset[:, None, None, None]).sum((1, 2, 3))
        else:
            weights[f"{name}.weight"] = np.einsum("ochw,c,cd->odhw", weight, scale, mixing).astype(np.float32)
            moved = np.einsum("ochw,c->o", weight, offset)
        weights[f"{name}.bias"] = (weights[f"{name}.bias"] + moved).astype(np.float32)
    return weights


def _mixing(count: int, channels: int, reverse: bool) -> NDArray[np.float64]:
    """(channels of the file, channels of the images): the share of each channel of the images in each of the file's."""
    if count == channels:
        return np.eye(count)[::-1] if reverse else np.eye(count)
    if (count, channels) == (3, 1):
        return np.ones((3, 1))
    if (count, channels) == (1, 3):
        return np.array([LUMINANCE])
    raise InvalidSpace(
        f"A search cannot start from this network: it reads {count} channels, and the images have {channels}.",
        fix="Start from a network that reads images of 1 or 3 channels.",
    )
