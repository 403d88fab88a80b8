"""When candidates are dropped: by hand on few images, and how often by mistake, in simulations."""

import numpy as np
import pytest

from nas.data.subset import stratified_order
from nas.search.racing import PARTS, BoolArray, IntArray, difference, hopeless, metric, parts

IMAGES = 1000
ONE = np.zeros(IMAGES, np.int64)
"""The groups of images that count equally."""


def test_the_difference_by_hand() -> None:
    """Of eight images four were seen: the candidate is right on 1, 2 and 3, the rival on 1, 2 and 4."""
    right, rival = np.array([1, 1, 1, 0], bool), np.array([1, 1, 0, 1, 1, 1, 1, 1], bool)
    mean, error = difference(right, rival, np.zeros(8, np.int64))
    assert mean == 0.0
    # two differences of one and one more: a variance of 3 / 4 for an image, of 3 / 16 for the mean of four, of which 4 / 7 is left
    assert error == pytest.approx((3 / 16 * 4 / 7) ** 0.5)


def test_what_all_images_say_has_no_error() -> None:
    right, rival, groups = np.arange(40) % 2 == 0, np.ones(40, bool), np.zeros(40, np.int64)
    mean, error = difference(right, rival, groups)
    assert mean == pytest.approx(-0.5) and error == 0.0
    assert hopeless(right, rival, groups) and not hopeless(rival, rival, groups)


def test_where_classes_count_equally_they_do_so_whatever_their_size() -> None:
    """Right on 3 of 6 and on 2 of 2, the rival on 6 of 6 and 1 of 2: 0.5 and 1 against 1 and 0.5."""
    labels = np.array([0] * 6 + [1] * 2)
    right, rival = np.array([1, 1, 1, 0, 0, 0, 1, 1], bool), np.array([1] * 7 + [0], bool)
    assert metric(right, labels) == metric(rival, labels) == 0.75
    assert difference(right, rival, labels)[0] == 0.0
    assert metric(right, np.zeros(8, np.int64)) == 5 / 8


def answered(rng: np.random.Generator, rival: BoolArray, worse: float) -> BoolArray:
    """A candidate that differs from its rival on about 16 images of 100, and is worse by a share of them."""
    gains, losses = rng.random(len(rival)) < 0.08 - worse / 2, rng.random(len(rival)) < 0.08 + worse / 2
    return np.asarray((rival | gains) & ~losses)


def raced(right: BoolArray, rival: BoolArray, groups: IntArray = ONE) -> int:
    """The images that a candidate was evaluated on."""
    return next((n for n in parts(groups) if hopeless(right[:n], rival, groups)), IMAGES)


def test_candidates_that_reach_the_rival_are_rarely_dropped_and_bad_ones_soon() -> None:
    rng = np.random.default_rng(0)
    dropped, good, images = 0, 0, []
    for _ in range(2000):
        rival = rng.random(IMAGES) < 0.5
        right = answered(rng, rival, worse=0.0)
        if right.sum() >= rival.sum():
            good += 1
            dropped += raced(right, rival) < IMAGES
        images.append(raced(answered(rng, rival, worse=0.08), rival))
    assert good > 500
    assert dropped / good < 0.01
    assert np.mean(images) < 0.45 * IMAGES


@pytest.mark.parametrize("sizes", [(700, 75, 75, 75, 75), (940, 15, 15, 15, 15)])
def test_candidates_that_are_better_on_rare_classes_are_rarely_dropped(sizes: tuple[int, ...]) -> None:
    """Worse on the common class, better on the four rare ones, which count as much each."""
    classes = np.repeat(np.arange(5), sizes)
    labels = classes[stratified_order(classes, 0)]
    rng, dropped, good = np.random.default_rng(1), 0, 0
    for _ in range(1000):
        rival, changes = rng.random(IMAGES) < 0.6, rng.random(IMAGES)
        right = np.where(labels == 0, rival & (changes > 0.15), rival | (changes < 0.12))
        if metric(right, labels) >= metric(rival, labels):
            good += 1
            dropped += raced(right, rival, labels) < IMAGES
    assert good > 500 and dropped / good < 0.01


def test_few_images_decide_at_once() -> None:
    sizes = [parts(np.zeros(count, np.int64)) for count in (60, 64, 8000)]
    assert sizes == [(), (32,), tuple(int(8000 * share) for share in PARTS)]
