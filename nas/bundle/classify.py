"""Classifies image files with the model beside this file. Needs onnxruntime, and Pillow to read the images.

python classify.py photo.png [more.png ...] [--top 3] [--model model.int8.onnx]
"""

import argparse
import json
import os
from pathlib import Path

os.environ.setdefault("ORT_DISABLE_TELEMETRY", "1")

import numpy as np
import onnxruntime
from PIL import Image, ImageOps

HERE = Path(__file__).resolve().parent


def pixels(path: str, channels: int, side: int) -> np.ndarray:
    """The image as the model was trained on it: uint8 (1, channels, side, side).

    Upright by its EXIF orientation, transparency on white, 16-bit grey scaled to 8, plain antialiased bilinear resize, no crop.
    """
    with Image.open(path) as opened:
        image = ImageOps.exif_transpose(opened)
    if image.mode.startswith("I"):
        image = Image.fromarray(((np.asarray(image, np.int64) + 128) // 257).clip(0, 255).astype(np.uint8))
    if image.mode in ("LA", "PA", "RGBA") or "transparency" in image.info:
        image = image.convert("RGBA")
        image = Image.alpha_composite(Image.new("RGBA", image.size, "white"), image)
    image = image.convert("L" if channels == 1 else "RGB")
    if image.size != (side, side):
        image = image.resize((side, side), Image.Resampling.BILINEAR)
    array = np.asarray(image, np.uint8)
    return array[None, None] if channels == 1 else array.transpose(2, 0, 1)[None]


def main() -> None:
    """Prints the most likely classes of each image, one image a line."""
    parser = argparse.ArgumentParser(description="Classify images.")
    parser.add_argument("images", nargs="+")
    parser.add_argument("--top", type=int, default=1, help="how many classes to print")
    parser.add_argument("--model", default="model.int8.onnx")
    options = parser.parse_args()
    document = json.loads((HERE / "architecture.json").read_text())
    channels, side, _ = document["network"]["input_shape"]
    session = onnxruntime.InferenceSession(str(HERE / options.model), providers=["CPUExecutionProvider"])
    for path in options.images:
        try:
            image = pixels(path, channels, side)
        except OSError as error:
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
