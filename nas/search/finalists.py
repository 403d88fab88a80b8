"""Which architectures are worth training: from a search's candidates, or, where there is no supernet, by latency alone.

Half of them are the best that the limit allows, the others are spread over the range of latencies with its fast end: the front
that a user sees is made of them. Not here: the training that decides among them.
"""

from collections.abc import Sequence
from math import sqrt
from typing import TYPE_CHECKING

import numpy as np

from nas.search.front import pareto
from nas.search.region import LimitedRegion
from search_spaces.cost import macs
from search_spaces.space import Architecture, SearchSpace

if TYPE_CHECKING:
    from nas.search.study import Candidate  # optuna, which a plan does without

DRAWN = 64
"""Architectures of a band of latencies of which the one with the most multiply-accumulates is taken."""
UPPER = 0.85
"""Where the band below the limit begins, as a share of it."""


def nominated(candidates: Sequence["Candidate"], count: int, images: int) -> "list[Candidate]":
    """Candidates to train, when `images` validation images have judged them: the first `count`, and as many more in their order to
    stand by for those that miss the budget when measured.

    Of the `count`, the first half are the most promising, the others are spread over the front. The most promising are those that
    validation cannot tell from the best (within one standard error), the slowest first: capacity that the limit allows pays in
    training.
    """
    best = max(c.value for c in candidates)
    error = sqrt(max(best * (1 - best), 1 / images) / images)
    tied = sorted((c for c in candidates if c.value >= best - error), key=lambda c: -c.latency_ms)
    order = tied + sorted((c for c in candidates if c not in tied), key=lambda c: -c.value)
    selected = order[: (count + 1) // 2]
    front = [candidates[i] for i in pareto([c.value for c in candidates], [c.latency_ms for c in candidates])]
    for at in np.linspace(0, len(front) - 1, count // 2 + 1)[: count // 2]:
        selected.append(front[round(at)])
    return list(dict.fromkeys([*selected, *order]))[: 2 * count]


def by_latency(region: LimitedRegion, space: SearchSpace, count: int, seed: int) -> list[Architecture]:
    """Architectures to train where none has been judged, the slowest first: of each band of latencies those that do most there.

    Hardware that does more multiply-accumulates in the same time is used better, and they are the plainest measure of capacity.
    """
    low, high = region.range_ms
    rng = np.random.default_rng([seed, count])
    upper = (count + 1) // 2
    edges = np.linspace(UPPER * (high - low) + low, low, count - upper + 1)
    bands = [(edges[0], high, upper), *((edges[i + 1], edges[i], 1) for i in range(count - upper))]
    found: list[Architecture] = []
    for least, most, wanted in bands:
        codes = region.draw(float(least), float(most), DRAWN, rng)
        sampled = region.latency.lattice.decode(region.canonical(codes)) if len(codes) else []
        fresh = [a for a in dict.fromkeys(sampled) if a not in found]
        found += sorted(fresh, key=lambda a: (-macs(space.network(a)), a.id))[:wanted]
    if not found:
        found = region.latency.lattice.decode(region.canonical(region.draw(low, high, 1, rng)))
    return found
