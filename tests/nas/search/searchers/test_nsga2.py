"""Ranks of domination, against their definition."""

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from nas.search.searchers.nsga2 import ranks

POINTS = st.lists(st.tuples(st.integers(0, 6), st.integers(0, 6)), min_size=1, max_size=40)


def by_definition(costs: np.ndarray) -> list[int]:
    """Peels one front after the other by comparing every pair."""
    rank, left, level = [-1] * len(costs), set(range(len(costs))), 0
    while left:
        beaten = {i for i in left for j in left if (costs[j] <= costs[i]).all() and (costs[j] < costs[i]).any()}
        for i in left - beaten:
            rank[i] = level
        left, level = beaten, level + 1
    return rank


@given(POINTS)
def test_ranks_are_those_of_the_definition(points: list[tuple[int, int]]) -> None:
    costs = np.array(points, np.float64)
    assert ranks(costs).tolist() == by_definition(costs)


@given(POINTS, st.integers(0, 40))
def test_once_enough_have_a_rank_the_others_share_the_next(points: list[tuple[int, int]], enough: int) -> None:
    costs = np.array(points, np.float64)
    found, exact = ranks(costs, enough), np.array(by_definition(costs))
    last = int(found.max())
    assert found.tolist() == np.minimum(exact, last).tolist()
    assert last == exact.max() or (found < last).sum() >= min(enough, len(np.unique(costs, axis=0)))
