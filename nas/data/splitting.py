"""Creates the splits that a data set lacks: seeded, stratified, disjoint and complete. Not for shuffling batches."""

from collections.abc import Sequence
from typing import Final

import numpy as np
from numpy.typing import NDArray

from nas.data.splits import Split, SplitName

FRACTIONS: Final[dict[SplitName, float]] = {"test": 0.20, "val": 0.15}
"""Share of each class of the given training set that goes to a missing split, in the order in which they are split off."""

_STREAM: Final = 0x51_17
"""Keeps these random numbers apart from others of the same seed."""


def split_indices(labels: NDArray[np.int64], fractions: Sequence[float], seed: int) -> tuple[NDArray[np.int64], ...]:
    """One random disjoint index set for each fraction, and the rest.

    Of a class with n items each set takes `round(n * fraction)`, at least one; the caller makes sure that enough remain.

    Args:
        labels: int64 (N,).
        fractions: share of each set of the whole; together less than 1.
        seed: of the random order; the first set does not depend on how many follow.

    Returns:
        `len(fractions) + 1` sorted int64 arrays that together hold 0..N-1 once each; the rest is the last.
    """
    generator = np.random.default_rng([seed, _STREAM])
    taken: list[list[NDArray[np.int64]]] = [[] for _ in range(len(fractions) + 1)]
    for label in np.unique(labels):
        members = generator.permutation(np.flatnonzero(labels == label))
        start = 0
        for index, fraction in enumerate(fractions):
            size = max(1, round(len(members) * fraction))
            taken[index].append(members[start : start + size])
            start += size
        taken[-1].append(members[start:])
    return tuple(np.sort(np.concatenate(pieces)) if pieces else np.empty(0, np.int64) for pieces in taken)


def complete(splits: dict[SplitName, Split], seed: int) -> dict[SplitName, Split]:
    """All three splits: those given as they are, those missing split off `train` by `FRACTIONS`."""
    missing = [name for name in FRACTIONS if name not in splits]
    if not missing:
        return dict(splits)
    train = splits["train"]
    *sets, rest = split_indices(train.labels, [FRACTIONS[name] for name in missing], seed)
    split = {name: train.take(indices) for name, indices in zip(missing, sets, strict=True)}
    return {**splits, **split, "train": train.take(rest)}
