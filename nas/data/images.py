"""Reads one image file with Pillow and brings it to grey or RGB at a square resolution, the same way everywhere.

The recipe, which whoever runs a delivered model must follow: turn by the EXIF orientation; put transparent images on
white; 16-bit grey to 8 bits by (v + 128) // 257; convert to grey ("L") or RGB; resize by plain antialiased bilinear
(Pillow's BILINEAR) to the square, without crop and without keeping the aspect. Of animations the first frame counts.
Not here: which files of a folder are read (`folders.py`).
"""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Final

import numpy as np
from numpy.typing import NDArray
from PIL import ExifTags, Image, ImageFile, ImageOps, UnidentifiedImageError

FORMATS: Final = ("PNG", "JPEG", "BMP", "GIF", "WEBP", "TIFF", "PPM")
SUFFIXES: Final = frozenset({".png", ".jpg", ".jpeg", ".bmp", ".gif", ".webp", ".tif", ".tiff", ".ppm", ".pgm"})
MAX_PIXELS: Final = 64_000_000
"""Images with more pixels are refused before they are decoded."""

_GREY: Final = frozenset({"1", "L", "LA", "I", "I;16", "I;16B", "I;16L", "I;16N"})
_ALPHA: Final = frozenset({"LA", "PA", "RGBA"})
_MODES: Final = _GREY | {"P", "PA", "RGB", "RGBX", "RGBA", "CMYK", "YCbCr"}


class UnreadableImage(Exception):
    """One file is no image that can be used; the message says why."""


@dataclass(frozen=True)
class Header:
    """What the head of an image file says: size in pixels as stored, and whether it is grey."""

    width: int
    height: int
    grey: bool


def read_header(path: Path) -> Header:
    """Reads the head of an image file; pixels are decoded only where a palette has to be looked at.

    Raises:
        UnreadableImage: no image of an allowed format and mode, or too large.
    """
    with _typed(), _opened(path) as image:
        return Header(image.width, image.height, _is_grey(image))


def read_image(path: Path, channels: int, side: int) -> NDArray[np.uint8]:
    """Decodes an image file by the recipe above to uint8 (channels, side, side).

    Raises:
        UnreadableImage: as `read_header`, or the pixels cannot be decoded.
    """
    with _typed(), _opened(path) as image:
        return to_array(image, channels, side)


def to_array(image: Image.Image, channels: int, side: int) -> NDArray[np.uint8]:
    """An open image by the recipe above as uint8 (channels, side, side), `channels` being 1 or 3."""
    if image.getexif().get(ExifTags.Base.Orientation, 1) != 1:
        image = ImageOps.exif_transpose(image)
    if image.mode.startswith("I"):
        image = _eight_bits(image)
    if image.mode in _ALPHA or "transparency" in image.info:
        image = image.convert("RGBA")
        image = Image.alpha_composite(Image.new("RGBA", image.size, "white"), image)
    image = image.convert("L" if channels == 1 else "RGB")
    if image.size != (side, side):
        image = image.resize((side, side), Image.Resampling.BILINEAR)
    pixels = np.asarray(image, np.uint8)
    return pixels[None] if channels == 1 else np.ascontiguousarray(pixels.transpose(2, 0, 1))


@contextmanager
def _typed() -> Iterator[None]:
    """Whatever decoders raise on corrupt bytes, as `UnreadableImage`."""
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


def _is_grey(image: Image.Image) -> bool:
    """Whether the mode, or every colour of the palette, is grey."""
    if image.mode not in ("P", "PA"):
        return image.mode in _GREY
    palette = np.array(image.getpalette("RGB") or [], np.uint8).reshape(-1, 3)
    return bool((palette == palette[:, :1]).all())


def _eight_bits(image: Image.Image) -> Image.Image:
    """16-bit grey as 8 bits: 0 stays 0, 65535 becomes 255."""
    values = np.asarray(image).astype(np.int64)
    if values.min() < 0 or values.max() > 65535:
        raise UnreadableImage("32-bit pixels have no agreed range")
    return Image.fromarray(((values + 128) // 257).astype(np.uint8))


def _reason(error: Exception) -> str:
    """The error in few words and without the file's path, which the caller adds."""
    if isinstance(error, UnidentifiedImageError):
        return f"no image of {', '.join(FORMATS)}"
    text = " ".join(str(error.strerror if isinstance(error, OSError) and error.strerror else error).split())
    return text[:200] or type(error).__name__
