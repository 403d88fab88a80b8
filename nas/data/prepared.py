"""What lets a second run skip the reading: a cheap fingerprint of a source, and a loaded data set as one blob.

Not here: where blobs are kept, and when a stage is run again.
"""

import hashlib
import json
import os
from collections.abc import Iterator
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from nas.data.dataset import DIGITS, DataSet, missing
from nas.data.parts import PARTS, Part
from nas.errors import StoreCorrupt

LOADER: Final = 1
"""Counted up whenever reading, splitting or resizing changes, so that nothing prepared by older code is reused."""


def source_fingerprint(source: str, *, resolution: int | None, seed: int) -> str:
    """A cheap key of what `load` would return: 64 hex digits, without opening a single image.

    It covers resolution, seed, the decoder's version and, of each file that is not hidden, path, size and time of change.

    Raises:
        InvalidData: there is no such source, or a folder in it cannot be read.
    """
    package = "scikit-learn" if source == DIGITS else "pillow"
    digest = hashlib.sha256(json.dumps([LOADER, resolution, seed, package, _version(package)]).encode())
    if source != DIGITS:
        try:
            path = Path(source).expanduser()
            digest.update(path.resolve(strict=True).name.encode())
            for line in _walk(str(path), "") if path.is_dir() else [_line("", path.stat())]:
                digest.update(line.encode("utf-8", "surrogateescape"))
        except (OSError, RuntimeError, ValueError) as error:
            raise missing(source, error) from error
    return digest.hexdigest()


def summary(data: DataSet) -> dict[str, Any]:
    """What is worth knowing about a data set beside its pixels, as JSON values."""
    return {
        "name": data.name,
        "classes": list(data.classes),
        "resolution": data.resolution,
        "channels": data.channels,
        "images": {name: len(part) for name, part in _parts(data).items()},
        "per_class": {name: list(map(int, part.counts(len(data.classes)))) for name, part in _parts(data).items()},
        "skipped": list(data.skipped),
        "warnings": list(data.warnings),
        "content_hash": data.content_hash,
    }


def pack(data: DataSet) -> bytes:
    """A data set as one blob (safetensors): equal bytes for equal data sets."""
    from safetensors.numpy import save

    tensors: dict[str, NDArray[Any]] = {"about": np.frombuffer(json.dumps(summary(data)).encode(), np.uint8)}
    for name, part in _parts(data).items():
        tensors[f"{name}_images"] = np.ascontiguousarray(part.images)
        tensors[f"{name}_labels"] = np.ascontiguousarray(part.labels)
    return save(tensors)


def unpack(blob: bytes) -> DataSet:
    """The data set that `pack` made a blob of.

    Raises:
        StoreCorrupt: it is no such blob.
    """
    from safetensors import SafetensorError
    from safetensors.numpy import load

    try:
        tensors = {name: np.require(array, requirements="W") for name, array in load(blob).items()}
        about = json.loads(tensors["about"].tobytes())
        train, val, test = (Part(tensors[f"{name}_images"], tensors[f"{name}_labels"]) for name in PARTS)
        classes, skipped, warnings = (tuple(about[key]) for key in ("classes", "skipped", "warnings"))
        return DataSet(about["name"], classes, train, val, test, skipped, warnings, about["content_hash"])
    except (SafetensorError, KeyError, ValueError, TypeError) as error:
        raise StoreCorrupt(
            "A prepared data set cannot be read.", fix="Delete the store's blob; it is made again."
        ) from error


def _parts(data: DataSet) -> dict[str, Part]:
    return {"train": data.train, "val": data.val, "test": data.test}


def _version(package: str) -> str:
    try:
        return version(package)
    except PackageNotFoundError:
        return "none"


def _walk(folder: str, prefix: str) -> Iterator[str]:
    """One line to each file that is not hidden, in sorted order; links to folders are not followed."""
    with os.scandir(folder) as listing:
        entries = sorted((entry for entry in listing if not entry.name.startswith(".")), key=lambda entry: entry.name)
    for entry in entries:
        if entry.is_dir(follow_symlinks=False):
            yield from _walk(entry.path, f"{prefix}{entry.name}/")
        elif entry.is_file():
            yield _line(prefix + entry.name, entry.stat())


def _line(name: str, stat: os.stat_result) -> str:
    return f"{name}\0{stat.st_size}\0{stat.st_mtime_ns}\n"
