"""Layouts of folders: names of splits in any spelling, classes in any Unicode, folders inside of classes, and what is rejected."""

import os
from pathlib import Path
from typing import Any
from unicodedata import normalize

import pytest

from nas.data import load, source_fingerprint
from nas.data.listing import list_folder, split_named
from nas.errors import InvalidData
from tests.nas.data.test_folders import fill

SPELLINGS = {
    "train": ["train", "Train", "TRAIN", "training", "Training", "train_set", "trainset"],
    "val": ["val", "valid", "validation", "Validation", "VAL", "dev", "val-set"],
    "test": ["test", "Test", "TESTING", "testing", "eval", "evaluation", "holdout", "hold-out", "test_set"],
}


@pytest.mark.parametrize(("split", "name"), [(split, name) for split, names in SPELLINGS.items() for name in names])
def test_parts_in_any_usual_spelling(split: str, name: str) -> None:
    assert split_named(name) == split


@pytest.mark.parametrize("name", ["trains", "latest", "device", "tested", "contest", "devil", "evaluate", "a", ""])
def test_other_names_are_classes(name: str) -> None:
    assert split_named(name) is None


@pytest.mark.parametrize(
    "names", [("Train", "Test"), ("training", "testing"), ("TRAIN", "HOLDOUT"), ("training_set", "test_set")]
)
def test_a_lone_test_part_beside_train(tmp_path: Path, names: tuple[str, str]) -> None:
    fill(tmp_path / names[0], {"a": 20, "b": 20})
    fill(tmp_path / names[1], {"a": 3, "b": 4}, start=100)
    data = load(str(tmp_path))
    assert data.classes == ("a", "b")
    assert (len(data.train), len(data.val), len(data.test)) == (34, 6, 7)
    assert (data.test.images[:, 0, 0, 0] >= 100).all()


@pytest.mark.parametrize(("one", "other"), [("Test", "test"), ("eval", "testing"), ("Val", "dev"), ("Train", "train")])
def test_two_folders_of_one_part_are_rejected(tmp_path: Path, one: str, other: str) -> None:
    fill(tmp_path, {f"{name}/{label}": 10 for name in ("train", one, other) for label in "ab"})
    with pytest.raises(
        InvalidData, match=rf"({one}/ and {other}/|{other}/ and {one}/) are both the (test|val|train) split"
    ):
        load(str(tmp_path))


def test_a_part_without_classes_is_rejected(tmp_path: Path) -> None:
    fill(tmp_path, {"Train/a": 10, "Train/b": 10, "Test": 3})
    with pytest.raises(InvalidData, match=r"images of Test/ lie in no class folders.*remove Test/"):
        load(str(tmp_path))


def test_folders_inside_classes_are_named(tmp_path: Path) -> None:
    fill(tmp_path, {"a": 2, "a/monday": 10, "a/tuesday/early": 10, "b": 20})
    data = load(str(tmp_path))
    assert data.classes == ("a", "b")
    assert sum(map(len, (data.train, data.val, data.test))) == 42
    assert "images belong to the class: a/monday, a/tuesday/early." in data.warnings[0]


@pytest.mark.parametrize("splits", [("train", "test"), ("Training", "validation", "Test")])
def test_classes_that_hold_the_parts_are_rejected(tmp_path: Path, splits: tuple[str, ...]) -> None:
    fill(tmp_path, {f"{label}/{split}": 10 for label in ("cat", "dog") for split in splits})
    with pytest.raises(InvalidData, match=r"seems to be class/split.*Turn it round.*move cat/") as caught:
        load(str(tmp_path))
    for label in ("cat", "dog"):  # what the fix says
        for split in splits:
            (tmp_path / split).mkdir(exist_ok=True)
            (tmp_path / label / split).rename(tmp_path / split / label)
        (tmp_path / label).rmdir()
    assert load(str(tmp_path)).classes == ("cat", "dog")
    assert caught.value.facts["classes"] == ["cat", "dog"]


def test_a_folder_too_high(tmp_path: Path) -> None:
    fill(tmp_path / "photos" / "version-2", {"train/a": 10, "train/b": 10, "test/a": 2, "test/b": 2})
    with pytest.raises(InvalidData, match=r"but one folder, version-2/.*Give photos/version-2 as the data"):
        load(str(tmp_path / "photos"))
    assert load(str(tmp_path / "photos" / "version-2")).classes == ("a", "b")


def test_images_beside_class_folders_are_counted(tmp_path: Path) -> None:
    fill(tmp_path, {".": 3, "a": 10, "b": 10})
    assert "3 images lie in no class folder and are ignored." in load(str(tmp_path)).warnings


@pytest.mark.parametrize("splits", ["val", "test"])
def test_classes_that_differ_in_case_only(tmp_path: Path, splits: str) -> None:
    fill(tmp_path, {"train/Cat": 10, "train/dog": 10, f"{splits}/cat": 2, f"{splits}/dog": 2})
    with pytest.raises(
        InvalidData, match=rf"{splits} split differ.* only in upper and lower case: cat \(Cat in train\)"
    ):
        load(str(tmp_path))


def test_letters_in_both_cases_are_two_classes(tmp_path: Path) -> None:
    data = load(str(fill(tmp_path, {"A": 10, "a": 10, "b": 10})))
    assert data.classes == ("A", "a", "b")
    assert "Classes that differ only in upper and lower case are kept apart: A and a." in data.warnings


def test_accents_written_in_two_ways_are_one_class(tmp_path: Path) -> None:
    composed, decomposed = normalize("NFC", "café"), normalize("NFD", "café")
    fill(tmp_path / "train", {decomposed: 10, "tea": 10})
    fill(tmp_path / "val", {composed: 2, "tea": 2}, start=50)
    fill(tmp_path / "test", {composed: 2, decomposed: 3, "tea": 2}, start=90)
    data = load(str(tmp_path))
    assert data.classes == (composed, "tea")
    assert [int(split.counts(2)[0]) for split in (data.train, data.val, data.test)] == [10, 2, 5]


def test_a_thousand_classes(tmp_path: Path) -> None:
    image = (fill(tmp_path / "one", {"a": 1}) / "a" / "0000.png").read_bytes()
    for split, count in (("train", 3), ("val", 1)):
        for index in range(1000):
            folder = tmp_path / split / f"class-{index:04d}"
            folder.mkdir(parents=True)
            for number in range(count):
                (folder / f"{number}.png").write_bytes(image)
    listing = list_folder(tmp_path)
    assert len(listing.classes) == 1000
    assert [label for _, label in listing.files["train"]] == [index // 3 for index in range(3000)]
    data = load(str(tmp_path / "train"))
    assert (len(data.train), len(data.val), len(data.test)) == (1000, 1000, 1000)
    assert all(len(warning) < 400 for warning in data.warnings)


@pytest.mark.parametrize("refused", ["data", "train", "a"])
def test_folders_that_may_not_be_opened(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, refused: str) -> None:
    root = fill(tmp_path / "data", {"train/a": 6, "train/b": 6})
    scandir = os.scandir

    def deny(path: Any) -> Any:  # permissions alone would not stop root
        if Path(path).name == refused:
            raise PermissionError(13, "Permission denied", str(path))
        return scandir(path)

    monkeypatch.setattr(os, "scandir", deny)
    for read in (
        lambda: load(str(root)),
        lambda: source_fingerprint(str(root), resolution=None, seed=0),
    ):
        with pytest.raises(InvalidData, match=r"(?i)cannot .*read.*Permission denied.*permission|chmod"):
            read()


def test_files_that_may_not_be_read(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    fill(tmp_path / "images", {"a": 10, "b": 10})
    (tmp_path / "d.npz").write_bytes(b"?")

    def deny(path: Any, *args: object, **kwargs: object) -> Any:
        raise PermissionError(13, "Permission denied", str(path))

    monkeypatch.setattr("PIL.Image.open", deny)
    with pytest.raises(InvalidData, match=r"20 of 20 images cannot be read.*Permission denied.*let hwnas read them"):
        load(str(tmp_path / "images"))
    monkeypatch.setattr("zipfile.ZipFile", deny)
    with pytest.raises(
        InvalidData, match=r"Cannot read d\.npz: .*Permission denied.*Check the file and its permissions"
    ):
        load(str(tmp_path / "d.npz"))
