"""The confusion matrix of a split, and the metrics computed from it. Not here: predictions.

Definitions as in scikit-learn (`accuracy_score`, `balanced_accuracy_score`, `f1_score(average="macro")`); classes that a split
has no images of do not count.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from math import sqrt
from typing import Any

import numpy as np
from numpy.typing import NDArray

from nas.metric import MetricValue
from nas.spec import MetricName

Confusion = NDArray[np.int64]
"""(classes, classes): rows are the true class, columns the predicted one."""


def confusion(labels: NDArray[np.int64], answers: NDArray[np.int64], classes: int) -> Confusion:
    """Counts of (true class, predicted class), both int64 (N,)."""
    return np.bincount(labels * classes + answers, minlength=classes * classes).reshape(classes, classes)


def score(matrix: Confusion, metric: MetricName) -> float:
    """One metric of a confusion matrix, 0-1.

    >>> score(np.array([[8, 2], [0, 10]]), "accuracy")
    0.9
    """
    right, images, answered = np.diag(matrix), matrix.sum(1), matrix.sum(0)
    if metric == "accuracy":
        return float(right.sum() / images.sum())
    if metric == "balanced_accuracy":
        present = images > 0
        return float((right[present] / images[present]).mean())
    present = images + answered > 0
    return float((2 * right[present] / (images + answered)[present]).mean())


def standard_error(matrix: Confusion, metric: MetricName) -> float:
    """Of a metric, over the sampling of the images; for macro F1, that of the balanced accuracy.

    At least that of one image: a split without a mistake is not known to be easy.
    """
    images = matrix.sum(1)
    present = images > 0
    n, right = images[present].astype(float), np.diag(matrix)[present].astype(float)
    if metric == "accuracy":
        n, right = n.sum(keepdims=True), right.sum(keepdims=True)
    share = right / n
    return sqrt(float((np.maximum(share * (1 - share), 1 / n) / n).sum())) / len(n)


@dataclass(frozen=True, slots=True)
class Scores:
    """The scores of one split: the confusion matrix, and the one metric that networks are compared by."""

    matrix: Confusion
    metric: MetricName

    @property
    def value(self) -> float:
        """The metric, 0-1."""
        return score(self.matrix, self.metric)

    @property
    def reported(self) -> MetricValue:
        """The metric for events and documents."""
        return MetricValue(name=self.metric, value=self.value)

    @property
    def error(self) -> float:
        """Its standard error."""
        return standard_error(self.matrix, self.metric)

    def to_json(self) -> list[list[int]]:
        """The matrix as JSON values."""
        rows: list[list[int]] = self.matrix.tolist()
        return rows


def per_class(matrix: Confusion, classes: Sequence[str]) -> list[dict[str, Any]]:
    """Precision and recall (None where undefined) and images of each class."""
    right, images, answered = np.diag(matrix), matrix.sum(1), matrix.sum(0)
    return [
        {
            "class": name,
            "images": int(images[k]),
            "precision": float(right[k] / answered[k]) if answered[k] else None,
            "recall": float(right[k] / images[k]) if images[k] else None,
        }
        for k, name in enumerate(classes)
    ]
