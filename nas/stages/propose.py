"""Architectures worth evaluating first, where a search starts from a trained network: the most important within the latency limit.

For each end and each resolution the knapsack has the most important architecture within every latency. What an end or a resolution
costs in accuracy is not additive, so that these are evaluated side by side.
"""

from collections.abc import Iterator
from typing import Final

from latency_models.additive import to_ticks, whole_ticks
from latency_models.knapsack import Best, best_scores, score_of
from nas.stages.target_run import TargetRun
from search_spaces.space import Architecture

LEVELS: Final = (1.0, 0.7, 0.45)
"""Points of the range up to the limit at which architectures are proposed."""


def proposals(run: TargetRun) -> tuple[Architecture, ...]:
    """Distinct architectures, those at the limit first; none without a source."""
    if run.adapted is None:
        return ()
    latency, fastest_ms = run.target_plan.latency, run.target_plan.latency.reachable_ms[0]
    limits = [fastest_ms + level * (run.target_plan.limit_ms - fastest_ms) for level in LEVELS]
    fronts = list(_fronts(run))
    found = [
        latency.lattice.decode(best.codes[at : at + 1])[0]
        for limit_ms in limits
        for best in fronts
        if (at := best.within(max(whole_ticks(limit_ms), to_ticks(fastest_ms)))) is not None
    ]
    return tuple(dict.fromkeys(found))


def _fronts(run: TargetRun) -> Iterator[Best]:
    """Of each end, the last first, and each resolution, the highest first."""
    assert run.adapted is not None
    latency, limit = run.target_plan.latency, whole_ticks(run.target_plan.limit_ms)
    for importance in reversed(run.adapted.importance):
        scores = score_of(latency.lattice, importance.of)
        for resolution in reversed(range(len(latency.lattice.initial))):
            run.context.check_cancelled()
            yield best_scores(latency, scores, limit=max(limit, latency.least[0]), resolution=resolution)
