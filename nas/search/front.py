"""Pareto fronts of accuracy (to be high) against latency (to be low), and the area they dominate."""

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

FloatArray = NDArray[np.float64]


def pareto(accuracy: Sequence[float] | FloatArray, latency: Sequence[float] | FloatArray) -> list[int]:
    """Indices of the Pareto-optimal points, fastest first; of equal points, the first.

    >>> pareto([0.9, 0.8, 0.95, 0.7], [2.0, 1.0, 3.0, 1.5])
    [1, 0, 2]
    """
    acc, lat = np.asarray(accuracy, np.float64), np.asarray(latency, np.float64)
    kept: list[int] = []
    best = -np.inf
    for index in np.lexsort((-acc, lat)).tolist():
        if acc[index] > best:
            kept.append(index)
            best = float(acc[index])
    return kept


def hypervolume(accuracy: Sequence[float], latency: Sequence[float], *, limit: float) -> float:
    """The area that a front dominates, against accuracy 0 and latency `limit` (points at or beyond it do not count).

    >>> hypervolume([0.5, 1.0], [1.0, 2.0], limit=4.0)
    2.5
    >>> hypervolume([0.9], [4.0], limit=4.0)
    0.0
    """
    inside = [(lat, acc) for acc, lat in zip(accuracy, latency, strict=True) if lat < limit]
    if not inside:
        return 0.0
    front = [inside[i] for i in pareto([a for _, a in inside], [t for t, _ in inside])]
    edges = [t for t, _ in front[1:]] + [limit]
    return sum(acc * (end - start) for (start, acc), end in zip(front, edges, strict=True))
