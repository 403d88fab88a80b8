"""How far predictions are from measurements: the accuracy report of every latency table.

Only compares numbers; it neither predicts nor measures. Errors and shares are fractions (0.05, not 5).
"""

import math
from bisect import bisect_left, bisect_right, insort
from collections import Counter
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from typing import Any, Final, Literal

from latency_models.errors import TooFewProfiles

Method = Literal["held_out", "cross_validated", "fitted"]

FASTEST_SHARE: Final = 0.1
"""The fastest share of the networks, whose order matters most to a search for fast ones."""


@dataclass(frozen=True, slots=True)
class AccuracyReport:
    """Predictions against measurements, of networks that were not fitted wherever the space has enough.

    Attributes:
        mape: mean of |predicted / measured - 1|.
        rmspe: root of the mean of (predicted / measured - 1) squared.
        within_5, within_10: share of networks with |predicted / measured - 1| of at most 5 % and 10 %.
        kendall_tau: tau-b over all networks; None where it is undefined (fewer than two distinct values).
        kendall_tau_fastest_tenth: tau-b over the tenth with the lowest measured latency.
        noise_mape: mean noise of the measurements themselves: the apparent error of a perfect model.
        fitted: how many networks the model was fitted on.
        tested: how many networks this report compares.
        method: `held_out` networks of their own; `cross_validated`, where each is predicted by a model fitted without it; or
            `fitted`, the very networks of the fit, where none of the space could be left out of it.
    """

    mape: float
    rmspe: float
    within_5: float
    within_10: float
    kendall_tau: float | None
    kendall_tau_fastest_tenth: float | None
    noise_mape: float
    fitted: int
    tested: int
    method: Method

    def to_json(self) -> dict[str, Any]:
        """The report as plain JSON values."""
        return asdict(self)

    @staticmethod
    def from_json(document: dict[str, Any]) -> "AccuracyReport":
        """The inverse of `to_json`."""
        return AccuracyReport(**document)


def report_accuracy(
    predicted: Sequence[float],
    measured: Sequence[float],
    noise: Sequence[float],
    *,
    fitted: int,
    method: Method = "held_out",
) -> AccuracyReport:
    """Compares predictions with measurements.

    Args:
        predicted, measured: latencies in one unit, of the same networks in the same order; `measured` above 0.
        noise: relative noise of each measurement (`Profile.noise`).
        fitted: how many networks the model was fitted on.
        method: how the networks were separated from the fit.

    Raises:
        TooFewProfiles: there is nothing to compare.
    """
    if not len(predicted) == len(measured) == len(noise):
        raise ValueError(f"{len(predicted)} predictions, {len(measured)} measurements, {len(noise)} noises")
    if not measured:
        raise TooFewProfiles("An accuracy report needs networks to compare.", fix="Measure some that are not fitted.")
    errors = [p / m - 1 for p, m in zip(predicted, measured, strict=True)]
    count = len(errors)
    fastest = sorted(range(count), key=lambda i: measured[i])[: math.ceil(count * FASTEST_SHARE)]
    return AccuracyReport(
        mape=sum(map(abs, errors)) / count,
        rmspe=math.sqrt(sum(e * e for e in errors) / count),
        within_5=sum(abs(e) <= 0.05 + 1e-12 for e in errors) / count,
        within_10=sum(abs(e) <= 0.10 + 1e-12 for e in errors) / count,
        kendall_tau=kendall_tau(predicted, measured),
        kendall_tau_fastest_tenth=kendall_tau([predicted[i] for i in fastest], [measured[i] for i in fastest]),
        noise_mape=sum(noise) / count,
        fitted=fitted,
        tested=count,
        method=method,
    )


def kendall_tau(a: Sequence[float], b: Sequence[float]) -> float | None:
    """Kendall's tau-b of two rankings (ties allowed), or None where either has fewer than two distinct values.

    Counts discordant pairs by sorted insertion: a few milliseconds for thousands of values.
    Source: Kendall, "The treatment of ties in ranking problems", Biometrika 1945.

    Example:
        >>> kendall_tau([1, 2, 3], [1, 3, 2])
        0.3333333333333333
    """
    pairs = sorted(zip(a, b, strict=True))
    total = _pairs(len(pairs))
    ties_a = sum(map(_pairs, Counter(a).values()))
    ties_b = sum(map(_pairs, Counter(b).values()))
    ties_both = sum(map(_pairs, Counter(pairs).values()))
    if total in (ties_a, ties_b):
        return None
    seen: list[float] = []
    concordant = discordant = 0
    group: list[float] = []
    for index, (x, y) in enumerate(pairs):
        group.append(y)
        if index + 1 < len(pairs) and pairs[index + 1][0] == x:
            continue
        for value in group:
            concordant += bisect_left(seen, value)
            discordant += len(seen) - bisect_right(seen, value)
        for value in group:
            insort(seen, value)
        group = []
    assert concordant + discordant == total - ties_a - ties_b + ties_both
    return (concordant - discordant) / math.sqrt((total - ties_a) * (total - ties_b))


def _pairs(count: int) -> int:
    return count * (count - 1) // 2
