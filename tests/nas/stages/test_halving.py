"""Successive halving by hand: how many train for how long, and what all of it costs."""

from itertools import pairwise

import pytest

from nas.stages.halving import cost, rounds


@pytest.mark.parametrize("finalists", range(1, 65))
def test_the_winner_is_trained_once_in_all(finalists: int) -> None:
    plan = rounds(finalists)
    assert sum(one.share for one in plan) == 1.0
    assert [one.networks for one in plan][:: len(plan) - 1 or 1] == ([finalists, 1] if finalists > 1 else [1])
    assert all(after.networks == (before.networks + 1) // 2 for before, after in pairwise(plan))
    assert all(after.share >= before.share for before, after in pairwise(plan))


def test_what_it_costs_by_hand() -> None:
    assert cost(1) == 1.0
    assert cost(2) == 2 / 2 + 1 / 2
    assert cost(3) == 3 / 4 + 2 / 4 + 1 / 2
    assert cost(8) == 8 / 8 + 4 / 8 + 2 / 4 + 1 / 2
    assert max(cost(n) for n in range(1, 9)) == 2.5
