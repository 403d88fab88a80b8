"""The budget and the limit below it, by plain enumeration of a small space."""

import random
from dataclasses import fields, replace
from pathlib import Path
from typing import cast

import pytest

from hw_targets.timing import profiles
from latency_models.additive import AdditiveCost
from latency_models.cost_limit import CostLimit
from latency_models.table import LatencyTable, fit
from nas.errors import InfeasibleBudget, InfeasibleLimits
from nas.result import ArchitectureCount
from nas.stages.budget import check_budget
from nas.stages.context import Context
from nas.stages.profile import MeasuredTable
from nas.store import Store
from nas.target_plan import TargetPlan
from search_spaces.cost import layer_macs, macs
from search_spaces.restrict import RestrictedSpace
from search_spaces.space import SearchSpace
from tests.nas.boards import Board
from tests.nas.search.test_region import small_space

SPACE = small_space(tuple(range(1, 9)), (1, 2, 3))


class WorkIsFast(LatencyTable):
    """A device on which a layer is the faster, the more it computes."""

    def cost(self) -> AdditiveCost:
        return AdditiveCost("ticks", lambda layer: 20_000 - layer_macs(layer))


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


def test_limits_on_other_costs_are_checked_and_counted_with_the_budget(tmp_path: Path) -> None:
    """A network of width w and depth d has 16 (9 w + 9 w w (d - 1)) + 2 w multiply-accumulates; see `small_space`."""
    context, table = Context(Store(tmp_path)), table_of(SPACE)

    def planned(budget: str | float, **limits: int) -> TargetPlan:
        listed = tuple(CostLimit(*one) for one in limits.items())
        return check_budget(context, Board(), measured(table), RestrictedSpace(SPACE, ()), budget, limits=listed)

    networks = [
        SPACE.network(SPACE.architecture({"resolution": 4, "width": w, "depth": d}))
        for w in range(1, 9)
        for d in (1, 2, 3)
    ]
    most = sorted(map(macs, networks))[12]
    target_plan = planned("60%", macs=most)
    inside = [one for one in networks if table.predict(one).latency_ms <= target_plan.budget_ms and macs(one) <= most]
    assert target_plan.outcome.within_limits == ArchitectureCount(
        value=str(len(inside)), kind="exact", low=str(len(inside)), high=str(len(inside))
    )
    listed = target_plan.region.enumerated
    assert listed is not None and target_plan.within_limit == len(listed) > 0
    assert target_plan.outcome.architectures_within == planned("60%").outcome.architectures_within
    assert planned("60%").outcome.within_limits is None

    fastest = table.predict(SPACE.network(SPACE.smallest())).latency_ms
    with pytest.raises(InfeasibleLimits, match="has at most 1 parameters: the smallest has"):
        planned("60%", params=1)
    only = planned("0%", macs=macs(networks[0]))
    assert only.within_limit == 1 and only.limit_ms == pytest.approx(fastest, abs=1e-5)


def test_a_limit_that_excludes_the_budget_says_so(tmp_path: Path) -> None:
    """A budget below what the only architecture within the limit takes, on a table that is fast where there is much to compute."""
    table = table_of(SPACE)
    upside_down = WorkIsFast(**{field.name: getattr(table, field.name) for field in fields(table)})
    context, smallest = Context(Store(tmp_path)), SPACE.network(SPACE.smallest())
    limits = (CostLimit("macs", macs(smallest)),)
    given = (context, Board(), measured(upside_down), RestrictedSpace(SPACE, ()))
    with pytest.raises(InfeasibleLimits, match=r"that runs within .* ms on board has at most") as caught:
        check_budget(*given, "0%", limits=limits)
    nearest = cast(dict[str, float], caught.value.facts["nearest"])
    assert set(nearest) == {"macs", "latency_ms"}
    target_plan = check_budget(*given, nearest["latency_ms"], limits=limits)
    assert target_plan.within_limit == 1 and target_plan.limit_ms <= nearest["latency_ms"]
    more = (CostLimit("macs", int(nearest["macs"])),)
    assert check_budget(*given, "0%", limits=more).within_limit >= 1
