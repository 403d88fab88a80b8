"""The report of a data set: its counts by hand, and each fault that a folder of photographs can have."""

import shutil
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from nas.data.contact_sheet import COLUMNS, GAP, TILE, TITLE, contact_sheet
from nas.data.report import DataReport, report
from nas.errors import InvalidData


def folder(root: Path, counts: dict[str, int], *, seed: int = 0) -> Path:
    """Noise in colour, 40 x 30 pixels, in folders such as `train/a`."""
    rng = np.random.default_rng(seed)
    for name, count in counts.items():
        (root / name).mkdir(parents=True)
        for number in range(count):
            coarse = rng.integers(0, 256, (6, 8, 3)).astype(np.uint8)
            Image.fromarray(coarse).resize((40, 30)).save(root / name / f"{number:03d}.png")
    return root


def texts(found: DataReport) -> str:
    return "\n".join(f"{one.severity} {one.what} {one.action}" for one in found.findings)


def test_counts_by_hand(tmp_path: Path) -> None:
    found, _ = report(str(folder(tmp_path / "d", {"a": 20, "b": 40})))
    assert found.usable and found.images == 60 and found.unreadable == 0 and found.grey == 0
    assert found.given_splits == ("train",)
    assert [(c.name, c.train, c.val, c.test) for c in found.classes] == [("a", 13, 3, 4), ("b", 26, 6, 8)]
    assert found.sizes is not None and found.sizes.distinct == 1
    assert found.sizes.width == (40, 40, 40) and found.sizes.height == (30, 30, 30)
    assert found.copies.exact == found.copies.near == 0 and found.copies.groups == ()
    assert "The test set has 12 images: an accuracy of 50 % is known to ±28 points" in texts(
        found
    )  # 1.96 / (2 sqrt(12))
    assert DataReport.model_validate_json(found.model_dump_json()) == found


def test_copies_between_splits_and_of_other_classes(tmp_path: Path) -> None:
    root = folder(tmp_path / "d", {"train/a": 30, "train/b": 30, "test/a": 3, "test/b": 3})
    shutil.copy(root / "train/a/000.png", root / "test/a/copy.png")
    Image.open(root / "train/b/001.png").save(root / "test/b/again.jpg", quality=80)
    shutil.copy(root / "train/a/005.png", root / "train/b/wrong.png")
    found, _ = report(str(root))
    assert found.copies.exact == 2 and found.copies.near == 1
    assert found.copies.across_splits == 2 and found.copies.other_class == 1
    assert set(found.copies.groups) == {
        ("train/a/000.png", "test/a/copy.png"),
        ("train/a/005.png", "train/b/wrong.png"),
        ("train/b/001.png", "test/b/again.jpg"),
    }
    assert "2 images of the validation and test set have a copy" in texts(found)
    assert "1 pair of copies bears different classes, such as train/a/005.png (a) and train/b/wrong.png (b)" in texts(
        found
    )
    assert "1 pairs of images are copies" in texts(found), "val is split off train, and may get one of them"


def test_unreadable_files_are_listed_and_too_many_end_a_search(tmp_path: Path) -> None:
    root = folder(tmp_path / "d", {"a": 20, "b": 20})
    (root / "a" / "000.png").write_bytes(b"no image")
    (root / "b" / "cut.png").write_bytes((root / "b" / "001.png").read_bytes()[:200])
    found, _ = report(str(root))
    assert not found.usable and found.images == 39 and found.unreadable == 2 and found.classes == ()
    assert [name for name, _ in found.unreadable_files] == ["a/000.png", "b/cut.png"]
    assert found.findings[0].severity == "error" and "images cannot be read, more than 1%" in found.findings[0].what
    assert found.findings[0].action


def test_a_class_of_one_image_ends_a_search_with_what_to_do(tmp_path: Path) -> None:
    found, _ = report(str(folder(tmp_path / "d", {"a": 20, "b": 1})))
    assert not found.usable and "'b' has fewer than 3 training images" in found.findings[0].what


def test_what_is_no_data_set_is_an_error(tmp_path: Path) -> None:
    with pytest.raises(InvalidData, match="There is no data set"):
        report(str(tmp_path / "absent"))
    (tmp_path / "empty").mkdir()
    with pytest.raises(InvalidData, match="no class folders"):
        report(str(tmp_path / "empty"))


@pytest.mark.parametrize("source", ["digits", "archive"])
def test_archives_name_images_by_their_place(source: str, tmp_path: Path) -> None:
    if source == "archive":
        images = np.random.default_rng(0).integers(0, 256, (40, 12, 12)).astype(np.uint8)
        images[7] = images[3]
        source = str(tmp_path / "x.npz")
        np.savez(source, train_x=images, train_y=np.arange(40) % 2)
    found, pictures = report(source)
    assert found.usable and len(pictures.images) == found.images == found.grey
    assert found.copies.groups == (() if source == "digits" else (("train[3]", "train[7]"),))


def test_the_contact_sheet_has_a_row_for_each_class_and_each_group(tmp_path: Path) -> None:
    root = folder(tmp_path / "d", {"a": 3, "b": 30})
    shutil.copy(root / "b/000.png", root / "b/zz.png")
    found, pictures = report(str(root))
    (tmp_path / "sheet.png").write_bytes(contact_sheet(str(root), pictures, found.copies.groups))
    with Image.open(tmp_path / "sheet.png") as sheet:
        assert sheet.size == (COLUMNS * (TILE + GAP) + GAP, 3 * (TITLE + TILE + GAP) + GAP)
        pixels = np.asarray(sheet)
    middle = TITLE + GAP + TILE // 2
    shown = [bool((pixels[middle, column * (TILE + GAP) + GAP :][:TILE] != 255).any()) for column in range(COLUMNS)]
    assert shown == [True] * 3 + [False] * 7
