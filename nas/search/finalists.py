"""Which architectures to train: from a search's candidates, or, where there is no supernet, by latency alone.

Half of them are the best within the limit, the others are spread over the range of latencies with its fast end: they make up
the front that a user sees. Not here: the training that decides among them.
"""

from collections.abc import Sequence
from math import sqrt

import numpy as np

from nas.search.candidate import Candidate
from nas.search.front import pareto
from nas.search.region import LimitedRegion
from search_spaces.cost import macs
from search_spaces.space import Architecture, SearchSpace

SAMPLES_PER_BAND = 64
"""Samples in a band of latencies, of which the one with the most multiply-accumulates is taken."""
UPPER = 0.85
"""Where the band below the limit begins, as a share of it."""


def nominated(candidates: Sequence[Candidate], count: int, images: int) -> list[Candidate]:
    """Candidates to train, after their evaluation on `images` validation images: the first `count`, and as many more in order as
    reserves for those that exceed the budget when measured.

    Of the `count`, the first half are the most promising, the others are spread over the front. The most promising are those within
    one standard error of the best on the validation set, the slowest first: capacity within the limit pays off in training. Those that were
    evaluated on fewer images than others come last: each is worse than one that is as fast.
    """
    most = max(c.images or 0 for c in candidates)
    partly = [c for c in candidates if (c.images or 0) < most]
    candidates = [c for c in candidates if (c.images or 0) == most]
    best = max(c.value for c in candidates)
    error = sqrt(max(best * (1 - best), 1 / images) / images)
    tied = sorted((c for c in candidates if c.value >= best - error), key=lambda c: -c.latency_ms)
    order = tied + sorted((c for c in candidates if c not in tied), key=lambda c: -c.value)
    selected = order[: (count + 1) // 2]
    front = [candidates[i] for i in pareto([c.value for c in candidates], [c.latency_ms for c in candidates])]
    for at in np.linspace(0, len(front) - 1, count // 2 + 1)[: count // 2]:
        selected.append(front[round(at)])
    last = sorted(partly, key=lambda c: -c.value)
    return list(dict.fromkeys([*selected, *order, *last]))[: 2 * count]


def by_latency(region: LimitedRegion, space: SearchSpace, count: int, seed: int) -> list[Architecture]:
    """Architectures to train where none has been evaluated, the slowest first: of each band of latencies those with the most
    multiply-accumulates.

    More multiply-accumulates in the same time use the hardware better, and they are the simplest measure of capacity.
    """
    low, high = region.range_ms
    rng = np.random.default_rng([seed, count])
    upper = (count + 1) // 2
    edges = np.linspace(UPPER * (high - low) + low, low, count - upper + 1)
    bands = [(edges[0], high, upper), *((edges[i + 1], edges[i], 1) for i in range(count - upper))]
    found: list[Architecture] = []
    for least, most, picks in bands:
        codes = region.draw(float(least), float(most), SAMPLES_PER_BAND, rng)
        sampled = region.latency.lattice.decode(region.canonical(codes)) if len(codes) else []
        fresh = [a for a in dict.fromkeys(sampled) if a not in found]
        found += sorted(fresh, key=lambda a: (-macs(space.network(a)), a.id))[:picks]
    if region.limits and len(found) < count:  # a band can be empty within limits on other costs
        sampled = region.latency.lattice.decode(region.draw(low, high, SAMPLES_PER_BAND, rng))
        fresh = [a for a in dict.fromkeys(sampled) if a not in found]
        found += sorted(fresh, key=lambda a: (-macs(space.network(a)), a.id))[: count - len(found)]
    if not found:
        found = region.latency.lattice.decode(region.canonical(region.draw(low, high, 1, rng)))
    return found
