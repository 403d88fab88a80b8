"""Resizes a whole batch with exactly Pillow's antialiased bilinear filter. Not for decoding files (`images.py`).

Pillow filters rows first, then columns, and rounds to 8 bits in between. Rows of a stack of images do not touch each
other, nor do the columns of images laid side by side, so two calls of Pillow resize thousands of images, bit for bit as
one by one, and the same on every machine. (Tall images some versions of Pillow filter columns first; there a pixel may
differ by one level. Square ones never do.)
"""

from collections.abc import Collection
from concurrent.futures import ThreadPoolExecutor
from typing import Final

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from nas.bundle.classify import as_square
from nas.data.splits import Raw, Split, check_memory, choose_image_size, usable_cores
from nas.spec import Fit

_CHUNK_PIXELS: Final = 1 << 21


def resized(
    images: NDArray[np.uint8], image_size: int, *, fit: Fit = "stretch", threads: int | None = None
) -> NDArray[np.uint8]:
    """Resizes uint8 (N, C, H, W) to (N, C, image_size, image_size) by plain antialiased bilinear; `fit` counts where H and W differ.

    `threads` defaults to the usable cores; the result is the same at any number.
    """
    count, channels, height, width = images.shape
    if (height, width) == (image_size, image_size):
        return images
    out = np.empty((count, channels, image_size, image_size), np.uint8)
    planes, targets = images.reshape(-1, height, width), out.reshape(-1, image_size, image_size)
    step = max(1, _CHUNK_PIXELS // max(height * width, image_size * image_size))
    starts = range(0, len(planes), step)

    def work(start: int) -> None:
        some = planes[start : start + step]
        targets[start : start + step] = (
            _planes(some, image_size) if fit == "stretch" or height == width else _one_by_one(some, image_size, fit)
        )

    with ThreadPoolExecutor(threads or usable_cores()) as pool:
        for _ in pool.map(work, starts):
            pass
    return out


def at_resolution(split: Split, image_size: int, *, fit: Fit = "stretch", threads: int | None = None) -> Split:
    """The same split with images of `image_size` x `image_size` pixels, bit-equal to Pillow's `BILINEAR`; itself when already so."""
    images = resized(split.images, image_size, fit=fit, threads=threads)
    return split if images is split.images else Split(images, split.labels)


def squared(raw: Raw, resolution: int | None, fit: Fit = "stretch") -> Raw:
    """All splits with square images of one size: `resolution`, or `default_image_size` of the training images.

    Raises:
        InvalidData: the size is out of range, or all pixels together are too many.
    """
    channels, height, width = raw.splits["train"].images.shape[1:]
    short = np.array([min(height, width)], np.int64)
    image_size, notes = choose_image_size(short, resolution, one_square_size=height == width)
    check_memory(sum(map(len, raw.splits.values())), channels, image_size)
    splits = {name: at_resolution(split, image_size, fit=fit) for name, split in raw.splits.items()}
    return Raw(
        raw.classes, splits, raw.skipped, (*raw.warnings, *resize_note({(width, height)}, image_size, fit), *notes)
    )


def resize_note(sizes: Collection[tuple[int, int]], image_size: int, fit: Fit) -> tuple[str, ...]:
    """How images of these widths and heights were resized, in a sentence; nothing where they were not."""
    if set(sizes) == {(image_size, image_size)}:
        return ()
    many = f"{len(sizes)} sizes" if len(sizes) > 1 else "{} x {} pixels".format(*next(iter(sizes)))
    if all(width == height for width, height in sizes):
        verb = "enlarged" if all(width < image_size for width, _ in sizes) else "resized"
        return (f"Images of {many} are {verb} to {image_size} x {image_size}.",)
    if fit == "crop":
        return (f"Of images of {many} the middle square is read, resized to {image_size} x {image_size}.",)
    if fit == "pad":
        return (
            f"Images of {many} are resized to fit into {image_size} x {image_size}, aspect kept; black bars fill the rest.",
        )
    return (f"Images of {many} are resized to {image_size} x {image_size}, aspect not kept.",)


def _one_by_one(planes: NDArray[np.uint8], image_size: int, fit: Fit) -> NDArray[np.uint8]:
    """Fits (K, H, W) into (K, image_size, image_size) as image files are."""
    return np.stack([np.asarray(as_square(Image.fromarray(plane), image_size, fit)) for plane in planes])


def _planes(planes: NDArray[np.uint8], image_size: int) -> NDArray[np.uint8]:
    """Resizes (K, H, W) to (K, image_size, image_size)."""
    count, height, width = planes.shape
    if width != image_size:
        rows = Image.fromarray(planes.reshape(count * height, width))
        planes = np.asarray(rows.resize((image_size, count * height), Image.Resampling.BILINEAR)).reshape(
            count, height, image_size
        )
    if height != image_size:
        columns = Image.fromarray(np.ascontiguousarray(planes.transpose(1, 0, 2)).reshape(height, count * image_size))
        columns = columns.resize((count * image_size, image_size), Image.Resampling.BILINEAR)
        planes = np.asarray(columns).reshape(image_size, count, image_size).transpose(1, 0, 2)
    return planes
