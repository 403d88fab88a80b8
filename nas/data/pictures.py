"""Every image of a data source in little: for a look at all of them, the unreadable ones included. Not for learning (`dataset.py`)."""

import hashlib
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from typing import Final

import numpy as np
from numpy.typing import NDArray

from nas.data.dataset import read_source, single_archive
from nas.data.folders import quiet_pillow
from nas.data.images import UnreadableImage, common_range, read_header, read_image
from nas.data.listing import list_folder, shown_path
from nas.data.resize import squared
from nas.data.splits import SPLITS, Progress, Raw, SplitName, usable_cores

SIDE: Final = 32
"""Pixels of a miniature."""


@dataclass(frozen=True, slots=True)
class Picture:
    """One image.

    Attributes:
        name: its path in the folder, or its place in an archive, such as `train[12]`.
        split: that it was given in.
        label: index of its class.
        width, height: in pixels.
        grey: whether it has no colours.
        digest: of its content: equal for exact copies.
        miniature: uint8 (SIDE, SIDE), grey.
    """

    name: str
    split: SplitName
    label: int
    width: int
    height: int
    grey: bool
    digest: bytes
    miniature: NDArray[np.uint8]


@dataclass(frozen=True, slots=True)
class Pictures:
    """All images of a source, in the order of splits, classes and names.

    Attributes:
        classes: their names, in the order of the labels.
        images: those that can be read.
        unreadable: name and reason of the others.
        ignored: notices of what is no image of a class.
        splits: that the source has.
    """

    classes: tuple[str, ...]
    images: tuple[Picture, ...]
    unreadable: tuple[tuple[str, str], ...]
    ignored: tuple[str, ...]
    splits: tuple[SplitName, ...]


def read_pictures(source: str, on_progress: Progress | None = None) -> Pictures:
    """Reads a folder of class folders, an archive or the digits.

    Raises:
        InvalidData: there is no such source, or its layout or its arrays cannot be read.
    """
    path = Path(source).expanduser()
    if path.is_dir() and single_archive(path) is None:
        return _of_folder(path, on_progress)
    raw, _ = read_source(source, None, "stretch", on_progress)
    return _of_arrays(raw)


def _of_folder(root: Path, on_progress: Progress | None) -> Pictures:
    listing = list_folder(root)
    files = [(split, path, label) for split in SPLITS for path, label in listing.files.get(split, [])]

    def read(file: tuple[SplitName, Path, int]) -> Picture | tuple[str, str]:
        split, path, label = file
        name = shown_path(path, root)
        try:
            header = read_header(path)
            small = read_image(path, 1, SIDE, pixel_range=common_range([header]))
            digest = hashlib.blake2b(path.read_bytes(), digest_size=16).digest()
        except UnreadableImage as error:
            return name, str(error)
        except OSError as error:
            return name, error.strerror or type(error).__name__
        return Picture(name, split, label, header.width, header.height, header.grey, digest, small[0])

    found = _each(read, files, on_progress)
    return Pictures(
        listing.classes,
        tuple(one for one in found if isinstance(one, Picture)),
        tuple(one for one in found if not isinstance(one, Picture)),
        listing.warnings,
        tuple(split for split in SPLITS if split in listing.files),
    )


def _each(
    read: Callable[[tuple[SplitName, Path, int]], Picture | tuple[str, str]],
    files: list[tuple[SplitName, Path, int]],
    on_progress: Progress | None,
) -> list[Picture | tuple[str, str]]:
    """In threads, with progress in this one."""
    found = []
    with quiet_pillow(), ThreadPoolExecutor(usable_cores()) as pool:
        try:
            for done, one in enumerate(pool.map(read, files), start=1):
                found.append(one)
                if on_progress is not None and (done % 64 == 0 or done == len(files)):
                    on_progress(done, len(files))
        except BaseException:
            pool.shutdown(wait=False, cancel_futures=True)
            raise
    return found


def _of_arrays(raw: Raw) -> Pictures:
    images: list[Picture] = []
    small = squared(raw, SIDE)
    for name in (split for split in SPLITS if split in raw.splits):
        split, _, height, width = raw.splits[name], *raw.splits[name].images.shape[1:]
        miniatures = small.splits[name].images.mean(axis=1).round().astype(np.uint8)
        grey = split.images.shape[1] == 1
        for index, (pixels, label) in enumerate(zip(split.images, split.labels.tolist(), strict=True)):
            digest = hashlib.blake2b(np.ascontiguousarray(pixels).data, digest_size=16).digest()
            images.append(Picture(f"{name}[{index}]", name, label, width, height, grey, digest, miniatures[index]))
    return Pictures(raw.classes, tuple(images), (), raw.warnings, tuple(n for n in SPLITS if n in raw.splits))
