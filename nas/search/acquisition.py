"""How much an evaluation of an architecture promises: expected improvement, of one objective and of a front with known latencies.

Scores are those of `predictor.normal_scores`. Not here: predictions, and which architectures are compared.
"""

import numpy as np
from numpy.typing import NDArray

from nas.search.front import pareto

FloatArray = NDArray[np.float64]


def log_expected_improvement(mean: FloatArray, deviation: FloatArray, best: float | FloatArray) -> FloatArray:
    """Logarithm of the expected improvement over `best` (Jones et al. 1998) of normal predictions.

    The logarithm tells candidates apart that all promise next to nothing (Ament et al. 2023).
    """
    from scipy.special import ndtr

    at = (mean - best) / deviation
    density = np.exp(-0.5 * at**2) / np.sqrt(2 * np.pi)
    direct = np.log(np.maximum(density + at * ndtr(at), 1e-300))
    squared = np.maximum(at**2, 1.0)
    tail = (
        -0.5 * at**2 - np.log(np.sqrt(2 * np.pi)) - np.log(squared + 3)
    )  # density / (at^2 + 3): the first terms of its expansion
    return np.asarray(np.log(deviation) + np.where(at > -5, direct, tail), np.float64)


def expected_hypervolume_improvement(
    mean: FloatArray,
    deviation: FloatArray,
    latency: FloatArray,
    known: tuple[FloatArray, FloatArray, FloatArray],
    limit: float,
) -> FloatArray:
    """(N,) expected gain of the front's area, where latencies are known and only the metric is predicted.

    The front of the evaluations is a staircase; a candidate adds, from its latency to the limit, what its metric is above the stairs.
    Between the stairs the metric is taken to be linear in the score, so the expectation is a sum of expected improvements over the stairs'
    scores.

    Args:
        mean, deviation: (N,) of the candidates' predicted scores.
        latency: (N,) of the candidates, ms.
        known: metric, score and latency (M,) of the evaluations.
        limit: where the area ends, ms.
    """
    metric, score, ms = known
    front, worst = pareto(metric, ms), int(np.argmin(metric))
    ends = np.append(ms[front], max(limit, float(ms[front[-1]])))
    widths = np.maximum(ends - latency[:, None], 0.0)  # (N, stairs) of the area below each stair's end
    if float(ms[front[0]]) >= ends[-1]:
        widths = np.ones_like(widths)  # all latencies are equal: the metric alone counts
    stairs = np.array([worst, *front])  # before the fastest evaluation there is only the worst metric
    rise, run = np.diff(metric[stairs]), np.diff(score[stairs])
    slopes = np.append(np.divide(rise, run, out=np.zeros_like(rise), where=run > 0), _steepness(metric, score))
    above = np.exp(log_expected_improvement(mean[:, None], deviation[:, None], score[stairs]))
    between = above - np.append(above[:, 1:], np.zeros((len(above), 1)), axis=1)
    return np.asarray((widths * slopes * between).sum(axis=1), np.float64)


def metric_of(scores: FloatArray, metric: FloatArray, known: FloatArray) -> FloatArray:
    """Metrics of scores, by the evaluations' metrics and known scores; beyond the best, along the line from the upper quartile to it."""
    values, first = np.unique(known, return_index=True)
    found = np.interp(scores, values, metric[first])
    return np.asarray(found + _steepness(metric, known) * np.maximum(scores - values[-1], 0.0), np.float64)


def _steepness(metric: FloatArray, score: FloatArray) -> float:
    """Metric for each unit of score, from the upper quartile of the evaluations to the best."""
    order = np.argsort(score, kind="stable")
    quartile, best = order[int(0.75 * (len(order) - 1))], order[-1]
    run = score[best] - score[quartile]
    return float((metric[best] - metric[quartile]) / run) if run > 0 else 0.0
