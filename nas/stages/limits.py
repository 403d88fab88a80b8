"""Checks the limits on costs other than latency: whether some architecture meets them all, exactly, and if none does, what would do.

Limits on the size and the work of a network depend on the space alone, so that they are checked before anything is measured; together
with a target's budget as soon as its latency table is known. Not here: the latency budget alone (`budget.py`).
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np

from latency_models.compiled import CompiledCost
from latency_models.cost_limit import COST_NAMES, CostLimit
from latency_models.jointly import Least, least_within
from latency_models.limits import Bound, CompiledLimits
from latency_models.peak_memory import CompiledPeak
from nas.errors import InfeasibleLimits
from nas.job import Job
from nas.stages.context import Context
from nas.target_plan import TargetPlan
from search_spaces.lattice import Lattice


@dataclass(frozen=True)
class LatencyBound:
    """A target's budget as a bound of additive cost.

    Attributes:
        cost: the predicted latency over the space, in ticks.
        most: the ticks that are allowed.
        text: of the budget, as in "runs within 1 ms on cpu".
        budget_of: ticks as a budget in ms.
    """

    cost: CompiledCost
    most: int
    text: str
    budget_of: Callable[[int], float]


def check_limits(name: str, compiled: CompiledLimits, latency: LatencyBound | None = None) -> None:
    """Checks the limits of a space, with a target's budget where there is one.

    Raises:
        InfeasibleLimits: no architecture meets them; `facts` carry the limits that conflict and the nearest feasible value of each, given
            the others.
    """
    for number, limit in enumerate(compiled.limits):
        least = compiled.ends(number)[0]
        if least > limit.most:
            raise InfeasibleLimits(
                f"No architecture of {name!r} has {limit}: the smallest has {least:,}.",
                fix=f"Give at least {limit.cost}={least}, or a space or resolution with smaller networks.",
                facts={"limits": {limit.cost: limit.most}, "nearest": {limit.cost: least}, "proven": True},
            )
    terms = _terms(compiled, latency)
    for count in range(2, len(terms) + 1):
        if not terms[count - 1].met(terms[: count - 1]):
            raise _conflict(name, terms[: count - 1], terms[count - 1])


def check_space(job: Job) -> None:
    """Checks a job's limits in the part of the space that each target runs, without any latency. Raises as `check_limits`."""
    spaces = {one.space.fingerprint: one.space for one in job.restricted}
    for space in spaces.values() if job.spec.cost_limits else ():
        check_limits(space.name, CompiledLimits(Lattice.of(space), job.spec.cost_limits))


def warn_of_inactive(context: Context, target_plan: TargetPlan) -> None:
    """Says which limits every architecture of a target meets."""
    compiled = target_plan.region.compiled
    for number, limit in enumerate(compiled.limits):
        if not compiled.active(number):
            context.warn(
                f"The limit {limit.cost}={limit.most} is an inactive constraint: every architecture that {target_plan.info.id} runs "
                f"meets it, and the largest has {compiled.ends(number)[1]:,} {COST_NAMES[limit.cost]}.",
                target=target_plan.info.id,
            )


@dataclass(frozen=True)
class _Term:
    """One limit among those that are checked together.

    Attributes:
        cost: over the whole lattice.
        key: in facts.
        text: as in "has at most 5 parameters".
        budget_of: what the user would give for a least cost.
        give: how, as in "macs={}".
    """

    cost: CompiledCost | CompiledPeak
    most: int
    key: str
    text: str
    give: str
    budget_of: Callable[[int], float]

    def met(self, others: "Sequence[_Term]") -> bool:
        """Whether an architecture that meets the others meets this one, too."""
        value = self.least(others).value
        return value is not None and value <= self.most

    def least(self, others: "Sequence[_Term]") -> Least:
        """The least of this cost among the architectures that meet the other limits."""
        memory = [CostLimit(one.key, one.most) for one in others if isinstance(one.cost, CompiledPeak)]
        if isinstance(self.cost, CompiledPeak):
            return _least_peak(self.cost, others)
        limits = CompiledLimits(self.cost.lattice, tuple(memory))
        bounds = limits.bounds([Bound(one.cost, one.most) for one in others if isinstance(one.cost, CompiledCost)])
        return least_within(limits.within_memory(self.cost), bounds)


def _least_peak(cost: CompiledPeak, others: Sequence[_Term]) -> Least:
    """By halving the peaks that a network can have."""
    additive = [one for one in others if isinstance(one.cost, CompiledCost)]
    values = np.unique(np.concatenate(cost.peaks))
    values = values[values >= cost.ends[0]]
    low, high, best = 0, len(values) - 1, Least(None, None)
    while low <= high:
        middle = (low + high) // 2
        memory = _Term(cost, int(values[middle]), cost.name, "", "", int)
        found = additive[-1].least([*additive[:-1], memory])
        if found.value is not None and found.value <= additive[-1].most:
            best, high = Least(int(values[middle]), found.code, found.exact), middle - 1
        else:
            low = middle + 1
    return best


def _terms(compiled: CompiledLimits, latency: LatencyBound | None) -> list[_Term]:
    """The budget, where there is one, and the limits, in their order."""
    own = [
        _Term(cost, limit.most, limit.cost, f"has {limit}", f"{limit.cost}={{:d}}", int)
        for limit, cost in zip(compiled.limits, compiled.costs, strict=True)
    ]
    if latency is None:
        return own
    budget = "a latency budget of {:g} ms"
    return [_Term(latency.cost, latency.most, "latency_ms", latency.text, budget, latency.budget_of), *own]


def _conflict(name: str, others: Sequence[_Term], last: _Term) -> InfeasibleLimits:
    """The error for a limit that none of the architectures meets which meet the others."""
    needed = list(others)
    for one in others:
        rest = [other for other in needed if other is not one]
        if rest and not last.met(rest):
            needed = rest
    least = last.least(needed)
    nearest: dict[str, float] = {}
    for one in (last, *needed):
        value = one.least([other for other in (*needed, last) if other is not one]).value
        if value is not None:
            nearest[one.key] = one.budget_of(value)
    give = ", or ".join(one.give.format(nearest[one.key]) for one in (last, *needed) if one.key in nearest)
    found = "" if least.value is None else f": the smallest of those has {least.value:,}"
    return InfeasibleLimits(
        f"No architecture of {name!r} that {' and '.join(one.text for one in needed)} {last.text}{found}.",
        fix=f"Give at least {give}, or a space or resolution with smaller networks.",
        facts={
            "limits": {one.key: one.budget_of(one.most) for one in (*needed, last)},
            "nearest": nearest,
            "proven": least.exact,
        },
    )
