"""The folder in which the documentation's commands run: small versions of the user's photographs, models and files that they name.

Not here: files whose content is on a page; the reader writes them (`reader.py`).
"""

import shutil
from pathlib import Path
from typing import Final

CLASSES: Final = ("cat", "dog")
PHOTOGRAPHS: Final = 60
"""Of each class."""
IMAGE_SIZE: Final = 16


def prepare(folder: Path) -> None:
    """Fills a folder: `photos/` and the same as `images.zip`, `seven.png`, and three ONNX models of 16x16 colour images."""
    folder.mkdir(parents=True, exist_ok=True)
    _photographs(folder / "photos")
    shutil.make_archive(str(folder / "images"), "zip", folder / "photos")
    _digit(folder / "seven.png")
    for name, space in (("model", "mobilenet:activation=relu"), ("classify", "resnet"), ("detect", "resnet")):
        _model(folder / f"{name}.onnx", space)


def _photographs(folder: Path) -> None:
    """Random pixels; one class is brighter than the other."""
    import numpy as np
    from PIL import Image

    random = np.random.default_rng(0)
    for number, name in enumerate(CLASSES):
        (folder / name).mkdir(parents=True, exist_ok=True)
        for count in range(PHOTOGRAPHS):
            pixels = random.integers(0, 130, (IMAGE_SIZE, IMAGE_SIZE, 3)) + 120 * number
            Image.fromarray(pixels.astype(np.uint8)).save(folder / name / f"{count}.jpg")


def _digit(path: Path) -> None:
    """The first seven of the digits."""
    import numpy as np
    from PIL import Image
    from sklearn.datasets import load_digits

    digits = load_digits()
    image = digits.images[int(np.flatnonzero(digits.target == 7)[0])]
    Image.fromarray((image * 15.9).astype(np.uint8)).save(path)


def _model(path: Path, name: str) -> None:
    """The smallest network of a space, with random weights."""
    from hw_targets.lowering import lower_int8
    from hw_targets.random_weights import random_weights
    from search_spaces.registry import space

    built = space(name, resolution=IMAGE_SIZE, channels=3, classes=len(CLASSES))
    network = built.network(built.smallest())
    path.write_bytes(lower_int8(network, random_weights(network)))
