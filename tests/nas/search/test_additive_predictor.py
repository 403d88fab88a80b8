"""The additive predictor: by hand, and against ridge regression on explicit features."""

import numpy as np
import pytest

from nas.errors import InvalidData
from nas.search import additive_predictor
from nas.search.additive_predictor import PAIRS, AdditivePredictor
from search_spaces.lattice import IntArray, Lattice
from search_spaces.registry import space as find_space

LATTICE = Lattice.of(find_space("mobilenet", resolution=32, channels=3, classes=10))


def sampled(count: int, seed: int = 0) -> IntArray:
    """Uniform values."""
    rng = np.random.default_rng(seed)
    choices = LATTICE.space.choices
    return LATTICE.canonical(np.stack([rng.integers(len(c.values), size=count) for c in choices], axis=1))


def test_it_is_ridge_regression_on_values_and_pairs_that_a_stage_reads(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(additive_predictor, "PENALTIES", (0.5,))
    codes, others = sampled(40), sampled(15, seed=1)
    metric = np.random.default_rng(2).normal(size=40)
    predictor = AdditivePredictor.fit(LATTICE, codes, metric)
    columns: dict[tuple[object, ...], int] = {}

    def features(rows: IntArray) -> np.ndarray:
        found = np.zeros((len(rows), 20_000))
        for number, (stage, way) in enumerate(zip(LATTICE.stages, LATTICE.walk(rows), strict=True)):
            for row, decided in enumerate(stage.decided[way].tolist()):
                read = [(number, c, v) for c, v in zip(stage.columns, decided, strict=True) if v >= 0]
                for i, one in enumerate(read):
                    found[row, columns.setdefault(one, len(columns))] += 1.0
                    for other in read[:i]:
                        found[row, columns.setdefault((one, other), len(columns))] += np.sqrt(PAIRS)
        return found

    known, new = features(codes), features(others)
    matrix = known @ known.T
    penalty = 0.5 * np.trace(matrix) / len(matrix)
    weights = np.linalg.solve(matrix + penalty * np.eye(40), metric - metric.mean())
    assert predictor.predict(others) == pytest.approx(metric.mean() + new @ known.T @ weights)
    errors = []
    for out in range(40):  # leave-one-out, with the mean of all
        rest = np.arange(40) != out
        left = np.linalg.solve(matrix[np.ix_(rest, rest)] + penalty * np.eye(39), (metric - metric.mean())[rest])
        errors.append(metric[out] - metric.mean() - matrix[out, rest] @ left)
    assert predictor.error == pytest.approx(np.sqrt(np.mean(np.square(errors))))


def test_an_additive_metric_is_learned() -> None:
    codes, others = sampled(400), sampled(200, seed=1)
    weights = np.random.default_rng(3).normal(size=codes.shape[1])
    predictor = AdditivePredictor.fit(LATTICE, codes, np.asarray(codes @ weights, np.float64))
    assert np.corrcoef(predictor.predict(others), others @ weights)[0, 1] > 0.9


def test_values_of_inactive_choices_do_not_matter() -> None:
    predictor = AdditivePredictor.fit(LATTICE, sampled(30), np.arange(30.0))
    rng = np.random.default_rng(7)
    codes = np.stack([rng.integers(len(c.values), size=50) for c in LATTICE.space.choices], axis=1)
    assert predictor.predict(codes).tolist() == predictor.predict(LATTICE.canonical(codes)).tolist()


def test_equal_metrics_are_predicted_everywhere() -> None:
    predictor = AdditivePredictor.fit(LATTICE, sampled(5), np.full(5, 0.7))
    assert predictor.predict(sampled(9, seed=4)) == pytest.approx(0.7) and predictor.error == 0


@pytest.mark.parametrize("metric", [np.array([0.5]), np.array([0.5, np.nan])])
def test_too_few_or_failed_evaluations_are_an_error(metric: np.ndarray) -> None:
    with pytest.raises(InvalidData, match="cannot be fitted"):
        AdditivePredictor.fit(LATTICE, sampled(len(metric)), metric)
