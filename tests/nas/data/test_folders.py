"""Folders of class folders: layouts, sizes and modes, corrupt files, links, and the real data where present."""

import os
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

from nas.data import DataSet, load
from nas.data.listing import list_folder
from nas.errors import InvalidData


def write(path: Path, value: int, size: tuple[int, int] = (8, 8), mode: str = "L") -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    Image.new(mode, size, value if mode == "L" else (value, value, 0)).save(path)


def fill(folder: Path, counts: dict[str, int], start: int = 0) -> Path:
    """`counts[c]` grey 8 x 8 images in each class folder; image i of a class has the value start + i, but for the last
    pixel, which distinguishes the classes."""
    for number, (name, count) in enumerate(counts.items()):
        (folder / name).mkdir(parents=True, exist_ok=True)
        for index in range(count):
            image = Image.new("L", (8, 8), start + index)
            image.putpixel((7, 7), number)
            image.save(folder / name / f"{index:04d}.png")
    return folder


def sizes(data: DataSet) -> tuple[int, int, int]:
    return len(data.train), len(data.val), len(data.test)


def test_class_folders_alone_are_all_training(tmp_path: Path) -> None:
    data = load(str(fill(tmp_path / "splits", {"ok": 20, "bad": 10})))
    assert (data.name, data.classes, data.resolution, data.channels) == ("splits", ("bad", "ok"), 8, 1)
    assert sizes(data) == (30 - 6 - 5, 5, 6)  # of 10 and 20: 2 and 4 for test, 2 and 3 for val
    assert (data.skipped, data.warnings) == ((), ())
    values = np.concatenate([split.images[:, 0, 0, 0] for split in (data.train, data.val, data.test)])
    labels = np.concatenate([split.labels for split in (data.train, data.val, data.test)])
    assert sorted(values[labels == 0]) == list(range(10))
    assert sorted(values[labels == 1]) == list(range(20))


@pytest.mark.parametrize("names", [(), ("val",), ("validation",), ("test",), ("val", "test")])
def test_missing_parts_are_split_off_train(tmp_path: Path, names: tuple[str, ...]) -> None:
    fill(tmp_path / "train", {"a": 10, "b": 10})
    for name in names:
        fill(tmp_path / name, {"a": 2, "b": 2}, start=100)
    data = load(str(tmp_path))
    # Of each class of 10, two go to a missing test set and two (1.5, rounded to even) to a missing val split.
    assert sizes(data) == (20 - 4 * (2 - len(names)), 4, 4)
    assert (data.val.images[:, 0, 0, 0] >= 100).all() == bool({"val", "validation"} & set(names))
    assert (data.test.images[:, 0, 0, 0] >= 100).all() == ("test" in names)
    assert (data.train.images[:, 0, 0, 0] < 100).all()


def test_a_class_may_be_called_train(tmp_path: Path) -> None:
    assert load(str(fill(tmp_path, {"train": 6, "plane": 6}))).classes == ("plane", "train")


def test_mixed_sizes_take_the_median_short_side(tmp_path: Path) -> None:
    fill(tmp_path, {"a": 5, "b": 5})
    for index, short in enumerate((30, 31, 45, 90, 100)):
        write(tmp_path / "a" / f"{index:04d}.png", 9, (short, 120))
        write(tmp_path / "b" / f"{index:04d}.png", 9, (120, short))
    data = load(str(tmp_path))
    assert data.resolution == 40  # the median, 45, rounded down to a multiple of 8
    assert data.warnings[0] == "Images of 10 sizes are resized to 40 x 40, aspect not kept."
    assert "2 of 2 images of the val split are exact copies" in data.warnings[2]
    assert (data.train.images == 9).all()
    assert load(str(tmp_path), resolution=12).resolution == 12


def test_one_colour_image_makes_all_rgb(tmp_path: Path) -> None:
    fill(tmp_path, {"a": 5, "b": 5})
    write(tmp_path / "b" / "colour.png", 50, mode="RGB")
    data = load(str(tmp_path))
    assert data.channels == 3
    assert "10 of 11 images are grey" in data.warnings[0]
    everything = np.concatenate([data.train.images, data.val.images, data.test.images])[:, :, 0, 0].tolist()
    assert [50, 50, 0] in everything
    assert [4, 4, 4] in everything


def test_hidden_and_other_files_are_ignored(tmp_path: Path) -> None:
    fill(tmp_path / "train", {"a": 10, "b": 10, ".git": 3, "__MACOSX": 3})
    fill(tmp_path / "extra", {"c": 2})
    (tmp_path / "README.md").write_text("about")
    (tmp_path / "train" / "a" / "Thumbs.db").write_bytes(b"?")
    (tmp_path / "train" / "a" / ".0.png").write_bytes(b"?")
    data = load(str(tmp_path))
    assert data.classes == ("a", "b")
    assert sum(sizes(data)) == 20
    assert data.warnings == (
        "Beside train/, val/ and test/ these folders are ignored: extra.",
        "1 files are no images by their ending and are ignored.",
    )


def test_images_may_lie_deeper(tmp_path: Path) -> None:
    fill(tmp_path, {"a/monday": 3, "a/tuesday": 4, "b": 5})
    data = load(str(tmp_path))
    assert data.classes == ("a", "b")
    assert sum(sizes(data)) == 12


def test_a_corrupt_image_is_skipped_and_reported(tmp_path: Path) -> None:
    fill(tmp_path, {"a": 100, "b": 100})
    (tmp_path / "a" / "0007.png").write_bytes(b"broken")
    whole = (tmp_path / "b" / "0100.png", tmp_path / "b" / "0099.png")
    Image.effect_noise((8, 8), 90).save(whole[0])
    whole[0].write_bytes(whole[0].read_bytes()[:90])  # its head is whole, its pixels are not
    data = load(str(tmp_path))
    assert sum(sizes(data)) == 199
    assert [line.split(":")[0] for line in data.skipped] == ["a/0007.png", "b/0100.png"]
    assert data.warnings == ("2 of 201 images cannot be read and are left out.",)
    values = np.concatenate([p.images[p.labels == 0, 0, 0, 0] for p in (data.train, data.val, data.test)])
    assert sorted(values) == [value for value in range(100) if value != 7]


def test_too_many_corrupt_images_are_an_error(tmp_path: Path) -> None:
    fill(tmp_path, {"a": 20, "b": 20})
    (tmp_path / "a" / "0007.png").write_bytes(b"broken")
    with pytest.raises(InvalidData, match=r"1 of 40 images cannot be read, more than 1%.*a/0007\.png") as caught:
        load(str(tmp_path))
    assert caught.value.facts["unreadable"] == 1


@pytest.mark.parametrize(
    "counts,message",
    [
        ({}, "has no class folders"),
        ({"a": 10}, "of 1 class;"),
        ({"a": 10, "b": 0}, "without images: b"),
        ({"a": 10, "b": 2}, "'b' has fewer than 3 training images"),
        ({"train/a": 10, "train/b": 10, "val/c": 1}, "val split has classes that train does not have: c"),
        ({"val/a": 10, "val/b": 10}, "has val/ but no classes in train/"),
        ({"train": 10, "val": 10}, "has no class folders"),
        ({"train/a": 10, "train/b": 10, "val/a": 1, "valid/a": 1}, "are both the val split"),
        ({"train/a": 10, "train/b": 10, "test/a": 0}, "test split has no images"),
    ],
)
def test_bad_layouts_are_named_with_their_fix(tmp_path: Path, counts: dict[str, int], message: str) -> None:
    with pytest.raises(InvalidData, match=message):
        load(str(fill(tmp_path, counts)))


def test_a_class_absent_from_val_is_a_warning(tmp_path: Path) -> None:
    fill(tmp_path, {"train/a": 10, "train/b": 10})
    fill(tmp_path, {"val/a": 2}, start=100)
    assert load(str(tmp_path)).warnings == ("Class 'b' has no images in the val split.",)


def test_links_out_of_the_folder_are_rejected(tmp_path: Path) -> None:
    data = fill(tmp_path / "data", {"a": 6, "b": 6})
    write(tmp_path / "secret.png", 1)
    (data / "a" / "inside.png").symlink_to(data / "a" / "0000.png")
    assert len(list_folder(data).files["train"]) == 13
    (data / "a" / "link.png").symlink_to(tmp_path / "secret.png")
    with pytest.raises(InvalidData, match=r"a/link\.png is a symbolic link"):
        load(str(data))
    (data / "a" / "link.png").unlink()
    (data / "c").symlink_to(data / "a")
    with pytest.raises(InvalidData, match="c is a symbolic link to a folder"):
        load(str(data))
    (data / "c").unlink()
    (data / "c").symlink_to("c")
    with pytest.raises(InvalidData, match="c"):
        load(str(data))


def test_names_that_are_no_text(tmp_path: Path) -> None:
    fill(tmp_path, {"a": 100, "b": 100})
    broken = os.fsdecode(os.fsencode(tmp_path) + b"/a/\xff.png")
    Path(broken).write_bytes(b"?")
    assert load(str(tmp_path)).skipped[0].startswith("a/?.png: no image")
    (tmp_path / "a").rename(os.fsdecode(os.fsencode(tmp_path) + b"/\xff"))
    with pytest.raises(InvalidData, match="no valid UTF-8"):
        load(str(tmp_path))


def test_a_folder_of_one_archive_counts_as_it(tmp_path: Path) -> None:
    folder = tmp_path / "set"
    folder.mkdir()
    (folder / "README.md").write_text("about")
    images, labels = np.zeros((10, 8, 8), np.uint8), np.arange(10) % 2
    np.savez(folder / "one.npz", train_x=images, train_y=labels)
    assert load(str(folder)).name == "set"
    np.savez(folder / "two.npz", train_x=images, train_y=labels)
    with pytest.raises(InvalidData, match=r"several archives: one\.npz, two\.npz"):
        load(str(folder))


def test_an_unreadable_folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    fill(tmp_path, {"a": 6, "b": 6})
    scandir = os.scandir

    def deny(path: Path) -> Any:  # permissions alone would not stop root
        if Path(path).name == "a":
            raise PermissionError(13, "Permission denied", str(path))
        return scandir(path)

    monkeypatch.setattr(os, "scandir", deny)
    with pytest.raises(InvalidData, match="Cannot read the folder"):
        load(str(tmp_path))


def test_progress_and_cancellation(tmp_path: Path) -> None:
    fill(tmp_path, {"a": 70, "b": 70})
    seen: list[tuple[int, int]] = []
    load(str(tmp_path), on_progress=lambda done, total: seen.append((done, total)))
    assert seen == [(0, 140)] * 3 + [(64, 140), (128, 140), (140, 140)]

    def stop(done: int, total: int) -> None:
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        load(str(tmp_path), on_progress=stop)


def test_too_many_pixels_are_rejected_before_decoding(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("nas.data.splits.MAX_BYTES", 1 << 10)
    with pytest.raises(InvalidData, match="Set a lower resolution"):
        load(str(fill(tmp_path, {"a": 10, "b": 10})))


def test_solar_cells(test_data: Path) -> None:
    data = load(str(test_data / "elpv"), resolution=150)
    assert load(str(test_data / "elpv")).resolution == 96
    assert (data.classes, data.resolution, data.channels) == (("defect", "ok"), 150, 1)
    # 1,574 images in train/: a fifth of 493 and of 1,081 goes to test; val/ is given
    assert sizes(data) == (1574 - 99 - 216, 525, 99 + 216)
    assert data.skipped == ()
    first = min((test_data / "elpv" / "val" / "defect").iterdir())
    assert (data.val.images[0, 0] == np.asarray(Image.open(first))).all()


def test_clothes(test_data: Path) -> None:
    data = load(str(test_data / "fashion_mnist"))
    assert (data.name, data.resolution, sizes(data)) == ("fashion_mnist", 28, (51_000, 9_000, 5_000))
    assert (np.bincount(data.val.labels) == 900).all()


def test_photographs(test_data: Path) -> None:
    data = load(str(test_data / "cifar10" / "cifar10_small.npz"))
    assert (data.channels, data.resolution, sizes(data)) == (3, 32, (2_550, 450, 600))
    assert data.classes[:2] == ("airplane", "automobile")
    with pytest.raises(InvalidData, match=r"no train_x|Name one of these"):
        load(str(test_data / "cifar10"))
    with pytest.raises(InvalidData, match="no train_x"):
        load(str(test_data / "cifar10" / "cifar10_jpeg.npz"))
