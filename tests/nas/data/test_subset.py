"""The stratified order: a permutation by seed of which every beginning has the classes in their shares."""

import numpy as np
from hypothesis import example, given
from hypothesis import strategies as st

from nas.data.subset import stratified_order

sizes = st.lists(st.integers(1, 60), min_size=1, max_size=25)


@given(sizes, st.integers(0, 2**31 - 1), st.booleans())
@example([3000, 1], 0, True)
@example([1] * 200 + [200], 1, True)  # turns drawn one class at a time would drift apart here
def test_every_beginning_has_the_classes_in_their_shares(counts: list[int], seed: int, by_class: bool) -> None:
    labels = np.repeat(np.arange(len(counts)), counts)
    if not by_class:
        np.random.default_rng(seed).shuffle(labels)
    order = stratified_order(labels, seed)
    assert np.array_equal(np.sort(order), np.arange(len(labels)))
    total = len(labels)
    so_far = np.cumsum(labels[order][:, None] == np.arange(len(counts)), axis=0)
    expected = np.arange(1, total + 1)[:, None] * np.array(counts) / total
    assert np.abs(so_far - expected).max() < 1


def test_images_sorted_by_class_by_hand() -> None:
    """Two of ten images are of class 1, so each half of the order has one of them."""
    order = stratified_order(np.array([0] * 8 + [1] * 2), seed=0)
    assert [sorted(split) for split in (order[:5] >= 8, order[5:] >= 8)] == [[False] * 4 + [True]] * 2


def test_the_order_is_that_of_its_seed() -> None:
    labels = np.repeat(np.arange(4), 50)
    first, again, other = (stratified_order(labels, seed) for seed in (3, 3, 4))
    assert np.array_equal(first, again) and not np.array_equal(first, other)


def test_no_class_leads_and_no_image_is_preferred() -> None:
    """Over 300 seeds, the first image is of each of 3 classes about 100 times, and any of 30 images at some time."""
    labels = np.repeat(np.arange(3), 10)
    first = np.array([stratified_order(labels, seed)[0] for seed in range(300)])
    counts = np.bincount(labels[first], minlength=3)
    assert counts.min() > 60 and len(set(first.tolist())) == 30
