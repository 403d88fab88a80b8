"""Judges a latency budget before anything is trained: what is reachable, how many architectures keep it, whether it binds."""

from dataclasses import dataclass
from math import ceil

from hw_targets.scheme import Scheme
from hw_targets.target import Target, TargetInfo
from latency_models.additive import whole_ticks
from latency_models.compiled import CompiledLatency, compile_table
from latency_models.counting import Distribution
from latency_models.table import LatencyTable
from nas.errors import InfeasibleBudget
from nas.result import BudgetOutcome
from nas.stages.context import Context
from nas.store import StageKey
from search_spaces.lattice import Lattice
from search_spaces.narrow import Narrowed, Removed
from search_spaces.space import SearchSpace

VERSION = 1


@dataclass(frozen=True)
class Goal:
    """One target with its budget, judged.

    Attributes:
        scheme: the form of INT8 that the target runs.
        removed: values of choices that it does not run.
        budget_ms: what was asked for, resolved to milliseconds.
        limit_ms: what the search keeps: the budget less the table's mean error, so that a prediction at the limit still
            keeps the budget when measured; never below the fastest architecture.
        within_limit: how many architectures are predicted to keep the limit, at least 1.
    """

    info: TargetInfo
    scheme: Scheme
    removed: tuple[Removed, ...]
    table: LatencyTable
    latency: CompiledLatency
    budget_ms: float
    limit_ms: float
    within_limit: int
    outcome: BudgetOutcome

    @property
    def space(self) -> SearchSpace:
        """What the target runs of the job's space: its architectures are architectures of that space, too."""
        return self.latency.lattice.space


def judge(context: Context, target: Target, table: LatencyTable, part: Narrowed, budget: str | float) -> Goal:
    """The goal of a target, in the part of the space that it runs.

    Raises:
        InfeasibleBudget: even the fastest architecture is predicted to be slower; `facts` carry the reachable range.
    """
    info, space = target.info, part.space
    latency = compile_table(table, Lattice.of(space))
    low, high = latency.reachable_ms
    budget_ms = latency.budget_ms(budget)
    if budget_ms < low:
        enough = ceil(low * 1e4) / 1e4
        raise InfeasibleBudget(
            f"No architecture of {space.name!r} runs within {budget_ms:g} ms on {info.id}: the fastest takes {low:.4g} ms.",
            fix=f"Ask for at least {enough:g} ms (the slowest takes {high:.4g} ms), or for a space or resolution with smaller networks.",
            facts={
                "target": info.id,
                "budget_ms": budget_ms,
                "reachable_ms": [low, high],
                "fastest": str(latency.least[1]),
                "architectures": str(latency.lattice.size),
                "architectures_within": "0",
            },
        )
    counts = _distribution(context, latency, table, space)
    within = counts.count(whole_ticks(budget_ms))
    outcome = BudgetOutcome(
        reachable_ms=(low, high),
        architectures=str(latency.lattice.size),
        architectures_within=str(within),
        binds=within < latency.lattice.size,
    )
    limit = max(low, budget_ms * (1 - table.card.mape))
    within_limit = counts.count(whole_ticks(limit))
    return Goal(info, target.scheme, part.removed, table, latency, budget_ms, limit, within_limit, outcome)


def _distribution(context: Context, latency: CompiledLatency, table: LatencyTable, space: SearchSpace) -> Distribution:
    inputs = {"space": space.fingerprint, "table": context.hashes[f"table:{table.info.id}"]}
    key = StageKey("count", VERSION, inputs)
    record = context.store.find(key)
    if record is None:
        record = context.store.finish(key, {"distribution": Distribution.of(latency).to_bytes()}, seconds=0.0)
    return Distribution.from_bytes(context.store.get(record.outputs["distribution"]))
