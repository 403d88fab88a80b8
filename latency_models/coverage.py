"""Which networks to measure, so that a small profile covers the layers of a space's networks.

Knows keys and how often they occur; measures nothing and fits nothing.
"""

import heapq
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence

from hw_targets.stopping import check_cancelled, one_by_one
from search_spaces.network import Network


def key_frequencies(networks: Iterable[Network]) -> dict[str, int]:
    """How many of the networks hold each layer key at least once."""
    return dict(Counter(key for network in one_by_one(networks) for key in {layer.key for layer in network.layers}))


def choose(candidates: Sequence[Network], budget: int, weights: Mapping[str, float] | None = None) -> list[Network]:
    """Selects the networks to measure, most useful first.

    Greedy maximum coverage, repeated: a key's first observation counts its weight, each further one half of the one
    before, so that whatever budget is left after full coverage averages noise out of the most frequent keys. The gain
    is submodular, so stale gains are upper bounds and only the best candidate's is computed again (Minoux, "Accelerated
    greedy algorithms for maximizing submodular set functions", 1978). Ties go to the earlier candidate.

    Args:
        candidates: networks to select from, for example a thousand random ones of the space.
        budget: how many to select; fewer are returned only if there are fewer distinct candidates.
        weights: of each key (0 where absent); by default, how many candidates hold it.
    """
    worth = key_frequencies(candidates) if weights is None else weights
    keys = [tuple(dict.fromkeys(layer.key for layer in network.layers)) for network in one_by_one(candidates)]
    seen: Counter[str] = Counter()

    def gain(index: int) -> float:
        return sum(worth.get(key, 0.0) * 0.5 ** seen[key] for key in keys[index])

    distinct: dict[object, int] = {}
    for index, network in enumerate(one_by_one(candidates)):
        distinct.setdefault((network.input_shape, network.layers), index)
    heap = [(-gain(index), index) for index in distinct.values()]
    heapq.heapify(heap)
    selected: list[Network] = []
    while heap and len(selected) < budget:
        check_cancelled()
        _, index = heapq.heappop(heap)
        current = (-gain(index), index)
        if heap and current > heap[0]:
            heapq.heappush(heap, current)
            continue
        selected.append(candidates[index])
        seen.update(keys[index])
    return selected


def coverage_share(networks: Iterable[Network], weights: Mapping[str, float]) -> float:
    """The share of the keys' weight that the networks hold, 0-1. 1 where there is no weight to cover."""
    total = sum(weights.values())
    held = {layer.key for network in networks for layer in network.layers}
    return sum(weight for key, weight in weights.items() if key in held) / total if total else 1.0
