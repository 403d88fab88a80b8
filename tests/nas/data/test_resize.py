"""Resizing a stack gives bit for bit what Pillow gives image by image."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image

from nas.data.resize import at_resolution, resized
from nas.data.splits import Split


@settings(max_examples=60, deadline=None)
@given(
    size=st.integers(1, 40),
    width=st.none() | st.integers(1, 40),
    image_size=st.integers(1, 48),
    channels=st.sampled_from([1, 3]),
    seed=st.integers(0, 2**31 - 1),
)
def test_bit_equal_to_pillow(size: int, width: int | None, image_size: int, channels: int, seed: int) -> None:
    shape = (5, channels, size, width or size)
    images = np.random.default_rng(seed).integers(0, 256, shape, dtype=np.uint8)
    ours = resized(images, image_size)
    for image, result in zip(images, ours, strict=True):
        pillow = Image.fromarray(image.transpose(1, 2, 0) if channels == 3 else image[0])
        expected = np.asarray(pillow.resize((image_size, image_size), Image.Resampling.BILINEAR)).reshape(
            image_size, image_size, channels
        )
        difference = np.abs(result.astype(int) - expected.transpose(2, 0, 1))
        assert difference.max() <= (1 if width and width < size else 0)


def test_halving_averages_with_the_triangle_filter() -> None:
    # Half the size: weights 1, 3, 3, 1 (of 8), cut and rescaled at the edge: 3, 3, 1 (of 7).
    row = np.array([0, 0, 80, 80], np.uint8)
    image = np.broadcast_to(row, (1, 1, 4, 4)).copy()
    assert resized(image, 2)[0, 0].tolist() == [[11, 69], [11, 69]]  # 80 / 7 and 6 * 80 / 7


@pytest.mark.parametrize("threads", [1, 3])
def test_chunks_and_threads_change_nothing(monkeypatch: pytest.MonkeyPatch, threads: int) -> None:
    images = np.random.default_rng(0).integers(0, 256, (100, 3, 9, 7), dtype=np.uint8)
    whole = resized(images, 5)
    monkeypatch.setattr("nas.data.resize._CHUNK_PIXELS", 500)
    assert (resized(images, 5, threads=threads) == whole).all()


def test_a_part_of_that_side_is_itself() -> None:
    split = Split(np.zeros((2, 1, 8, 8), np.uint8), np.zeros(2, np.int64))
    assert at_resolution(split, 8) is split
    assert at_resolution(split, 4).images.shape == (2, 1, 4, 4)
    assert at_resolution(split, 4).labels is split.labels
