"""Pareto fronts and their hypervolume, by hand."""

import pytest

from nas.search.front import hypervolume, pareto


def test_pareto_by_hand() -> None:
    # (accuracy, latency): b is beaten by a, d ties with c and is slower
    assert pareto([0.8, 0.7, 0.9, 0.9], [1.0, 1.5, 2.0, 3.0]) == [0, 2]


def test_hypervolume_by_hand() -> None:
    # 0.5 over [1, 2) and 1.0 over [2, 4)
    assert hypervolume([0.5, 1.0, 0.9], [1.0, 2.0, 5.0], limit=4.0) == pytest.approx(2.5)


def test_a_front_at_the_limit_dominates_nothing() -> None:
    assert hypervolume([0.9, 0.5], [4.0, 5.0], limit=4.0) == 0.0
    assert hypervolume([], [], limit=4.0) == 0.0
