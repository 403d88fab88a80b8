"""Archives: the format, and everything that must be rejected before memory is allocated or anything is unpickled."""

import io
import os
import zipfile
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from nas.data import load
from nas.data.npz import read_npz
from nas.errors import InvalidData

Arrays = dict[str, Any]


def arrays(count: int = 20, classes: int = 2, shape: tuple[int, ...] = (8, 8)) -> Arrays:
    """`count` images of `shape`; image i is filled with i and belongs to class i % classes."""
    pixels = np.arange(count, dtype=np.uint8).reshape(-1, *[1] * len(shape))
    return {"train_x": np.broadcast_to(pixels, (count, *shape)).copy(), "train_y": np.arange(count) % classes}


def saved(path: Path, content: Arrays) -> Path:
    np.savez_compressed(path, **content)
    return path


def test_grey_and_colour_come_as_channels_first(tmp_path: Path) -> None:
    colour = arrays(shape=(8, 8, 3))
    colour["train_x"][..., 1] = 77
    raw = read_npz(saved(tmp_path / "colour.npz", colour))
    assert raw.splits["train"].images.shape == (20, 3, 8, 8)
    assert raw.splits["train"].images[5].reshape(3, -1).max(1).tolist() == [5, 77, 5]
    for shape in ((8, 8), (8, 8, 1)):
        grey = read_npz(saved(tmp_path / "grey.npz", arrays(shape=shape))).splits["train"]
        assert grey.images.shape == (20, 1, 8, 8)
        assert grey.images[:, 0, 0, 0].tolist() == list(range(20))
        assert grey.labels.tolist() == [0, 1] * 10


def test_given_parts_are_kept_and_missing_ones_split_off(tmp_path: Path) -> None:
    content = arrays(100) | {"test_x": np.full((3, 8, 8), 200, np.uint8), "test_y": np.array([0, 1, 0], np.uint8)}
    data = load(str(saved(tmp_path / "d.npz", content)))
    assert (len(data.train), len(data.val), len(data.test)) == (
        84,
        16,
        3,
    )  # 15 % of 50, rounded, of each of two classes
    assert (data.test.images == 200).all()
    assert data.name == "d"


def test_fortran_order_and_uncompressed_archives(tmp_path: Path) -> None:
    content = arrays()
    content["train_x"] = np.asfortranarray(np.random.default_rng(0).integers(0, 256, (20, 8, 8), dtype=np.uint8))
    np.savez(tmp_path / "f.npz", **content)
    assert (read_npz(tmp_path / "f.npz").splits["train"].images[:, 0] == content["train_x"]).all()


def test_names_of_classes(tmp_path: Path) -> None:
    named = arrays() | {"class_names": np.array(["cat", "dog", "émeu"])}
    data = load(str(saved(tmp_path / "d.npz", named)))
    assert data.classes == ("cat", "dog", "émeu")
    assert data.warnings == ("Class 'émeu' has no training images and will never be predicted.",)
    assert load(str(saved(tmp_path / "e.npz", arrays(classes=3)))).classes == ("0", "1", "2")
    as_bytes = arrays() | {"class_names": np.array([b"cat", b"dog"])}
    assert load(str(saved(tmp_path / "b.npz", as_bytes))).classes == ("cat", "dog")


def test_a_gap_in_the_labels_is_a_warning(tmp_path: Path) -> None:
    content = arrays()
    content["train_y"] = content["train_y"] * 2
    data = load(str(saved(tmp_path / "d.npz", content)))
    assert data.classes == ("0", "1", "2")
    assert "Class '1' has no training images" in data.warnings[0]


def test_images_that_are_not_square_are_resized(tmp_path: Path) -> None:
    data = load(str(saved(tmp_path / "d.npz", arrays(shape=(20, 31)))))
    assert data.resolution == 16  # the short side, 20, rounded down to a multiple of 8
    assert data.warnings == ("Images of 31 x 20 pixels are resized to 16 x 16, aspect not kept.",)
    assert load(str(tmp_path / "d.npz"), resolution=24).warnings == (
        "Images of 31 x 20 pixels are resized to 24 x 24, aspect not kept.",
    )


@pytest.mark.parametrize(
    "change,message",
    [
        ({"train_x": np.zeros((20, 8, 8), np.float32)}, r"float32 .* not uint8.*\(train_x \* 255\)"),
        ({"train_x": np.zeros((20, 3, 8, 8), np.uint8)}, r"transpose\(0, 2, 3, 1\)"),
        ({"train_x": np.zeros((20, 8), np.uint8)}, r"shape \(20, 8\)"),
        ({"train_x": np.zeros((20, 0, 8), np.uint8)}, "without pixels"),
        ({"train_x": np.zeros((0, 8, 8), np.uint8), "train_y": np.zeros(0, int)}, "train split has no images"),
        ({"train_x": np.zeros((20, 2, 2), np.uint8)}, "outside 4 to 4096"),
        ({"train_y": np.arange(20) / 2}, "train_y is float64 with fractions"),
        ({"train_y": np.zeros((20, 1, 1), int)}, r"shape \(20, 1, 1\)"),
        ({"train_y": np.arange(19)}, r"shape \(19,\)"),
        ({"train_y": np.arange(20) % 2 - 1}, "reach from -1 to 0"),
        ({"train_y": np.full(20, -3)}, "reach from -3 to -3"),
        ({"train_y": np.zeros(20, int)}, "of 1 class"),
        ({"train_y": np.arange(20) * 10**12}, "10,001 classes are more than 10,000"),
        ({"train_y": np.full(20, 2**64 - 1, np.uint64)}, r"beyond 2\*\*63"),
        ({"train_y": np.arange(20) // 18}, "fewer than 3 training images"),
        ({"class_names": np.array(["a"])}, "reach from 0 to 1, outside 0 to 0"),
        ({"class_names": np.array(["a", "a"])}, "a name twice"),
        ({"class_names": np.array(["a", " "])}, "an empty name"),
        ({"class_names": np.array(["a", "b" * 201])}, "more than 200 characters"),
        ({"class_names": np.array([1, 2])}, "not a row of strings"),
        ({"class_names": np.array(["a", None], object)}, "never read"),
        ({"test_x": np.zeros((2, 8, 8), np.uint8)}, "no test_y"),
        ({"val_x": np.zeros((2, 8, 8, 3), np.uint8), "val_y": np.array([0, 1])}, "number of channels"),
        ({"val_x": np.zeros((2, 8, 8), np.uint8), "val_y": np.array([0, 7])}, "val split reach from 0 to 7"),
        (
            {
                "val_x": np.zeros((2, 8, 8), np.uint8),
                "val_y": np.array([0, 2]),
                "class_names": np.array(["a", "b", "c"]),
            },
            "'c' of the val split has no training images",
        ),
    ],
)
def test_bad_arrays_are_named_with_their_fix(tmp_path: Path, change: Arrays, message: str) -> None:
    with pytest.raises(InvalidData, match=message):
        load(str(saved(tmp_path / "bad.npz", arrays() | change)))


def test_other_arrays_are_named_when_the_right_ones_are_missing(tmp_path: Path) -> None:
    with pytest.raises(InvalidData, match=r"found: x\.npy, y\.npy"):
        read_npz(saved(tmp_path / "d.npz", {"x": np.zeros(3), "y": np.zeros(3)}))
    with pytest.raises(InvalidData, match="arrays found: class_names"):
        read_npz(saved(tmp_path / "e.npz", {"class_names": np.array(["a"])}))


def test_nothing_is_ever_unpickled(tmp_path: Path) -> None:
    class Trap:
        def __reduce__(self) -> tuple[Any, ...]:
            return os.mkdir, (str(tmp_path / "sprung"),)

    content = arrays() | {"class_names": np.array([Trap(), Trap()], object)}
    with pytest.raises(InvalidData, match="never read"):
        read_npz(saved(tmp_path / "d.npz", content))
    assert not (tmp_path / "sprung").exists()


def test_files_that_are_no_archives(tmp_path: Path) -> None:
    (tmp_path / "a.npz").write_bytes(b"not a zip")
    (tmp_path / "b.npz").write_bytes(b"")
    whole = saved(tmp_path / "whole.npz", arrays(2000)).read_bytes()
    (tmp_path / "c.npz").write_bytes(whole[: len(whole) // 2])
    middle = bytearray(whole)
    middle[400:440] = bytes(40)
    (tmp_path / "d.npz").write_bytes(middle)
    with zipfile.ZipFile(tmp_path / "e.npz", "w") as archive:
        archive.writestr("train_x.npy", b"no array")
    for name in "abcde":
        with pytest.raises(InvalidData, match=f"Cannot read {name}.npz"):
            read_npz(tmp_path / f"{name}.npz")


def header(shape: tuple[int, ...]) -> bytes:
    stream = io.BytesIO()
    np.lib.format.write_array_header_1_0(stream, {"descr": "|u1", "fortran_order": False, "shape": shape})
    return stream.getvalue()


def test_a_bomb_is_seen_in_the_directory(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("nas.data.npz.MAX_BYTES", 1 << 20)
    path = saved(tmp_path / "bomb.npz", {"train_x": np.zeros(1 << 21, np.uint8)})
    with pytest.raises(InvalidData, match="unpacks from"):
        read_npz(path)
    monkeypatch.setattr("nas.data.npz.MAX_BYTES", 1 << 30)
    monkeypatch.setattr("nas.data.npz._FREE_BYTES", 1 << 20)
    with pytest.raises(InvalidData, match="200 times"):
        read_npz(path)


def test_a_header_that_promises_more_than_the_member_holds_gets_no_memory(tmp_path: Path) -> None:
    for shape in ((1 << 60,), (1 << 40, 1 << 40), (65,)):
        with zipfile.ZipFile(tmp_path / "d.npz", "w") as archive:
            archive.writestr("train_x.npy", header(shape) + bytes(64))
        with pytest.raises(InvalidData, match="does not have the size"):
            read_npz(tmp_path / "d.npz")


def test_a_crowd_of_members_is_rejected(tmp_path: Path) -> None:
    with zipfile.ZipFile(tmp_path / "d.npz", "w") as archive:
        for index in range(1025):
            archive.writestr(str(index), b"")
    with pytest.raises(InvalidData, match="1025 members"):
        read_npz(tmp_path / "d.npz")


def test_progress_counts_arrays(tmp_path: Path) -> None:
    seen: list[tuple[int, int]] = []
    read_npz(saved(tmp_path / "d.npz", arrays()), on_progress=lambda done, total: seen.append((done, total)))
    assert seen == [(1, 2), (2, 2)]
