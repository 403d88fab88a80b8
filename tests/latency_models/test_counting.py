"""Exact counts against plain enumeration, and against what is known of large spaces."""

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings

from latency_models import counting
from latency_models.additive import MACS, PARAMS, AdditiveCost
from latency_models.compiled import compile_cost
from latency_models.counting import Distribution
from latency_models.errors import CostTooFine, UnreadableTable
from search_spaces.lattice import Lattice
from search_spaces.registry import known_space
from search_spaces.registry import space as find_space
from tests.latency_models.spaces import costs, everything, lattices

relaxed = settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.too_slow])


@relaxed
@given(lattices(), costs())
def test_counts_are_exact_for_every_budget(lattice: Lattice, cost: AdditiveCost) -> None:
    totals = sorted(cost.of(lattice.space.network(a)) for a in everything(lattice.space))
    distribution = Distribution.of(compile_cost(cost, lattice))
    assert distribution.size == len(totals)
    budgets = {b + d for b in totals[:: max(1, len(totals) // 20)] for d in (-1, 0, 1)}
    for budget in sorted(budgets):
        assert distribution.count(budget) == np.searchsorted(totals, budget, side="right")


def large(resolution: int = 32) -> Lattice:
    return Lattice.of(find_space("mobilenet", resolution=resolution, channels=3, classes=10))


def beyond_64_bits() -> Lattice:
    """The space for photographs with one more kernel size in each block."""
    spec = known_space("mobilenet", resolution=96)
    stages = tuple(stage.model_copy(update={"kernel": (3, 5, 7)}) for stage in spec.stages)
    return Lattice.of(spec.model_copy(update={"stages": stages}).build(resolution=96, channels=3, classes=10))


def test_large_counts_need_more_than_64_bits_and_are_still_exact() -> None:
    # A cost of 1 a layer, on a space whose size exceeds one and even two primes: every layer count's ways add up.
    lattice = beyond_64_bits()
    assert lattice.size > 2**64
    ones = compile_cost(AdditiveCost("layers", lambda _: 1), lattice)
    distribution = Distribution.of(ones)
    assert len(distribution.primes) >= 3
    ways = [distribution.count(n) for n in range(ones.least[0] - 1, ones.most[0] + 1)]
    assert ways[0] == 0
    assert ways[-1] == lattice.size
    # By plain dynamic programming with Python's own integers.
    assert ways == _by_python(lattice, ones.costs, range(ones.least[0] - 1, ones.most[0] + 1))


def _by_python(lattice: Lattice, costs: tuple[np.ndarray, ...], budgets: range) -> list[int]:
    reached: dict[tuple[int, int], int] = {(s, 0): 1 for s in lattice.initial.tolist()}
    for stage, cost in zip(lattice.stages, costs, strict=True):
        moves: dict[int, dict[tuple[int, int], int]] = {}
        for source, target, c in zip(stage.source.tolist(), stage.target.tolist(), cost.tolist(), strict=True):
            by_end = moves.setdefault(source, {})
            by_end[target, c] = by_end.get((target, c), 0) + 1
        after: dict[tuple[int, int], int] = {}
        for (state, total), ways in reached.items():
            for (target, c), times in moves[state].items():
                after[target, total + c] = after.get((target, total + c), 0) + ways * times
        reached = after
    return [sum(ways for (_, total), ways in reached.items() if total <= budget) for budget in budgets]


def test_the_share_within_a_budget_grows_to_the_whole_space() -> None:
    lattice = large()
    compiled = compile_cost(PARAMS, lattice)
    distribution = Distribution.of(compiled)
    low, high = compiled.least[0], compiled.most[0]
    shares = [distribution.count(low + (high - low) * tenth // 10) / lattice.size for tenth in range(11)]
    assert shares == sorted(shares)
    assert (shares[-1], distribution.count(low - 1)) == (1.0, 0)
    assert distribution.count(low) >= 1


def test_bytes_round_trip() -> None:
    compiled = compile_cost(MACS, large(8))
    distribution = Distribution.of(compiled)
    again = Distribution.from_bytes(distribution.to_bytes())
    for budget in range(compiled.least[0], compiled.most[0], 500_000):
        assert again.count(budget) == distribution.count(budget)
    with pytest.raises(UnreadableTable):
        Distribution.from_bytes(b"no archive")
    with pytest.raises(UnreadableTable):
        Distribution.from_bytes(distribution.to_bytes()[:100])


def test_rejects_what_does_not_fit(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(counting, "MAX_CELLS", 1000)
    with pytest.raises(CostTooFine, match="the limit is 1,000"):
        Distribution.of(compile_cost(MACS, large(8)))
