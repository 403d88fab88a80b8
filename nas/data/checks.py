"""Checks labels against classes, whatever the source: data that cannot be learned from are an error, doubtful data a warning.

Not here: checks of files and layouts (`listing.py`, `npz.py`), how missing splits are split off (`splits.py`).
"""

from typing import Final

import numpy as np
from numpy.typing import NDArray

from nas.data.labels import renumbering
from nas.data.splits import MAX_CLASSES, Raw, Split
from nas.data.splitting import FRACTIONS
from nas.errors import InvalidData

FEW: Final = 10
"""A class with fewer training images gets a warning."""
UNEVEN: Final = 5
"""A class with more than this many times the images of another gets a warning."""


def check_raw(raw: Raw) -> tuple[str, ...]:
    """Checks labels against classes over all splits.

    Returns:
        Warnings for the user: classes without images, and the like.

    Raises:
        InvalidData: no images, fewer than two classes, labels out of range, classes of `val` or `test` that `train` does
            not have, or classes with too few images to give one to each split.
    """
    classes = len(raw.classes)
    if classes > MAX_CLASSES:
        raise InvalidData(
            f"{classes:,} classes are more than {MAX_CLASSES:,}.",
            fix=f"Merge classes; numbers with gaps lose them by `{renumbering(raw.splits)}`.",
        )
    counts = {name: _counts(name, split, raw.classes) for name, split in raw.splits.items()}
    train = counts["train"]
    present = int((train > 0).sum())
    if present < 2:
        raise InvalidData(
            f"The training images are of {present} class{'es' * (present != 1)}; a classifier needs at least two.",
            fix="Give one folder of images (or one label) to each class.",
            facts={"classes": list(raw.classes[:20])},
        )
    _check_enough(raw, train)
    warnings = []
    gaps = [raw.classes[i] for i in np.flatnonzero(train == 0)]
    if gaps:
        warnings.append(
            f"{_listed(gaps)} {'have' if len(gaps) > 1 else 'has'} no training images and will never be predicted."
        )
    for name, count in counts.items():
        unknown = [raw.classes[i] for i in np.flatnonzero((count > 0) & (train == 0))]
        if unknown:
            raise InvalidData(
                f"{_listed(unknown)} of the {name} split {'have' if len(unknown) > 1 else 'has'} no training images.",
                fix="Give training images of the same classes, or take these out.",
                facts={"split": name, "classes": list(unknown[:20])},
            )
        absent = [raw.classes[i] for i in np.flatnonzero((count == 0) & (train > 0))]
        if absent:
            warnings.append(f"{_listed(absent)} {'have' if len(absent) > 1 else 'has'} no images in the {name} split.")
    return (*warnings, *_balance(raw.classes, train))


def _check_enough(raw: Raw, train: NDArray[np.int64]) -> None:
    """Raises `InvalidData` unless each class has an image to learn from and one for each split that is split off."""
    missing = [name for name in FRACTIONS if name not in raw.splits]
    needed = 1 + len(missing)
    few = [raw.classes[i] for i in np.flatnonzero((train > 0) & (train < needed))]
    if few:
        shares = " and ".join(f"{FRACTIONS[name]:.0%} of each class for {name}" for name in missing)
        raise InvalidData(
            f"{_listed(few)} {'have' if len(few) > 1 else 'has'} fewer than {needed} training images: {shares} are split off, "
            "at least one image each, and at least one must be left to learn from.",
            fix=f"Give each class at least {needed} images, or remove the class; or give {' and '.join(missing)} splits of your own: "
            "then one training image is enough.",
            facts={"classes": list(few[:20]), "needed": needed},
        )


def _balance(classes: tuple[str, ...], train: NDArray[np.int64]) -> list[str]:
    """Warnings of classes with few training images, and of classes with far fewer than others."""
    warnings = []
    present = np.flatnonzero(train)
    few = [i for i in present if train[i] < FEW]
    if few:
        low, high = train[few].min(), train[few].max()
        listed = _listed([classes[i] for i in few])
        warnings.append(
            f"{listed} {'have' if len(few) > 1 else 'has'} only {low if low == high else f'{low} to {high}'} training "
            f"image{'s' if high > 1 else ''}: little can be learned of so few, and metrics of the class depend on single images."
        )
    most, least = present[train[present].argmax()], present[train[present].argmin()]
    if train[most] > UNEVEN * train[least]:
        warnings.append(
            f"The classes are uneven: {classes[most]!r} has {train[most]:,} training images, {classes[least]!r} {train[least]:,}. "
            "Plain accuracy hardly counts the rare ones. --metric balanced_accuracy counts all classes equally, and rare ones are then "
            "weighed up in training (class_weights: auto)."
        )
    return warnings


def _counts(name: str, split: Split, classes: tuple[str, ...]) -> NDArray[np.int64]:
    """Images of each class, after checking that there are any and that each label is a class."""
    if not len(split):
        raise InvalidData(
            f"The {name} split has no images.", fix="Add images to it, or remove it to have it split off train."
        )
    low, high = int(split.labels.min()), int(split.labels.max())
    if low < 0 or high >= len(classes):
        raise InvalidData(
            f"Labels of the {name} split reach from {low} to {high}, outside 0 to {len(classes) - 1}.",
            fix=f"Number the classes from 0: `{name}_y = {name}_y + {-low}`, in all splits."
            if low < 0
            else f"Give training images and a name to each class, or leave the {name} images of the others out.",
            facts={"split": name, "lowest": low, "highest": high, "classes": len(classes)},
        )
    return split.counts(len(classes))


def _listed(names: list[str]) -> str:
    listed = ", ".join(repr(name) for name in names[:5])
    more = f" and {len(names) - 5} more" if len(names) > 5 else ""
    return f"Class{'es' * (len(names) > 1)} {listed}{more}"
