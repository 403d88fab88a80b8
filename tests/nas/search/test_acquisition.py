"""Expected improvements, by hand and by sampling."""

import numpy as np
import pytest

from nas.search.acquisition import expected_hypervolume_improvement, log_expected_improvement, metric_of
from nas.search.front import hypervolume


def test_expected_improvement_of_a_normal_prediction() -> None:
    """At the best itself it is the deviation times the normal density at 0."""
    found = np.exp(log_expected_improvement(np.array([1.0, 3.0]), np.array([2.0, 1e-6]), best=1.0))
    assert found == pytest.approx([2 / np.sqrt(2 * np.pi), 2.0], rel=1e-6)


def test_the_logarithm_tells_hopeless_candidates_apart() -> None:
    found = log_expected_improvement(np.array([-60.0, -50.0, -4.999, -5.001]), np.ones(4), best=0.0)
    assert np.isfinite(found).all() and found[0] < found[1] < found[3] < found[2]
    assert found[2] - found[3] < 0.1


def test_a_score_becomes_the_metric_of_its_rank() -> None:
    metric, scores = np.array([10.0, 30.0, 20.0, 40.0, 50.0]), np.array([-1.0, 0.5, 0.0, 1.0, 2.0])
    assert metric_of(np.array([0.25, -5.0, 2.0]), metric, scores).tolist() == [25.0, 10.0, 50.0]
    assert metric_of(np.array([3.0]), metric, scores).tolist() == [60.0]  # on from (1, 40) and (2, 50)


def test_the_gain_of_certain_predictions_is_that_of_the_area() -> None:
    metric, latency, limit = np.array([0.2, 0.6, 0.4]), np.array([1.0, 3.0, 2.0]), 4.0
    scores = metric * 10
    codes_ms = np.array([2.5, 1.0, 3.5, 0.5])
    gain = expected_hypervolume_improvement(
        np.array([5.0, 2.0, 6.0, 4.0]), np.full(4, 1e-9), codes_ms, (metric, scores, latency), limit
    )
    before = hypervolume(metric.tolist(), latency.tolist(), limit=limit)
    areas = [
        hypervolume([*metric.tolist(), value], [*latency.tolist(), ms], limit=limit) - before
        for value, ms in zip([0.5, 0.2, 0.6, 0.4], codes_ms.tolist(), strict=True)
    ]
    areas[3] -= 0.5 * 0.2  # before the fastest evaluation, only what is above the worst metric counts
    assert gain == pytest.approx(areas, abs=1e-6)


def test_the_gain_is_an_expectation() -> None:
    metric, scores, latency = np.array([0.0, 1.0]), np.array([0.0, 1.0]), np.array([1.0, 2.0])
    gain = expected_hypervolume_improvement(
        np.array([1.0]), np.array([0.5]), np.array([1.5]), (metric, scores, latency), 4.0
    )
    sampled = metric_of(1 + 0.5 * np.random.default_rng(0).standard_normal(200_000), metric, scores)
    areas = 0.5 * sampled + 2.0 * np.maximum(sampled - 1, 0)
    assert gain[0] == pytest.approx(areas.mean(), rel=0.01)


def test_the_metric_alone_counts_where_all_latencies_are_equal() -> None:
    known = (np.array([0.1, 0.2]), np.array([-1.0, 1.0]), np.zeros(2))
    gain = expected_hypervolume_improvement(np.array([0.0, 2.0]), np.full(2, 0.1), np.zeros(2), known, 0.0)
    assert gain[1] > gain[0]
