"""The Gaussian process: its gradient against differences, its predictions by hand, and what it learns."""

import numpy as np
import pytest

from nas.search import predictor
from nas.search.predictor import Encoding, Kernel, Posterior, fit_kernel, normal_scores, standard_scores
from nas.search.table_region import TableRegion
from search_spaces.space import Choice

CHOICES = (Choice("a", (1, 2, 3)), Choice("b", (1, 2, 3)), Choice("c", ("x", "y")))
ALL = TableRegion.of_choices({c.name: c.values for c in CHOICES}).codes


def test_choices_that_offer_the_same_values_share_them() -> None:
    encoding = Encoding(CHOICES)
    assert encoding.groups == [[0, 1], [2]]
    assert encoding.choice_of.tolist() == [0, 0, 0, 1, 1, 1, 2, 2]
    assert encoding.value_of.tolist() == [0, 1, 2, 0, 1, 2, 3, 4]
    assert Encoding((Choice("a", (0, 1)), Choice("b", (False, True)))).groups == [[0], [1]]


def test_features_of_an_architecture() -> None:
    encoding, code = Encoding(CHOICES), np.array([[2, 2, 0]])
    assert encoding.one_hot(code).tolist() == [[0, 0, 1, 0, 0, 1, 1, 0]]
    scale = np.sqrt(2 / 3 + 2 / 3 + 1 / 2)  # the variances of two choices of three values, and of one of two
    expected = np.array([-2 / 3, -2 / 3, 2 - 2 / 3, 1 / 2, -1 / 2]) / scale
    assert encoding.counts(code)[0] == pytest.approx(expected, abs=1e-6)
    assert (encoding.counts(ALL).astype(float) ** 2).sum(axis=1).mean() == pytest.approx(1.0, abs=1e-6)


def test_scores_are_normal_quantiles_of_ranks() -> None:
    assert normal_scores([5.0, 1.0, 5.0]).tolist() == pytest.approx([0.4307, -0.9674, 0.4307], abs=1e-4)
    assert normal_scores([]).tolist() == [] and normal_scores([0.3, 0.3]).tolist() == [0.0, 0.0]
    assert normal_scores([0.1, 0.2, 0.9]).tolist() == normal_scores([-9.0, 0.2, 0.21]).tolist()


def test_standard_scores_keep_most_of_the_metrics_differences() -> None:
    """0.3 of the normal scores -0.97, 0, 0.97 and 0.7 of the standardised values: -2, 0, 2 over the root of 8 / 3."""
    metric = np.array([0.0, 2.0, 4.0])
    expected = 0.3 * np.array([-0.9674, 0.0, 0.9674]) + 0.7 * np.array([-2.0, 0.0, 2.0]) / np.sqrt(8 / 3)
    assert standard_scores(metric) == pytest.approx(expected, abs=1e-4)
    assert standard_scores([]).tolist() == [] and standard_scores([0.3, 0.3]).tolist() == [0.0, 0.0]
    assert standard_scores(5 * metric - 2) == pytest.approx(standard_scores(metric))  # the unit does not matter


def test_the_gradient_is_that_of_the_loss() -> None:
    rng = np.random.default_rng(0)
    codes = ALL[rng.permutation(len(ALL))[:9]]
    likelihood = predictor._Likelihood(Encoding(CHOICES), codes, normal_scores(rng.random(9)))
    at = likelihood.start + 0.3 * rng.standard_normal(len(likelihood.start))
    _, gradient = likelihood.loss(at)
    step = 1e-5
    for index in range(len(at)):
        move = step * np.eye(len(at))[index]
        slope = (likelihood.loss(at + move)[0] - likelihood.loss(at - move)[0]) / (2 * step)
        assert gradient[index] == pytest.approx(slope, rel=1e-4, abs=1e-6), index


def test_a_prediction_worked_out_by_hand() -> None:
    """One evaluation of score 2; product 1 and noise 1: its own mean is 1 and variance 1/2; one choice apart, exp(-0.2) of it."""
    encoding = Encoding((Choice("a", (1, 2)),))
    kernel = Kernel(np.array([0.1, 0.1]), product=1.0, linear=0.0, noise=1.0, constant=0.0, smooth=0.0, reach=1.0)
    posterior = Posterior(encoding, kernel, np.array([[0]]), np.array([2.0]))
    mean, deviation = posterior.mean_and_deviation(np.array([[0], [1]]))
    alike = np.exp(-0.2)
    assert mean == pytest.approx([1.0, alike], rel=1e-5)
    assert deviation**2 == pytest.approx([0.5, 1 - alike**2 / 2], rel=1e-5)
    assert posterior.mean(np.array([[0], [1]])) == pytest.approx(mean, rel=1e-5)


def test_the_smooth_part_goes_by_the_distance_between_counts() -> None:
    """One choice of two values: counts are 1 and -1 from one architecture to the other, so half the squared distance is 4 / 2."""
    encoding = Encoding((Choice("a", (1, 2)),))
    counts = encoding.counts(np.array([[0], [1]]))
    apart = float(((counts[0] - counts[1]) ** 2).sum()) / 2
    kernel = Kernel(np.zeros(2), product=0.0, linear=0.0, noise=1.0, constant=0.0, smooth=1.0, reach=2.0)
    posterior = Posterior(encoding, kernel, np.array([[0]]), np.array([2.0]))
    alike = np.exp(-apart / 2.0**2)
    mean, deviation = posterior.mean_and_deviation(np.array([[0], [1]]))
    assert apart == pytest.approx(2.0) and mean == pytest.approx([1.0, alike], rel=1e-5)
    assert deviation**2 == pytest.approx([0.5, 1 - alike**2 / 2], rel=1e-5)


def test_it_learns_what_matters_and_predicts_what_it_has_not_seen() -> None:
    rng = np.random.default_rng(1)
    metric = ALL[:, 0] + 2.0 * (ALL[:, 0] == ALL[:, 1]) + 1e-3 * ALL[:, 2]
    order = rng.permutation(len(ALL))
    known, other = order[:14], order[14:]
    kernel = fit_kernel(Encoding(CHOICES), ALL[known], normal_scores(metric[known]))
    assert kernel.scale[6:].max() < kernel.scale[:6].min()  # the last choice hardly matters
    mean = Posterior(Encoding(CHOICES), kernel, ALL[known], normal_scores(metric[known])).mean(ALL[other])
    assert np.corrcoef(mean, metric[other])[0, 1] > 0.9


def test_the_best_half_is_kept_of_many_evaluations() -> None:
    scores = np.arange(1000.0)
    used = predictor._spread(scores, 128)
    assert len(set(used.tolist())) == 128 and used.tolist() == sorted(used.tolist())
    assert set(range(936, 1000)) < set(used.tolist()) and used[0] == 0
