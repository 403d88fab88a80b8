"""Architectures worth evaluating first, where a search starts from a trained network: the most important within the limits.

For each end and each resolution the knapsack has the most important architecture within every latency. What an end or a resolution
costs in accuracy is not additive, so that these are evaluated side by side.
"""

from collections.abc import Iterator
from typing import Final

from latency_models.additive import to_ms, whole_ticks
from latency_models.knapsack import Best, best_scores, score_of
from latency_models.limits import Bound
from nas.stages.target_run import TargetRun
from search_spaces.space import Architecture

LEVELS: Final = (1.0, 0.7, 0.45)
"""Points of the range up to the limit at which architectures are proposed."""


def proposals(run: TargetRun) -> tuple[Architecture, ...]:
    """Distinct architectures, those at the limit first; none without a source.

    Where limits on other costs are active, there are also the most important within each of them; none exceeds any limit.
    """
    if run.adapted is None:
        return ()
    region, found = run.target_plan.region, list[Architecture]()
    fronts = list(_fronts(run))
    for level in LEVELS:
        for bound, front in fronts:
            at = front.within(_point(bound, level, run.target_plan.limit_ms))
            if at is not None:
                found += region.latency.lattice.decode(front.codes[at : at + 1])
    return tuple(dict.fromkeys(found))


def _point(bound: Bound, level: float, limit_ms: float) -> int:
    """A point from the least of a cost to its limit."""
    least = bound.cost.least[0]
    if bound.limit is not None:
        return least + int(level * (bound.most - least))
    return max(whole_ticks(to_ms(least) + level * (limit_ms - to_ms(least))), least)


def _fronts(run: TargetRun) -> Iterator[tuple[Bound, Best]]:
    """Of each end, the last first, and each resolution, the highest first: the architectures within all limits, by each cost."""
    assert run.adapted is not None
    region = run.target_plan.region
    limit = max(whole_ticks(run.target_plan.limit_ms), region.rest.least[0])
    bounds = (Bound(region.rest, limit), *(bound for bound in region.bounds if bound.limit is not None))
    lattice = region.rest.lattice
    for importance in reversed(run.adapted.importance):
        scores = score_of(lattice, importance.of)
        for resolution in reversed(range(len(lattice.initial))):
            for bound in bounds:
                run.context.check_cancelled()
                best = best_scores(bound.cost, scores, limit=bound.most, resolution=resolution)
                kept = region.meet(best.codes) if region.limits else slice(None)
                yield bound, Best(best.costs[kept], best.scores[kept], best.codes[kept])
