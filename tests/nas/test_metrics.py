"""Metrics by hand and against scikit-learn; the weights of rare classes."""

from math import sqrt

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays
from numpy.typing import NDArray
from sklearn.metrics import accuracy_score, balanced_accuracy_score, confusion_matrix, f1_score

from nas.metrics import Scores, confusion, per_class, score, standard_error

RARE = np.array([[90, 0], [8, 2]])
"""90 images of a common class, all right, and 10 of a rare one, of which 8 are taken for the common."""


def test_a_rare_class_counts_by_hand() -> None:
    assert score(RARE, "accuracy") == 0.92
    assert score(RARE, "balanced_accuracy") == pytest.approx((1 + 0.2) / 2)
    # F1 of the common class 2 * 90 / (90 + 98), of the rare one 2 * 2 / (10 + 2)
    assert score(RARE, "macro_f1") == pytest.approx((180 / 188 + 4 / 12) / 2)


def test_the_matrix_has_a_row_for_each_true_class() -> None:
    assert confusion(np.array([0, 0, 1, 2]), np.array([0, 2, 1, 1]), 3).tolist() == [[1, 0, 1], [0, 1, 0], [0, 1, 0]]


def test_classes_without_images_do_not_count() -> None:
    matrix = np.array([[3, 1, 0], [0, 0, 0], [0, 0, 4]])
    assert score(matrix, "balanced_accuracy") == pytest.approx((0.75 + 1) / 2)
    assert score(matrix, "macro_f1") == pytest.approx((6 / 7 + 0 + 1) / 3)  # one was answered, so it counts as F1 0


@given(arrays(np.int64, 40, elements=st.integers(0, 3)), arrays(np.int64, 40, elements=st.integers(0, 3)))
def test_as_scikit_learn_says(labels: NDArray[np.int64], answers: NDArray[np.int64]) -> None:
    matrix = confusion(labels, answers, 4)
    assert np.array_equal(matrix, confusion_matrix(labels, answers, labels=range(4)))
    assert score(matrix, "accuracy") == pytest.approx(accuracy_score(labels, answers))
    assert score(matrix, "macro_f1") == pytest.approx(f1_score(labels, answers, average="macro", zero_division=0))
    recalls = [np.mean(answers[labels == k] == k) for k in np.unique(labels)]
    assert score(matrix, "balanced_accuracy") == pytest.approx(np.mean(recalls))
    if set(answers) <= set(labels) and len(set(labels)) > 1:  # scikit-learn warns otherwise
        assert score(matrix, "balanced_accuracy") == pytest.approx(balanced_accuracy_score(labels, answers))


def test_standard_errors_by_hand() -> None:
    assert standard_error(RARE, "accuracy") == pytest.approx(sqrt(0.92 * 0.08 / 100))
    # of the common class one image's, 1 / 90; of the rare one sqrt(0.2 * 0.8 / 10); of their mean half of both together
    assert standard_error(RARE, "balanced_accuracy") == pytest.approx(sqrt(1 / 90**2 + 0.016) / 2)
    assert standard_error(np.diag([50, 50]), "accuracy") == pytest.approx(1 / 100)


def test_the_standard_error_is_that_of_many_draws() -> None:
    """2,000 parts of 60 and 20 images, of which 80 % and 50 % are right."""
    rng = np.random.default_rng(0)
    sampled = []
    for _ in range(2000):
        right = rng.binomial([60, 20], [0.8, 0.5])
        sampled.append(score(np.array([[right[0], 60 - right[0]], [20 - right[1], right[1]]]), "balanced_accuracy"))
    estimated = standard_error(np.array([[48, 12], [10, 10]]), "balanced_accuracy")
    assert estimated == pytest.approx(np.std(sampled), rel=0.1)


def test_precision_and_recall_of_each_class() -> None:
    common, rare, absent = per_class(np.pad(RARE, (0, 1)), ("common", "rare", "absent"))
    assert common == {"class": "common", "images": 90, "precision": pytest.approx(90 / 98), "recall": 1.0}
    assert rare == {"class": "rare", "images": 10, "precision": 1.0, "recall": 0.2}
    assert absent == {"class": "absent", "images": 0, "precision": None, "recall": None}


def test_scores_are_read_again_from_json() -> None:
    scores = Scores(RARE, "macro_f1")
    again = Scores(np.array(scores.to_json(), np.int64), "macro_f1")
    assert (again.value, again.error) == (scores.value, scores.error)
