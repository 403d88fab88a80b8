"""Few images, uneven classes and the rules of splitting, with counts that can be checked by hand."""

from pathlib import Path
from typing import get_args

import numpy as np
import pytest

from nas.data import load, source_fingerprint
from nas.data.prepared import pack, summary, unpack
from nas.errors import InvalidData
from nas.spec import Fit
from tests.nas.data.test_folders import fill


def test_uneven_classes_are_named_with_what_to_do(tmp_path: Path) -> None:
    data = load(str(fill(tmp_path, {"crack": 8, "whole": 200})))
    few, uneven = data.warnings
    assert few.startswith("Class 'crack' has only 8 training images:")
    assert "'whole' has 200 training images, 'crack' 8." in uneven
    assert "--metric balanced_accuracy" in uneven
    # of 8: 2 (1.6) for test, 1 (1.2) for val; of 200: 40 and 30
    assert summary(data)["per_class"] == {"train": [5, 130], "val": [1, 30], "test": [2, 40]}


@pytest.mark.parametrize(("counts", "warned"), [((50, 10), False), ((51, 10), True), ((10, 10), False)])
def test_more_than_five_times_as_many_is_uneven(tmp_path: Path, counts: tuple[int, int], warned: bool) -> None:
    data = load(str(fill(tmp_path, dict(zip("ab", counts, strict=True)))))
    assert any("uneven" in warning for warning in data.warnings) == warned


@pytest.mark.parametrize(
    ("given", "least", "says"),
    [
        ((), 3, "20% of each class for test and 15% of each class for val"),
        (("val",), 2, "20% of each class for test are split off, at least"),
        (("test",), 2, "15% of each class for val are split off, at least"),
        (("val", "test"), 1, ""),
    ],
)
def test_every_part_gets_an_image_of_every_class(tmp_path: Path, given: tuple[str, ...], least: int, says: str) -> None:
    for split in given:
        fill(tmp_path / split, {"a": 2, "b": 2}, start=200)
    fill(tmp_path / "train", {"a": 30, "b": least})
    data = load(str(tmp_path))
    assert [int(split.counts(2)[1]) for split in (data.train, data.val, data.test)] == [
        1,
        *(2 if split in given else 1 for split in ("val", "test")),
    ]
    assert f"Class 'b' has only {least} training image" in " ".join(data.warnings)
    (tmp_path / "train" / "b" / "0000.png").unlink()
    if least == 1:
        return
    with pytest.raises(InvalidData, match=f"'b' has fewer than {least} training images.*{says}.*then one") as caught:
        load(str(tmp_path))
    assert caught.value.facts == {"classes": ["b"], "needed": least}


@pytest.mark.parametrize("form", ["folder", "npz"])
def test_ways_to_become_square_are_distinguished(tmp_path: Path, form: str) -> None:
    """Folders and archives of the same 12 x 6 pixels give the same images, in three ways that are never mistaken."""
    from PIL import Image

    images = np.random.default_rng(0).integers(1, 256, (20, 6, 12), np.uint8)
    source = tmp_path / "data"
    if form == "npz":
        source = tmp_path / "data.npz"
        np.savez(source, train_x=images, train_y=np.arange(20) % 2)
    for index, image in enumerate(images if form == "folder" else ()):
        path = source / "ab"[index % 2] / f"{index:02d}.png"
        path.parent.mkdir(parents=True, exist_ok=True)
        Image.fromarray(image).save(path)
    hashes, fingerprints = set(), set()
    for fit, warned in zip(get_args(Fit), ("aspect not kept", "middle square", "black bars"), strict=True):
        data = load(str(source), fit=fit)
        assert data.fit == fit and data.resolution == 6
        assert warned in data.warnings[0]
        assert unpack(pack(data)).fit == fit
        hashes.add(data.content_hash)
        fingerprints.add(source_fingerprint(str(source), resolution=None, seed=0, fit=fit))
        seen = np.concatenate([split.images for split in (data.train, data.val, data.test)])[:, 0]
        if fit == "crop":  # columns 3 to 8 as they are
            assert {image.tobytes() for image in seen} == {image[:, 3:9].tobytes() for image in images}
        bars = (seen == 0).all(axis=(0, 2))
        assert bars.tolist() == ([True, True, False, False, False, True] if fit == "pad" else [False] * 6)
    assert len(hashes) == len(fingerprints) == 3


def test_square_images_lose_nothing_in_any_way(tmp_path: Path) -> None:
    fill(tmp_path, {"a": 10, "b": 10})
    first, *others = (load(str(tmp_path), fit=fit, resolution=16) for fit in get_args(Fit))
    for other in others:
        assert (other.train.images == first.train.images).all()
        assert other.warnings == first.warnings == ("Images of 8 x 8 pixels are enlarged to 16 x 16.",)
