"""The predictor that guides the search: a Gaussian process over architectures, with its uncertainty.

Two architectures are alike by the choices in which they agree. The kernel is the sum of three parts:

- a product over the choices, `exp(-sum_j w_j (h[a] + h[b]))` over the choices j in which they have different values a and b: it holds
  interactions of every order, the higher ones with less weight. `w_j` says how much choice j matters; `h[v]` how much value v
  differs from the others, shared by all choices that offer the same values;
- a linear part in how often each value is taken among the choices that offer the same values, so that "more of it is better" is learned
  from few evaluations;
- a smooth part, `exp(-d^2 / (2 r^2))` of the distance d between these counts, so that "some of it is enough" and "none of it is bad" are
  learned, too.

Their sizes, the `w`, the `h`, the reach r and the noise are fitted by the marginal likelihood (Rasmussen and Williams 2006, section 5.4)
under a weak prior. What is predicted are scores: the metric as `acquisition.py` scales it.
Not here: which architecture to evaluate (`acquisition.py`).
"""

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Final

import numpy as np
from numpy.typing import NDArray

from search_spaces.space import Choice

IntArray = NDArray[np.int64]
FloatArray = NDArray[np.float64]
Float32Array = NDArray[np.float32]

FITTED: Final = 128
"""Evaluations, at most, by which the kernel is fitted; predictions use all of them."""
STEPS: Final = 30
"""Of the optimiser of the kernel."""
JITTER: Final = 1e-6
"""Added to the noise's variance, so that equal architectures leave the matrix invertible."""

ROWS: Final = 512
"""Architectures whose means are computed together: their part of the kernel stays in the processor's cache."""

RANKED: Final = 0.3
"""Share of ranks in `standard_scores`."""
PRIOR_NOISE: Final = 0.1
"""Variance of the noise before anything is known, where that of the metric's scores is 1."""
SPREAD_CHOICE: Final = 1.0
"""Prior standard deviation of the logarithm of a choice's weight."""
SPREAD_VALUE: Final = 0.7
"""The same of a value's distinctness."""
START_SIZE: Final = (1.0, 1.0, PRIOR_NOISE, 0.37, 0.37, 1.0)
"""Prior centres of the sizes of the product and the linear part, of the noise, of the constant, and of the smooth part's size and reach."""
SPREAD_SIZE: Final = (1.0, 1.5, 1.5, 1.0, 1.5, 0.7)
"""Prior standard deviations of the same sizes' logarithms."""
BOUND: Final = 5.0
"""How far the optimiser may move a logarithm from the prior's centre."""


@dataclass(frozen=True)
class Encoding:
    """The choices as features: one-hot values, and how often each value is taken among choices that offer the same ones."""

    choices: tuple[Choice, ...]

    @cached_property
    def groups(self) -> list[list[int]]:
        """Indices of the choices that offer the same values, a list for each set of values."""
        found: dict[tuple[object, ...], list[int]] = {}
        for index, choice in enumerate(self.choices):
            found.setdefault(tuple((type(v), v) for v in choice.values), []).append(index)
        return list(found.values())

    @cached_property
    def offsets(self) -> IntArray:
        """(C,) first one-hot column of each choice."""
        return np.cumsum([0, *(len(c.values) for c in self.choices[:-1])]).astype(np.int64)

    @cached_property
    def choice_of(self) -> IntArray:
        """(F,) the choice of each one-hot column."""
        return np.repeat(np.arange(len(self.choices)), [len(c.values) for c in self.choices]).astype(np.int64)

    @cached_property
    def value_of(self) -> IntArray:
        """(F,) the shared value of each one-hot column: equal values of choices that offer the same ones are one."""
        shared, start = np.zeros(len(self.choice_of), np.int64), 0
        for group in self.groups:
            size = len(self.choices[group[0]].values)
            for index in group:
                shared[self.offsets[index] : self.offsets[index] + size] = start + np.arange(size)
            start += size
        return shared

    @cached_property
    def _count_moments(self) -> tuple[FloatArray, float]:
        """Of uniform architectures: the mean of each count, and the square root of the sum of their variances."""
        sizes = np.array([len(c.values) for c in self.choices], np.float64)
        means = np.bincount(self.value_of, weights=1 / sizes[self.choice_of])
        return means.astype(np.float64), float(np.sqrt(max((1 - 1 / sizes).sum(), 1e-9)))

    def one_hot(self, codes: IntArray) -> Float32Array:
        """(N, F) of value indices (N, C)."""
        features = np.zeros((len(codes), len(self.choice_of)), np.float32)
        features[np.arange(len(codes))[:, None], self.offsets + codes] = 1.0
        return features

    def counts(self, codes: IntArray) -> Float32Array:
        """(N, shared values), centred and scaled so that a uniform architecture's row has a squared length of 1 on average."""
        return self.counts_of(self.one_hot(codes))

    def counts_of(self, one_hot: Float32Array) -> Float32Array:
        """The counts of one-hot features (N, F)."""
        means, scale = self._count_moments
        return np.asarray((one_hot @ self._shared - means) / scale, np.float32)

    @cached_property
    def _shared(self) -> Float32Array:
        """(F, shared values) which one-hot columns each shared value has."""
        return np.eye(len(self._count_moments[0]), dtype=np.float32)[self.value_of]


@dataclass(frozen=True, slots=True)
class Kernel:
    """Fitted sizes of the kernel: `scale` (F,) is w of the choice times h of the value, for each one-hot column."""

    scale: FloatArray
    product: float
    linear: float
    noise: float
    constant: float
    smooth: float
    reach: float


def normal_scores(metric: Sequence[float] | FloatArray) -> FloatArray:
    """Normal quantiles of the ranks; equal values share theirs.

    >>> [round(float(z), 2) for z in normal_scores([0.1, 0.9, 0.5])]
    [-0.97, 0.97, 0.0]
    """
    from scipy.special import ndtri

    values, inverse, counts = np.unique(np.asarray(metric, np.float64), return_inverse=True, return_counts=True)
    ranks = (np.cumsum(counts) - counts / 2) / counts.sum()
    return np.asarray(ndtri(ranks)[inverse.reshape(-1)], np.float64) if len(values) else np.zeros(0)


def standard_scores(metric: Sequence[float] | FloatArray) -> FloatArray:
    """Standardised values, `RANKED` of them replaced by normal scores: nearly true to the metric's differences, with shorter tails.

    >>> [round(float(z), 2) for z in standard_scores([0.1, 0.9, 0.5])]
    [-1.15, 1.15, 0.0]
    """
    values = np.asarray(metric, np.float64)
    deviation = float(values.std()) if len(values) else 0.0
    standard = (values - values.mean()) / deviation if deviation > 0 else np.zeros_like(values)
    return RANKED * normal_scores(values) + (1 - RANKED) * standard


def fit_kernel(encoding: Encoding, codes: IntArray, scores: FloatArray) -> Kernel:
    """The most probable kernel after evaluations: value indices (N, C) and their scores (N,).

    Of more than `FITTED` evaluations, the better half of that number is used, and others spread evenly over the rest.
    """
    from scipy.optimize import minimize

    used = _spread(scores, FITTED)
    problem = _Likelihood(encoding, codes[used], scores[used])
    start = problem.start
    found = minimize(
        problem.loss, start, jac=True, method="L-BFGS-B", bounds=[(s - BOUND, s + BOUND) for s in start],
        options={"maxiter": STEPS},
    )  # fmt: skip
    return problem.kernel(found.x)


def _spread(scores: FloatArray, most: int) -> IntArray:
    """Indices, in order: the best half of `most`, and as many spread evenly over the others."""
    if len(scores) <= most:
        return np.arange(len(scores))
    order = np.argsort(-scores, kind="stable")
    rest = order[most // 2 :]
    picked = rest[np.linspace(0, len(rest) - 1, most - most // 2).round().astype(np.int64)]
    return np.sort(np.concatenate([order[: most // 2], picked]))


class _Likelihood:
    """The negative logarithm of the marginal likelihood and prior, with its gradient, by the logarithms of the kernel's sizes."""

    def __init__(self, encoding: Encoding, codes: IntArray, scores: FloatArray) -> None:
        self.encoding, self.scores = encoding, scores
        self.hot = encoding.one_hot(codes).astype(np.float64)
        counts = encoding.counts(codes).astype(np.float64)
        self.linear = counts @ counts.T
        lengths = (counts**2).sum(axis=1) / 2
        self.apart = lengths[:, None] + lengths - self.linear  # half the squared distances
        self.choices, self.values = len(encoding.choices), int(encoding.value_of.max()) + 1
        size = self.choices + self.values
        self.start = np.zeros(size + len(START_SIZE))
        self.start[: self.choices] = np.log(0.5 / np.sqrt(self.choices))
        self.start[size:] = np.log(START_SIZE)
        self.spread = np.array([SPREAD_CHOICE] * self.choices + [SPREAD_VALUE] * self.values + list(SPREAD_SIZE))

    def kernel(self, logs: FloatArray) -> Kernel:
        """The kernel of logarithms."""
        sizes = np.exp(logs)
        value = sizes[self.choices : self.choices + self.values]
        scale = sizes[: self.choices][self.encoding.choice_of] * value[self.encoding.value_of]
        product, linear, noise, constant, smooth, reach = (float(s) for s in sizes[-len(START_SIZE) :])
        return Kernel(scale, product, linear, noise + JITTER, constant, smooth, reach)

    def loss(self, logs: FloatArray) -> tuple[float, FloatArray]:
        """The loss and its gradient."""
        from scipy.linalg import cho_solve, cholesky

        kernel, count = self.kernel(logs), len(self.scores)
        scaled = self.hot * kernel.scale
        own = scaled.sum(axis=1)
        product = kernel.product * np.exp(2 * (scaled @ self.hot.T) - own[:, None] - own)
        smooth = kernel.smooth * np.exp(-self.apart / kernel.reach**2)
        matrix = product + kernel.linear * self.linear + kernel.constant + smooth + kernel.noise * np.eye(count)
        factor = cholesky(matrix, lower=True)
        weights = cho_solve((factor, True), self.scores)
        inverse = cho_solve((factor, True), np.eye(count))
        away = (logs - self.start) / self.spread
        loss = 0.5 * self.scores @ weights + np.log(np.diag(factor)).sum() + 0.5 * away @ away
        slope = 0.5 * (inverse - np.outer(weights, weights))
        along = slope * product
        # of the exponent by each one-hot column's scale: twice (agreements minus the column's own weight)
        by_scale = 2 * ((self.hot * (along @ self.hot)).sum(axis=0) - along.sum(axis=1) @ self.hot) * kernel.scale
        by_sizes = [
            along.sum(), kernel.linear * (slope * self.linear).sum(), (kernel.noise - JITTER) * np.trace(slope),
            kernel.constant * slope.sum(), (slope * smooth).sum(), 2 * (slope * smooth * self.apart).sum() / kernel.reach**2,
        ]  # fmt: skip
        by_choice = np.bincount(self.encoding.choice_of, weights=by_scale, minlength=self.choices)
        by_value = np.bincount(self.encoding.value_of, weights=by_scale, minlength=self.values)
        return float(loss), np.concatenate([by_choice, by_value, by_sizes]) + away / self.spread


class Posterior:
    """What evaluations say of other architectures: mean and standard deviation of their scores, without noise.

    The exponents of both exponential parts are affine in features of the new architecture, so that one matrix product gives each.

    Args:
        encoding: of the space.
        kernel: fitted.
        codes, scores: (N, C) value indices and (N,) scores of the evaluations.
    """

    def __init__(self, encoding: Encoding, kernel: Kernel, codes: IntArray, scores: FloatArray) -> None:
        from scipy.linalg import cho_solve, cholesky

        self._encoding, self._kernel = encoding, kernel
        hot, self._counts = self._features(codes)
        agreed, reach = hot * kernel.scale, kernel.reach**2
        own = agreed.sum(axis=1, keepdims=True) / len(encoding.choices)  # each new one has a value of every choice
        self._product = np.asarray((2 * agreed - kernel.scale - own).T, np.float32)
        lengths = _halved_lengths(self._counts)
        self._smooth = np.asarray(np.hstack([self._counts, -np.ones_like(lengths), -lengths]).T / reach, np.float32)
        matrix = self._cross(hot, self._counts).astype(np.float64) + kernel.noise * np.eye(len(codes))
        self._factor = cholesky(matrix, lower=True)
        self._weights = cho_solve((self._factor, True), scores)

    def _features(self, codes: IntArray) -> tuple[Float32Array, Float32Array]:
        """The one-hot values and the counts of architectures."""
        hot = self._encoding.one_hot(codes)
        return hot, self._encoding.counts_of(hot)

    def _exponentials(self, hot: Float32Array, counts: Float32Array) -> tuple[Float32Array, Float32Array]:
        """(M, N) the product and the smooth part between architectures and the evaluations, each of size 1."""
        lengths = _halved_lengths(counts)
        product, smooth = hot @ self._product, np.hstack([counts, lengths, np.ones_like(lengths)]) @ self._smooth
        return np.exp(product, out=product), np.exp(smooth, out=smooth)

    def _cross(self, hot: Float32Array, counts: Float32Array) -> Float32Array:
        """(M, N) kernel between architectures and the evaluations."""
        kernel = self._kernel
        product, smooth = self._exponentials(hot, counts)
        linear = counts @ self._counts.T
        return np.asarray(
            kernel.product * product + kernel.smooth * smooth + kernel.linear * linear + kernel.constant, np.float32
        )

    def mean(self, codes: IntArray) -> FloatArray:
        """(M,) mean scores of value indices (M, C)."""
        kernel, weights, found = self._kernel, self._weights.astype(np.float32), np.zeros(len(codes))
        slope, constant = kernel.linear * (self._weights @ self._counts), kernel.constant * self._weights.sum()
        for start in range(0, len(codes), ROWS):
            hot, counts = self._features(codes[start : start + ROWS])
            product, smooth = self._exponentials(hot, counts)
            found[start : start + ROWS] = (
                kernel.product * (product @ weights) + kernel.smooth * (smooth @ weights) + counts @ slope + constant
            )
        return found

    def mean_and_deviation(self, codes: IntArray) -> tuple[FloatArray, FloatArray]:
        """(M,) means and (M,) standard deviations."""
        from scipy.linalg import solve_triangular

        hot, counts = self._features(codes)
        cross = self._cross(hot, counts).astype(np.float64)
        explained = solve_triangular(self._factor, cross.T, lower=True)
        kernel = self._kernel
        prior = kernel.product + kernel.linear * (counts**2).sum(axis=1) + kernel.constant + kernel.smooth
        variance = np.maximum(prior - (explained**2).sum(axis=0), JITTER)
        return cross @ self._weights, np.sqrt(variance)


def _halved_lengths(counts: Float32Array) -> Float32Array:
    """(M, 1) half the squared length of each row."""
    return np.asarray((counts**2).sum(axis=1, keepdims=True) / 2, np.float32)
