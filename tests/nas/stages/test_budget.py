"""The budget and the limit below it, by plain enumeration of a small space."""

import random
from dataclasses import replace
from pathlib import Path

import pytest

from hw_targets.timing import profiles
from latency_models.table import LatencyTable, fit
from nas.errors import InfeasibleBudget
from nas.stages.budget import check_budget
from nas.stages.context import Context
from nas.stages.profile import MeasuredTable
from nas.store import Store
from search_spaces.restrict import RestrictedSpace
from search_spaces.space import SearchSpace
from tests.nas.boards import Board
from tests.nas.search.test_region import small_space

SPACE = small_space(tuple(range(1, 9)), (1, 2, 3))


def table_of(space: SearchSpace) -> LatencyTable:
    """Fitted to twelve architectures on a simulated board."""
    rng, board = random.Random(0), Board()
    networks = [space.network(a) for a in dict.fromkeys(space.sample(rng) for _ in range(100))][:12]
    return fit(profiles(networks, list(board.sample(networks, rounds=1))), board.info)


def measured(table: LatencyTable, p50: float = 1.0) -> MeasuredTable:
    """A table of a machine on which the median run is so many times slower than a quiet one."""
    return MeasuredTable(table, "made up", {"quiet": 1.0, "p50": p50, "p95": 2.0})


def test_what_keeps_the_limit_is_counted_apart_from_what_meets_the_budget(tmp_path: Path) -> None:
    table = table_of(SPACE)
    table = replace(table, accuracy_report=replace(table.accuracy_report, mape=0.2))
    context = Context(Store(tmp_path))
    target_plan = check_budget(context, Board(), measured(table), RestrictedSpace(SPACE, ()), "60%")
    latencies = [
        table.predict(SPACE.network(SPACE.architecture({"resolution": 4, "width": w, "depth": d}))).latency_ms
        for w in range(1, 9)
        for d in (1, 2, 3)
    ]
    assert target_plan.limit_ms == 0.8 * target_plan.budget_ms
    assert target_plan.within_limit == sum(ms <= target_plan.limit_ms for ms in latencies)
    assert (
        int(target_plan.outcome.architectures_within)
        == sum(ms <= target_plan.budget_ms for ms in latencies)
        > target_plan.within_limit
    )


def test_a_budget_of_the_fastest_leaves_the_fastest(tmp_path: Path) -> None:
    context = Context(Store(tmp_path))
    table = table_of(SPACE)
    for budget in ("0%", table.predict(SPACE.network(SPACE.smallest())).latency_ms):
        target_plan = check_budget(context, Board(), measured(table), RestrictedSpace(SPACE, ()), budget)
        assert target_plan.limit_ms == target_plan.budget_ms and target_plan.within_limit >= 1


def test_a_budget_on_the_median_is_searched_as_a_quiet_latency(tmp_path: Path) -> None:
    """Where the median run takes 1.5 times a quiet one, 3 ms of the median are 2 ms of the table."""
    context = Context(Store(tmp_path))
    table = table_of(SPACE)
    low, high = check_budget(context, Board(), measured(table), RestrictedSpace(SPACE, ()), "100%").outcome.reachable_ms
    quiet_ms = (low + high) / 2
    target_plan = check_budget(
        context, Board(), measured(table, 1.5), RestrictedSpace(SPACE, ()), 1.5 * quiet_ms, "p50"
    )
    plain = check_budget(context, Board(), measured(table), RestrictedSpace(SPACE, ()), quiet_ms)
    assert target_plan.budget_ms == 1.5 * quiet_ms and target_plan.budgeted_ms(1.0, 2.0, 3.0) == 2.0
    assert target_plan.limit_ms == pytest.approx(plain.limit_ms) and target_plan.outcome == plain.outcome
    percent = check_budget(context, Board(), measured(table, 1.5), RestrictedSpace(SPACE, ()), "50%", "p50")
    assert percent.budget_ms == pytest.approx(1.5 * quiet_ms) and percent.limit_ms == pytest.approx(plain.limit_ms)
    with pytest.raises(InfeasibleBudget, match=r"p50, about 1\.50 times"):
        check_budget(context, Board(), measured(table, 1.5), RestrictedSpace(SPACE, ()), 1.2 * low, "p50")
