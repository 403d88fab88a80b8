"""Loads any data source as one typed `DataSet` of uint8 arrays with a training, a validation and a test set.

The search learns from `train` and selects on `val`; `test` is for the final figures alone.
Not here: reading of archives (`npz.py`) and folders (`folders.py`), batches for training (`batches.py`).
"""

import gzip
import hashlib
import json
from dataclasses import dataclass
from importlib.util import find_spec
from pathlib import Path
from typing import Final

import numpy as np

from nas.data.checks import check_raw
from nas.data.fingerprint import DIGITS, missing, source_fingerprint
from nas.data.images import PixelRange
from nas.data.leaks import leaks
from nas.data.resize import squared
from nas.data.splits import SPLITS, Progress, Raw, Split, check_image_size
from nas.data.splitting import complete
from nas.errors import InvalidData
from nas.spec import Fit

__all__ = ["DataSet", "Split", "load", "source_fingerprint"]

_SCHEMA: Final = 2


@dataclass(frozen=True, eq=False)
class DataSet:
    """Images of one square resolution in three splits.

    Attributes:
        name: of the source, for people.
        classes: names, in the order of the labels.
        train: what networks learn from.
        val: what the search selects on.
        test: never seen by the search; only the final model is measured on it.
        skipped: corrupt files left out, each with its reason.
        warnings: notices about the data for the user.
        content_hash: SHA-256 over classes, pixels, labels and how they were read, 64 hex digits.
        fit: how images became square.
        pixel_range: which values became 0 and 255 in image files of more than 8 bits a channel; None where there are none.
    """

    name: str
    classes: tuple[str, ...]
    train: Split
    val: Split
    test: Split
    skipped: tuple[str, ...]
    warnings: tuple[str, ...]
    content_hash: str
    fit: Fit = "stretch"
    pixel_range: PixelRange | None = None

    @property
    def resolution(self) -> int:
        """Height and width of the images in pixels."""
        return int(self.train.images.shape[2])

    @property
    def channels(self) -> int:
        """1 for grey, 3 for RGB."""
        return int(self.train.images.shape[1])


def load(
    source: str,
    *,
    resolution: int | None = None,
    seed: int = 0,
    fit: Fit = "stretch",
    on_progress: Progress | None = None,
) -> DataSet:
    """Loads `digits`, a folder of class folders, or an `.npz`.

    A folder holds `train/`, `val/`, `test/` with one folder of images to each class, or the class folders directly; a
    folder with one `.npz` and no others counts as that file. A missing split is split off `train`, by `seed`, of each
    class 20 % for `test` and 15 % for `val`, at least one image.

    Args:
        source: `digits` or a path.
        resolution: size of the images in pixels; by the data when None (see `splits.default_image_size`).
        seed: of the split.
        fit: how images that are not square become so: stretched, their middle cut out, or padded with black.
        on_progress: receives how far the reading is.

    Raises:
        InvalidData: nothing readable there, or nothing that a classifier can be learned from.
    """
    if resolution is not None:
        check_image_size(resolution)
    raw, name = read_source(source, resolution, fit, on_progress)
    checked = check_raw(raw)
    splits = complete(dict(raw.splits), seed)
    train, val, test = (splits[split] for split in SPLITS)
    warnings = (*raw.warnings, *checked, *leaks(train, {"val": val, "test": test}))
    digest = content_hash(raw.classes, train, val, test, fit=fit, pixel_range=raw.pixel_range)
    return DataSet(name, raw.classes, train, val, test, raw.skipped, warnings, digest, fit, raw.pixel_range)


def read_source(source: str, resolution: int | None, fit: Fit, on_progress: Progress | None) -> tuple[Raw, str]:
    """The source as its reader returns it, before its classes are checked and its splits completed; and its name. Raises as `load`."""
    if source == DIGITS:
        return _digits(resolution), DIGITS
    try:
        path = Path(source).expanduser()
        is_file, is_directory = path.is_file(), path.is_dir()
    except (OSError, RuntimeError, ValueError) as error:
        raise missing(source, error) from error
    if is_file:
        from nas.data.npz import read_npz

        return read_npz(path, resolution=resolution, fit=fit, on_progress=on_progress), path.stem
    if is_directory:
        return _read_directory(path, resolution, fit, on_progress)
    raise missing(source)


def _read_directory(path: Path, resolution: int | None, fit: Fit, on_progress: Progress | None) -> tuple[Raw, str]:
    """Class folders, or the one archive of a folder without folders; the name is the folder's."""
    from nas.data.folders import read_folder
    from nas.data.npz import read_npz

    name, archive = path.resolve().name, single_archive(path)
    if archive is not None:
        return read_npz(archive, resolution=resolution, fit=fit, on_progress=on_progress), name
    return read_folder(path, resolution=resolution, fit=fit, on_progress=on_progress), name


def single_archive(path: Path) -> Path | None:
    """The archive that a folder without folders holds; None where there is none.

    Raises:
        InvalidData: it holds several.
    """
    from nas.data.listing import archives, has_subfolders

    found = [] if has_subfolders(path) else archives(path)
    if len(found) > 1:
        names = ", ".join(archive.name for archive in found)
        raise InvalidData(
            f"{path.resolve().name}/ has several archives: {names}.", fix="Name one of these files as the data."
        )
    return found[0] if found else None


def _digits(resolution: int | None) -> Raw:
    """The 1,797 handwritten digits of scikit-learn, 8 x 8 grey; 0-16 becomes 0-255 by exact rounding, halves up.

    Read from scikit-learn's data file, without the second that its import costs.
    """
    spec = find_spec("sklearn")
    if spec is None or spec.origin is None:
        raise InvalidData("The digits come with scikit-learn, which is not installed.", fix="pip install scikit-learn")
    path = Path(spec.origin).parent / "datasets" / "data" / "digits.csv.gz"
    try:
        with gzip.open(path, "rt") as stream:
            table = np.loadtxt(stream, delimiter=",", dtype=np.int64)
    except (OSError, EOFError, ValueError) as error:
        raise InvalidData(f"Cannot read scikit-learn's digits: {error}.", fix="Install scikit-learn again.") from error
    pixels = (table[:, :64] * 255 + 8) // 16
    split = Split(pixels.astype(np.uint8).reshape(-1, 1, 8, 8), table[:, 64])
    return squared(Raw(tuple("0123456789"), {"train": split}), resolution)


def content_hash(
    classes: tuple[str, ...], *splits: Split, fit: Fit = "stretch", pixel_range: PixelRange | None = None
) -> str:
    """SHA-256 over class names, how files are read and, split by split, shape, pixels and labels; 64 hex digits. Copies nothing."""
    digest = hashlib.sha256(json.dumps([_SCHEMA, list(classes), fit, pixel_range]).encode())
    for split in splits:
        digest.update(json.dumps(split.images.shape).encode())
        digest.update(np.ascontiguousarray(split.images).data.cast("B"))
        digest.update(np.ascontiguousarray(split.labels, dtype="<i8").data.cast("B"))
    return digest.hexdigest()
