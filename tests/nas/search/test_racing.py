"""When candidates are dropped: by hand on few images, and how often by mistake, in simulations."""

import numpy as np
import pytest

from nas.search.racing import PARTS, BoolArray, difference, hopeless, image_weights, parts

IMAGES = 1000
EQUAL = np.full(IMAGES, 1 / IMAGES)


def test_the_difference_by_hand() -> None:
    """Of eight images four were seen: the candidate is right on 1, 2 and 3, the rival on 1, 2 and 4."""
    right, rival = np.array([1, 1, 1, 0], bool), np.array([1, 1, 0, 1, 1, 1, 1, 1], bool)
    mean, error = difference(right, rival, np.full(8, 1 / 8))
    assert mean == 0.0
    # two differences of one: a variance of 2 / 3 for an image, of 1 / 6 for the mean of four, of which 4 / 7 is left
    assert error == pytest.approx((1 / 6 * 4 / 7) ** 0.5)


def test_what_all_images_say_has_no_error() -> None:
    right, rival = np.arange(40) % 2 == 0, np.ones(40, bool)
    mean, error = difference(right, rival, np.full(40, 1 / 40))
    assert mean == pytest.approx(-0.5) and error == 0.0
    assert hopeless(right, rival, np.full(40, 1 / 40)) and not hopeless(rival, rival, np.full(40, 1 / 40))


def test_where_classes_count_equally_a_rare_class_weighs_more() -> None:
    labels = np.array([0] * 6 + [1] * 2)
    assert image_weights(labels, balanced=True).tolist() == pytest.approx([1 / 12] * 6 + [1 / 4] * 2)
    assert image_weights(labels, balanced=False).tolist() == pytest.approx([1 / 8] * 8)


def answered(rng: np.random.Generator, rival: BoolArray, worse: float) -> BoolArray:
    """A candidate that differs from its rival on about 16 images of 100, and is worse by a share of them."""
    gains, losses = rng.random(len(rival)) < 0.08 - worse / 2, rng.random(len(rival)) < 0.08 + worse / 2
    return np.asarray((rival | gains) & ~losses)


def raced(right: BoolArray, rival: BoolArray) -> int:
    """The images that a candidate was evaluated on."""
    return next((n for n in parts(IMAGES) if hopeless(right[:n], rival, EQUAL)), IMAGES)


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


def test_few_images_decide_at_once() -> None:
    assert parts(60) == () and parts(64) == (32,)
    assert parts(8000) == tuple(int(8000 * share) for share in PARTS)
