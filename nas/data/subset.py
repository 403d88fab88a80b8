"""The one order in which subsets of a part are drawn: seeded, and with every class in its share from the first images on.

Images of a folder lie in the order of their classes. Whatever looks at some of a part's images (batch norm, INT8 ranges, the
judgement of candidates) takes the first so many in this order instead. Not here: splitting (`splits.py`), training batches.
"""

from typing import Final

import numpy as np
from numpy.typing import NDArray

_STREAM: Final = 0x5B_5E7
"""Keeps these random numbers apart from others of the same seed."""


def stratified_order(labels: NDArray[np.int64], seed: int) -> NDArray[np.int64]:
    """A permutation of a part's images of which every beginning has the classes in their shares.

    Of a class with n of N images, the first m of the order hold m n / N, give or take one.

    Args:
        labels: int64 (N,).
        seed: of the order within the classes, and of how the classes take turns.

    Returns:
        int64 (N,), indices into the part.
    """
    generator = np.random.default_rng([seed, _STREAM])
    turn = np.empty(len(labels), np.float64)
    for label in np.unique(labels):
        members = generator.permutation(np.flatnonzero(labels == label))
        turn[members] = (np.arange(len(members)) + generator.random()) / len(members)
    return np.argsort(turn, kind="stable").astype(np.int64)
