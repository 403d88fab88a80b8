"""Classifies image files with the model beside this file. Needs onnxruntime, NumPy and Pillow (11 or newer).

python classify.py photo.png [more.png ...] [--top 3] [--model model.int8.onnx]

The training images were read with the functions of this file, so a file gives the same pixels here as it did there. What
depends on the training images stands in architecture.json under `input`; without it, images are stretched.
"""

import argparse
import json
import os
import sys
from pathlib import Path
from typing import Any

import numpy as np
from PIL import ExifTags, Image, ImageFile, ImageOps

HERE = Path(__file__).resolve().parent
LOW_BYTES = {"B": "L", "L": "B", "N": "B" if sys.byteorder == "little" else "L"}
"""Reading 16-bit numbers in the other order of bytes has the low byte where Pillow keeps the high one."""


def pixels(path: str, channels: int, side: int, input_spec: dict[str, Any] | None = None) -> np.ndarray:
    """The image as the model was trained on it: uint8 (1, channels, side, side).

    `input_spec` is the `input` of architecture.json, which is read when None.
    """
    spec = recorded() if input_spec is None else input_spec
    with Image.open(path) as opened:
        image = decoded(opened, channels, spec.get("pixel_range"))
    for size in (spec.get("size", side), side):  # smaller inputs were made of the images as they were read
        image = as_square(image, size, spec.get("fit", "stretch"))
    array = np.asarray(image, np.uint8)
    return array[None, None] if channels == 1 else array.transpose(2, 0, 1)[None]


def recorded() -> dict[str, Any]:
    """How the training images were read; empty where architecture.json does not say."""
    path = HERE / "architecture.json"
    found: dict[str, Any] = json.loads(path.read_text(encoding="utf-8")).get("input", {}) if path.is_file() else {}
    return found


def decoded(image: ImageFile.ImageFile, channels: int, pixel_range: tuple[float, float] | None = None) -> Image.Image:
    """An opened file upright, as grey ("L") or RGB of 8 bits; transparency is put on white.

    `pixel_range` becomes 0 to 255 where a channel has more than 8 bits. Raises ValueError where there is no such range.
    """
    deep = deep_values(image)
    flat = upright(image) if deep is None else eight_bits(deep, pixel_range, image.info.get("transparency"))
    if flat.mode == "LAB":
        from PIL import ImageCms

        lab, srgb = ImageCms.createProfile("LAB"), ImageCms.createProfile("sRGB")
        flat = ImageCms.profileToProfile(flat, lab, srgb, outputMode="RGB") or flat
    if flat.mode in ("LA", "PA", "RGBA") or "transparency" in flat.info:
        flat = flat.convert("RGBA")
        flat = Image.alpha_composite(Image.new("RGBA", flat.size, "white"), flat)
    return flat.convert("L" if channels == 1 else "RGB")


def as_square(image: Image.Image, side: int, fit: str) -> Image.Image:
    """Resized to a square by Pillow's BILINEAR, which is antialiased: stretched, its middle cut out, or padded with black."""
    if image.size == (side, side):
        return image
    if fit == "crop":
        return ImageOps.fit(image, (side, side), Image.Resampling.BILINEAR)
    if fit == "pad":
        return ImageOps.pad(image, (side, side), Image.Resampling.BILINEAR)
    return image.resize((side, side), Image.Resampling.BILINEAR)


def upright(image: Image.Image) -> Image.Image:
    """Turned by its EXIF orientation."""
    return ImageOps.exif_transpose(image) if image.getexif().get(ExifTags.Base.Orientation, 1) != 1 else image


def deep_values(image: ImageFile.ImageFile) -> np.ndarray | None:
    """Upright numbers of a file with more than 8 bits a channel: (H, W), or (H, W, bands) with alpha last; else None.

    Of 16-bit colours Pillow keeps the high bytes, so the low ones are read once more.
    """
    if image.mode.startswith(("I", "F")):
        return np.asarray(upright(image))
    order = rawmode(image)
    if order == "LA;16B":  # four bytes a pixel
        _set_rawmode(image, "RGBA")
        halves = np.asarray(upright(image), np.uint16)
        return halves[..., ::2] << 8 | halves[..., 1::2]
    if order.removesuffix(order[-1:]) not in ("RGB;16", "RGBA;16", "RGBX;16"):
        return None
    with Image.open(image.filename, formats=[image.format or ""]) as again:
        _set_rawmode(again, order[:-1] + LOW_BYTES[order[-1]])
        low = np.asarray(upright(again), np.uint16)
    values = np.asarray(upright(image), np.uint16) << 8 | low
    return values[..., :3] if order.startswith("RGBX") else values


def rawmode(image: ImageFile.ImageFile) -> str:
    """How the file stores its pixels, in Pillow's words; empty where Pillow does not say."""
    args = image.tile[0].args if image.tile else ""
    first = args[0] if isinstance(args, tuple) and args else args
    return first if isinstance(first, str) else ""


def _set_rawmode(image: ImageFile.ImageFile, mode: str) -> None:
    image.tile = [
        tile._replace(args=(mode, *tile.args[1:]) if isinstance(tile.args, tuple) else mode) for tile in image.tile
    ]


def eight_bits(values: np.ndarray, pixel_range: tuple[float, float] | None, key: object = None) -> Image.Image:
    """Numbers of `deep_values` as an image of 8 bits; those equal to `key` are white, as what is transparent is."""
    if pixel_range is None:
        if values.dtype.kind == "f" or values.min() < 0 or values.max() > 65535:
            raise ValueError("32-bit pixels have no agreed range where no training image has such")
        pixel_range = (0, 65535)
    scaled = _scaled(values, *pixel_range)
    if scaled.ndim == 3 and scaled.shape[2] != 3:
        scaled[..., -1] = _scaled(values[..., -1], 0, 65535)
    if isinstance(key, int | tuple):
        same = values == np.array(key)
        scaled[same.all(2) if same.ndim == 3 else same] = 255
    return Image.fromarray(scaled)


def _scaled(values: np.ndarray, low: float, high: float) -> np.ndarray:
    """`low` to `high` as 0 to 255, rounded halves up."""
    if not np.isfinite(values).all():
        raise ValueError("pixels that are no finite numbers")
    return np.floor((values.astype(np.float64) - low) * 255 / (high - low) + 0.5).clip(0, 255).astype(np.uint8)


def main() -> None:
    """Prints the most likely classes of each image, one image a line."""
    os.environ.setdefault("ORT_DISABLE_TELEMETRY", "1")
    import onnxruntime

    parser = argparse.ArgumentParser(description="Classify images.")
    parser.add_argument("images", nargs="+")
    parser.add_argument("--top", type=int, default=1, help="how many classes to print")
    parser.add_argument("--model", default="model.int8.onnx")
    options = parser.parse_args()
    document = json.loads((HERE / "architecture.json").read_text(encoding="utf-8"))
    channels, side, _ = document["network"]["input_shape"]
    session = onnxruntime.InferenceSession(str(HERE / options.model), providers=["CPUExecutionProvider"])
    for path in options.images:
        try:
            image = pixels(path, channels, side)
        except (OSError, ValueError, SyntaxError, Image.DecompressionBombError) as error:
            raise SystemExit(
                f"Cannot read {path}: {error}. Give a PNG, JPEG or another image that Pillow reads."
            ) from error
        logits = session.run(None, {"image": image})[0][0]
        likely = np.exp(logits - logits.max())
        likely /= likely.sum()
        best = np.argsort(-likely)[: options.top]
        print(path, *(f"{document['classes'][i]} {likely[i]:.3f}" for i in best), sep="\t")


if __name__ == "__main__":
    main()
