"""One target of a job with its latency table and its budget, as a value. Not here: how a budget is checked (`stages/budget.py`)."""

from dataclasses import dataclass
from functools import cached_property

from hw_targets.scheme import Scheme
from hw_targets.target import TargetInfo
from latency_models.compiled import CompiledLatency
from latency_models.cost_limit import CostLimit
from latency_models.table import LatencyTable
from nas.result import BudgetOutcome
from nas.search.region import LimitedRegion
from nas.spec import BudgetOn
from search_spaces.restrict import RemovedOption
from search_spaces.space import SearchSpace


@dataclass(frozen=True)
class TargetPlan:
    """One target with its budget, checked.

    Attributes:
        scheme: the INT8 scheme that the target runs.
        removed: options that it does not support.
        table_hash: of the table's blob.
        budget_ms: the requested budget, resolved to milliseconds.
        budget_on: the latency that it is compared with.
        limit_ms: upper limit of predictions, which are of the quiet statistic, in the search: the budget as a quiet latency,
            less the table's mean error, so that a prediction at the limit still meets the budget when measured; never below
            the fastest architecture that meets the limits on other costs.
        within_limit: how many architectures are predicted to meet the limit, and the limits on other costs, at least 1; no fewer than
            that where it is estimated.
        limits: on other costs than latency.
    """

    info: TargetInfo
    scheme: Scheme
    removed: tuple[RemovedOption, ...]
    table: LatencyTable
    table_hash: str
    latency: CompiledLatency
    budget_ms: float
    budget_on: BudgetOn
    limit_ms: float
    within_limit: int
    outcome: BudgetOutcome
    limits: tuple[CostLimit, ...] = ()

    @cached_property
    def region(self) -> LimitedRegion:
        """The architectures that the search evaluates: those within its limits."""
        return LimitedRegion(self.latency, self.limit_ms, self.limits)

    @property
    def space(self) -> SearchSpace:
        """The part of the job's space that the target runs: its architectures are architectures of that space, too."""
        return self.latency.lattice.space

    def budgeted_ms(self, latency_ms: float, p50_ms: float, p95_ms: float) -> float:
        """Of three latencies of one network, the one that is compared with the budget."""
        return {"quiet": latency_ms, "p50": p50_ms, "p95": p95_ms}[self.budget_on]
