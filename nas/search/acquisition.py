"""How much an evaluation of an architecture promises: expected improvement, of one objective and of a front with known latencies.

Scores are those of `predictor.normal_scores`. Not here: predictions, and which architectures are compared.
"""

from typing import Final

import numpy as np
from numpy.typing import NDArray

from nas.search.front import pareto

FloatArray = NDArray[np.float64]

NODES: Final = 15
"""Quantiles by which an expectation over a predicted metric is taken."""


def log_expected_improvement(mean: FloatArray, deviation: FloatArray, best: float) -> FloatArray:
    """(N,) logarithm of the expected improvement over `best` (Jones et al. 1998) of normal predictions.

    The logarithm tells candidates apart that all promise next to nothing (Ament et al. 2023).
    """
    from scipy.special import ndtr

    at = (mean - best) / deviation
    density = np.exp(-0.5 * at**2) / np.sqrt(2 * np.pi)
    direct = np.log(np.maximum(density + at * ndtr(at), 1e-300))
    squared = np.maximum(at**2, 1.0)
    tail = -0.5 * at**2 - np.log(np.sqrt(2 * np.pi)) - np.log(squared + 3)  # density / (at^2 + 3): the first terms of its expansion
    return np.asarray(np.log(deviation) + np.where(at > -5, direct, tail), np.float64)


def expected_hypervolume_improvement(
    mean: FloatArray,
    deviation: FloatArray,
    latency: FloatArray,
    known: tuple[FloatArray, FloatArray, FloatArray],
    limit: float,
    nodes: int = NODES,
) -> FloatArray:
    """(N,) expected gain of the front's area, where latencies are known and only the metric is predicted.

    The front of the evaluations is a staircase; a candidate adds, from its latency to the limit, what its metric is above the stairs.

    Args:
        mean, deviation: (N,) of the candidates' predicted scores.
        latency: (N,) of the candidates, ms.
        known: metric, score and latency (M,) of the evaluations.
        limit: where the area ends, ms.
        nodes: quantiles of the expectation; 1 takes the metric of the mean.
    """
    from scipy.special import ndtri

    metric, score, ms = known
    front = pareto(metric, ms)
    edges = np.append(ms[front], max(limit, float(ms[front[-1]])))
    stairs = np.concatenate(
        [[metric.min()], metric[front]]
    )  # before the fastest evaluation there is only the worst metric
    starts = np.concatenate([[-np.inf], edges[:-1]])
    widths = np.maximum(edges - np.maximum(starts, latency[:, None]), 0.0)  # (N, stairs)
    if edges[-1] <= edges[0]:
        widths = np.ones_like(widths)  # all latencies are equal: the metric alone counts
    quantiles = ndtri((np.arange(nodes) + 0.5) / nodes)
    metrics = metric_of(mean[:, None] + deviation[:, None] * quantiles, metric, score)  # (N, nodes)
    gain = np.zeros(len(mean))
    for stair, width in zip(stairs, widths.T, strict=True):
        gain += width * np.maximum(metrics - stair, 0.0).mean(axis=1)
    return gain


def metric_of(scores: FloatArray, metric: FloatArray, known: FloatArray) -> FloatArray:
    """Metrics of scores, by the evaluations' pairs; beyond the best, along the line from the upper quartile to it."""
    values, first = np.unique(known, return_index=True)
    levels = metric[first]
    found = np.interp(scores, values, levels)
    quartile = int(0.75 * (len(values) - 1))
    run = values[-1] - values[quartile]
    slope = (levels[-1] - levels[quartile]) / run if run > 0 else 0.0
    return np.asarray(found + slope * np.maximum(scores - values[-1], 0.0), np.float64)
