"""Training batches: a pure function of seed and step, with augmentation that can be checked by hand."""

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from nas.data.augment import NO_AUGMENT, PHOTO, Augment
from nas.data.batches import Batches, augmented
from nas.data.splits import Split


def numbered(count: int, image_size: int = 4, channels: int = 1) -> Split:
    """Images that are all of one value each, their own number; the label is the number too."""
    images = np.arange(count, dtype=np.uint8)[:, None, None, None].repeat(channels, 1)
    return Split(
        np.ascontiguousarray(np.broadcast_to(images, (count, channels, image_size, image_size))), np.arange(count)
    )


def test_an_epoch_shows_each_image_once_and_epochs_differ() -> None:
    batches = Batches(numbered(10), 3, seed=0, augment=NO_AUGMENT)
    assert batches.steps_per_epoch == 3
    first = np.concatenate([batches.indices(step) for step in range(3)])
    second = np.concatenate([batches.indices(step) for step in range(3, 6)])
    assert len(set(first)) == len(set(second)) == 9
    assert first.tolist() != second.tolist()


def test_images_are_pixels_over_255_beside_their_labels() -> None:
    images, labels = Batches(numbered(10, channels=3), 4, seed=0, augment=NO_AUGMENT).batch(0)
    assert images.shape == (4, 3, 4, 4) and images.dtype == torch.float32 and labels.dtype == torch.int64
    assert images.is_contiguous(memory_format=torch.channels_last)
    assert torch.equal(images, (labels.float() / 255)[:, None, None, None].expand(4, 3, 4, 4))


@given(seed=st.integers(0, 2**31 - 1), step=st.integers(0, 10_000))
def test_a_batch_is_a_pure_function_of_seed_and_step(seed: int, step: int) -> None:
    split = numbered(50, 8)
    walked, fresh = Batches(split, 8, seed=seed), Batches(split, 8, seed=seed)
    for earlier in (0, step // 2, step + 1):
        walked.batch(earlier)
    for ours, theirs in zip(walked.batch(step), fresh.batch(step), strict=True):
        assert torch.equal(ours, theirs)


def test_a_shift_moves_the_image_and_fills_with_zeros() -> None:
    image = np.arange(1, 65, dtype=np.uint8).reshape(1, 1, 8, 8)
    split = Split(image.repeat(200, 0), np.zeros(200, np.int64))
    images, _ = Batches(split, 200, seed=0, augment=Augment(shift=1 / 8, turn_deg=0, zoom=0)).batch(0)
    padded = np.pad(image[0, 0], 1)
    windows = {(y, x): padded[y : y + 8, x : x + 8].tobytes() for y in range(3) for x in range(3)}
    seen = {np.round(i[0].numpy() * 255).astype(np.uint8).tobytes() for i in images}
    assert seen == set(windows.values())  # all nine shifts of at most one pixel, and nothing else


def test_a_turn_turns_about_the_middle_and_a_zoom_enlarges_it() -> None:
    image = torch.arange(16.0).reshape(1, 1, 4, 4)
    middle, most = np.full((5, 1), 0.5), np.full((5, 1), 1 - 1e-9)
    turned = augmented(image, Augment(shift=0, turn_deg=90, zoom=0), most)
    assert torch.allclose(turned[0, 0], image[0, 0].rot90(), atol=1e-4)
    # twice as large: an output pixel is half a pixel wide, so the four in the middle lie between 5, 6, 9 and 10
    zoomed = augmented(image, Augment(shift=0, turn_deg=0, zoom=1), most)
    assert torch.allclose(zoomed[0, 0, 1:3, 1:3], torch.tensor([[6.25, 6.75], [8.25, 8.75]]), atol=1e-4)
    assert torch.allclose(
        augmented(image, Augment(), middle), image, atol=1e-4
    )  # the middle of all ranges is no change


def test_a_flip_mirrors_about_half_of_the_images() -> None:
    image = np.arange(64, dtype=np.uint8).reshape(1, 1, 8, 8)
    split = Split(image.repeat(200, 0), np.zeros(200, np.int64))
    images, _ = Batches(split, 200, seed=0, augment=Augment(shift=0, turn_deg=0, zoom=0, flip=True)).batch(0)
    seen = (images[:, 0] * 255).round()
    mirrored = (seen == torch.arange(64.0).reshape(8, 8).flip(1)).flatten(1).all(1)
    plain = (seen == torch.arange(64.0).reshape(8, 8)).flatten(1).all(1)
    assert bool((mirrored ^ plain).all()) and 70 < int(mirrored.sum()) < 130


def test_all_resolutions_show_the_same_images() -> None:
    batches = Batches({4: numbered(20, 4), 8: numbered(20, 8)}, 5, seed=3)
    small, labels = batches.batch(7, image_size=4)
    large, same = batches.batch(7, image_size=8)
    assert small.shape[-1] == 4 and large.shape[-1] == 8 and torch.equal(labels, same)
    assert batches.batch(7)[0].shape[-1] == 4


def test_parts_of_a_batch_are_the_whole_batch_changed_in_the_same_way() -> None:
    images = np.random.default_rng(0).integers(0, 256, (30, 3, 8, 8), np.uint8)
    split = Split(images, np.arange(30))
    whole, labels = Batches(split, 11, seed=0, augment=PHOTO).batch(4)
    parts = [Batches(split, 11, seed=0, augment=PHOTO, part=(index, 3)).batch(4) for index in range(3)]
    assert [len(own) for _, own in parts] == [3, 4, 4]
    assert torch.equal(torch.cat([own for _, own in parts]), labels)
    torch.testing.assert_close(torch.cat([own for own, _ in parts]), whole, rtol=0, atol=1e-6)


@pytest.mark.parametrize("part", [(3, 3), (-1, 2), (0, 12)])
def test_a_batch_has_no_more_parts_than_images(part: tuple[int, int]) -> None:
    with pytest.raises(ValueError, match="has no part"):
        Batches(numbered(30), 11, seed=0, part=part)


def test_a_batch_larger_than_the_part_takes_all_of_it() -> None:
    batches = Batches(numbered(3), 64, seed=0)
    assert batches.batch_size == 3 and batches.steps_per_epoch == 1
    assert sorted(batches.batch(5)[1].tolist()) == [0, 1, 2]


def test_resolutions_must_hold_the_same_images() -> None:
    with pytest.raises(ValueError, match="same images"):
        Batches({4: numbered(3, 4), 8: numbered(4, 8)}, 2, seed=0)
    with pytest.raises(ValueError, match="at least one image"):
        Batches(numbered(0), 2, seed=0)
