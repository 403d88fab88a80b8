"""The one order in which subsets of a split are taken: seeded, and with every class in its share from the first images on.

Images of a folder lie in the order of their classes. Whatever uses a subset of a split (batch norm, INT8 ranges, the
evaluation of candidates) takes the first images in this order instead. Not here: splitting (`splits.py`), training batches.
"""

import heapq
from collections import defaultdict
from typing import Final

import numpy as np
from numpy.typing import NDArray

_STREAM: Final = 0x5B_5E7
"""Keeps these random numbers apart from others of the same seed."""


def stratified_order(labels: NDArray[np.int64], seed: int) -> NDArray[np.int64]:
    """A permutation of a split's images of which every prefix has the classes in their shares.

    Of a class with n of N images, the first m of the order hold m n / N, by less than one more or fewer: the classes take turns
    as tasks on a processor, each image between the moments at which its class would be a whole image behind and ahead, the most
    urgent first (Baruah, Cohen, Plaxton and Varvel 1996, "Proportionate progress").

    Args:
        labels: int64 (N,).
        seed: of the order within the classes, and among classes that are equally urgent.

    Returns:
        int64 (N,), indices into the split.
    """
    generator, total = np.random.default_rng([seed, _STREAM]), len(labels)
    members = {int(label): generator.permutation(np.flatnonzero(labels == label)) for label in np.unique(labels)}
    lots = generator.random(total).tolist()
    due: dict[int, list[int]] = defaultdict(list, {0: list(members)})
    taken = dict.fromkeys(members, 0)
    urgent: list[tuple[int, float, int]] = []
    order = np.empty(total, np.int64)
    for turn in range(total):
        for label in due.pop(turn, ()):
            size, number = len(members[label]), taken[label] + 1
            heapq.heappush(urgent, (-(-number * total // size), lots[members[label][number - 1]], label))
        label = heapq.heappop(urgent)[2]
        order[turn] = members[label][taken[label]]
        taken[label] += 1
        if taken[label] < len(members[label]):
            due[max(taken[label] * total // len(members[label]), turn + 1)].append(label)
    return order
