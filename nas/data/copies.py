"""Finds images that are in a data set more than once: exact copies, and near ones (stored again, resized, a little brighter).

Two images are near copies where their grey miniatures correlate by at least `ALIKE`: another compression gives 0.999, the next frame of a
video or a shifted crop mostly less. Not here: reading the miniatures (`pictures.py`), what copies mean for a search (`report.py`).
"""

from collections import defaultdict
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Final

import numpy as np
from numpy.typing import NDArray

Float32Array = NDArray[np.float32]

ALIKE: Final = 0.998
"""Correlation of miniatures from which images are near copies."""
FLAT: Final = 2.0
"""Standard deviation in grey levels below which an image has nothing to correlate: a blank one."""
MOST: Final = 30_000
"""Images among which near copies are searched: the time grows with the square of their number, to some ten seconds."""
BLOCK: Final = 1024


@dataclass(frozen=True, slots=True)
class Copies:
    """Two images that are copies of each other, by their index; the first is the lower."""

    first: int
    second: int
    exact: bool


def exact_copies(digests: Sequence[bytes]) -> list[Copies]:
    """Each image with the first one of the same content.

    >>> exact_copies([b"a", b"b", b"a", b"a"])
    [Copies(first=0, second=2, exact=True), Copies(first=0, second=3, exact=True)]
    """
    first: dict[bytes, int] = {}
    found = []
    for index, digest in enumerate(digests):
        before = first.setdefault(digest, index)
        if before != index:
            found.append(Copies(before, index, True))
    return found


def near_copies(miniatures: NDArray[np.uint8], known: Sequence[Copies] = ()) -> list[Copies]:
    """Pairs of near copies among grey miniatures (N, H, W); of images that are exact copies the first alone is compared.

    Blank images have no near copies.
    """
    repeated = {copies.second for copies in known}
    flat = miniatures.reshape(len(miniatures), -1).astype(np.float32)
    flat -= flat.mean(axis=1, keepdims=True)
    kept = np.array([i for i in np.flatnonzero(flat.std(axis=1) >= FLAT) if int(i) not in repeated], np.int64)
    unit: Float32Array = flat[kept]
    unit /= np.linalg.norm(unit, axis=1, keepdims=True)
    return [Copies(int(kept[a]), int(kept[b]), False) for a, b in _pairs(unit)]


def _pairs(unit: Float32Array) -> Iterator[tuple[int, int]]:
    """Pairs of rows of length 1 with a product of at least `ALIKE`, in order."""
    for start in range(0, len(unit), BLOCK):
        for other in range(start, len(unit), BLOCK):
            rows, columns = np.nonzero(unit[start : start + BLOCK] @ unit[other : other + BLOCK].T >= ALIKE)
            later = (columns + other) > (rows + start)
            yield from zip((rows[later] + start).tolist(), (columns[later] + other).tolist(), strict=True)


def groups(copies: Sequence[Copies]) -> list[list[int]]:
    """The images that are copies of each other, over any number of pairs; each group and the groups in order.

    >>> groups([Copies(0, 2, True), Copies(2, 5, False), Copies(1, 3, True)])
    [[0, 2, 5], [1, 3]]
    """
    parent: dict[int, int] = {}

    def root(index: int) -> int:
        while (above := parent.setdefault(index, index)) != index:
            parent[index] = parent[above]
            index = parent[index]
        return index

    for pair in copies:
        parent[root(pair.second)] = root(pair.first)
    found: dict[int, list[int]] = defaultdict(list)
    for index in sorted(parent):
        found[root(index)].append(index)
    return sorted(found.values())
