"""Which candidates are trained, by hand: half of them the most promising, the others over the whole front."""

from dataclasses import replace

import pytest

from latency_models.cost_limit import CostLimit
from nas.search.candidate import Candidate
from nas.search.finalists import by_latency, nominated
from nas.search.region import LimitedRegion
from search_spaces.cost import macs
from search_spaces.space import Architecture
from tests.nas.search.test_region import compiled, small_space


def candidates(*pairs: tuple[float, float]) -> list[Candidate]:
    """Of (accuracy, latency)."""
    return [Candidate(Architecture("x", (("n", i),)), *pair) for i, pair in enumerate(pairs)]


def test_what_validation_cannot_tell_from_the_best_comes_slowest_first() -> None:
    found = candidates((0.90, 1.0), (0.89, 3.0), (0.85, 2.0), (0.80, 4.0))
    # of 400 images the standard error is sqrt(0.9 * 0.1 / 400) = 0.015: the first two are tied, the slower leads
    assert [c.latency_ms for c in nominated(found, 4, 400)] == [3.0, 1.0, 2.0, 4.0]
    # of 40,000 images it is 0.0015: nothing is tied
    assert [c.latency_ms for c in nominated(found, 4, 40_000)] == [1.0, 3.0, 2.0, 4.0]


def test_the_fast_end_of_the_front_is_trained_too() -> None:
    # a front of nine, 1 to 9 ms with 0.51 to 0.59, of which the last is far better than what 10,000 images can confuse
    found = candidates(*((0.5 + ms / 100, float(ms)) for ms in range(1, 9)), (0.9, 9.0))
    selected = [c.latency_ms for c in nominated(found, 4, 10_000)]
    assert selected[:4] == [9.0, 8.0, 1.0, 5.0]  # the two best, then the first and the middle of the front
    assert selected[4:] == [7.0, 6.0, 4.0, 3.0]  # to stand by: the best that are left
    assert [c.latency_ms for c in nominated(found, 1, 10_000)] == [9.0, 8.0]


def test_a_part_answered_without_a_mistake_does_not_tell_good_ones_apart() -> None:
    # 79 images, all of them right: the standard error is taken for that of one image, 1 / 79 = 0.0127
    found = candidates((1.0, 1.0), (78 / 79, 2.0), (76 / 79, 3.0))
    assert nominated(found, 3, 79)[0].latency_ms == 2.0


def test_few_candidates_are_all_nominated_once() -> None:
    found = candidates((0.5, 1.0), (0.6, 2.0))
    assert sorted(c.latency_ms for c in nominated(found, 8, 100)) == [1.0, 2.0]


def test_those_that_were_dropped_early_come_last() -> None:
    found = [
        replace(one, images=n)
        for one, n in zip(candidates((0.9, 1.0), (0.89, 2.0), (0.8, 3.0)), (400, 50, 400), strict=True)
    ]
    assert [c.latency_ms for c in nominated(found, 3, 400)] == [1.0, 3.0, 2.0]


SPACE = small_space(tuple(range(1, 9)), (1, 2, 3))
LATENCY = compiled(SPACE)


@pytest.mark.parametrize("count", [1, 2, 4, 6, 8])
def test_without_a_supernet_latencies_decide(count: int) -> None:
    low, high = LATENCY.reachable_ms
    region = LimitedRegion(LATENCY, low + 0.6 * (high - low))
    limit = region.range_ms[1]
    found = by_latency(region, SPACE, count, seed=0)
    work = [macs(SPACE.network(one)) for one in found]
    ms = [float(x) for x in region.predict_ms(region.encode(found))]
    assert len(set(found)) == len(found) <= count
    assert max(ms) <= limit
    # a tick a multiply-accumulate: the first is the slowest that the limit allows, which does most
    every = LATENCY.lattice.decode(LATENCY.lattice.codes())
    allowed = {one: x for one in every if (x := float(region.predict_ms(region.encode([one]))[0])) <= limit}
    assert work[0] == max(macs(SPACE.network(one)) for one in allowed)
    if count >= 4:  # the last is of the lowest band
        edge = low + 0.85 * (limit - low)
        assert min(ms) <= low + (edge - low) / (count // 2)
    assert by_latency(region, SPACE, count, seed=0) == found


def test_limits_on_other_costs_leave_as_many_to_train_as_there_are() -> None:
    work = sorted(macs(SPACE.network(one)) for one in LATENCY.lattice.decode(LATENCY.lattice.codes()))
    for inside in (1, 3, 12):
        region = LimitedRegion(LATENCY, LATENCY.reachable_ms[1], (CostLimit("macs", work[inside - 1]),))
        found = by_latency(region, SPACE, 8, seed=0)
        assert len(set(found)) == len(found) == min(inside, 8)
        assert max(macs(SPACE.network(one)) for one in found) == work[inside - 1]


def test_where_only_the_fastest_keeps_the_limit_it_is_trained() -> None:
    low, _ = LATENCY.reachable_ms
    assert by_latency(LimitedRegion(LATENCY, low), SPACE, 4, seed=0) == [SPACE.smallest()]


def test_of_a_band_what_does_most_is_taken() -> None:
    """Where one channel more costs nothing, the wider of two equally fast networks is trained."""
    flat = replace(LATENCY, costs=tuple(cost * 0 for cost in LATENCY.costs))
    (found,) = by_latency(LimitedRegion(flat, flat.reachable_ms[1]), SPACE, 1, seed=0)
    assert found == SPACE.largest()
