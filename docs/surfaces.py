"""Cuts the photographs of three surfaces into tiles, as a small data set for `make demo-photos`."""

import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Final

from PIL import Image

PICTURES: Final = Path(__file__).parent / "example" / "surfaces"
SIDE: Final = 64
"""Of a tile, in pixels."""


def cut(folder: Path) -> int:
    """Writes the tiles of each photograph to a folder of its name, and returns how many there are. They do not overlap."""
    count = 0
    for picture in sorted(PICTURES.glob("*.png")):
        target = folder / picture.stem
        target.mkdir(parents=True, exist_ok=True)
        with Image.open(picture) as whole:
            for top in range(0, whole.height, SIDE):
                for left in range(0, whole.width, SIDE):
                    whole.crop((left, top, left + SIDE, top + SIDE)).save(target / f"{top:03d}-{left:03d}.png")
                    count += 1
    return count


def main(arguments: Sequence[str] | None = None) -> int:
    """The command: one folder."""
    (folder,) = sys.argv[1:] if arguments is None else arguments
    sys.stdout.write(f"{cut(Path(folder))} tiles in {folder}\n")
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
