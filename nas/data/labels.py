"""Brings the labels of an archive to class numbers: integers, whole floats, a column, one-hot rows, or names of classes.

Not here: whether the numbers fit the classes (`checks.py`).
"""

from collections.abc import Iterable, Mapping
from typing import Any, Final, cast

import numpy as np
from numpy.typing import NDArray

from nas.data.splits import MAX_CLASSES, SplitName
from nas.errors import InvalidData

_MAX_NAME: Final = 200

Labels = Mapping[SplitName, NDArray[Any]]


def read_labels(
    labels: Labels, names: NDArray[Any] | None
) -> tuple[dict[SplitName, NDArray[np.int64]], tuple[str, ...]]:
    """Class numbers of each split, (N,), and the names of the classes.

    Args:
        labels: of each split: numbers (N,) or (N, 1), one-hot rows (N, K), or names (N,) or (N, 1).
        names: `class_names` of the archive, where it has them.

    Returns:
        The numbers, and the names given; without any, the sorted names that labels are, or `0`, `1`, ... up to the highest
        training label (within the bound, which is checked later).

    Raises:
        InvalidData: labels or names in another form.
    """
    given = None if names is None else class_names(names)
    texts = {split: array for split, array in labels.items() if array.dtype.kind in "US"}
    if not texts:
        numbers = {split: _numbers(f"{split}_y", array, renumbering(labels)) for split, array in labels.items()}
        return numbers, given or _numbered(numbers["train"])
    if len(texts) < len(labels):
        raise InvalidData(
            f"Labels are names in {', '.join(f'{split}_y' for split in texts)} and numbers in the other splits.",
            fix="Give names in all splits, or numbers in all.",
        )
    rows = {split: _texts(f"{split}_y", array) for split, array in texts.items()}
    known = given or tuple(sorted(set().union(*rows.values())))
    _check_names("labels", known)
    number = {name: index for index, name in enumerate(known)}
    unknown = sorted(set().union(*rows.values()) - set(known))
    if unknown:
        raise InvalidData(
            f"Labels are not among class_names: {', '.join(map(repr, unknown[:5]))}.",
            fix="Name these classes in class_names, too, or leave class_names out.",
        )
    return {split: np.array([number[name] for name in row], np.int64) for split, row in rows.items()}, known


def renumbering(splits: Iterable[SplitName]) -> str:
    """The Python that numbers the classes from 0 without gaps, in all splits."""
    return "; ".join(
        ["known = np.unique(train_y)", *(f"{split}_y = np.searchsorted(known, {split}_y)" for split in splits)]
    )


def class_names(names: NDArray[Any]) -> tuple[str, ...]:
    """`class_names` as text.

    Raises:
        InvalidData: no row of strings, a name twice, an empty one, or a very long one.
    """
    if names.ndim != 1 or names.dtype.kind not in "US" or len(names) > MAX_CLASSES:
        raise InvalidData(
            f"class_names is {names.dtype} of shape {names.shape}, not a row of strings.",
            fix="Save class names as text: `class_names = np.array(class_names, dtype=str).reshape(-1)`.",
        )
    texts = _texts("class_names", names)
    if len(set(texts)) != len(texts):
        raise InvalidData("class_names has a name twice.", fix="Give each class a name of its own.")
    _check_names("class_names", texts)
    return texts


def _check_names(where: str, names: tuple[str, ...]) -> None:
    if not all(name.strip() and len(name) <= _MAX_NAME for name in names):
        raise InvalidData(
            f"A class of the {where} has an empty name, or one of more than {_MAX_NAME} characters.",
            fix="Give each class a name of its own.",
        )


def _texts(name: str, array: NDArray[Any]) -> tuple[str, ...]:
    """A row or column of strings."""
    if array.ndim not in (1, 2) or array.shape[1:] not in ((), (1,)):
        raise InvalidData(f"{name} holds names in shape {array.shape}.", fix="Give one class to each image.")
    flat = array.reshape(-1)
    if flat.dtype.kind == "S":
        flat = np.char.decode(flat, "utf-8", "replace")
    return tuple(cast(list[str], flat.tolist()))


def _numbered(train: NDArray[np.int64]) -> tuple[str, ...]:
    highest = int(train.max()) if len(train) else -1
    return tuple(str(i) for i in range(min(highest, MAX_CLASSES) + 1))


def _numbers(name: str, labels: NDArray[Any], renumber: str) -> NDArray[np.int64]:
    """Class numbers (N,) of numbers in any form."""
    if labels.ndim == 2 and labels.shape[1] != 1:
        if not ((labels == 0) | (labels == 1)).all() or (np.count_nonzero(labels, axis=1) != 1).any():
            raise InvalidData(
                f"{name} is of shape {labels.shape}, and its rows do not have a single 1 each: a class an image is learned, not several.",
                fix=f"Take each row's highest: `{name} = {name}.argmax(1)`.",
            )
        return np.asarray(labels.argmax(1), np.int64)
    if labels.ndim not in (1, 2):
        raise InvalidData(
            f"{name} is {labels.dtype} of shape {labels.shape}.",
            fix="Give one class number, from 0, or name to each image.",
        )
    flat = labels.reshape(-1)
    if flat.dtype.kind == "f":
        if not np.isfinite(flat).all():
            split = name.removesuffix("_y")
            raise InvalidData(
                f"{name} has labels that are no numbers (NaN or infinite).",
                fix=f"Leave these images out: `keep = np.isfinite({name}).reshape(-1); "
                f"{split}_x, {name} = {split}_x[keep], {name}[keep]`.",
            )
        if (flat != np.round(flat)).any():
            raise InvalidData(
                f"{name} is {labels.dtype} with fractions: hwnas learns classes, not quantities.",
                fix=f"Where each value is a class, number them: `{renumber}`.",
            )
    if len(flat) and (flat.max() > np.iinfo(np.int64).max or flat.min() < np.iinfo(np.int64).min):
        raise InvalidData(
            f"{name} has labels beyond 2**63.",
            fix=f"Number the classes from 0: `{renumber}`.",
        )
    return flat.astype(np.int64)
