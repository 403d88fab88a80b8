"""Checks a latency budget before anything is trained: the reachable range, how many architectures meet it, whether the constraint
is inactive (every architecture meets it), and how many meet the limits on other costs, too. Whether any does: `limits.py`."""

from math import ceil
from typing import Literal

from hw_targets.target import Target
from latency_models.additive import to_ms, whole_ticks
from latency_models.compiled import CompiledLatency, compile_table
from latency_models.cost_limit import CostLimit
from latency_models.counting import Distribution
from nas.errors import InfeasibleBudget
from nas.result import ArchitectureCount, BudgetOutcome
from nas.search.region import LimitedRegion
from nas.spec import BudgetOn
from nas.stages.context import Context
from nas.stages.limits import LatencyBound, check_limits
from nas.stages.profile import MeasuredTable
from nas.store import StageKey
from nas.target_plan import TargetPlan
from search_spaces.lattice import Lattice
from search_spaces.restrict import RestrictedSpace
from search_spaces.space import SearchSpace

VERSION = 1


def check_budget(
    context: Context,
    target: Target,
    measured: MeasuredTable,
    restricted: RestrictedSpace,
    budget: str | float,
    budget_on: BudgetOn = "quiet",
    limits: tuple[CostLimit, ...] = (),
) -> TargetPlan:
    """The plan of a target, in the part of the space that it runs. A percentage is of the range that `budget_on` reaches, whatever the
    limits on other costs are.

    Raises:
        InfeasibleBudget: even the fastest architecture is predicted to be slower; `facts` carry the reachable range.
        InfeasibleLimits: no architecture meets the budget and the limits; `facts` carry the nearest feasible values.
    """
    info, space, table = target.info, restricted.space, measured.table
    latency = compile_table(table, Lattice.of(space))
    low, high = latency.reachable_ms
    slower = measured.slower[budget_on]
    budget_ms = latency.budget_ms(budget) * (slower if isinstance(budget, str) else 1.0)
    quiet_ms = latency.budget_ms(budget) if isinstance(budget, str) else budget_ms / slower
    if quiet_ms < low:
        raise _infeasible(info.id, latency, budget_ms, budget_on, slower)
    text = f"runs within {budget_ms:g} ms on {info.id}"
    bound = LatencyBound(latency, whole_ticks(quiet_ms), text, lambda ticks: _enough(to_ms(ticks) * slower))
    region = LimitedRegion(latency, quiet_ms, limits)
    if limits:
        check_limits(space.name, region.compiled, bound)
    counts = _distribution(context, latency, measured.hash, space)
    within = counts.count(whole_ticks(quiet_ms))
    limit = max(region.range_ms[0], quiet_ms * (1 - table.accuracy_report.mape))
    both = counted = None
    if limits:
        both = _counted(context, region, measured.hash)
        counted = _counted(context, LimitedRegion(latency, limit, limits), measured.hash)
    outcome = BudgetOutcome(
        reachable_ms=(low, high),
        architectures=str(latency.lattice.size),
        architectures_within=str(within),
        active=within < latency.lattice.size,
        within_limits=both,
    )
    return TargetPlan(
        info=info,
        scheme=target.scheme,
        removed=restricted.removed,
        table=table,
        table_hash=measured.hash,
        latency=latency,
        budget_ms=budget_ms,
        budget_on=budget_on,
        limit_ms=limit,
        within_limit=counts.count(whole_ticks(limit)) if counted is None else int(counted.high),
        outcome=outcome,
        limits=limits,
    )


def _enough(milliseconds: float) -> float:
    """A budget that is no less."""
    return ceil(milliseconds * 1e4) / 1e4


def _infeasible(
    target: str, latency: CompiledLatency, budget_ms: float, budget_on: BudgetOn, slower: float
) -> InfeasibleBudget:
    """The error for a budget below the fastest architecture, whose latency of `budget_on` is `slower` times the quiet one."""
    low, high = latency.reachable_ms
    of = "" if budget_on == "quiet" else f" ({budget_on}, about {slower:.2f} times the quiet latency here)"
    return InfeasibleBudget(
        f"No architecture of {latency.lattice.space.name!r} runs within {budget_ms:g} ms on {target}: the fastest takes "
        f"{low * slower:.4g} ms{of}.",
        fix=f"Give at least {_enough(low * slower):g} ms (the slowest takes {high * slower:.4g} ms), or a space or resolution with "
        "smaller networks.",
        facts={
            "target": target,
            "budget_ms": budget_ms,
            "reachable_ms": [low * slower, high * slower],
            "fastest": str(latency.least[1]),
            "architectures": str(latency.lattice.size),
            "architectures_within": "0",
        },
    )


def _counted(context: Context, region: LimitedRegion, table_hash: str) -> ArchitectureCount:
    """How many architectures meet all limits of a region, cached or counted now."""
    limits = {limit.cost: limit.most for limit in region.limits}
    inputs = {"space": region.latency.lattice.space.fingerprint, "table": table_hash, "limits": limits}
    key = StageKey("count_within_limits", VERSION, {**inputs, "ticks": whole_ticks(region.limit_ms)})
    record = context.store.find(key)
    if record is None:
        found = region.count()
        kind: Literal["exact", "estimated"] = "exact" if found.exact else "estimated"
        count = ArchitectureCount(value=str(found.value), kind=kind, low=str(found.low), high=str(found.high))
        record = context.store.finish(key, {}, seconds=0.0, facts=count.model_dump())
    return ArchitectureCount.model_validate(record.facts)


def _distribution(context: Context, latency: CompiledLatency, table_hash: str, space: SearchSpace) -> Distribution:
    inputs = {"space": space.fingerprint, "table": table_hash}
    key = StageKey("count", VERSION, inputs)
    record = context.store.find(key)
    if record is None:
        record = context.store.finish(key, {"distribution": Distribution.of(latency).to_bytes()}, seconds=0.0)
    return Distribution.from_bytes(context.store.get(record.outputs["distribution"]))
