"""Closes sums of profiled kernel times to the end-to-end latency of whole networks.

A profiler adds a cost to every kernel, and a run has a cost besides its kernels, so

    latency = scale * sum of raw kernel times + sum over kernel types of (term * number of such kernels) + constant
              + sum over layers of the correction of the layer's key

is fitted to the networks' measured latencies as one Bayesian linear regression: every coefficient has a normal prior
about "the profiler is right" (scale 1, all else 0) and errors are relative. The prior standard deviation of each group of
coefficients, like the noise, is selected by the evidence (MacKay, "Bayesian interpolation", 1992). So 30 networks are
enough for thousands of keys, and one is enough to calibrate where a space has no more: without data, a coefficient keeps
its prior.
Outliers are down-weighted (Huber).
Not here: where entries come from (`entries.py`), keys that were never measured (`regression.py`).
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import product
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from hw_targets.target import Profile
from latency_models.entries import Entry, input_key, network_keys
from latency_models.errors import TooFewProfiles
from search_spaces.network import Network

Array = NDArray[np.float64]

SCALE_PRIOR_STD: Final = 0.25
CONSTANT_PRIOR_STD: Final = 0.25
TERM_PRIOR_STDS: Final = (0.02, 0.05, 0.15, 0.5)
KEY_PRIOR_STDS: Final = (0.02, 0.04, 0.08, 0.16)
NOISES: Final = (0.005, 0.0075, 0.01, 0.015, 0.02, 0.03, 0.05, 0.1)
ROUNDS: Final = 4
HUBER: Final = 2.0


@dataclass(frozen=True, slots=True)
class Calibration:
    """How raw kernel times become latency.

    Attributes:
        scale: factor on raw times.
        terms: milliseconds added (most often below 0: the profiler's own cost) for each kernel, by type.
        constant_ms: of a run besides its kernels.
        term_prior_std, key_prior_std, noise: selected prior standard deviations of the terms and of the keys' own
            corrections, as fractions of raw times, and the noise of latencies, a fraction.
    """

    scale: float
    terms: Mapping[str, float]
    constant_ms: float
    term_prior_std: float
    key_prior_std: float
    noise: float

    def kernel_ms(self, entry: Entry) -> float:
        """The calibrated time of an entry, without its key's own correction; never below 0."""
        value = self.scale * entry.raw_ms + sum(self.terms.get(kind, 0.0) * n for kind, n in entry.kernels)
        return max(0.0, value)

    def to_json(self) -> dict[str, Any]:
        """The calibration as plain JSON values."""
        return {
            "scale": self.scale,
            "terms": dict(self.terms),
            "constant_ms": self.constant_ms,
            "term_prior_std": self.term_prior_std,
            "key_prior_std": self.key_prior_std,
            "noise": self.noise,
        }

    @staticmethod
    def from_json(document: dict[str, Any]) -> "Calibration":
        """The inverse of `to_json`."""
        return Calibration(**document)


def calibrate(entries: Mapping[str, Entry], profiles: Sequence[Profile]) -> tuple[Calibration, dict[str, float]]:
    """Fits the calibration, and each key's own correction.

    Args:
        entries: raw times by key; keys of the profiles that are absent count as 0 ms.
        profiles: networks with measured latencies.

    Returns:
        The calibration and the calibrated latency of every entry in ms, corrections included, never below 0.

    Raises:
        TooFewProfiles: there are none.
    """
    if not profiles:
        raise TooFewProfiles("A calibration needs a profiled network.", fix="Profile at least one.")
    problem = _Problem.of(entries, profiles)
    weights = np.ones(len(profiles))
    prior_stds = problem.best(weights)
    for _ in range(ROUNDS):
        residual = np.abs(problem.predict(*prior_stds, weights) - problem.latency) / problem.latency
        width = max(1.4826 * float(np.median(residual)), 0.5 * prior_stds[2], 1e-6)
        weights = np.minimum(1.0, HUBER * width / np.maximum(residual, 1e-12))
        prior_stds = problem.best(weights)
    beta = problem.solve(*prior_stds, weights)
    kinds = problem.kinds
    calibration = Calibration(
        scale=float(beta[0]),
        terms={kind: float(beta[2 + i]) for i, kind in enumerate(kinds)},
        constant_ms=float(beta[1]),
        term_prior_std=prior_stds[0],
        key_prior_std=prior_stds[1],
        noise=prior_stds[2],
    )
    own = dict(zip(problem.keys, beta[2 + len(kinds) :], strict=True))
    return calibration, {
        key: max(0.0, _uncut(calibration, entry) + float(own.get(key, 0.0))) for key, entry in entries.items()
    }


def _uncut(calibration: Calibration, entry: Entry) -> float:
    terms = sum(calibration.terms.get(kind, 0.0) * n for kind, n in entry.kernels)
    return calibration.scale * entry.raw_ms + terms


@dataclass(frozen=True, slots=True)
class _Problem:
    """The regression: columns are scale, constant, one term for each kernel type, one correction for each key.

    `design` (N, P) in ms per unit of each coefficient; `units` (P,) the size of a coefficient at a relative deviation of 1;
    `group` (P,) its prior standard deviation's group: 0 fixed, 1 the terms', 2 the keys'; `residual` (N,) relative errors of the prior;
    `grams` (N, N) relative covariances of the latencies for a prior standard deviation of 1, by group.
    """

    design: Array
    latency: Array
    prior: Array
    units: Array
    group: NDArray[np.int64]
    residual: Array
    grams: tuple[Array, Array, Array]
    keys: tuple[str, ...]
    kinds: tuple[str, ...]

    @staticmethod
    def of(entries: Mapping[str, Entry], profiles: Sequence[Profile]) -> "_Problem":
        counts = [_counts(profile.network, entries) for profile in profiles]
        keys = tuple(sorted({key for count in counts for key in count}))
        kinds = tuple(sorted({kind for key in keys for kind, _ in entries[key].kernels}))
        column = {key: i for i, key in enumerate(keys)}
        holds = np.zeros((len(profiles), len(keys)))
        for row, count in enumerate(counts):
            for key, times in count.items():
                holds[row, column[key]] = times
        raw = np.array([entries[key].raw_ms for key in keys])
        kernels = np.zeros((len(keys), len(kinds)))
        for i, key in enumerate(keys):
            for kind, n in entries[key].kernels:
                kernels[i, kinds.index(kind)] = n
        latency = np.array([profile.latency_ms for profile in profiles])
        run = holds @ kernels
        kernel_ms = float((holds @ raw).sum()) / max(1.0, float(run.sum()))
        typical = float(np.median(latency))
        design = np.hstack([(holds @ raw)[:, None], np.ones((len(profiles), 1)), run, holds])
        prior = np.zeros(design.shape[1])
        prior[0] = 1.0
        units = np.concatenate(
            [
                [SCALE_PRIOR_STD, CONSTANT_PRIOR_STD * typical],
                np.full(len(kinds), kernel_ms),
                np.maximum(raw, 0.1 * kernel_ms),
            ]
        )
        group = np.concatenate([[0, 0], np.full(len(kinds), 1), np.full(len(keys), 2)]).astype(np.int64)
        relative = design * units / latency[:, None]
        fixed, by_term, by_key = (relative[:, group == g] for g in range(3))
        grams = (fixed @ fixed.T, by_term @ by_term.T, by_key @ by_key.T)
        return _Problem(
            design, latency, prior, units, group, 1 - design @ prior / latency, grams, keys, kinds
        )  # fmt: skip

    def _covariance(self, term: float, key: float, noise: float, weights: Array) -> Array:
        """(N, N) covariance of the relative latencies."""
        fixed, by_term, by_key = self.grams
        cover: Array = fixed + term**2 * by_term + key**2 * by_key + np.diag(noise**2 / weights)
        return cover

    def best(self, weights: Array) -> tuple[float, float, float]:
        """The (term prior std, key prior std, noise) of the highest evidence, from the grid."""
        scores: list[tuple[float, tuple[float, float, float]]] = []
        for term, key, noise in product(TERM_PRIOR_STDS, KEY_PRIOR_STDS, NOISES):
            factor = np.linalg.cholesky(self._covariance(term, key, noise, weights))
            white = np.linalg.solve(factor, self.residual)
            evidence = -0.5 * float(white @ white) - float(np.log(np.diag(factor)).sum())
            scores.append((evidence, (term, key, noise)))
        return max(scores, key=lambda score: score[0])[1]

    def solve(self, term: float, key: float, noise: float, weights: Array) -> Array:
        """Posterior mean of all coefficients (P,)."""
        variance = (self.units * np.array([1.0, term, key])[self.group]) ** 2
        pull = np.linalg.solve(self._covariance(term, key, noise, weights), self.residual) / self.latency
        solution: Array = self.prior + variance * (self.design.T @ pull)
        return solution

    def predict(self, term: float, key: float, noise: float, weights: Array) -> Array:
        """Fitted latencies of the problem's own networks (N,), ms."""
        fitted: Array = self.design @ self.solve(term, key, noise, weights)
        return fitted


def _counts(network: Network, entries: Mapping[str, Entry]) -> dict[str, int]:
    counts: dict[str, int] = {}
    for key in [*network_keys(network), input_key(network.input_shape)]:
        if key in entries:
            counts[key] = counts.get(key, 0) + 1
    return counts
