"""Choosing networks to profile."""

import random

from latency_models.coverage import choose, coverage_share, key_frequencies
from search_spaces.builder import Graph
from search_spaces.network import Network
from tests.latency_models.synthetic import draw


def chain(*widths: int) -> Network:
    """1x1 convolutions of these widths, each from an input of 8 channels: one key for each distinct width."""
    g = Graph((8, 4, 4))
    for position, width in enumerate(widths):
        g.conv(f"c{position}", g.input, width)
    return g.network("chain")


def test_greedy_takes_the_network_with_most_new_weight() -> None:
    small, large, rest = chain(8, 16), chain(8, 16, 24), chain(32, 40)
    weights = dict.fromkeys(key_frequencies([large, rest]), 1.0)
    assert choose([small, large, rest], 2, weights) == [large, rest]


def test_a_second_observation_is_worth_half() -> None:
    a, b, c = chain(8), chain(8, 16), chain(24)
    weights = dict.fromkeys(key_frequencies([a, b, c]), 1.0)
    weights[chain(24).layers[0].key] = 0.4
    # After b, a brings the second observation of width 8 (0.5), c a first one of weight 0.4.
    assert choose([a, b, c], 2, weights) == [b, a]


def test_same_network_is_not_measured_twice() -> None:
    assert choose([chain(8), chain(8), chain(16)], 3) == [chain(8), chain(16)]


def test_lazy_equals_plain_greedy() -> None:
    rng = random.Random(1)
    candidates = [draw(rng) for _ in range(60)]
    weights = key_frequencies(candidates)
    seen: dict[str, int] = {}
    left, plain = list(range(len(candidates))), []
    for _ in range(12):
        gains = [sum(weights[k] * 0.5 ** seen.get(k, 0) for k in {x.key for x in candidates[i].layers}) for i in left]
        best = left.pop(max(range(len(left)), key=lambda p: (round(gains[p], 6), -left[p])))
        plain.append(best)
        for key in {x.key for x in candidates[best].layers}:
            seen[key] = seen.get(key, 0) + 1
    assert choose(candidates, 12) == [candidates[i] for i in plain] == choose(candidates, 12)


def test_coverage_share_by_hand() -> None:
    weights = {chain(8).layers[0].key: 3.0, chain(16).layers[0].key: 1.0}
    assert coverage_share([chain(8)], weights) == 0.75
    assert coverage_share([], {}) == 1.0
