"""Accuracy reports against numbers worked out by hand."""

import itertools
import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from latency_models.accuracy_report import AccuracyReport, kendall_tau, report_accuracy
from latency_models.errors import TooFewProfiles


def test_errors_by_hand() -> None:
    accuracy_report = report_accuracy([102.0, 93.0, 120.0, 100.0], [100.0] * 4, [0.01, 0.03, 0.02, 0.02], fitted=7)
    assert accuracy_report.mape == pytest.approx((0.02 + 0.07 + 0.20 + 0.0) / 4)
    assert accuracy_report.rmspe == pytest.approx(math.sqrt((0.0004 + 0.0049 + 0.04) / 4))
    assert (accuracy_report.within_5, accuracy_report.within_10) == (0.5, 0.75)
    assert accuracy_report.noise_mape == pytest.approx(0.02)
    assert (accuracy_report.fitted, accuracy_report.tested, accuracy_report.method) == (7, 4, "held_out")
    assert accuracy_report.kendall_tau is None, "all measurements are equal: there is no order to agree with"


def test_five_percent_is_within_five_percent() -> None:
    assert report_accuracy([1.05, 0.95], [1.0, 1.0], [0.0, 0.0], fitted=1).within_5 == 1.0


def test_fastest_tenth_is_by_measured_latency() -> None:
    measured = [float(i) for i in range(1, 21)]
    predicted = [2.0, 1.0, *measured[2:]]
    accuracy_report = report_accuracy(predicted, measured, [0.0] * 20, fitted=1)
    assert accuracy_report.kendall_tau_fastest_tenth == -1.0
    assert accuracy_report.kendall_tau == pytest.approx((190 - 2) / 190)


def test_tau_with_ties_by_hand() -> None:
    # Pairs: (1,1)-(1,2) tied in a, (1,1)-(2,2) concordant, (1,2)-(2,2) tied in b: 1 / sqrt(2 * 2).
    assert kendall_tau([1, 1, 2], [1, 2, 2]) == pytest.approx(0.5)
    assert kendall_tau([1, 2, 3], [3, 2, 1]) == -1.0
    assert kendall_tau([1.0], [1.0]) is None


@given(st.lists(st.tuples(st.integers(0, 6), st.integers(0, 6)), min_size=2, max_size=30))
def test_tau_is_the_definition(pairs: list[tuple[int, int]]) -> None:
    def sign(x: int) -> int:
        return (x > 0) - (x < 0)

    signs = [(sign(p[0] - q[0]), sign(p[1] - q[1])) for p, q in itertools.combinations(pairs, 2)]
    untied_a, untied_b = sum(abs(a) for a, _ in signs), sum(abs(b) for _, b in signs)
    found = kendall_tau([p[0] for p in pairs], [p[1] for p in pairs])
    if untied_a * untied_b == 0:
        assert found is None
    else:
        assert found == pytest.approx(sum(a * b for a, b in signs) / math.sqrt(untied_a * untied_b))


def test_nothing_to_compare() -> None:
    with pytest.raises(TooFewProfiles):
        report_accuracy([], [], [], fitted=3)
    with pytest.raises(ValueError, match="1 predictions"):
        report_accuracy([1.0], [], [], fitted=3)


def test_json_round_trip() -> None:
    accuracy_report = report_accuracy([1.0, 2.0], [1.1, 2.0], [0.0, 0.0], fitted=1)
    assert AccuracyReport.from_json(accuracy_report.to_json()) == accuracy_report
