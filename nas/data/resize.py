"""Resizes a whole batch with exactly Pillow's antialiased bilinear filter. Not for decoding files (`images.py`).

Pillow filters rows first, then columns, and rounds to 8 bits in between. Rows of a stack of images do not touch each
other, nor do the columns of images laid side by side, so two calls of Pillow resize thousands of images, bit for bit as
one by one, and the same on every machine. (Tall images some versions of Pillow filter columns first; there a pixel may
differ by one level. Square ones never do.)
"""

from concurrent.futures import ThreadPoolExecutor
from typing import Final

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from nas.data.parts import Part, Raw, check_memory, check_side, default_side, usable_cores

_CHUNK_PIXELS: Final = 1 << 21


def resized(images: NDArray[np.uint8], side: int, *, threads: int | None = None) -> NDArray[np.uint8]:
    """Resizes uint8 (N, C, H, W) to (N, C, side, side): plain antialiased bilinear, no crop; the aspect is not kept.

    `threads` defaults to the usable cores; the result is the same at any number.
    """
    count, channels, height, width = images.shape
    if (height, width) == (side, side):
        return images
    out = np.empty((count, channels, side, side), np.uint8)
    planes, targets = images.reshape(-1, height, width), out.reshape(-1, side, side)
    step = max(1, _CHUNK_PIXELS // max(height * width, side * side))
    starts = range(0, len(planes), step)

    def work(start: int) -> None:
        targets[start : start + step] = _planes(planes[start : start + step], side)

    with ThreadPoolExecutor(threads or usable_cores()) as pool:
        for _ in pool.map(work, starts):
            pass
    return out


def at_resolution(part: Part, side: int, *, threads: int | None = None) -> Part:
    """The same part with images of `side` x `side` pixels, bit-equal to Pillow's `BILINEAR`; itself when already so."""
    images = resized(part.images, side, threads=threads)
    return part if images is part.images else Part(images, part.labels)


def squared(raw: Raw, resolution: int | None) -> Raw:
    """All parts with square images of one side: `resolution`, or what `default_side` says of the training images.

    Raises:
        InvalidData: the side is out of range, or all pixels together are too many.
    """
    channels, height, width = raw.parts["train"].images.shape[1:]
    short = min(height, width)
    side = resolution or default_side(np.array([short], np.int64), one_square_size=height == width)
    check_side(side)
    check_memory(sum(map(len, raw.parts.values())), channels, side)
    warnings = raw.warnings
    if (height, width) != (side, side):
        verb = "enlarged" if side > short else "resized"
        warnings = (*warnings, f"Images of {width} x {height} pixels are {verb} to {side} x {side}.")
    parts = {name: at_resolution(part, side) for name, part in raw.parts.items()}
    return Raw(raw.classes, parts, raw.skipped, warnings)


def _planes(planes: NDArray[np.uint8], side: int) -> NDArray[np.uint8]:
    """Resizes (K, H, W) to (K, side, side)."""
    count, height, width = planes.shape
    if width != side:
        rows = Image.fromarray(planes.reshape(count * height, width))
        planes = np.asarray(rows.resize((side, count * height), Image.Resampling.BILINEAR)).reshape(count, height, side)
    if height != side:
        columns = Image.fromarray(np.ascontiguousarray(planes.transpose(1, 0, 2)).reshape(height, count * side))
        columns = columns.resize((count * side, side), Image.Resampling.BILINEAR)
        planes = np.asarray(columns).reshape(side, count, side).transpose(1, 0, 2)
    return planes
