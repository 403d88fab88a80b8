"""Copies of training images in other splits are found exactly."""

import numpy as np

from nas.data.leaks import leaks
from nas.data.splits import Split


def split(images: np.ndarray[tuple[int, ...], np.dtype[np.uint8]]) -> Split:
    return Split(images, np.zeros(len(images), np.int64))


def test_copies_are_counted_in_each_part() -> None:
    images = np.random.default_rng(0).integers(0, 256, (30, 3, 20, 20), dtype=np.uint8)
    near = images[:1].copy()
    near[0, 0, 0, 1] ^= 1  # a pixel that the sample does not see
    train, val, test = split(images[:20]), split(np.concatenate([images[18:25], images[3:4], near])), split(images[25:])
    assert leaks(train, {"val": val, "test": test}) == (
        "3 of 9 images of the val split are exact copies of training images: accuracy on it is too high.",
    )


def test_no_copies_no_warning() -> None:
    images = np.arange(16, dtype=np.uint8).reshape(4, 1, 2, 2)
    assert leaks(split(images[:2]), {"test": split(images[2:])}) == ()
