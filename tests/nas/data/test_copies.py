"""Copies of images: exact ones by their content, near ones by hand-made changes, and groups over several pairs."""

import io

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from numpy.typing import NDArray
from PIL import Image

from nas.data import copies
from nas.data.copies import Copies, exact_copies, groups, near_copies


def blobs(count: int, side: int = 64) -> NDArray[np.uint8]:
    """Smooth random images, all different: (N, side, side)."""
    rng = np.random.default_rng(0)
    coarse = rng.integers(0, 256, (count, 8, 8)).astype(np.uint8)
    return np.stack([np.asarray(Image.fromarray(one).resize((side, side), Image.Resampling.BICUBIC)) for one in coarse])


def little(images: NDArray[np.uint8]) -> NDArray[np.uint8]:
    """Miniatures of 32 x 32 pixels."""
    return np.stack([np.asarray(Image.fromarray(one).resize((32, 32), Image.Resampling.BILINEAR)) for one in images])


def as_jpeg(image: NDArray[np.uint8], quality: int) -> NDArray[np.uint8]:
    stream = io.BytesIO()
    Image.fromarray(image).save(stream, "JPEG", quality=quality)
    return np.asarray(Image.open(stream))


@pytest.mark.parametrize("change", ["jpeg", "resized", "brighter"])
def test_an_image_that_was_stored_again_is_a_near_copy(change: str) -> None:
    images = blobs(6)
    first = images[2]
    changed = {
        "jpeg": as_jpeg(first, 50),
        "resized": np.asarray(Image.fromarray(first).resize((50, 50)).resize((64, 64))),
        "brighter": np.clip(first * 0.9 + 12, 0, 255).astype(np.uint8),
    }[change]
    assert near_copies(little(np.concatenate([images, changed[None]]))) == [Copies(2, 6, False)]


def test_other_images_mirrored_ones_and_negatives_are_none() -> None:
    images = blobs(40)
    others = np.concatenate([images, images[:3, :, ::-1], 255 - images[:3]])
    assert near_copies(little(others)) == []


def test_blank_images_have_no_near_copies_and_exact_copies_are_counted_once() -> None:
    images = little(blobs(2))
    blank = np.full((3, 32, 32), 7, np.uint8)
    blank[1, 0, 0] = 9
    together = np.concatenate([images, blank, images[:1], images[:1]])
    exact = exact_copies([one.tobytes() for one in together])
    assert exact == [Copies(2, 4, True), Copies(0, 5, True), Copies(0, 6, True)]
    assert near_copies(together, exact) == []


def test_no_pair_is_lost_between_blocks(monkeypatch: pytest.MonkeyPatch) -> None:
    images = little(np.concatenate([blobs(7), blobs(7)]))
    whole = near_copies(images)
    monkeypatch.setattr(copies, "BLOCK", 3)
    assert sorted(near_copies(images), key=lambda c: c.first) == whole
    assert whole == [Copies(i, i + 7, False) for i in range(7)]


@given(st.lists(st.tuples(st.integers(0, 12), st.integers(0, 12)), max_size=20))
def test_groups_are_the_connected_parts(pairs: list[tuple[int, int]]) -> None:
    found = groups([Copies(min(p), max(p), True) for p in pairs])
    members = [index for group in found for index in group]
    assert len(members) == len(set(members)) and set(members) == {i for p in pairs for i in p}
    assert all(any(a in group and b in group for group in found) for a, b in pairs)
    joined = sum(len(group) - 1 for group in found)
    assert joined <= len({p for p in pairs if p[0] != p[1]}), "no group has images that no pair joins"
