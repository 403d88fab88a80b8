"""The photographs of the second demonstration: tiles that do not overlap, each photograph's in its own folder."""

from pathlib import Path

import numpy as np
from PIL import Image

from docs.surfaces import PICTURES, main


def test_tiles_are_the_photographs(tmp_path: Path) -> None:
    assert main([str(tmp_path)]) == 0
    for name in ("brick", "grass", "gravel"):
        tiles = sorted((tmp_path / name).glob("*.png"))
        assert len(tiles) == 64
        rows = [np.hstack([np.asarray(Image.open(tile)) for tile in tiles[i : i + 8]]) for i in range(0, 64, 8)]
        assert np.array_equal(np.vstack(rows), np.asarray(Image.open(PICTURES / f"{name}.png")))
