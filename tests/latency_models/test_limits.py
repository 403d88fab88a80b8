"""Several limits at once: what the programmes find is what trying every architecture finds."""

from collections import Counter

import numpy as np
import pytest
from hypothesis import HealthCheck, assume, given, settings
from hypothesis import strategies as st

from latency_models import jointly
from latency_models.additive import MACS, PARAMS, AdditiveCost
from latency_models.compiled import compile_cost
from latency_models.cost_limit import COST_NAMES, CostLimit
from latency_models.counting import Distribution
from latency_models.joint_sampling import Inside, count_within, proposals, sample_within
from latency_models.jointly import least_within
from latency_models.limits import ADDITIVE, Bound, CompiledLimits
from latency_models.peak_memory import CompiledPeak
from latency_models.sampling import sample_band
from search_spaces.cost import peak_memory_bytes
from search_spaces.lattice import Lattice
from search_spaces.network import Network
from search_spaces.registry import space as find_space
from tests.latency_models.spaces import costs, everything, lattices

relaxed = settings(max_examples=40, deadline=None, suppress_health_check=list(HealthCheck))
shares = st.floats(0, 1)


def networks(lattice: Lattice) -> list[Network]:
    """Every network of a small space."""
    return [lattice.space.network(one) for one in everything(lattice.space)]


@relaxed
@given(lattices(), st.lists(costs(), min_size=1, max_size=4), st.lists(shares, min_size=3, max_size=3))
def test_the_least_within_bounds_is_that_of_all_architectures(
    lattice: Lattice, made_up: list[AdditiveCost], at: list[float]
) -> None:
    objective, *others = (compile_cost(cost, lattice) for cost in made_up)
    bounds = [
        Bound(cost, cost.least[0] + int((cost.most[0] - cost.least[0]) * share))
        for cost, share in zip(others, at, strict=False)
    ]
    found = least_within(objective, bounds)
    inside = [
        made_up[0].of(one)
        for one in networks(lattice)
        if all(cost.of(one) <= bound.most for cost, bound in zip(made_up[1:], bounds, strict=True))
    ]
    assert found.exact and found.value == min(inside, default=None)
    if found.code is not None:
        (architecture,) = lattice.decode(found.code[None])
        network = lattice.space.network(architecture)
        assert made_up[0].of(network) == found.value
        assert all(cost.of(network) <= bound.most for cost, bound in zip(made_up[1:], bounds, strict=True))


@relaxed
@given(lattices(), st.lists(costs(), min_size=3, max_size=3), shares, shares)
def test_what_is_found_with_too_few_labels_is_an_architecture_or_not_proven(
    lattice: Lattice, made_up: list[AdditiveCost], a: float, b: float
) -> None:
    objective, *others = (compile_cost(cost, lattice) for cost in made_up)
    bounds = [
        Bound(one, one.least[0] + int((one.most[0] - one.least[0]) * at))
        for one, at in zip(others, (a, b), strict=True)
    ]
    whole = least_within(objective, bounds)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(jointly, "MAX_LABELS", 1)
        found = least_within(objective, bounds)
    if found.exact:
        assert found.value == whole.value
    elif found.value is not None:
        assert whole.value is not None and found.value >= whole.value


@pytest.mark.parametrize("name", ["mobilenet", "resnet", "efficientnet_lite"])
def test_peak_memory_of_stages_is_that_of_networks(name: str) -> None:
    lattice = Lattice.of(find_space(name, resolution=32, channels=3, classes=10))
    cost = compile_cost(MACS, lattice)
    codes = sample_band(cost, cost.least[0], cost.most[0], 60, np.random.default_rng(0))
    peak = CompiledPeak.of(lattice)
    assert peak.predict(codes).tolist() == [peak_memory_bytes(lattice.space.network(a)) for a in lattice.decode(codes)]
    assert peak_memory_bytes(lattice.space.network(lattice.space.smallest())) >= peak.ends[0]
    assert peak_memory_bytes(lattice.space.network(lattice.space.largest())) <= peak.ends[1]


@relaxed
@given(lattices(), costs(), shares)
def test_a_limit_on_memory_leaves_exactly_the_architectures_that_meet_it(
    lattice: Lattice, made_up: AdditiveCost, at: float
) -> None:
    every = networks(lattice)
    low, high = CompiledPeak.of(lattice).ends
    assert (low, high) == (min(map(peak_memory_bytes, every)), max(map(peak_memory_bytes, every)))
    most = low + int((high - low) * at)
    compiled = CompiledLimits(lattice, (CostLimit("peak_memory_bytes", most),))
    inside = [one for one in every if peak_memory_bytes(one) <= most]
    assert compiled.rest is not None and compiled.rest.lattice.size == len(inside)
    cost = compiled.within_memory(compile_cost(made_up, lattice))
    values = [made_up.of(one) for one in inside]
    assert (cost.least[0], cost.most[0]) == (min(values), max(values))
    middle = sorted(values)[len(values) // 2]
    assert Distribution.of(cost).count(middle) == sum(value <= middle for value in values)
    codes = sample_band(cost, cost.least[0], middle, 50, np.random.default_rng(0))
    sampled = [lattice.space.network(a) for a in lattice.decode(codes)]
    assert max(map(peak_memory_bytes, sampled)) <= most and max(map(made_up.of, sampled)) <= middle
    assert CompiledLimits(lattice, (CostLimit("peak_memory_bytes", low - 1),)).rest is None


@relaxed
@given(lattices(), costs(), costs(), shares, shares)
def test_samples_within_two_bounds_are_even(
    lattice: Lattice, first: AdditiveCost, second: AdditiveCost, a: float, b: float
) -> None:
    bounds, inside = two_bounds(lattice, first, second, a, b)
    assume(0 < len(inside) <= 150)
    count = 30 * len(inside)
    codes = sample_within(proposals(bounds), meet(bounds), count, np.random.default_rng(0))
    assert codes is not None and len(codes) == count
    assert np.array_equal(lattice.encode(lattice.decode(codes)), codes), "inactive choices are 0"
    drawn = Counter(lattice.decode(codes))
    assert {lattice.space.network(one) for one in drawn} == set(inside)
    # Each is drawn 30 times on average, with a standard deviation of 5.5.
    assert max(drawn.values()) < 30 + 7 * 5.5


@relaxed
@given(lattices(), costs(), costs(), shares, shares)
def test_a_count_that_says_it_is_exact_is_exact(
    lattice: Lattice, first: AdditiveCost, second: AdditiveCost, a: float, b: float
) -> None:
    bounds, inside = two_bounds(lattice, first, second, a, b)
    assume(inside)
    counted = count_within(bounds, lattice.size, meet(bounds))
    assert counted.low <= counted.value <= counted.high
    if counted.exact:
        assert (counted.low, counted.value, counted.high) == (len(inside),) * 3
    else:  # the sample is large against these spaces: five standard errors
        assert abs(counted.value - len(inside)) <= 2.6 * (counted.high - counted.low) + 1


def two_bounds(
    lattice: Lattice, first: AdditiveCost, second: AdditiveCost, a: float, b: float
) -> tuple[list[Bound], list[Network]]:
    """Two bounds and the networks that keep them."""
    bounds = []
    for cost, share in ((compile_cost(first, lattice), a), (compile_cost(second, lattice), b)):
        bounds.append(Bound(cost, cost.least[0] + int((cost.most[0] - cost.least[0]) * share)))
    inside = [one for one in networks(lattice) if first.of(one) <= bounds[0].most and second.of(one) <= bounds[1].most]
    return bounds, inside


def meet(bounds: list[Bound]) -> Inside:
    """Whether architectures keep bounds."""
    return lambda codes: np.asarray(np.all([bound.cost.predict(codes) <= bound.most for bound in bounds], axis=0))


def test_one_bound_that_implies_the_other_is_counted_exactly() -> None:
    lattice = Lattice.of(find_space("resnet", resolution=8, channels=3, classes=10))
    params, macs = compile_cost(PARAMS, lattice), compile_cost(MACS, lattice)
    codes = lattice.codes()
    fifth = params.least[0] + (params.most[0] - params.least[0]) // 5
    small = codes[params.predict(codes) <= fifth]
    loose = int(macs.predict(small).max())
    bounds = [Bound(macs, loose), Bound(params, fifth)]
    assert count_within(bounds, lattice.size, meet(bounds)).exact
    assert count_within(bounds, lattice.size, meet(bounds)).value == len(small)
    bounds = [Bound(macs, loose - 1), Bound(params, fifth)]  # one architecture less: no longer implied
    assert not count_within(bounds, lattice.size, meet(bounds)).exact


def test_a_space_of_1e17_with_tight_limits_is_counted_and_sampled() -> None:
    """Limits at a twentieth of the range of three costs: rare among the architectures within any of them alone."""
    lattice = Lattice.of(find_space("mobilenet", resolution=224, channels=3, classes=10))
    compiled = [compile_cost(cost, lattice) for cost in ADDITIVE.values()]
    bounds = [Bound(cost, cost.least[0] + (cost.most[0] - cost.least[0]) // 20) for cost in compiled]
    counted = count_within(bounds, lattice.size, meet(bounds))
    assert not counted.exact and 0 < counted.low <= counted.value <= counted.high < lattice.size // 100
    assert counted.high < 1.3 * counted.low
    codes = sample_within(proposals(bounds), meet(bounds), 500, np.random.default_rng(0))
    assert codes is not None and len(codes) == 500 and meet(bounds)(codes).all()
    found = least_within(compiled[0], bounds)
    assert found.value is not None and found.value <= compiled[0].predict(codes).min()


def test_every_cost_has_a_name() -> None:
    assert set(COST_NAMES) == {*ADDITIVE, "peak_memory_bytes"}
    assert str(CostLimit("params", 1500)) == "at most 1,500 parameters"
