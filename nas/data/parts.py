"""A part of a data set as two arrays, what a reader found in a source, and the checks that every source must pass.

Not here: how files are read (`npz.py`, `folders.py`), how missing parts are split off (`splits.py`).
"""

import os
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Final, Literal

import numpy as np
from numpy.typing import NDArray

from nas.errors import InvalidData

PartName = Literal["train", "val", "test"]
PARTS: Final[tuple[PartName, ...]] = ("train", "val", "test")

Progress = Callable[[int, int], None]
"""Told (done, total) images or arrays from time to time, from the caller's own thread; raising in it stops the reading."""

MAX_BYTES: Final = 8 << 30
"""Bound on the bytes of all pixels of a data set in memory, and on what an archive may unpack to."""
MAX_CLASSES: Final = 10_000
MIN_SIDE: Final = 4
MAX_SIDE: Final = 4096
DEFAULT_SIDE_CAP: Final = 224
MIN_PER_CLASS: Final = 5
"""Images of a class that the training part must have before anything is split off it."""


@dataclass(frozen=True, eq=False)
class Part:
    """Images with their labels.

    Attributes:
        images: uint8 (N, C, H, W), C-contiguous, pixels 0-255. By convention nobody writes to it.
        labels: int64 (N,), indices into the data set's classes.
    """

    images: NDArray[np.uint8]
    labels: NDArray[np.int64]

    def __post_init__(self) -> None:
        if self.images.dtype != np.uint8 or self.images.ndim != 4 or self.labels.dtype != np.int64:
            raise TypeError("a part is uint8 (N, C, H, W) with int64 (N,)")
        if self.labels.shape != (len(self.images),):
            raise ValueError(f"{len(self.images)} images, but labels of shape {self.labels.shape}")

    def __len__(self) -> int:
        return len(self.labels)

    def counts(self, classes: int) -> NDArray[np.int64]:
        """Images of each of `classes` classes."""
        return np.bincount(self.labels, minlength=classes).astype(np.int64)

    def take(self, indices: NDArray[np.int64]) -> "Part":
        """The images at `indices`, in that order (a copy)."""
        return Part(self.images[indices], self.labels[indices])


@dataclass(frozen=True, eq=False)
class Raw:
    """What a reader found: `train` always, `val` and `test` where the source has them; all at one resolution."""

    classes: tuple[str, ...]
    parts: Mapping[PartName, Part]
    skipped: tuple[str, ...] = ()
    warnings: tuple[str, ...] = ()


def usable_cores() -> int:
    """Cores that this process may use, at most 16: how many threads read or resize images."""
    return min(16, len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1)


def default_side(short_sides: NDArray[np.int64], *, one_square_size: bool) -> int:
    """The resolution when the user names none.

    Square images of one size keep it. Otherwise it is the median of the short sides, rounded down to a multiple of 8
    (below 8 it stays as it is). In both cases it is at most 224.

    Args:
        short_sides: shorter side of each image in pixels, (N,).
        one_square_size: whether all images are square and of one size.
    """
    side = int(np.median(short_sides))
    if not one_square_size and side >= 8:
        side -= side % 8
    return min(side, DEFAULT_SIDE_CAP)


def check_side(side: int) -> None:
    """Raises `InvalidData` when images of this side are too small or too large to learn from."""
    if not MIN_SIDE <= side <= MAX_SIDE:
        raise InvalidData(
            f"Images would be {side} x {side} pixels, outside {MIN_SIDE} to {MAX_SIDE}.",
            fix=f"Give images of at least {MIN_SIDE} pixels a side, or set a resolution between 8 and 224.",
        )


def check_memory(images: int, channels: int, side: int) -> None:
    """Raises `InvalidData` when all pixels together would exceed `MAX_BYTES`."""
    needed = images * channels * side * side
    if needed > MAX_BYTES:
        raise InvalidData(
            f"{images:,} images of {side} x {side} x {channels} need {needed / 2**30:.1f} GiB, more than {MAX_BYTES >> 30} GiB.",
            fix="Set a lower resolution, or give fewer images.",
            facts={"bytes": needed, "limit": MAX_BYTES},
        )


def check_raw(raw: Raw) -> tuple[str, ...]:
    """Checks labels against classes over all parts.

    Returns:
        Warnings for the reader: classes without images, and the like.

    Raises:
        InvalidData: no images, fewer than two classes, labels out of range, classes of `val` or `test` that `train` does
            not have, or classes with too few images to split and learn from.
    """
    classes = len(raw.classes)
    if classes > MAX_CLASSES:
        raise InvalidData(
            f"{classes:,} classes are more than {MAX_CLASSES:,}.", fix="Check the labels, or merge classes."
        )
    counts = {name: _counts(name, part, raw.classes) for name, part in raw.parts.items()}
    train = counts["train"]
    present = int((train > 0).sum())
    if present < 2:
        raise InvalidData(
            f"The training images are of {present} class{'es' * (present != 1)}; a classifier needs at least two.",
            fix="Give one folder of images (or one label) to each class.",
            facts={"classes": list(raw.classes[:20])},
        )
    few = [raw.classes[i] for i in np.flatnonzero((train > 0) & (train < MIN_PER_CLASS))]
    if few:
        raise InvalidData(
            f"{_listed(few)} of the training part {'have' if len(few) > 1 else 'has'} fewer than {MIN_PER_CLASS} images.",
            fix=f"Give at least {MIN_PER_CLASS} images to each class, or remove the class.",
            facts={"classes": list(few[:20])},
        )
    warnings = []
    gaps = [raw.classes[i] for i in np.flatnonzero(train == 0)]
    if gaps:
        warnings.append(
            f"{_listed(gaps)} {'have' if len(gaps) > 1 else 'has'} no training images and will never be answered."
        )
    for name, count in counts.items():
        unknown = [raw.classes[i] for i in np.flatnonzero((count > 0) & (train == 0))]
        if unknown:
            raise InvalidData(
                f"{_listed(unknown)} of the {name} part {'have' if len(unknown) > 1 else 'has'} no training images.",
                fix="Give training images of the same classes, or take these out.",
                facts={"part": name, "classes": list(unknown[:20])},
            )
        absent = [raw.classes[i] for i in np.flatnonzero((count == 0) & (train > 0))]
        if absent:
            warnings.append(f"{_listed(absent)} {'have' if len(absent) > 1 else 'has'} no images in the {name} part.")
    return tuple(warnings)


def _counts(name: str, part: Part, classes: tuple[str, ...]) -> NDArray[np.int64]:
    """Images of each class, after checking that there are any and that each label is a class."""
    if not len(part):
        raise InvalidData(
            f"The {name} part has no images.", fix="Add images to it, or remove it to have it split off train."
        )
    low, high = int(part.labels.min()), int(part.labels.max())
    if low < 0 or high >= len(classes):
        raise InvalidData(
            f"Labels of the {name} part reach from {low} to {high}, outside 0 to {len(classes) - 1}.",
            fix="Number the classes from 0, and give a name to each where names are given.",
            facts={"part": name, "lowest": low, "highest": high, "classes": len(classes)},
        )
    return part.counts(len(classes))


def _listed(names: list[str]) -> str:
    shown = ", ".join(repr(name) for name in names[:5])
    more = f" and {len(names) - 5} more" if len(names) > 5 else ""
    return f"Class{'es' * (len(names) > 1)} {shown}{more}"
