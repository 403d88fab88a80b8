"""Labels and pixels of archives in other forms: read as what they mean, or rejected with a line of Python that works."""

import contextlib
import re
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from nas.data import load
from nas.errors import InvalidData
from tests.nas.data.test_npz import arrays, saved

NUMBERS = np.arange(30) % 3


def labels_of(tmp_path: Path, labels: Any, **others: Any) -> tuple[tuple[str, ...], list[int]]:
    """Classes, and the label of each image in the order of the archive (image i is filled with i)."""
    content = arrays(30) | {"train_y": labels} | others
    data = load(str(saved(tmp_path / "d.npz", content)))
    splits = (data.train, data.val, data.test)
    values = np.concatenate([split.images[:, 0, 0, 0] for split in splits])
    return data.classes, np.concatenate([split.labels for split in splits])[np.argsort(values)].tolist()


@pytest.mark.parametrize(
    "labels",
    [
        NUMBERS.astype(np.uint8),
        NUMBERS[:, None],
        NUMBERS.astype(np.float32),
        NUMBERS[:, None].astype(float),
        np.eye(3, dtype=int)[NUMBERS],
        np.eye(3, dtype=np.float32)[NUMBERS],
        np.eye(3, dtype=bool)[NUMBERS],
    ],
)
def test_numbers_in_every_form(tmp_path: Path, labels: np.ndarray) -> None:
    assert labels_of(tmp_path, labels) == (("0", "1", "2"), NUMBERS.tolist())


def test_truth_values_are_two_classes(tmp_path: Path) -> None:
    assert labels_of(tmp_path, NUMBERS == 0) == (("0", "1"), (NUMBERS == 0).astype(int).tolist())


@pytest.mark.parametrize("form", [str, bytes, "column"])
def test_names_become_classes(tmp_path: Path, form: Any) -> None:
    names = np.array(["dog", "cat", "émeu"])
    stored = np.char.encode(names, "utf-8") if form is bytes else names
    labels = stored[NUMBERS][:, None] if form == "column" else stored[NUMBERS]
    classes, found = labels_of(tmp_path, labels)
    assert classes == ("cat", "dog", "émeu")  # sorted
    assert found == [[1, 0, 2][number] for number in NUMBERS]
    classes, found = labels_of(tmp_path, labels, class_names=np.array(["émeu", "dog", "cat"]))
    assert classes == ("émeu", "dog", "cat")  # as given
    assert found == [[1, 2, 0][number] for number in NUMBERS]


PIXELS = np.random.default_rng(0).integers(0, 256, (30, 8, 8, 4), np.uint8)
FLOATS = (PIXELS[..., 0] / 255).astype(np.float32)


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"train_x": FLOATS}, "float32 of shape .* not uint8"),
        ({"train_x": FLOATS * 2 - 1}, "not uint8"),
        ({"train_x": (FLOATS - 0.5) / 0.25}, "not uint8"),
        ({"train_x": FLOATS * 255}, "not uint8"),
        ({"train_x": FLOATS * 1000}, "not uint8"),
        ({"train_x": PIXELS[..., 0].astype(np.int64)}, "int64"),
        ({"train_x": PIXELS[..., 0].astype(np.uint16) * 16}, "uint16"),
        ({"train_x": PIXELS[..., 0].astype(np.int8)}, "int8"),
        ({"train_x": PIXELS[..., 0] > 90}, "bool"),
        ({"train_x": np.where(PIXELS[..., 0] > 254, np.nan, FLOATS)}, "no numbers"),
        ({"train_x": PIXELS}, "transparency is not supported"),
        ({"train_x": PIXELS[..., :2]}, "transparency is not supported"),
        ({"train_x": PIXELS[..., :3].transpose(0, 3, 1, 2)}, "colours come first"),
        ({"train_x": PIXELS[..., :1].transpose(0, 3, 1, 2)}, "colours come first"),
        ({"train_x": PIXELS.transpose(0, 3, 1, 2)}, "colours and transparency come first"),
        ({"train_x": FLOATS[:, None].repeat(3, 1)}, "colours come first"),
        ({"train_x": PIXELS[..., 0].reshape(30, 64)}, "in one row"),
        ({"train_x": PIXELS[..., 0].astype(object)}, "Python objects"),
        ({"train_y": np.array(["a", "b", "c"], object)[NUMBERS]}, "Python objects"),
        ({"train_y": np.random.default_rng(0).dirichlet([0.1] * 3, 30)}, "not have a single 1"),
        ({"train_y": np.array([[1, 1, 0], [0, 1, 0], [1, 0, 1]])[NUMBERS]}, "not have a single 1"),
        ({"train_y": NUMBERS / 2}, "fractions"),
        ({"train_y": np.where(np.arange(30) == 7, np.nan, NUMBERS)}, "NaN"),
        ({"train_y": np.where(np.arange(30) == 7, np.nan, NUMBERS)[:, None]}, "NaN"),
        ({"train_y": NUMBERS - 1}, "reach from -1 to 1"),
        ({"train_y": NUMBERS * 10**12}, "10,001 classes are more"),
        ({"train_y": NUMBERS.astype(np.uint64) + np.uint64(2**63)}, "beyond"),
        ({"class_names": np.array([7, 8, 9])}, "not a row of strings"),
        ({"class_names": np.array([["a"], ["b"], ["c"]])}, "not a row of strings"),
        ({"class_names": np.array(["a", "b", "c"], object)}, "Python objects"),
    ],
)
@pytest.mark.parametrize("splits", [("train",), ("train", "test")])
def test_the_fix_of_each_message_works(
    tmp_path: Path, change: dict[str, Any], message: str, splits: tuple[str, ...]
) -> None:
    """The line of Python between the back-ticks of each message, run until the archive is read."""
    train = {"train_x": PIXELS[..., 0], "train_y": NUMBERS} | change
    content = {
        f"{split}{key.removeprefix('train')}" if key != "class_names" else key: value
        for key, value in train.items()
        for split in splits
    }
    path = tmp_path / "d.npz"
    with pytest.raises(InvalidData, match=message):
        load(str(saved(path, content)))
    for _ in range(5):
        with contextlib.suppress(InvalidData):
            load(str(saved(path, content)))
            break
        content = fixed(path, content)
    data = load(str(path))
    assert data.channels in (1, 3)
    assert len(data.classes) in (2, 3)
    assert data.train.images.max() > 200


def fixed(path: Path, content: dict[str, Any]) -> dict[str, Any]:
    """The arrays after the one line of Python that the message about them has."""
    with pytest.raises(InvalidData) as caught:
        load(str(path))
    (code,) = re.findall("`(.*?)`", str(caught.value))
    names: dict[str, Any] = dict(content)
    exec(code, {"np": np}, names)
    return {name: names[name] for name in content}


def test_fixes_keep_what_is_seen(tmp_path: Path) -> None:
    """Of numbers that stand for 0 to 255, the fix gives these back."""
    for scaled in (FLOATS, PIXELS[..., 0].astype(np.int32), PIXELS[..., 0].astype(float)):
        content = {"train_x": scaled, "train_y": NUMBERS}
        assert (fixed(saved(tmp_path / "d.npz", content), content)["train_x"] == PIXELS[..., 0]).all()


def test_a_part_alone_is_scaled_by_its_own_range(tmp_path: Path) -> None:
    content = {"train_x": PIXELS[..., 0], "train_y": NUMBERS, "test_x": FLOATS, "test_y": NUMBERS}
    assert (fixed(saved(tmp_path / "d.npz", content), content)["test_x"] == PIXELS[..., 0]).all()


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"test_y": np.array([0, 1])}, "names in train_y and numbers in the other splits"),
        ({"test_y": np.array(["a", "x"])}, "'x' of the test split has no training images"),
        ({"class_names": np.array(["a", "b"])}, "not among class_names: 'c'"),
        ({"train_y": np.array(["a", " "])[NUMBERS % 2]}, "empty name"),
        ({"train_y": np.array(["a", "b"])[NUMBERS % 2][:29]}, r"shape \(29,\), train_x has 30"),
        ({"train_y": np.array([["a", "b"]] * 30)}, r"names in shape \(30, 2\)"),
    ],
)
def test_names_that_do_not_fit(tmp_path: Path, change: dict[str, Any], message: str) -> None:
    content = arrays(30) | {"train_y": np.array(["a", "b", "c"])[NUMBERS]}
    content |= {"test_x": np.zeros((2, 8, 8), np.uint8), "test_y": np.array(["a", "b"])} | change
    with pytest.raises(InvalidData, match=message):
        load(str(saved(tmp_path / "d.npz", content)))
