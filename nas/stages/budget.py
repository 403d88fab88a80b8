"""Checks a latency budget before anything is trained: the reachable range, how many architectures meet it, whether the constraint
is inactive (every architecture meets it)."""

from math import ceil

from hw_targets.target import Target
from latency_models.additive import whole_ticks
from latency_models.compiled import CompiledLatency, compile_table
from latency_models.counting import Distribution
from nas.errors import InfeasibleBudget
from nas.result import BudgetOutcome
from nas.spec import BudgetOn
from nas.stages.context import Context
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
) -> TargetPlan:
    """The plan of a target, in the part of the space that it runs. A percentage is of the range that `budget_on` reaches.

    Raises:
        InfeasibleBudget: even the fastest architecture is predicted to be slower; `facts` carry the reachable range.
    """
    info, space, table = target.info, restricted.space, measured.table
    latency = compile_table(table, Lattice.of(space))
    low, high = latency.reachable_ms
    slower = measured.slower[budget_on]
    budget_ms = latency.budget_ms(budget) * (slower if isinstance(budget, str) else 1.0)
    quiet_ms = latency.budget_ms(budget) if isinstance(budget, str) else budget_ms / slower
    if quiet_ms < low:
        enough = ceil(low * slower * 1e4) / 1e4
        of = "" if budget_on == "quiet" else f" ({budget_on}, about {slower:.2f} times the quiet latency here)"
        raise InfeasibleBudget(
            f"No architecture of {space.name!r} runs within {budget_ms:g} ms on {info.id}: the fastest takes {low * slower:.4g} ms{of}.",
            fix=f"Give at least {enough:g} ms (the slowest takes {high * slower:.4g} ms), or a space or resolution with smaller "
            "networks.",
            facts={
                "target": info.id,
                "budget_ms": budget_ms,
                "reachable_ms": [low * slower, high * slower],
                "fastest": str(latency.least[1]),
                "architectures": str(latency.lattice.size),
                "architectures_within": "0",
            },
        )
    counts = _distribution(context, latency, measured.hash, space)
    within = counts.count(whole_ticks(quiet_ms))
    outcome = BudgetOutcome(
        reachable_ms=(low, high),
        architectures=str(latency.lattice.size),
        architectures_within=str(within),
        active=within < latency.lattice.size,
    )
    limit = max(low, quiet_ms * (1 - table.accuracy_report.mape))
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
        within_limit=counts.count(whole_ticks(limit)),
        outcome=outcome,
    )


def _distribution(context: Context, latency: CompiledLatency, table_hash: str, space: SearchSpace) -> Distribution:
    inputs = {"space": space.fingerprint, "table": table_hash}
    key = StageKey("count", VERSION, inputs)
    record = context.store.find(key)
    if record is None:
        record = context.store.finish(key, {"distribution": Distribution.of(latency).to_bytes()}, seconds=0.0)
    return Distribution.from_bytes(context.store.get(record.outputs["distribution"]))
