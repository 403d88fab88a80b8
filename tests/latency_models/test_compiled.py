"""Compiled costs against plain enumeration of small random spaces."""

import random

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings

from latency_models.additive import MACS, PARAMS, WEIGHT_BYTES, AdditiveCost, to_ticks
from latency_models.compiled import compile_cost, compile_table, resolve_budget
from latency_models.errors import InvalidBudget
from latency_models.table import fit
from search_spaces import cost as on_paper
from search_spaces.lattice import Lattice
from search_spaces.registry import space as find_space
from tests.latency_models.spaces import costs, everything, lattices
from tests.latency_models.synthetic import INFO, profile

relaxed = settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.too_slow])


@relaxed
@given(lattices(), costs())
def test_predicts_every_architecture_exactly(lattice: Lattice, cost: AdditiveCost) -> None:
    architectures = everything(lattice.space)
    compiled = compile_cost(cost, lattice)
    exact = [cost.of(lattice.space.network(a)) for a in architectures]
    assert compiled.predict(lattice.encode(architectures)).tolist() == exact


@relaxed
@given(lattices(), costs())
def test_ends_of_the_range_are_exact_and_reached(lattice: Lattice, cost: AdditiveCost) -> None:
    exact = {a: cost.of(lattice.space.network(a)) for a in everything(lattice.space)}
    compiled = compile_cost(cost, lattice)
    for (value, architecture), expected in (
        (compiled.least, min(exact.values())),
        (compiled.most, max(exact.values())),
    ):
        assert value == expected
        assert exact[architecture] == expected


def digits() -> Lattice:
    return Lattice.of(find_space("mobilenet", resolution=8, channels=1, classes=10))


def test_costs_on_paper_agree_with_the_networks() -> None:
    lattice, rng = digits(), random.Random(0)
    sample = [lattice.space.sample(rng) for _ in range(20)]
    networks = [lattice.space.network(a) for a in sample]
    for cost, total in ((MACS, on_paper.macs), (PARAMS, on_paper.params), (WEIGHT_BYTES, on_paper.weight_bytes)):
        predicted = compile_cost(cost, lattice).predict(lattice.encode(sample))
        assert predicted.tolist() == [total(n) for n in networks]


def test_rows_of_any_integer_type_and_number() -> None:
    lattice = digits()
    compiled = compile_cost(MACS, lattice)
    rng = np.random.default_rng(0)
    codes = np.stack([rng.integers(0, len(c.values), 5000) for c in lattice.space.choices], axis=1)
    whole = compiled.predict(codes)
    assert np.array_equal(compiled.predict(codes.astype(np.int8)), whole)
    assert compiled.predict(codes[:0]).shape == (0,)


def test_a_compiled_table_says_what_the_table_says() -> None:
    lattice, rng = digits(), random.Random(0)
    fitted = [profile(lattice.space.network(lattice.space.sample(rng)), rng) for _ in range(25)]
    table = fit(fitted, INFO)
    compiled = compile_table(table, lattice)
    sample = [lattice.space.sample(rng) for _ in range(30)]
    ms = compiled.predict_ms(lattice.encode(sample)).tolist()
    assert ms == [table.predict(lattice.space.network(a)).latency_ms for a in sample]
    low, high = compiled.reachable_ms
    assert low <= min(ms)
    assert max(ms) <= high
    assert table.predict(lattice.space.network(compiled.least[1])).latency_ms == low
    seen = {layer.key for p in fitted for layer in p.network.layers}
    assert set(compiled.unseen) == {layer.key for layer in lattice.layers()} - seen
    assert compiled.budget_ms("0%") == low
    assert to_ticks(compiled.budget_ms("40%")) == to_ticks(low) + int((to_ticks(high) - to_ticks(low)) * 0.4)


def test_budgets_by_hand() -> None:
    assert resolve_budget("40%", (1.0, 2.0)) == 1.4
    assert resolve_budget("100%", (1.0, 2.0)) == 2.0
    assert resolve_budget(0.25, (1.0, 2.0)) == 0.25
    assert resolve_budget("0.25", (1.0, 2.0)) == 0.25


@pytest.mark.parametrize("budget", ["101%", "-1%", "fast", "x%", 0.0, -1.0, float("inf"), float("nan"), "nan%"])
def test_no_budget(budget: str | float) -> None:
    with pytest.raises(InvalidBudget, match="0% to 100%"):
        resolve_budget(budget, (1.0, 2.0))
