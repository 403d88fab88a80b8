import gc
import os

import pytest
from hypothesis import given
from hypothesis import strategies as st

from hw_targets.target import KernelSample, KernelTime, Profile, Sample, TimingSample
from hw_targets.testing.networks import residual
from hw_targets.timing import (
    LEAST_RUNS,
    latency_and_noise,
    noise_warning,
    pinned,
    profiles,
    quantile,
    repeat_error,
    rounds_left,
    time_slice,
)


def timing(q25: float, number: int = 0, network: str = "n", p50: float = 2.0, p95: float = 3.0) -> TimingSample:
    return TimingSample(network, number, q25, p50, p95, 10)


def test_the_latency_is_the_least_lower_quartile_and_noise_the_median_excess() -> None:
    latency, noise = latency_and_noise([timing(1.1), timing(1.0), timing(1.3)])
    assert latency == 1.0
    assert noise == pytest.approx(0.1)


@pytest.mark.parametrize(
    ("values", "q", "expected"), [([1, 2, 3, 4, 5], 0.25, 2), ([1, 2], 0.5, 1.5), ([7], 0.95, 7), ([0, 10], 0.25, 2.5)]
)
def test_quantiles(values: list[float], q: float, expected: float) -> None:
    assert quantile(values, q) == expected


@given(st.lists(st.floats(0, 1e6), min_size=1), st.floats(0, 1))
def test_a_quantile_lies_among_the_values(values: list[float], q: float) -> None:
    values.sort()
    assert values[0] <= quantile(values, q) <= values[-1] * (1 + 1e-12)


def test_profiles_fold_rounds() -> None:
    network = residual()
    kernels = (KernelTime("stem", (("QLinearConv", 1),), 0.5), KernelTime("head", (("QGemm", 1),), 1.5))
    samples: list[Sample] = [
        KernelSample(network.id, kernels),
        timing(1.2, 0, network.id, p50=1.5, p95=2.0),
        timing(1.0, 1, network.id, p50=1.4, p95=9.0),
        timing(1.1, 2, network.id, p50=1.3, p95=2.5),
        timing(0.1, 0, "another"),
        KernelSample(network.id, ()),
    ]
    (profile,) = profiles([network, residual(8)], samples)
    assert (profile.latency_ms, profile.p50_ms, profile.p95_ms) == (1.0, 1.4, 2.5)
    assert profile.noise == pytest.approx(0.1)
    assert [(k.layer, k.kernels, k.latency_ms) for k in profile.layers] == [
        ("stem", (("QLinearConv", 1),), 0.25),
        ("head", (("QGemm", 1),), 0.75),
    ]


def test_rounds_visit_every_network_in_orders_of_their_own() -> None:
    networks = [str(i) for i in range(8)]
    visits = list(rounds_left(networks, 3, []))
    assert visits == list(rounds_left(networks, 3, []))
    orders = [[n for r, n in visits if r == number] for number in range(3)]
    assert all(sorted(order) == networks for order in orders)
    assert len({tuple(order) for order in orders}) == 3


def test_rounds_continue_where_they_stopped() -> None:
    networks = [str(i) for i in range(5)]
    visits = list(rounds_left(networks, 3, []))
    done = [timing(1.0, r, n) for r, n in visits[:7]]
    assert list(rounds_left(networks, 3, done)) == visits[7:]


def test_the_repeat_error_compares_the_halves_of_the_rounds() -> None:
    rounds = [timing(q25, number) for number, q25 in enumerate((1.0, 1.4, 1.3, 1.02))]
    assert repeat_error(rounds) == pytest.approx(0.02)
    assert repeat_error(rounds[::-1]) == pytest.approx(0.02), "rounds count in the order in which they were timed"
    assert repeat_error([*rounds, timing(0.9, 4)]) == pytest.approx(1.0 / 0.9 - 1)
    assert repeat_error(rounds[:1]) == 0.0


def test_slow_rounds_do_not_warn_where_the_statistic_repeats() -> None:
    """Three rounds in four are half as slow again, but each half has a quiet one: noise 50 %, repeat error 1 %."""
    network = residual()
    quartiles = (1.5, 1.0, 1.5, 1.5, 1.5, 1.5, 1.01, 1.5)
    found = profiles([network], [timing(q25, number, network.id) for number, q25 in enumerate(quartiles)])
    assert found[0].noise == pytest.approx(0.5)
    assert found[0].repeat_error == pytest.approx(0.01)
    assert noise_warning(found, means="it means nothing", again="run again") is None


@pytest.mark.parametrize(("errors", "warns"), [([0.01, 0.03, 0.9], False), ([0.01, 0.08, 0.9], True), ([], False)])
def test_latencies_that_do_not_repeat_are_reported_with_what_it_means(errors: list[float], warns: bool) -> None:
    found = [Profile(residual(), 1.0, 1.0, 1.0, 0.0, (), error) for error in errors]
    message = noise_warning(found, means="predictions may be off by as much", again="run again")
    assert (message is not None) is warns
    assert message is None or ("repeat to 8.0% only" in message and "predictions may be off" in message)


def test_slices_count_runs_and_leave_the_collector_on() -> None:
    calls: list[bool] = []
    taken = time_slice(lambda: calls.append(gc.isenabled()), slice_s=0.002, warm_up_s=0.001)
    assert gc.isenabled() and not any(calls)
    assert LEAST_RUNS <= taken.runs < len(calls)
    assert 0 < taken.q25_ms <= taken.p50_ms <= taken.p95_ms


def test_a_slow_network_still_gets_its_least_runs() -> None:
    assert time_slice(lambda: None, slice_s=0.0, warm_up_s=0.0).runs == LEAST_RUNS


def test_an_error_in_a_run_is_not_swallowed() -> None:
    def fails() -> None:
        raise ValueError("broken")

    with pytest.raises(ValueError, match="broken"):
        time_slice(fails)
    assert gc.isenabled()


@pytest.mark.skipif(not hasattr(os, "sched_getaffinity"), reason="this system cannot pin threads")
def test_pinning_is_for_the_while() -> None:
    before = os.sched_getaffinity(0)
    with pinned():
        assert os.sched_getaffinity(0) == {max(before)}
    assert os.sched_getaffinity(0) == before
