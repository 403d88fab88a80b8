"""Where data sets lie on the disk: a folder each, with the archive of arrays or the unpacked images."""

from pathlib import Path
from typing import Final

ARRAYS: Final = "data.npz"
IMAGES: Final = "images"


def source(datasets: Path, dataset_id: str) -> Path:
    """The path that `nas.data` loads for the id of a data set that exists."""
    folder = datasets / dataset_id
    return folder / ARRAYS if (folder / ARRAYS).is_file() else folder / IMAGES
