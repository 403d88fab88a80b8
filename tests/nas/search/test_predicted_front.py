"""Whole fronts of predictions: what the programme finds is what scoring every architecture finds, and the evolution stays below it."""

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from latency_models.additive import MACS, TICKS_PER_MS, AdditiveCost
from latency_models.compiled import CompiledLatency, compile_cost
from nas.errors import InvalidData
from nas.search.additive_predictor import AdditivePredictor
from nas.search.front import hypervolume, pareto
from nas.search.predicted_front import evolved_front, exact_front
from nas.search.region import LimitedRegion
from nas.search.sampler import FloatArray, IntArray
from nas.search.table_region import TableRegion
from search_spaces.lattice import Lattice
from search_spaces.registry import space as find_space
from tests.latency_models.spaces import costs, lattices

relaxed = settings(max_examples=40, deadline=None, suppress_health_check=list(HealthCheck))


def latency_of(lattice: Lattice, cost: AdditiveCost) -> CompiledLatency:
    """A cost as a latency, in ticks."""
    compiled = compile_cost(cost, lattice)
    return CompiledLatency(compiled.lattice, compiled.name, compiled.base, compiled.costs, ())


@pytest.fixture(scope="module")
def large() -> LimitedRegion:
    """Too many architectures to list, with 10 ns a million multiply-accumulates, up to 60 % of the range."""
    lattice = Lattice.of(find_space("mobilenet", resolution=32, channels=3, classes=10))
    latency = latency_of(lattice, MACS)
    return LimitedRegion(latency, latency.budget_ms("60%"))


def fitted(lattice: Lattice, codes: IntArray) -> AdditivePredictor:
    """To a metric that the choices decide, with interactions."""
    weights = np.random.default_rng(5).normal(size=codes.shape[1])
    return AdditivePredictor.fit(lattice, codes, np.sin(codes @ weights) + codes.sum(axis=1))


@relaxed
@given(lattices(), costs(), st.floats(0, 1))
def test_the_exact_front_is_that_of_all_architectures(lattice: Lattice, cost: AdditiveCost, share: float) -> None:
    latency, codes = latency_of(lattice, cost), lattice.codes()
    if len(codes) < 2:
        return
    predictor = fitted(lattice, codes)
    limit_ms = (latency.least[0] + int((latency.most[0] - latency.least[0]) * share)) / TICKS_PER_MS
    front = exact_front(latency, predictor.scores, limit_ms, constant=predictor.constant)
    inside = codes[latency.predict_ms(codes) <= limit_ms]
    every = predictor.predict(inside)
    best = pareto(np.round(every, 9), latency.predict_ms(inside))
    # Scores that differ by rounding alone may be two points of one front and one of the other.
    for code in inside[best]:
        within = front.latency_ms <= latency.predict_ms(code[None])[0]
        assert front.score[within].max() == pytest.approx(predictor.predict(code[None])[0])
    assert front.latency_ms.max() <= limit_ms and front.score.max() == pytest.approx(every.max())
    assert predictor.predict(front.codes) == pytest.approx(front.score)
    assert latency.predict_ms(front.codes).tolist() == front.latency_ms.tolist()


def test_a_limit_below_the_fastest_leaves_no_front(large: LimitedRegion) -> None:
    scores = [np.zeros(len(stage.source)) for stage in large.latency.lattice.stages]
    assert len(exact_front(large.latency, scores, large.range_ms[0] / 2).codes) == 0


def test_the_evolved_front_is_inside_the_limit_and_nearly_the_exact_one(large: LimitedRegion) -> None:
    codes = large.canonical(large.draw(*large.range_ms, 60, np.random.default_rng(0)))
    predictor = fitted(large.latency.lattice, codes)
    exact = exact_front(large.latency, predictor.scores, large.limit_ms, constant=predictor.constant)
    found = evolved_front(large, predictor.predict, candidates=20_000)
    assert found.scored == 20_000 and found.latency_ms.max() <= large.limit_ms
    assert np.array_equal(found.codes, large.canonical(found.codes))
    assert found.score == pytest.approx(predictor.predict(found.codes))
    assert (np.diff(found.score) > 0).all() and (np.diff(found.latency_ms) > 0).all()
    for score, latency_ms in zip(found.score, found.latency_ms, strict=True):
        assert exact.score[exact.latency_ms <= latency_ms].max() >= score - 1e-9
    low = float(exact.score.min())
    areas = [
        hypervolume((front.score - low).tolist(), front.latency_ms.tolist(), limit=large.limit_ms)
        for front in (found, exact)
    ]
    assert 0.97 < areas[0] / areas[1] <= 1 + 1e-9


def test_the_evolution_is_a_function_of_its_seed(large: LimitedRegion) -> None:
    def score(codes: IntArray) -> FloatArray:
        return np.asarray(codes.sum(axis=1) - 0.5 * codes[:, 3] * codes[:, 4], np.float64)

    first, again, other = (evolved_front(large, score, candidates=2_000, seed=seed) for seed in (1, 1, 2))
    assert first.codes.tolist() == again.codes.tolist() != other.codes.tolist()


@pytest.mark.parametrize("candidates", [1, 2, 7, 150])
def test_no_more_are_scored_than_were_requested(large: LimitedRegion, candidates: int) -> None:
    calls: list[int] = []

    def score(codes: IntArray) -> FloatArray:
        calls.append(len(codes))
        return np.asarray(codes.sum(axis=1), np.float64)

    found = evolved_front(large, score, candidates=candidates)
    assert found.scored == sum(calls) == candidates and 0 < len(found.codes) <= candidates


def test_a_region_that_is_listed_is_scored_whole() -> None:
    region = TableRegion.of_choices({"a": (1, 2, 3), "b": (1, 2)}, lambda v: v["a"] * v["b"], limit_ms=4.0)
    found = evolved_front(region, lambda codes: codes[:, 0] + 3.0 * codes[:, 1])
    assert found.scored == 5
    # latencies 1, 2, 4 of (1, 1), (1, 2), (2, 2)
    assert found.codes.tolist() == [[0, 0], [0, 1], [1, 1]]
    assert found.latency_ms.tolist() == [1.0, 2.0, 4.0] and found.score.tolist() == [0.0, 3.0, 4.0]


def test_a_score_that_is_no_number_is_an_error(large: LimitedRegion) -> None:
    with pytest.raises(InvalidData, match="architectures is not a number"):
        evolved_front(large, lambda codes: np.where(codes[:, 1] == 0, np.nan, 1.0), candidates=5_000)
