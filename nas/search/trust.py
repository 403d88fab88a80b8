"""The trust score of a search: do its scores rank networks as they are after fine-tuning, and better than counting does?

Only statistics over a few networks. Not here: which networks are compared (`nas/stages/search_report.py`).
"""

from collections.abc import Iterator, Sequence
from itertools import product
from typing import Final

import numpy as np
from numpy.typing import NDArray
from scipy.stats import rankdata

from latency_models.accuracy_report import kendall_tau
from nas.search_report import ComparedNetwork, RankCorrelation, TrustScore, TrustVerdict

LEAST: Final = 5
"""Fewest networks that can show anything: with 4, even a perfect order has a two-sided probability of 2/24 by chance."""
LEVEL: Final = 0.05
"""Of tests, and one less the level of intervals."""
SETS: Final = 4000
"""Simulated sets of networks for each correlation of an interval; fewer of large sets, down to an eighth."""
_PAIRS: Final = 1_000_000
_GRID: Final = np.linspace(-1.0, 1.0, 81)
_EXACT_UP_TO: Final = 12
_SWAPS: Final = 4096
_CLOSE: Final = 1e-9


def trust(networks: Sequence[ComparedNetwork], *, seed: int) -> TrustScore:
    """Compares scores and multiply-accumulates by how they rank what the networks reached.

    Args:
        networks: each once.
        seed: of the simulated intervals.
    """
    compared = tuple(networks)
    if len(compared) < LEAST:
        few = "1 network was" if len(compared) == 1 else f"{len(compared)} networks were"
        note = f"{few} compared; at least {LEAST} are needed to say whether the search's scores can be trusted."
        return TrustScore(verdict="too few", note=note, networks=compared)
    scores, macs = [one.score for one in compared], [float(one.macs) for one in compared]
    reached = [one.reached for one in compared]
    own, counted = correlation(scores, reached, seed=seed), correlation(macs, reached, seed=seed)
    if own is None:
        equal = "scores" if len(set(scores)) == 1 else "results"
        note = f"All {len(compared)} networks have equal {equal}: there is no order to agree with."
        return TrustScore(verdict="undefined", note=note, networks=compared, macs=counted)
    probability = advantage(scores, macs, reached, seed=seed)
    verdict = _verdict(own.tau, 0.0 if counted is None else counted.tau, probability)
    note = _note(verdict, len(compared), own, counted, probability)
    return TrustScore(
        verdict=verdict, note=note, networks=compared, scores=own, macs=counted, p_value=round(probability, 4)
    )


def correlation(a: Sequence[float], b: Sequence[float], *, seed: int) -> RankCorrelation | None:
    """Kendall's tau-b with its interval; None where either has fewer than two distinct values."""
    tau = kendall_tau(a, b)
    if tau is None:
        return None
    low, high = interval(tau, len(a), seed=seed)
    return RankCorrelation(tau=round(tau, 4), low=round(low, 4), high=round(high, 4))


def interval(tau: float, count: int, *, seed: int) -> tuple[float, float]:
    """The correlations of a whole population under which `count` networks give a tau as observed, with 95 % confidence.

    A correlation is inside unless such a tau, or a more extreme one on its side, has a probability of at most 2.5 %. The populations are
    bivariate normal, on whose ranks alone tau depends; their tau is 2 / pi asin(rho) (Kruskal 1958, "Ordinal measures of
    association"). Unlike a bootstrap it does not shrink to a point where a handful of networks are in perfect order.
    """
    rng = np.random.default_rng([seed, count])
    above, below = np.triu_indices(count, 1)
    sets = min(SETS, max(SETS // 8, _PAIRS // len(above)))
    first, second = rng.standard_normal((2, sets, count))
    signs = np.sign(first[:, above] - first[:, below]).astype(np.float32)
    difference = np.stack([part[:, above] - part[:, below] for part in (first, second)]).astype(np.float32)
    inside = []
    for population in _GRID:
        rho = np.sin(np.pi / 2 * population)
        mixed = np.float32(rho) * difference[0] + np.float32(np.sqrt(max(0.0, 1 - rho**2))) * difference[1]
        drawn = (signs * np.sign(mixed)).mean(1)
        tails = (drawn >= tau - 1e-6).mean(), (drawn <= tau + 1e-6).mean()
        if min(tails) > LEVEL / 2:
            inside.append(float(population))
    return min(*inside, tau), max(*inside, tau)


def advantage(a: Sequence[float], b: Sequence[float], reached: Sequence[float], *, seed: int) -> float:
    """The probability that `a` ranks `reached` so much better than `b`, or better still, if it were chance which of both is which.

    A paired permutation test: the ranks by `a` and by `b` are exchanged for each subset of the networks (for a seeded sample of
    subsets, where there are more than 12 networks).
    """
    ranks_a, ranks_b = np.array(rankdata(a)), np.array(rankdata(b))
    observed = _lead(ranks_a, ranks_b, reached)
    leads = []
    for chosen in _subsets(len(reached), seed):
        swapped = np.array(chosen, bool)
        leads.append(_lead(np.where(swapped, ranks_b, ranks_a), np.where(swapped, ranks_a, ranks_b), reached))
    return float(np.mean(np.array(leads) >= observed - _CLOSE))


def _subsets(count: int, seed: int) -> Iterator[Sequence[bool]]:
    if count <= _EXACT_UP_TO:
        yield from product((False, True), repeat=count)
        return
    rng = np.random.default_rng([seed, count])
    yield [False] * count
    yield from (rng.random((_SWAPS - 1, count)) < 0.5).tolist()


def _lead(a: NDArray[np.float64], b: NDArray[np.float64], reached: Sequence[float]) -> float:
    """By how much the tau of `a` exceeds that of `b`; one without an order has none to add."""
    return (kendall_tau(a.tolist(), reached) or 0.0) - (kendall_tau(b.tolist(), reached) or 0.0)


def _verdict(tau: float, counted: float, probability: float) -> TrustVerdict:
    if tau <= max(counted, 0.0):
        return "no better"
    return "better" if probability <= LEVEL else "not shown"


def _note(
    verdict: TrustVerdict, count: int, own: RankCorrelation, counted: RankCorrelation | None, probability: float
) -> str:
    against = "no order at all" if counted is None else _text(counted)
    figures, chance = f"Kendall's tau {_text(own)} against {against}", f"p = {probability:.2g}"
    ranked = f"The search's scores ranked these {count} networks"
    if verdict == "no better":
        return f"{ranked} no better than counting multiply-accumulates: {figures}."
    if verdict == "better":
        return f"{ranked} better than counting multiply-accumulates: {figures} ({chance})."
    few = "but so few networks do not show that it was more than chance"
    return f"{ranked} better than counting multiply-accumulates, {figures}, {few} ({chance})."


def _text(one: RankCorrelation) -> str:
    return f"{one.tau:.2f} ({one.low:.2f} to {one.high:.2f})"
