"""Reads a data set from an `.npz` archive: plain arrays only, everything bounded before it is unpacked.

Format: `train_x` uint8 (N, H, W) or (N, H, W, 1 or 3), `train_y` class numbers or names (N,); `val_x`, `val_y`, `test_x`,
`test_y` likewise where present; `class_names` strings (K,) where present. Other arrays are ignored. Nothing is ever unpickled.
Other labels see `labels.py`; other pixels are rejected with the line of Python that fixes them.
Sizes are taken from the zip directory and from the array's own header, and must agree, before memory is allocated.
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

from nas.data.labels import read_labels
from nas.data.resize import squared
from nas.data.splits import MAX_BYTES, SPLITS, Progress, Raw, Split, SplitName
from nas.errors import InvalidData
from nas.spec import Fit
from search_spaces.errors import HwnasError

_MAX_MEMBERS: Final = 1024
_MAX_HEADER: Final = 16_384
_FREE_BYTES: Final = 256 << 20
_MAX_RATIO: Final = 200
"""Archives that unpack to more than this many times their size are rejected, where that is beyond `_FREE_BYTES`."""
_HOWTO: Final = "Save it with np.savez(path, train_x=images, train_y=labels): uint8 (N, H, W[, C]) and integers (N,)."


def read_npz(
    path: Path, *, resolution: int | None = None, fit: Fit = "stretch", on_progress: Progress | None = None
) -> Raw:
    """Reads an archive at its own resolution (large and non-square images: see `default_image_size`), or at `resolution`.

    Raises:
        InvalidData: no readable archive, arrays missing, of wrong type or shape, or larger than the bounds.
    """
    with _typed(path):
        archive = zipfile.ZipFile(path)
    with archive:
        arrays = _read_arrays(archive, path, on_progress)
    splits = [split for split in SPLITS if f"{split}_x" in arrays or f"{split}_y" in arrays]
    if "train" not in splits:
        found = ", ".join(sorted(arrays)) or "none"
        raise InvalidData(f"{path.name} has no train_x and train_y (arrays found: {found}).", fix=_HOWTO)
    for split in splits:
        if lacking := [kind for kind in "xy" if f"{split}_{kind}" not in arrays]:
            raise InvalidData(
                f"The archive has no {split}_{lacking[0]}.", fix=f"Give both {split}_x and {split}_y, or neither."
            )
    images = _images({split: arrays[f"{split}_x"] for split in splits})
    labels, classes = read_labels({split: arrays[f"{split}_y"] for split in splits}, arrays.get("class_names"))
    for split in splits:
        if len(labels[split]) != len(images[split]):
            raise InvalidData(
                f"{split}_y is of shape {arrays[f'{split}_y'].shape}, {split}_x has {len(images[split])} images.",
                fix="Give one class to each image.",
            )
    return squared(Raw(classes, {split: Split(images[split], labels[split]) for split in splits}), resolution, fit)


@contextmanager
def _typed(path: Path) -> Iterator[None]:
    """Turns whatever zip, inflate or header parsing raise on broken bytes into `InvalidData`."""
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", UserWarning)  # of headers that only Python 2 wrote
            yield
    except (HwnasError, MemoryError):
        raise
    except OSError as error:
        raise InvalidData(f"Cannot read {path.name}: {error}.", fix="Check the file and its permissions.") from error
    except Exception as error:
        raise InvalidData(f"Cannot read {path.name} as an .npz archive: {error}.", fix=_HOWTO) from error


def _read_arrays(archive: zipfile.ZipFile, path: Path, on_progress: Progress | None) -> dict[str, NDArray[Any]]:
    """The arrays of the format, by their names."""
    members = archive.infolist()
    if len(members) > _MAX_MEMBERS:
        raise InvalidData(f"{path.name} has {len(members)} members.", fix=_HOWTO)
    known = {f"{split}_{kind}" for split in SPLITS for kind in "xy"} | {"class_names"}
    used = {m.filename.removesuffix(".npy"): m for m in members if m.filename.removesuffix(".npy") in known}
    total, packed = (sum(getattr(m, size) for m in used.values()) for size in ("file_size", "compress_size"))
    if total > MAX_BYTES or total > max(_FREE_BYTES, _MAX_RATIO * packed):
        raise InvalidData(
            f"{path.name} unpacks from {packed:,} to {total:,} bytes: more than {MAX_BYTES:,}, or than {_MAX_RATIO} times.",
            fix="Give fewer or smaller images; save blank ones with np.savez, uncompressed.",
            facts={"bytes": total, "limit": MAX_BYTES},
        )
    arrays: dict[str, NDArray[Any]] = {}
    for done, (name, member) in enumerate(used.items()):
        with _typed(path):
            arrays[name] = _read_array(archive, member, name)
        if on_progress is not None:
            on_progress(done + 1, len(used))
    if not used:
        found = ", ".join(m.filename for m in members[:20]) or "none"
        raise InvalidData(f"{path.name} has no train_x and train_y (found: {found}).", fix=_HOWTO)
    return arrays


def _read_array(archive: zipfile.ZipFile, member: zipfile.ZipInfo, name: str) -> NDArray[Any]:
    """One array, whose header must agree with the size in the zip directory."""
    with cast(zipfile.ZipExtFile, archive.open(member)) as stream:
        version = npy.read_magic(stream)
        read_header = {(1, 0): npy.read_array_header_1_0, (2, 0): npy.read_array_header_2_0}.get(version)
        if read_header is None:
            raise InvalidData(f"Array {name} is of .npy version {version}.", fix=_HOWTO)
        shape, fortran, dtype = read_header(stream, max_header_size=_MAX_HEADER)
        if dtype.hasobject or dtype.kind not in "biufUS":
            raise InvalidData(
                f"Array {name} holds Python objects ({dtype}), which are never read.",
                fix=f"Save plain numbers or text: `{name} = np.array({name}.tolist())`.",
            )
        size = math.prod(shape) * dtype.itemsize
        if min(shape, default=0) < 0 or stream.tell() + size != member.file_size:
            raise InvalidData(f"Array {name} does not have the size that its header gives.", fix="Save it again.")
        flat = np.empty(size, np.uint8)
        view, at = flat.data, 0
        while at < size:
            got = stream.readinto(view[at : at + (1 << 24)])
            if not got:
                raise InvalidData(f"Array {name} ends early.", fix="Save the archive again, or copy it again.")
            at += got
        stream.read(1)  # reaches the end, where the checksum is compared
    array = flat.view(dtype)
    return array.reshape(shape[::-1]).T if fortran else array.reshape(shape)


def _images(arrays: dict[SplitName, NDArray[Any]]) -> dict[SplitName, NDArray[np.uint8]]:
    """Images of all splits as (N, C, H, W).

    Raises:
        InvalidData: other than uint8 pixels in (N, H, W) or (N, H, W, 1 or 3); the fix covers all splits with the fault.
    """
    for check in (_shape_fault, _pixel_fault):
        faults = {split: fault for split, array in arrays.items() if (fault := check(array, arrays)) is not None}
        if faults:
            split, (what, _) = next(iter(faults.items()))
            lines = "; ".join(code.format(x=f"{name}_x", y=f"{name}_y") for name, (_, code) in faults.items() if code)
            fix = f"Make them so: `{lines}`." if lines else "Give (N, H, W) or (N, H, W, 3)."
            raise InvalidData(f"{split}_x is {arrays[split].dtype} of shape {arrays[split].shape}: {what}.", fix=fix)
    whole = {split: array[..., None] if array.ndim == 3 else array for split, array in arrays.items()}
    grey = [split for split, array in whole.items() if array.shape[3] == 1]
    if 0 < len(grey) < len(whole):
        lines = "; ".join(f"{x} = np.repeat({x}.reshape(*{x}.shape[:3], 1), 3, 3)" for x in (f"{p}_x" for p in grey))
        raise InvalidData("The splits differ in their number of channels.", fix=f"Give all as RGB: `{lines}`.")
    return {split: np.ascontiguousarray(array.transpose(0, 3, 1, 2)) for split, array in whole.items()}


_Fault = tuple[str, str] | None
"""What is wrong, and the Python that fixes it for arrays `{x}` and `{y}` (empty where none does)."""


def _shape_fault(array: NDArray[Any], _: object) -> _Fault:
    """What is wrong with the shape of images."""
    shape = array.shape
    if array.dtype.kind not in "biuf":
        return "pixels are text", ""
    if array.ndim == 2 and (image_size := math.isqrt(shape[1])) ** 2 == shape[1] > 1:
        return "pixels lie in one row", f"{{x}} = {{x}}.reshape(-1, {image_size}, {image_size})"
    if array.ndim not in (3, 4):
        return "images have height and width, and colours last", ""
    if min(shape[1:]) < 1:
        return "images without pixels", ""
    return None if array.ndim == 3 or shape[3] in (1, 3) else _colour_fault(shape)


def _colour_fault(shape: tuple[int, ...]) -> _Fault:
    """What is wrong with four dimensions that do not end in 1 or 3."""
    if shape[1] in (1, 3):
        return "colours come first", "{x} = {x}.transpose(0, 2, 3, 1)"
    if shape[3] in (2, 4):
        return "transparency is not supported", f"{{x}} = {{x}}[..., :{shape[3] - 1}]"
    if shape[1] in (2, 4):
        return "colours and transparency come first", f"{{x}} = {{x}}[:, :{shape[1] - 1}].transpose(0, 2, 3, 1)"
    return "images have 1 or 3 colours", ""


def _pixel_fault(array: NDArray[Any], arrays: dict[SplitName, NDArray[Any]]) -> _Fault:
    """What is wrong with the type of pixels; all splits are scaled by the same range, that of the training set where it has the fault."""
    if array.dtype == np.uint8:
        return None
    if array.dtype.kind == "b":
        return "not uint8", "{x} = {x}.astype(np.uint8) * 255"
    if array.dtype.kind == "f" and not np.isfinite(array).all():
        keep = "keep = np.isfinite({x}).reshape(len({x}), -1).all(1); {x}, {y} = {x}[keep], {y}[keep]"
        return "pixels that are no numbers (NaN or infinite)", keep
    scale = array if arrays["train"].dtype == np.uint8 else arrays["train"]
    if not scale.size or not np.isfinite(scale).all():
        return "not uint8", ""
    low, high = float(scale.min()), float(scale.max())
    if low >= 0 and high <= 1 and array.dtype.kind == "f":
        return "not uint8", "{x} = ({x} * 255).round().clip(0, 255).astype(np.uint8)"
    if low >= 0 and high <= 255:
        return "not uint8", "{x} = {x}.round().clip(0, 255).astype(np.uint8)"
    if low >= 0:
        low, high = 0, 2 ** math.ceil(high).bit_length() - 1
    scaled = f"({{x}}.astype(float) - {low:.9g}) * {255 / max(high - low, 1e-9):.9g}"
    return "not uint8", f"{{x}} = ({scaled}).round().clip(0, 255).astype(np.uint8)"
