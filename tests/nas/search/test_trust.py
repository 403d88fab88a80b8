"""The trust score against scipy, against orders that can be counted by hand, and what it says of too few networks."""

from collections.abc import Sequence
from itertools import permutations

import numpy as np
import pytest
from scipy.stats import kendalltau

from nas.search.trust import LEAST, advantage, correlation, interval, trust
from nas.search_report import ComparedNetwork


def networks(scores: Sequence[float], macs: Sequence[int], reached: Sequence[float]) -> list[ComparedNetwork]:
    return [
        ComparedNetwork(architecture_id=f"n{number}", score=score, macs=counted, reached=value)
        for number, (score, counted, value) in enumerate(zip(scores, macs, reached, strict=True))
    ]


REACHED = [0.81, 0.82, 0.83, 0.84, 0.85, 0.86]


def test_scores_in_perfect_order_are_better_than_counts_in_none() -> None:
    found = trust(networks([0.1, 0.2, 0.3, 0.4, 0.5, 0.6], [60, 20, 50, 10, 40, 30], REACHED), seed=0)
    assert found.verdict == "better" and found.scores is not None and found.macs is not None
    assert (found.scores.tau, found.scores.high) == (1.0, 1.0) and 0.3 < found.scores.low < 0.7
    assert found.macs.tau == pytest.approx(kendalltau([60, 20, 50, 10, 40, 30], REACHED).statistic, abs=1e-4)
    assert found.p_value is not None and found.p_value <= 0.05
    assert "better than counting multiply-accumulates" in found.note and len(found.networks) == 6


def test_scores_that_rank_as_counts_do_are_no_better() -> None:
    found = trust(networks([0.1, 0.2, 0.3, 0.4, 0.6, 0.5], [10, 20, 30, 40, 60, 50], REACHED), seed=0)
    assert found.verdict == "no better" and "no better than counting multiply-accumulates" in found.note


def test_scores_that_rank_backwards_are_no_better_than_worse_counts() -> None:
    found = trust(networks([5, 6, 4, 3, 2, 1], [6, 5, 4, 3, 2, 1], REACHED), seed=0)
    assert found.scores is not None and found.macs is not None and found.scores.tau > found.macs.tau
    assert found.verdict == "no better"


def test_a_small_lead_is_not_shown() -> None:
    found = trust(networks([1, 2, 3, 4, 5, 6], [1, 2, 3, 4, 6, 5], REACHED), seed=0)
    assert found.verdict == "not shown" and "do not show that it was more than chance" in found.note


@pytest.mark.parametrize("count", range(LEAST))
def test_too_few_networks_say_nothing(count: int) -> None:
    found = trust(networks(range(count), range(count), REACHED[:count]), seed=0)
    assert found.verdict == "too few" and found.scores is None
    said = "1 network was" if count == 1 else f"{count} networks were"
    assert f"{said} compared; at least {LEAST}" in found.note


def test_with_the_least_number_a_perfect_order_is_no_chance_and_with_one_fewer_it_may_be() -> None:
    for count, significant in ((LEAST - 1, False), (LEAST, True)):
        taus = [abs(kendalltau(range(count), order).statistic) for order in permutations(range(count))]
        assert bool(np.mean(np.isclose(taus, 1.0)) <= 0.05) is significant


def test_equal_scores_have_no_order() -> None:
    found = trust(networks([1] * 5, [1, 2, 3, 4, 5], REACHED[:5]), seed=0)
    assert found.verdict == "undefined" and "equal scores" in found.note and found.macs is not None
    assert "equal results" in trust(networks([1, 2, 3, 4, 5], [1, 2, 3, 4, 5], [0.9] * 5), seed=0).note


def test_equal_counts_are_no_rival() -> None:
    found = trust(networks([1, 2, 3, 4, 5, 6], [7] * 6, REACHED), seed=0)
    assert found.macs is None and found.verdict == "better" and "no order at all" in found.note


def test_the_probability_of_an_advantage_counts_exchanges() -> None:
    # of the 32 exchanges only the one that changes nothing leads as much
    assert advantage([1, 2, 3, 4, 5], [3, 5, 1, 2, 4], [1, 2, 3, 4, 5], seed=0) == 1 / 32
    assert advantage([1, 2, 3, 4, 5], [1, 2, 3, 4, 5], [1, 2, 3, 4, 5], seed=0) == 1.0
    rng = np.random.default_rng(0)
    many = advantage(list(range(20)), rng.permutation(20).tolist(), list(range(20)), seed=0)
    assert many < 0.01


def test_an_interval_holds_the_true_correlation_as_often_as_it_says() -> None:
    rng, true, count = np.random.default_rng(5), 0.5, 8
    rho, hits = np.sin(np.pi / 2 * true), 0
    known: dict[float, tuple[float, float]] = {}
    for _ in range(200):
        a, b = rng.standard_normal((2, count))
        tau = round(float(kendalltau(a, rho * a + np.sqrt(1 - rho**2) * b).statistic), 6)
        low, high = known.setdefault(tau, interval(tau, count, seed=0))
        hits += low <= true <= high
    assert 0.93 <= hits / 200 <= 1.0


def test_more_networks_narrow_the_interval_and_a_seed_repeats_it() -> None:
    widths = [high - low for low, high in (interval(0.5, count, seed=1) for count in (5, 10, 20, 64))]
    assert widths == sorted(widths, reverse=True) and widths[0] > 1 and widths[-1] < 0.3
    assert interval(0.5, 8, seed=1) == interval(0.5, 8, seed=1)
    found = correlation([1, 2, 2, 3, 4, 5], REACHED, seed=0)
    assert found is not None and found.low < found.tau < found.high
    assert found.tau == pytest.approx(kendalltau([1, 2, 2, 3, 4, 5], REACHED).statistic, abs=1e-4)
