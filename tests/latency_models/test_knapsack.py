"""The knapsack over a space: what it finds is what trying every architecture finds."""

import time

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from latency_models.additive import MACS, AdditiveCost
from latency_models.compiled import compile_cost
from latency_models.knapsack import best_scores, score_of
from search_spaces.cost import layer_params
from search_spaces.lattice import Lattice
from search_spaces.network import Layer
from search_spaces.registry import space as find_space
from tests.latency_models.spaces import costs, everything, lattices

relaxed = settings(max_examples=50, deadline=None, suppress_health_check=list(HealthCheck))


def score(layer: Layer) -> float:
    """Of a layer: any function of it."""
    return float(layer_params(layer) % 101) + len(layer.name)


@relaxed
@given(lattices(), costs(), st.floats(0, 1))
def test_the_best_within_a_cost_is_that_of_all_architectures(
    lattice: Lattice, cost: AdditiveCost, share: float
) -> None:
    compiled = compile_cost(cost, lattice)
    least, most = compiled.least[0], compiled.most[0]
    limit = least + int((most - least) * share)
    best = best_scores(compiled, score_of(lattice, score), limit=limit)
    networks = [lattice.space.network(one) for one in everything(lattice.space)]
    worth = [sum(map(score, network.layers)) for network in networks]
    spent = [cost.of(network) for network in networks]
    assert best.scores[-1] == pytest.approx(max(w for w, s in zip(worth, spent, strict=True) if s <= limit))
    # Every step of the front: what its architectures cost and score is what they say, and no architecture beats one.
    found = lattice.decode(best.codes)
    assert [cost.of(lattice.space.network(one)) for one in found] == best.costs.tolist()
    assert [sum(map(score, lattice.space.network(one).layers)) for one in found] == pytest.approx(best.scores.tolist())
    for w, s in zip(worth, spent, strict=True):
        at = best.within(s)
        if s <= limit:
            assert at is not None and best.scores[at] >= w - 1e-9


@relaxed
@given(lattices(), costs())
def test_one_resolution_alone(lattice: Lattice, cost: AdditiveCost) -> None:
    compiled = compile_cost(cost, lattice)
    for resolution in range(len(lattice.initial)):
        best = best_scores(compiled, score_of(lattice, score), limit=compiled.most[0], resolution=resolution)
        assert set(best.codes[:, 0].tolist()) == {resolution}
        networks = [lattice.space.network(one) for one in everything(lattice.space)]
        side = int(lattice.space.resolution.values[resolution])
        worth = [sum(map(score, one.layers)) for one in networks if one.input_shape[1] == side]
        assert best.scores[-1] == pytest.approx(max(worth))


def test_a_score_of_minus_infinity_forbids() -> None:
    space = find_space("efficientnet_lite", resolution=32, channels=3, classes=4)
    lattice = Lattice.of(space)
    compiled = compile_cost(MACS, lattice)
    scores = score_of(lattice, lambda layer: -np.inf if layer.name.startswith("s5.") else 1.0)
    best = best_scores(compiled, scores, limit=compiled.most[0])
    assert {dict(one.values)["stages"] for one in lattice.decode(best.codes)} == {4}


def test_nothing_fits_below_the_least() -> None:
    lattice = Lattice.of(find_space("mobilenet", resolution=8, channels=1, classes=10))
    compiled = compile_cost(MACS, lattice)
    best = best_scores(compiled, score_of(lattice, score), limit=compiled.least[0] - 1)
    assert len(best.costs) == 0
    assert best.within(compiled.least[0] - 1) is None


def test_a_space_of_1e16_takes_seconds() -> None:
    space = find_space("efficientnet_lite", resolution=96, channels=3, classes=10)
    lattice = Lattice.of(space)
    assert lattice.size > 1e16
    compiled = compile_cost(MACS, lattice)
    started = time.process_time()
    best = best_scores(
        compiled, score_of(lattice, lambda layer: float(layer_params(layer)) ** 0.5), limit=compiled.most[0]
    )
    assert time.process_time() - started < 5
    assert np.all(np.diff(best.costs) > 0) and np.all(np.diff(best.scores) > 0)
    assert compiled.predict(best.codes).tolist() == best.costs.tolist()
