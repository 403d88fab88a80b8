"""Reads a folder of class folders of images: finds the files, decides resolution and channels, decodes in threads.

Not here: how one file becomes an array (`images.py`), checks of labels and classes (`parts.py`).
"""

import os
import warnings
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final, TypeVar

import numpy as np
from numpy.typing import NDArray

from nas.data.images import SUFFIXES, Header, UnreadableImage, read_header, read_image
from nas.data.parts import PARTS, Part, PartName, Progress, Raw, check_memory, check_side, default_side, usable_cores
from nas.errors import InvalidData

MAX_SKIPPED_SHARE: Final = 0.01
"""Corrupt files up to this share of all are left out and reported; more are an error."""

_ALIASES: Final[dict[str, PartName]] = {
    "train": "train",
    "val": "val",
    "valid": "val",
    "validation": "val",
    "test": "test",
}
_LAYOUT: Final = "Lay it out as FOLDER/class/image.png, or FOLDER/train/class/image.png with val/ and test/ alike."
_Item = TypeVar("_Item")
_Result = TypeVar("_Result")


@dataclass(frozen=True)
class Listing:
    """The image files of a folder.

    Attributes:
        classes: sorted names of the class folders.
        files: to each part its (path, label) pairs, sorted by class and path.
        warnings: what was left aside.
    """

    classes: tuple[str, ...]
    files: dict[PartName, list[tuple[Path, int]]]
    warnings: tuple[str, ...] = ()


@dataclass
class _Aside:
    """What the walk leaves aside, counted."""

    files: int = 0
    folders: list[str] = field(default_factory=list)


def list_folder(root: Path) -> Listing:
    """Finds the images below a folder, without opening them.

    Hidden files and folders are ignored; other files that are no images by their ending are counted in a warning.

    Raises:
        InvalidData: no class folders, a part whose classes `train` does not have, a class without images, or a
            symbolic link that leads out of the folder.
    """
    aside = _Aside()
    top = {path.name: path for path in _subfolders(root, root)}
    split = {name for name, path in top.items() if name in _ALIASES and _subfolders(path, root)}
    if split and "train" not in split:
        raise InvalidData(f"{root.name}/ has {min(split)}/ but no classes in train/.", fix=_LAYOUT)
    if not set(top) - set(_ALIASES) and not split:
        raise InvalidData(f"{root.name}/ has no class folders.", fix=_LAYOUT)
    parts: dict[PartName, Path] = {} if split else {"train": root}
    for name, path in top.items() if split else ():
        part = _ALIASES.get(name)
        if part is None:
            aside.folders.append(name)
        elif part in parts:
            raise InvalidData(f"{parts[part].name}/ and {name}/ are both the {part} part.", fix="Keep one of them.")
        else:
            parts[part] = path
    return _listing(root, parts, aside)


def _listing(root: Path, parts: dict[PartName, Path], aside: _Aside) -> Listing:
    folders = {part: {path.name: path for path in _subfolders(parts[part], root)} for part in PARTS if part in parts}
    classes = tuple(sorted(folders["train"]))
    try:
        "".join(classes).encode()
    except UnicodeEncodeError as error:
        raise InvalidData("A class folder's name is no valid UTF-8.", fix="Rename it in plain characters.") from error
    label = {name: index for index, name in enumerate(classes)}
    files: dict[PartName, list[tuple[Path, int]]] = {}
    for part, by_class in folders.items():
        unknown = sorted(set(by_class) - set(classes))
        if unknown:
            raise InvalidData(
                f"The {part} part has classes that train does not have: {', '.join(unknown[:5])}.",
                fix="Give all parts folders of the same names.",
                facts={"part": part, "classes": list(unknown[:20])},
            )
        found = [(path, label[name]) for name in sorted(by_class) for path in _images(by_class[name], root, aside)]
        empty = sorted(set(classes) - {classes[index] for _, index in found})
        if part == "train" and empty:
            raise InvalidData(
                f"Class folder{'s' * (len(empty) > 1)} without images: {', '.join(empty[:5])}.",
                fix=f"Add images ({', '.join(sorted(SUFFIXES))}), or remove the folder. {_LAYOUT}",
                facts={"classes": list(empty[:20])},
            )
        files[part] = found
    notes = []
    if aside.folders:
        notes.append(
            f"Beside train/, val/ and test/ these folders are ignored: {', '.join(sorted(aside.folders)[:10])}."
        )
    if aside.files:
        notes.append(f"{aside.files} files are no images by their ending and are ignored.")
    return Listing(classes, files, tuple(notes))


def archives(root: Path) -> list[Path]:
    """The `.npz` files that lie directly in a folder."""
    entries = _entries(root, root)
    return [Path(entry.path) for entry in entries if entry.name.lower().endswith(".npz") and entry.is_file()]


def has_subfolders(root: Path) -> bool:
    """Whether a folder holds folders that are not hidden."""
    return bool(_subfolders(root, root))


def _entries(folder: Path, root: Path) -> list[os.DirEntry[str]]:
    """What lies in a folder, sorted, without what is hidden.

    Raises:
        InvalidData: it cannot be read, or a symbolic link in it leads out of `root` or to a folder.
    """
    try:
        with os.scandir(folder) as listing:
            entries = [e for e in listing if not e.name.startswith(".") and e.name != "__MACOSX"]
        for entry in entries:
            if entry.is_symlink():
                target = Path(entry.path).resolve()
                if entry.is_dir() or not target.is_relative_to(root.resolve()):
                    raise InvalidData(
                        f"{_shown(Path(entry.path), root)} is a symbolic link to a folder or out of {root.name}/.",
                        fix="Copy what it points to into the folder.",
                    )
    except (OSError, RuntimeError) as error:
        raise InvalidData(
            f"Cannot read the folder {folder}: {error}.", fix="Check the path and its permissions."
        ) from error
    return sorted(entries, key=lambda entry: entry.name)


def _subfolders(folder: Path, root: Path) -> list[Path]:
    return [Path(entry.path) for entry in _entries(folder, root) if entry.is_dir(follow_symlinks=False)]


def _images(folder: Path, root: Path, aside: _Aside) -> Iterator[Path]:
    """The image files below a class folder, at any depth, in sorted order."""
    for entry in _entries(folder, root):
        if entry.is_dir(follow_symlinks=False):
            yield from _images(Path(entry.path), root, aside)
        elif entry.is_file() and Path(entry.name).suffix.lower() in SUFFIXES:
            yield Path(entry.path)
        else:
            aside.files += 1


def read_folder(root: Path, *, resolution: int | None = None, on_progress: Progress | None = None) -> Raw:
    """Reads a folder of class folders.

    Channels are 1 when all images are grey, else 3. The resolution is `resolution`, or what `default_side` says.
    Corrupt files are left out and reported.

    Raises:
        InvalidData: as `list_folder`; more than 1 % of the files are corrupt; all pixels together are too many.
    """
    listing = list_folder(root)
    files = [(part, path, label) for part in PARTS for path, label in listing.files.get(part, [])]
    paths = [path for _, path, _ in files]
    skipped: dict[int, str] = {}

    def at_zero(_: int, total: int) -> None:
        if on_progress is not None:
            on_progress(0, total)

    with _quiet_pillow(), ThreadPoolExecutor(usable_cores()) as pool:
        headers = _each(pool, read_header, paths, range(len(paths)), skipped, at_zero)
        _check_skipped(root, paths, skipped)
        channels, side = _shape(list(headers.values()), resolution)
        check_memory(len(headers), channels, side)
        pixels = np.empty((len(files), channels, side, side), np.uint8)

        def decode(index: int) -> None:
            pixels[index] = read_image(paths[index], channels, side)

        _each(pool, decode, range(len(paths)), list(headers), skipped, on_progress)
        _check_skipped(root, paths, skipped)
    return _raw(root, listing, files, pixels, skipped, _notes(list(headers.values()), side))


def _shape(headers: list[Header], resolution: int | None) -> tuple[int, int]:
    """Channels and side of all images."""
    short = np.array([min(header.width, header.height) for header in headers], np.int64)
    sizes = {(header.width, header.height) for header in headers}
    one_square = len(sizes) == 1 and all(width == height for width, height in sizes)
    side = resolution or default_side(short, one_square_size=one_square)
    check_side(side)
    return (1 if all(header.grey for header in headers) else 3), side


def _notes(headers: list[Header], side: int) -> list[str]:
    """What a reader should know about sizes and modes."""
    notes = []
    sizes = {(header.width, header.height) for header in headers}
    if sizes != {(side, side)}:
        many = f"{len(sizes)} sizes" if len(sizes) > 1 else "{} x {} pixels".format(*next(iter(sizes)))
        notes.append(f"Images of {many} are resized to {side} x {side}, aspect not kept.")
    grey = sum(header.grey for header in headers)
    if 0 < grey < len(headers):
        notes.append(f"{grey} of {len(headers)} images are grey and are read as RGB like the others.")
    return notes


def _raw(
    root: Path,
    listing: Listing,
    files: list[tuple[PartName, Path, int]],
    pixels: NDArray[np.uint8],
    skipped: dict[int, str],
    notes: list[str],
) -> Raw:
    """Cuts the pixels into parts, without the files that were skipped."""
    parts: dict[PartName, Part] = {}
    start = 0
    for part in PARTS:
        if part not in listing.files:
            continue
        stop = start + len(listing.files[part])
        kept = np.array([index for index in range(start, stop) if index not in skipped], np.int64)
        labels = np.array([files[index][2] for index in kept], np.int64)
        parts[part] = Part(pixels[start:stop] if len(kept) == stop - start else pixels[kept], labels)
        start = stop
    reasons = tuple(f"{_shown(files[i][1], root)}: {skipped[i]}" for i in sorted(skipped))
    warned = (*listing.warnings, *notes)
    if reasons:
        warned = (*warned, f"{len(reasons)} of {len(files)} images are corrupt and are left out.")
    return Raw(listing.classes, parts, reasons, warned)


def _shown(path: Path, root: Path) -> str:
    """A path below the root as text that can be printed, whatever bytes the file's name has."""
    return path.relative_to(root).as_posix().encode("utf-8", "replace").decode()


def _each(
    pool: ThreadPoolExecutor,
    function: Callable[[_Item], _Result],
    items: Sequence[_Item],
    indices: Sequence[int],
    skipped: dict[int, str],
    on_progress: Progress | None,
) -> dict[int, _Result]:
    """Applies a function to the items at `indices`, in chunks over the threads; unreadable ones go to `skipped`."""

    def work(chunk: Sequence[int]) -> list[tuple[int, _Result | UnreadableImage]]:
        done: list[tuple[int, _Result | UnreadableImage]] = []
        for index in chunk:
            try:
                done.append((index, function(items[index])))
            except UnreadableImage as error:
                done.append((index, error))
        return done

    results: dict[int, _Result] = {}
    futures = [pool.submit(work, indices[start : start + 64]) for start in range(0, len(indices), 64)]
    try:
        for future in futures:
            for index, result in future.result():
                if isinstance(result, UnreadableImage):
                    skipped[index] = str(result)
                else:
                    results[index] = result
            if on_progress is not None:
                on_progress(len(results) + len(skipped), len(indices))
    except BaseException:
        pool.shutdown(wait=False, cancel_futures=True)
        raise
    return results


def _check_skipped(root: Path, paths: list[Path], skipped: dict[int, str]) -> None:
    if len(skipped) <= MAX_SKIPPED_SHARE * len(paths):
        return
    shown = [f"{_shown(paths[index], root)}: {skipped[index]}" for index in sorted(skipped)[:20]]
    raise InvalidData(
        f"{len(skipped)} of {len(paths)} images cannot be read, more than {MAX_SKIPPED_SHARE:.0%}; the first is {shown[0]}.",
        fix="Mend or remove these files.",
        facts={"unreadable": len(skipped), "images": len(paths), "files": list(shown)},
    )


@contextmanager
def _quiet_pillow() -> Iterator[None]:
    """Pillow's warnings about odd metadata say nothing that the result does not."""
    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", module=r"PIL\.")
        yield
