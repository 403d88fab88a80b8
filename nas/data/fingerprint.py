"""A cheap key of a data source, so that a second run need not read it: names, sizes and times of change, no pixels.

Not here: the hash of the content itself (`dataset.py`), and when a stage is run again.
"""

import hashlib
import json
import os
from collections.abc import Iterator
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Final

from nas.errors import InvalidData
from nas.spec import Fit

DIGITS: Final = "digits"
"""The name of the one data set that is no file."""

LOADER: Final = 2
"""Increased whenever reading, splitting or resizing changes, so that nothing prepared by older code is reused."""


def source_fingerprint(source: str, *, resolution: int | None, seed: int, fit: Fit = "stretch") -> str:
    """A cheap key of what `load` would return: 64 hex digits, without opening a single image.

    It covers resolution, seed, fit, the decoder's version and, of each file that is not hidden, path, size and time of change.

    Raises:
        InvalidData: there is no such source, or a folder in it cannot be read.
    """
    package = "scikit-learn" if source == DIGITS else "pillow"
    digest = hashlib.sha256(json.dumps([LOADER, resolution, seed, fit, package, _version(package)]).encode())
    if source != DIGITS:
        try:
            path = Path(source).expanduser()
            digest.update(path.resolve(strict=True).name.encode())
            for line in _walk(str(path), "") if path.is_dir() else [_line("", path.stat())]:
                digest.update(line.encode("utf-8", "surrogateescape"))
        except (OSError, RuntimeError, ValueError) as error:
            raise missing(source, error) from error
    return digest.hexdigest()


def missing(source: str, reason: Exception | None = None) -> InvalidData:
    """The error of a source that is not there, or cannot be accessed."""
    if isinstance(reason, PermissionError):
        return InvalidData(
            f"The data set {source!r} cannot be read: {reason}.",
            fix="Give the user that hwnas runs as the right to read the files and open the folders (chmod -R u+rX).",
        )
    why = f": {reason}" if reason is not None else ""
    return InvalidData(
        f"There is no data set {source!r}{why}.", fix="Give `digits`, a folder of class folders, or an .npz file."
    )


def _version(package: str) -> str:
    try:
        return version(package)
    except PackageNotFoundError:
        return "none"


def _walk(folder: str, prefix: str) -> Iterator[str]:
    """One line for each file that is not hidden, in sorted order; links to folders are not followed."""
    with os.scandir(folder) as listing:
        entries = sorted((entry for entry in listing if not entry.name.startswith(".")), key=lambda entry: entry.name)
    for entry in entries:
        if entry.is_dir(follow_symlinks=False):
            yield from _walk(entry.path, f"{prefix}{entry.name}/")
        elif entry.is_file():
            yield _line(prefix + entry.name, entry.stat())


def _line(name: str, stat: os.stat_result) -> str:
    return f"{name}\0{stat.st_size}\0{stat.st_mtime_ns}\n"
