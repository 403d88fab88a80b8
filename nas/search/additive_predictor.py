"""A predictor that is additive over the stages of a space: ridge regression on values and pairs of values that one stage reads together.

Within a stage two architectures are alike by the number m of choices in which they agree, m + PAIRS m (m - 1) / 2: as a kernel, this is
ridge regression on one-hot values and pairs of them (Rasmussen and Williams 2006, section 2.1). The score is a sum of one number for each
transition of the lattice, so that `predicted_front.exact_front` finds the whole front of it exactly. Interactions between stages are left
to the Gaussian process (`predictor.py`), which no such programme can search. Not here: the front.
"""

from dataclasses import dataclass
from functools import cached_property
from typing import Final

import numpy as np
from numpy.typing import NDArray

from nas.errors import InvalidData
from search_spaces.lattice import IntArray, Lattice, StageLattice

FloatArray = NDArray[np.float64]

PAIRS: Final = 0.25
"""Weight of a pair of values, where that of one value is 1."""
PENALTIES: Final = tuple(10.0**power for power in range(-3, 4))
"""Ridge penalties to choose from, as shares of the mean similarity of an evaluation with itself."""


@dataclass(frozen=True)
class AdditivePredictor:
    """Predicted metrics: `constant`, and the sum of the scores along an architecture's way through the lattice.

    Attributes:
        lattice: of the space.
        constant: the mean metric of the evaluations.
        scores: for each stage, (T,) score of each transition.
        error: root of the mean squared error in leave-one-out cross-validation.
    """

    lattice: Lattice
    constant: float
    scores: tuple[FloatArray, ...]
    error: float

    @staticmethod
    def fit(lattice: Lattice, codes: IntArray, metric: FloatArray) -> "AdditivePredictor":
        """Fits evaluations: value indices (N, choices) and metrics (N,). The penalty has the least leave-one-out error.

        Raises:
            InvalidData: fewer than two evaluations, or a metric that is not a number.
        """
        if len(codes) < 2 or not np.isfinite(metric).all():
            raise InvalidData(
                f"A predictor cannot be fitted to {len(codes)} evaluations, {int(np.isfinite(metric).sum())} with a metric.",
                fix="Give at least two evaluations, each with a finite metric.",
            )
        ways = list(lattice.walk(codes))
        alike = [
            _similarity(stage, np.arange(len(stage.source)), way)
            for stage, way in zip(lattice.stages, ways, strict=True)
        ]
        matrix = np.sum([stage[way] for stage, way in zip(alike, ways, strict=True)], axis=0)
        centred = metric - metric.mean()
        weights, error = _ridge(matrix, centred)
        return AdditivePredictor(lattice, float(metric.mean()), tuple(stage @ weights for stage in alike), error)

    def predict(self, codes: IntArray) -> FloatArray:
        """(N,) metrics of value indices (N, choices); values of inactive choices do not matter."""
        return self.lattice.sums(np.full(len(self.lattice.initial), self.constant), self._by_code, codes)

    @cached_property
    def _by_code(self) -> tuple[FloatArray, ...]:
        return self.lattice.by_code(self.scores)


def _similarity(stage: StageLattice, first: IntArray, second: IntArray) -> FloatArray:
    """(M, N) between transitions of a stage."""
    equal = np.zeros((len(first), len(second)))
    for column in stage.decided.T:
        equal += (column[first, None] == column[second]) & (column[second] >= 0)
    return equal + PAIRS * equal * (equal - 1) / 2


def _ridge(matrix: FloatArray, metric: FloatArray) -> tuple[FloatArray, float]:
    """Weights of the evaluations, and the leave-one-out error, for the best penalty."""
    values, vectors = np.linalg.eigh(matrix)
    turned = vectors.T @ metric
    scale = max(float(np.trace(matrix)) / len(matrix), 1e-12)
    best: tuple[float, FloatArray] | None = None
    for penalty in PENALTIES:
        inverse = 1.0 / (np.maximum(values, 0.0) + penalty * scale)
        weights = vectors @ (inverse * turned)
        residual = weights / (vectors**2 @ inverse)  # of each evaluation, predicted by the others
        error = float(np.sqrt(np.mean(residual**2)))
        if best is None or error < best[0]:
            best = error, weights
    assert best is not None
    return best[1], best[0]
