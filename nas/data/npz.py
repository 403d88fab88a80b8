"""Reads a data set from an `.npz` archive: plain arrays only, everything bounded before it is unpacked.

Format: `train_x` uint8 (N, H, W) or (N, H, W, 1 or 3), `train_y` integers (N,); `val_x`, `val_y`, `test_x`, `test_y`
likewise where present; `class_names` strings (K,) where present. Other arrays are ignored. Nothing is ever unpickled.
Sizes are taken from the zip directory and from the array's own header, and must agree, before memory is given.
"""

import math
import warnings
import zipfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Final, cast

import numpy as np
from numpy.lib import format as npy
from numpy.typing import NDArray

from nas.data.parts import (
    MAX_BYTES,
    MAX_CLASSES,
    PARTS,
    Part,
    PartName,
    Progress,
    Raw,
)
from nas.data.resize import squared
from nas.errors import InvalidData
from search_spaces.errors import HwnasError

_MAX_MEMBERS: Final = 1024
_MAX_HEADER: Final = 16_384
_MAX_NAME: Final = 200
_FREE_BYTES: Final = 256 << 20
_MAX_RATIO: Final = 200
"""Archives that unpack to more than this many times their size are refused, where that is beyond `_FREE_BYTES`."""
_HOWTO: Final = "Save it with np.savez(path, train_x=images, train_y=labels): uint8 (N, H, W[, C]) and integers (N,)."


def read_npz(path: Path, *, resolution: int | None = None, on_progress: Progress | None = None) -> Raw:
    """Reads an archive at its own resolution (non-square images: see `default_side`), or resized to `resolution`.

    Raises:
        InvalidData: no readable archive, arrays missing, of wrong type or shape, or larger than the bounds.
    """
    with _typed(path):
        archive = zipfile.ZipFile(path)
    with archive:
        arrays = _read_arrays(archive, path, on_progress)
    parts = {name: _part(arrays, name) for name in PARTS if f"{name}_x" in arrays or f"{name}_y" in arrays}
    if "train" not in parts:
        found = ", ".join(sorted(arrays)) or "none"
        raise InvalidData(f"{path.name} has no train_x and train_y (arrays found: {found}).", fix=_HOWTO)
    if len({part.images.shape[1] for part in parts.values()}) > 1:
        raise InvalidData("The parts differ in their number of channels.", fix="Give all parts as grey or all as RGB.")
    return squared(Raw(_class_names(arrays, parts["train"]), parts), resolution)


@contextmanager
def _typed(path: Path) -> Iterator[None]:
    """Whatever zip, inflate or header parsing raise on broken bytes, as `InvalidData`."""
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", UserWarning)  # of headers that only Python 2 wrote
            yield
    except (HwnasError, MemoryError):
        raise
    except Exception as error:
        raise InvalidData(f"Cannot read {path.name} as an .npz archive: {error}.", fix=_HOWTO) from error


def _read_arrays(archive: zipfile.ZipFile, path: Path, on_progress: Progress | None) -> dict[str, NDArray[Any]]:
    """The arrays of the format, by their names."""
    members = archive.infolist()
    if len(members) > _MAX_MEMBERS:
        raise InvalidData(f"{path.name} has {len(members)} members.", fix=_HOWTO)
    known = {f"{part}_{kind}" for part in PARTS for kind in "xy"} | {"class_names"}
    wanted = {m.filename.removesuffix(".npy"): m for m in members if m.filename.removesuffix(".npy") in known}
    total, packed = (sum(getattr(m, size) for m in wanted.values()) for size in ("file_size", "compress_size"))
    if total > MAX_BYTES or total > max(_FREE_BYTES, _MAX_RATIO * packed):
        raise InvalidData(
            f"{path.name} unpacks from {packed:,} to {total:,} bytes: more than {MAX_BYTES:,}, or than {_MAX_RATIO} times.",
            fix="Give fewer or smaller images; save blank ones with np.savez, uncompressed.",
            facts={"bytes": total, "limit": MAX_BYTES},
        )
    arrays: dict[str, NDArray[Any]] = {}
    for done, (name, member) in enumerate(wanted.items()):
        with _typed(path):
            arrays[name] = _read_array(archive, member, name)
        if on_progress is not None:
            on_progress(done + 1, len(wanted))
    if not wanted:
        found = ", ".join(m.filename for m in members[:20]) or "none"
        raise InvalidData(f"{path.name} has no train_x and train_y (found: {found}).", fix=_HOWTO)
    return arrays


def _read_array(archive: zipfile.ZipFile, member: zipfile.ZipInfo, name: str) -> NDArray[Any]:
    """One array, whose header must agree with the size that the zip directory promises."""
    with cast(zipfile.ZipExtFile, archive.open(member)) as stream:
        version = npy.read_magic(stream)
        read_header = {(1, 0): npy.read_array_header_1_0, (2, 0): npy.read_array_header_2_0}.get(version)
        if read_header is None:
            raise InvalidData(f"Array {name} is of .npy version {version}.", fix=_HOWTO)
        shape, fortran, dtype = read_header(stream, max_header_size=_MAX_HEADER)
        if dtype.hasobject or dtype.kind not in "biufUS":
            raise InvalidData(
                f"Array {name} holds Python objects ({dtype}), which are never read.",
                fix="Save plain numbers, and class names as np.array(names, dtype=str).",
            )
        size = math.prod(shape) * dtype.itemsize
        if min(shape, default=0) < 0 or stream.tell() + size != member.file_size:
            raise InvalidData(
                f"Array {name} does not have the size that its header promises.", fix="Save it once more."
            )
        flat = np.empty(size, np.uint8)
        view, at = flat.data, 0
        while at < size:
            got = stream.readinto(view[at : at + (1 << 24)])
            if not got:
                raise InvalidData(f"Array {name} ends early.", fix="Save the archive once more, or copy it again.")
            at += got
        stream.read(1)  # reaches the end, where the checksum is compared
    array = flat.view(dtype)
    return array.reshape(shape[::-1]).T if fortran else array.reshape(shape)


def _part(arrays: dict[str, NDArray[Any]], name: PartName) -> Part:
    """Images and labels of one part, checked and brought to (N, C, H, W)."""
    if f"{name}_x" not in arrays or f"{name}_y" not in arrays:
        lacking = "x" if f"{name}_x" not in arrays else "y"
        raise InvalidData(f"The archive has no {name}_{lacking}.", fix=f"Give both {name}_x and {name}_y, or neither.")
    images, labels = arrays[f"{name}_x"], arrays[f"{name}_y"]
    if images.dtype != np.uint8:
        hint = " (for values 0-1: (x * 255).round())" if images.dtype.kind == "f" else ""
        raise InvalidData(f"{name}_x is {images.dtype}, not uint8.", fix=f"Give pixels 0-255 as uint8{hint}.")
    if images.ndim == 3:
        images = images[..., None]
    if images.ndim != 4 or images.shape[3] not in (1, 3):
        channels_first = images.ndim == 4 and images.shape[1] in (1, 3)
        fix = "Give (N, H, W, C): x.transpose(0, 2, 3, 1)." if channels_first else "Give (N, H, W) or (N, H, W, 3)."
        raise InvalidData(f"{name}_x is of shape {arrays[f'{name}_x'].shape}.", fix=fix)
    if min(images.shape[1:3]) < 1:
        raise InvalidData(
            f"{name}_x has images without pixels, shape {images.shape}.", fix="Give (N, H, W) or (N, H, W, 3)."
        )
    if labels.dtype.kind not in "iu" or labels.shape != (len(images),):
        raise InvalidData(
            f"{name}_y is {labels.dtype} of shape {labels.shape}, not integers of shape ({len(images)},).",
            fix="Give one class number, from 0, to each image: y.astype(np.int64).reshape(-1).",
        )
    if labels.dtype == np.uint64 and len(labels) and labels.max() > np.iinfo(np.int64).max:
        raise InvalidData(f"{name}_y has labels beyond 2**63.", fix="Number the classes from 0.")
    return Part(np.ascontiguousarray(images.transpose(0, 3, 1, 2)), labels.astype(np.int64))


def _class_names(arrays: dict[str, NDArray[Any]], train: Part) -> tuple[str, ...]:
    """The names given, or `0`, `1`, ... up to the highest training label (within the bound, which is checked later)."""
    names = arrays.get("class_names")
    if names is None:
        highest = int(train.labels.max()) if len(train) else -1
        return tuple(str(i) for i in range(min(highest, MAX_CLASSES) + 1))
    if names.ndim != 1 or names.dtype.kind not in "US" or len(names) > MAX_CLASSES:
        raise InvalidData(
            f"class_names is {names.dtype} of shape {names.shape}, not a row of strings.",
            fix="Save class names as np.array(names, dtype=str).",
        )
    if names.dtype.kind == "S":
        names = np.char.decode(names, "utf-8", "replace")
    texts = tuple(cast(list[str], names.tolist()))
    if len(set(texts)) != len(texts) or not all(text.strip() and len(text) <= _MAX_NAME for text in texts):
        raise InvalidData(
            f"class_names has a name twice, an empty one, or one of more than {_MAX_NAME} characters.",
            fix="Give each class a name of its own.",
        )
    return texts
