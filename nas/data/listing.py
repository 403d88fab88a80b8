"""Finds the images below a folder of class folders without opening them: its layout, splits and classes, and what is ignored.

Not here: reading of the images (`folders.py`), checks of labels and classes (`checks.py`).
"""

import os
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final, cast
from unicodedata import normalize

from nas.data.images import SUFFIXES
from nas.data.splits import SPLITS, SplitName
from nas.errors import InvalidData

_PART: Final = re.compile(
    r"(?:(?P<train>train(?:ing)?)"
    r"|(?P<val>val(?:id(?:ation)?)?|dev(?:elopment)?)"
    r"|(?P<test>test(?:ing)?|eval(?:uation)?|hold[ _-]?out))"
    r"(?:[ _-]?(?:set|data|images))?",
    re.IGNORECASE,
)
_LAYOUT: Final = (
    "Lay it out as FOLDER/class/image.png, or FOLDER/train/class/image.png with val/ and test/ in the same way."
)
_SHOWN: Final = 5


@dataclass(frozen=True)
class Listing:
    """The image files of a folder.

    Attributes:
        classes: sorted names of the class folders, in Unicode's composed form (NFC).
        files: for each split its (path, label) pairs, sorted by class and path.
        warnings: what was ignored.
    """

    classes: tuple[str, ...]
    files: dict[SplitName, list[tuple[Path, int]]]
    warnings: tuple[str, ...] = ()


@dataclass
class _Aside:
    """What the walk ignores, to be reported."""

    files: int = 0
    loose: int = 0
    folders: list[str] = field(default_factory=list)
    nested: dict[str, None] = field(default_factory=dict)


def split_named(name: str) -> SplitName | None:
    """The split that a folder of this name holds, in any usual spelling and case: Train, validation, test_set; else None."""
    match = _PART.fullmatch(name)
    return cast(SplitName, match.lastgroup) if match else None


def list_folder(root: Path) -> Listing:
    """Finds the images below a folder, without opening them.

    Hidden files and folders are ignored; other files that are no images by their ending are counted in a warning.

    Raises:
        InvalidData: no class folders, a split whose classes `train` does not have, a class without images, two folders for one
            split, splits inside of class folders, a folder that cannot be read, or a symbolic link that leads out of the folder.
    """
    aside = _Aside()
    top = {path.name: path for path in _subfolders(root, root)}
    folders_of_splits = {name for name, path in top.items() if split_named(name) and _subfolders(path, root)}
    if folders_of_splits and "train" not in map(split_named, folders_of_splits):
        raise InvalidData(f"{root.name}/ has {min(folders_of_splits)}/ but no classes in train/.", fix=_LAYOUT)
    if not folders_of_splits and all(map(split_named, top)):
        raise InvalidData(f"{root.name}/ has no class folders.", fix=_LAYOUT)
    if not folders_of_splits:
        _check_depth(root, top)
        aside.loose += _count_images(root, root)
        return _listing(root, {"train": root}, aside)
    splits: dict[SplitName, Path] = {}
    for name, path in top.items():
        split = split_named(name)
        if split is None:
            aside.folders.append(name)
        elif split in splits:
            raise InvalidData(f"{splits[split].name}/ and {name}/ are both the {split} split.", fix="Keep one of them.")
        else:
            splits[split] = path
            aside.loose += _count_images(path, root)
    return _listing(root, splits, aside)


def _check_depth(root: Path, top: Mapping[str, Path]) -> None:
    """Rejects a path one folder too high, and splits inside of the classes."""
    inside = {name: [below.name for below in _subfolders(path, root)] for name, path in top.items()}
    if len(top) == 1 and any(inside.values()):
        name = next(iter(top))
        raise InvalidData(
            f"{root.name}/ has but one folder, {name}/, which holds folders itself.",
            fix=f"Give {root.name}/{name} as the data. {_LAYOUT}",
        )
    if all("train" in map(split_named, names) and all(map(split_named, names)) for names in inside.values()):
        name = next(iter(top))
        raise InvalidData(
            f"The layout seems to be class/split: every class folder holds {', '.join(inside[name])}.",
            fix=f"Turn it round to split/class: move {name}/{inside[name][0]}/ to {inside[name][0]}/{name}/, and the others likewise.",
            facts={"classes": list(inside)[:20], "folders": inside[name]},
        )


def _listing(root: Path, splits: dict[SplitName, Path], aside: _Aside) -> Listing:
    folders = {split: _class_folders(splits[split], root) for split in SPLITS if split in splits}
    classes = tuple(sorted(folders["train"]))
    label = {name: index for index, name in enumerate(classes)}
    files: dict[SplitName, list[tuple[Path, int]]] = {}
    for split, by_class in folders.items():
        _check_classes(split, set(by_class), classes)
        files[split] = [
            (path, label[name])
            for name in sorted(by_class)
            for folder in by_class[name]
            for path in _images(folder, root, aside, folder)
        ]
        if not files[split] and _count_images(splits[split], root):
            raise InvalidData(
                f"The images of {splits[split].name}/ lie in no class folders, so their classes are not known.",
                fix=f"Sort them into {splits[split].name}/class/, or remove {splits[split].name}/. {_LAYOUT}",
            )
        empty = sorted(set(classes) - {classes[index] for _, index in files[split]})
        if split == "train" and empty:
            raise InvalidData(
                f"Class folder{'s' * (len(empty) > 1)} without images: {', '.join(empty[:_SHOWN])}.",
                fix=f"Add images ({', '.join(sorted(SUFFIXES))}), or remove the folder. {_LAYOUT}",
                facts={"classes": list(empty[:20])},
            )
    return Listing(classes, files, (*_twins(classes), *_notes(aside)))


def _class_folders(folder: Path, root: Path) -> dict[str, list[Path]]:
    """The folders of each class: several where file systems wrote one name's accents in two ways."""
    found: dict[str, list[Path]] = {}
    for path in _subfolders(folder, root):
        found.setdefault(normalize("NFC", path.name), []).append(path)
    try:
        "".join(found).encode()
    except UnicodeEncodeError as error:
        raise InvalidData("A class folder's name is no valid UTF-8.", fix="Rename it in plain characters.") from error
    return found


def _check_classes(split: SplitName, found: set[str], classes: tuple[str, ...]) -> None:
    """Raises `InvalidData` for classes that the training set does not have."""
    unknown = sorted(found - set(classes))
    if not unknown:
        return
    folded = {name.casefold(): name for name in classes}
    twins = [f"{name} ({folded[name.casefold()]} in train)" for name in unknown if name.casefold() in folded]
    if twins:
        raise InvalidData(
            f"Classes of the {split} split differ from those of train only in upper and lower case: {', '.join(twins[:_SHOWN])}.",
            fix="Rename these folders so that all splits spell a class the same way.",
            facts={"split": split, "classes": list(unknown[:20])},
        )
    raise InvalidData(
        f"The {split} split has classes that train does not have: {', '.join(unknown[:_SHOWN])}.",
        fix="Give all splits folders of the same names.",
        facts={"split": split, "classes": list(unknown[:20])},
    )


def _twins(classes: tuple[str, ...]) -> tuple[str, ...]:
    """A warning of classes that differ in case only: letters may, but mostly it is a mistake."""
    folded: dict[str, list[str]] = {}
    for name in classes:
        folded.setdefault(name.casefold(), []).append(name)
    pairs = [" and ".join(names) for names in folded.values() if len(names) > 1]
    if not pairs:
        return ()
    return (f"Classes that differ only in upper and lower case are kept apart: {', '.join(pairs[:_SHOWN])}.",)


def _notes(aside: _Aside) -> list[str]:
    notes = []
    if aside.folders:
        listed = ", ".join(sorted(aside.folders)[:10])
        notes.append(f"Beside train/, val/ and test/ these folders are ignored: {listed}.")
    if aside.nested:
        names = list(aside.nested)
        more = f" and {len(names) - _SHOWN} more" if len(names) > _SHOWN else ""
        notes.append(
            f"Folders inside class folders are no classes of their own; their images belong to the class: "
            f"{', '.join(names[:_SHOWN])}{more}."
        )
    if aside.loose:
        notes.append(f"{aside.loose} images lie in no class folder and are ignored.")
    if aside.files:
        notes.append(f"{aside.files} files are no images by their ending and are ignored.")
    return notes


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
                        f"{shown_path(Path(entry.path), root)} is a symbolic link to a folder or out of {root.name}/.",
                        fix="Copy what it points to into the folder.",
                    )
    except (OSError, RuntimeError) as error:
        raise InvalidData(
            f"Cannot read the folder {folder}: {error}.", fix="Check the path and its permissions."
        ) from error
    return sorted(entries, key=lambda entry: entry.name)


def _subfolders(folder: Path, root: Path) -> list[Path]:
    return [Path(entry.path) for entry in _entries(folder, root) if entry.is_dir(follow_symlinks=False)]


def _count_images(folder: Path, root: Path) -> int:
    """Images that lie directly in a folder."""
    return sum(_is_image(entry) for entry in _entries(folder, root))


def _is_image(entry: os.DirEntry[str]) -> bool:
    return entry.is_file() and entry.name.lower().endswith(tuple(SUFFIXES))


def _images(folder: Path, root: Path, aside: _Aside, of_class: Path) -> Iterator[Path]:
    """The image files below a class folder, at any depth, in sorted order."""
    for entry in _entries(folder, root):
        if entry.is_dir(follow_symlinks=False):
            yield from _images(Path(entry.path), root, aside, of_class)
        elif _is_image(entry):
            if folder != of_class:
                aside.nested[shown_path(folder, root)] = None
            yield Path(entry.path)
        else:
            aside.files += 1


def shown_path(path: Path, root: Path) -> str:
    """A path below the root as text that can be printed, whatever bytes the file's name has."""
    return path.relative_to(root).as_posix().encode("utf-8", "replace").decode()
