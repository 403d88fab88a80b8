"""Sampling inside a band: only from the band, all of it, and evenly."""

from collections import Counter

import numpy as np
import pytest
from hypothesis import HealthCheck, assume, given, settings
from hypothesis import strategies as st

from latency_models import sampling
from latency_models.additive import MACS, PARAMS, AdditiveCost
from latency_models.compiled import compile_cost
from latency_models.counting import Distribution
from latency_models.errors import EmptyBand
from latency_models.sampling import sample_band
from search_spaces.lattice import Lattice
from search_spaces.registry import space as find_space
from tests.latency_models.spaces import costs, everything, lattices

relaxed = settings(max_examples=30, deadline=None, suppress_health_check=list(HealthCheck))


@relaxed
@given(lattices(), costs(), st.floats(0, 1), st.floats(0, 1), st.sampled_from([4_000_000, 40]))
def test_draws_the_whole_band_and_nothing_else(
    lattice: Lattice, cost: AdditiveCost, a: float, b: float, cells: int
) -> None:
    compiled = compile_cost(cost, lattice)
    least, most = compiled.least[0], compiled.most[0]
    low, high = (least + int((most - least) * share) for share in sorted((a, b)))
    inside = {x for x in everything(lattice.space) if low <= cost.of(lattice.space.network(x)) <= high}
    assume(0 < len(inside) <= 150)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(sampling, "MAX_CELLS", cells)
        codes = sample_band(compiled, low, high, 30 * len(inside), np.random.default_rng(0))
    counts = Counter(lattice.decode(codes))
    assert set(counts) == inside
    assert np.array_equal(lattice.encode(lattice.decode(codes)), codes), "inactive choices are 0"
    # Each is drawn 30 times on average, with a standard deviation of 5.5.
    assert max(counts.values()) < 30 + 7 * 5.5


def mobilenet() -> Lattice:
    return Lattice.of(find_space("mobilenet", resolution=32, channels=3, classes=10))


def test_even_over_a_large_space() -> None:
    lattice = mobilenet()
    compiled = compile_cost(PARAMS, lattice)
    low, high = compiled.least[0], compiled.most[0]
    start, end = low + (high - low) // 5, low + (high - low) * 2 // 5
    codes = sample_band(compiled, start, end, 4000, np.random.default_rng(1))
    totals = compiled.predict(codes)
    assert totals.min() >= start
    assert totals.max() <= end
    distribution = Distribution.of(compiled)
    below = distribution.count(start - 1)
    middle = (start + end) // 2
    share = (distribution.count(middle) - below) / (distribution.count(end) - below)
    assert abs((totals <= middle).mean() - share) < 5 * np.sqrt(share * (1 - share) / 4000)


def test_same_generator_same_draw() -> None:
    compiled = compile_cost(MACS, mobilenet())
    low, high = compiled.least[0], compiled.most[0]
    first, again = (sample_band(compiled, low, high, 50, np.random.default_rng(3)) for _ in range(2))
    assert np.array_equal(first, again)
    assert sample_band(compiled, low, high, 0, np.random.default_rng(3)).shape == (0, first.shape[1])


def test_empty_bands_say_so() -> None:
    compiled = compile_cost(MACS, mobilenet())
    least, most = compiled.least[0], compiled.most[0]
    with pytest.raises(EmptyBand) as caught:
        sample_band(compiled, 0, least - 1, 1, np.random.default_rng(0))
    assert caught.value.facts == {"least": least, "most": most}
    assert sample_band(compiled, 0, least, 1, np.random.default_rng(0)).shape[0] == 1


def test_an_empty_band_between_costs_is_found_by_counting(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sampling, "DOUBTFUL", 100)
    monkeypatch.setattr(sampling, "MAX_CELLS", 2000)
    compiled = compile_cost(PARAMS, mobilenet())
    distribution = Distribution.of(compiled)
    middle = (compiled.least[0] + compiled.most[0]) // 2
    gap = next(b for b in range(middle, middle + 10_000) if distribution.count(b) == distribution.count(b - 1))
    with pytest.raises(EmptyBand):
        sample_band(compiled, gap, gap, 1, np.random.default_rng(0))
