"""Reads one image file with Pillow and brings it to grey or RGB at a square resolution, the same way everywhere.

How a file becomes pixels is defined by the functions of `nas/bundle/classify.py`, which go with each exported model: turned by
the EXIF orientation; what is transparent on white; more than 8 bits scaled by the range of the training images; grey ("L") or
RGB; plain antialiased bilinear (Pillow's BILINEAR) to the square. Of animations the first frame counts.
Here are the bounds, and what the head of a file says. Not here: which files of a folder are read (`folders.py`).
"""

from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from math import ceil
from pathlib import Path
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageFile, UnidentifiedImageError

from nas.bundle.classify import as_square, decoded, deep_values, rawmode
from nas.spec import Fit

FORMATS: Final = ("PNG", "JPEG", "BMP", "GIF", "WEBP", "TIFF", "PPM")
SUFFIXES: Final = frozenset({".png", ".jpg", ".jpeg", ".bmp", ".gif", ".webp", ".tif", ".tiff", ".ppm", ".pgm"})
MAX_PIXELS: Final = 64_000_000
"""Images with more pixels are rejected before they are decoded."""

_GREY: Final = frozenset({"1", "L", "LA", "I", "I;16", "I;16B", "I;16L", "I;16N", "F"})
_MODES: Final = _GREY | {"P", "PA", "RGB", "RGBX", "RGBA", "CMYK", "YCbCr", "LAB"}

PixelRange = tuple[float, float]
"""Which two values of a channel of more than 8 bits become 0 and 255."""


class UnreadableImage(Exception):
    """One file is no image that can be used; the message says why."""


@dataclass(frozen=True)
class Header:
    """Facts of an image file before its pixels are read.

    Attributes:
        width, height: in pixels, as stored.
        grey: whether it has no colours.
        values: lowest and highest value, where a channel has more than 8 bits.
    """

    width: int
    height: int
    grey: bool
    values: PixelRange | None = None


def read_header(path: Path) -> Header:
    """Reads the head of an image file; pixels are decoded only of palettes, and of channels of more than 8 bits.

    Raises:
        UnreadableImage: no image of an allowed format and mode, or too large.
    """
    with _typed(), _opened(path) as image:
        width, height, grey = image.width, image.height, _is_grey(image)
        return Header(width, height, grey, _extremes(deep_values(image)))


def read_image(
    path: Path, channels: int, image_size: int, *, fit: Fit = "stretch", pixel_range: PixelRange | None = None
) -> NDArray[np.uint8]:
    """Decodes an image file to uint8 (channels, image_size, image_size), `channels` being 1 or 3.

    Args:
        path: of the file.
        channels: 1 for grey, 3 for RGB.
        image_size: in pixels.
        fit: how the image becomes square.
        pixel_range: see `common_range`.

    Raises:
        UnreadableImage: as `read_header`, or the pixels cannot be decoded.
    """
    with _typed(), _opened(path) as image:
        pixels = np.asarray(as_square(decoded(image, channels, pixel_range), image_size, fit), np.uint8)
        return pixels[None] if channels == 1 else np.ascontiguousarray(pixels.transpose(2, 0, 1))


def common_range(headers: Iterable[Header]) -> PixelRange | None:
    """What becomes 0 to 255 in images of more than 8 bits a channel; None where there are none.

    From 0 to the highest number of the bits that are used, at least 8: 12 bits used of 16 are 0 to 4095. Images up to 1 take
    0 to 1, and images with negative values their lowest to their highest value.
    """
    found = [header.values for header in headers if header.values is not None]
    if not found:
        return None
    low, high = min(low for low, _ in found), max(high for _, high in found)
    if low < 0:
        return low, max(high, 0.0)
    return 0.0, 1.0 if high <= 1 else float(2 ** max(8, ceil(high).bit_length()) - 1)


def _extremes(values: NDArray[Any] | None) -> PixelRange | None:
    """Lowest and highest of the colours' values."""
    if values is None:
        return None
    colours = values[..., : -1 if values.shape[2] != 3 else 3] if values.ndim == 3 else values
    low, high = float(colours.min()), float(colours.max())
    if not np.isfinite((low, high)).all():
        raise UnreadableImage("pixels that are no finite numbers")
    return low, high


@contextmanager
def _typed() -> Iterator[None]:
    """Turns whatever decoders raise on corrupt bytes into `UnreadableImage`."""
    try:
        yield
    except (UnreadableImage, MemoryError):
        raise
    except Exception as error:
        raise UnreadableImage(_reason(error)) from error


def _opened(path: Path) -> ImageFile.ImageFile:
    """The file opened, its format, mode and size checked; the pixels are not read yet."""
    image = Image.open(path, formats=FORMATS)
    width, height = image.size
    if width * height > MAX_PIXELS or min(width, height) < 1:
        image.close()
        raise UnreadableImage(f"{width} x {height} pixels are more than {MAX_PIXELS:,} in all")
    if image.mode not in _MODES:
        image.close()
        raise UnreadableImage(f"pixels of mode {image.mode} have no agreed range")
    if any(tile[0] == "ppm_plain" for tile in image.tile):  # its reader takes a minute for a few megabytes of comments
        image.close()
        raise UnreadableImage("pixels written as text are not read")
    return image


def _is_grey(image: ImageFile.ImageFile) -> bool:
    """Whether the mode, or every colour of the palette, is grey."""
    if image.mode not in ("P", "PA"):
        return image.mode in _GREY or rawmode(image) == "LA;16B"
    palette = np.array(image.getpalette("RGB") or [], np.uint8).reshape(-1, 3)
    return bool((palette == palette[:, :1]).all())


def _reason(error: Exception) -> str:
    """The error in few words and without the file's path, which the caller adds."""
    if isinstance(error, UnidentifiedImageError):
        return f"no image of {', '.join(FORMATS)}"
    text = " ".join(str(error.strerror if isinstance(error, OSError) and error.strerror else error).split())
    return text[:200] or type(error).__name__
