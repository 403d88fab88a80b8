"""A split of a data set as two arrays, the splits that a reader found, the default resolution, and bounds on sizes.

Not here: how files are read (`npz.py`, `folders.py`), checks of classes (`checks.py`), how missing splits are split off (`splitting.py`).
"""

import os
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Final, Literal

import numpy as np
from numpy.typing import NDArray

from nas.data.images import PixelRange
from nas.errors import InvalidData

SplitName = Literal["train", "val", "test"]
SPLITS: Final[tuple[SplitName, ...]] = ("train", "val", "test")

Progress = Callable[[int, int], None]
"""Receives (done, total) images or arrays from time to time, in the caller's own thread; raising in it stops the reading."""

MAX_BYTES: Final = 8 << 30
"""Bound on the bytes of all pixels of a data set in memory, and on what an archive may unpack to."""
MAX_CLASSES: Final = 10_000
MIN_SIZE: Final = 4
MAX_SIZE: Final = 4096
PHOTO_SIZES: Final = (64, 96)
"""Smallest and largest default for photographs. A search's time grows with the square of the size, and below about 64
photographs cannot be distinguished."""


@dataclass(frozen=True, eq=False)
class Split:
    """Images with their labels.

    Attributes:
        images: uint8 (N, C, H, W), C-contiguous, pixels 0-255. Read-only by convention.
        labels: int64 (N,), indices into the data set's classes.
    """

    images: NDArray[np.uint8]
    labels: NDArray[np.int64]

    def __post_init__(self) -> None:
        if self.images.dtype != np.uint8 or self.images.ndim != 4 or self.labels.dtype != np.int64:
            raise TypeError("a split is uint8 (N, C, H, W) with int64 (N,)")
        if self.labels.shape != (len(self.images),):
            raise ValueError(f"{len(self.images)} images, but labels of shape {self.labels.shape}")

    def __len__(self) -> int:
        return len(self.labels)

    def counts(self, classes: int) -> NDArray[np.int64]:
        """Images of each of `classes` classes."""
        return np.bincount(self.labels, minlength=classes).astype(np.int64)

    def take(self, indices: NDArray[np.int64]) -> "Split":
        """The images at `indices`, in that order (a copy)."""
        return Split(self.images[indices], self.labels[indices])


@dataclass(frozen=True, eq=False)
class Raw:
    """What a reader found: `train` always, `val` and `test` where the source has them; all at one resolution."""

    classes: tuple[str, ...]
    splits: Mapping[SplitName, Split]
    skipped: tuple[str, ...] = ()
    warnings: tuple[str, ...] = ()
    pixel_range: PixelRange | None = None


def usable_cores() -> int:
    """Cores that this process may use, at most 16: how many threads read or resize images."""
    return min(16, len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1)


def default_image_size(short_sides: NDArray[np.int64], *, one_square_size: bool) -> int:
    """The resolution where the user gives none.

    Square images of one size up to 64 pixels keep it. Others take the median of the short sides, rounded down to a multiple
    of 32 and brought between 64 and 96; where it is below 64, to a multiple of 8 (below 8 it stays as it is).

    Args:
        short_sides: shorter side of each image in pixels, (N,).
        one_square_size: whether all images are square and of one size.
    """
    least, most = PHOTO_SIZES
    image_size = int(np.median(short_sides))
    if (one_square_size and image_size <= least) or image_size < 8:
        return image_size
    return image_size - image_size % 8 if image_size < least else min(image_size - image_size % 32, most)


def choose_image_size(
    short_sides: NDArray[np.int64], resolution: int | None, *, one_square_size: bool
) -> tuple[int, tuple[str, ...]]:
    """The image size in pixels: `resolution`, or the default with a note where that loses detail.

    Raises:
        InvalidData: the size is out of range.
    """
    image_size = resolution or default_image_size(short_sides, one_square_size=one_square_size)
    check_image_size(image_size)
    if resolution or image_size < PHOTO_SIZES[0] or np.median(short_sides) <= image_size:
        return image_size, ()
    note = (
        f"Images are read at {image_size} x {image_size} pixels by default; --resolution N keeps more detail and costs about "
        f"(N/{image_size})^2 times the time."
    )
    return image_size, (note,)


def check_image_size(image_size: int) -> None:
    """Raises `InvalidData` when images of this size are too small or too large to learn from."""
    if not MIN_SIZE <= image_size <= MAX_SIZE:
        raise InvalidData(
            f"Images would be {image_size} x {image_size} pixels, outside {MIN_SIZE} to {MAX_SIZE}.",
            fix=f"Give images of at least {MIN_SIZE} pixels in height and width, or set a resolution between 8 and 512.",
        )


def check_memory(images: int, channels: int, image_size: int) -> None:
    """Raises `InvalidData` when all pixels together would exceed `MAX_BYTES`."""
    needed = images * channels * image_size * image_size
    if needed > MAX_BYTES:
        raise InvalidData(
            f"{images:,} images of {image_size} x {image_size} x {channels} need {needed / 2**30:.1f} GiB, more than "
            f"{MAX_BYTES >> 30} GiB.",
            fix="Set a lower resolution, or give fewer images.",
            facts={"bytes": needed, "limit": MAX_BYTES},
        )
