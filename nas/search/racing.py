"""When a candidate is looked at no longer: it cannot reach the front, by a paired test on the images that it was evaluated on.

Its rival is the best network that is as fast. Both were evaluated on the same images, in the same order, every prefix of which has the
classes in their shares; so the images that both classify alike cancel out, and far fewer are needed than for two accuracies apart
(races: Maron and Moore 1994, "Hoeffding races"; paired as in McNemar 1947). Not here: predictions, and who is the rival.
"""

from math import sqrt
from typing import Final

import numpy as np
from numpy.typing import NDArray

BoolArray = NDArray[np.bool_]
IntArray = NDArray[np.int64]

PARTS: Final = (1 / 8, 1 / 4, 1 / 2)
"""Of the images, those after which a candidate may be dropped."""
LEAST_IMAGES: Final = 32
"""A part has at least so many: the test takes the mean difference to be normal."""
LEAST_OF_CLASS: Final = 8
"""Where classes count equally, a part has at least so many images of each."""
Z: Final = 2.71
"""Standard errors below the rival at which a candidate is dropped. Of candidates that are as good, one in 300 is dropped at each of
the three looks: one in a hundred in all, at most."""


def parts(groups: IntArray) -> tuple[int, ...]:
    """Numbers of images after which a candidate may be dropped; each part is the beginning of the next.

    Args:
        groups: (N,) of the images, in their order: 0 for all where each image counts equally; their classes where each class does.

    >>> parts(np.zeros(1000, np.int64)), parts(np.zeros(100, np.int64))
    ((125, 250, 500), (50,))
    >>> parts(np.arange(1000) % 50 // 49)  # one image in 50 is of the second class
    (500,)
    """
    sizes = (int(share * len(groups)) for share in PARTS)
    several = len(np.unique(groups)) > 1
    return tuple(n for n in sizes if n >= LEAST_IMAGES and (not several or _fewest(groups, n) >= LEAST_OF_CLASS))


def _fewest(groups: IntArray, seen: int) -> int:
    """Images of the rarest group among the first ones."""
    present = np.unique(groups)
    return int(np.bincount(groups[:seen], minlength=int(present.max()) + 1)[present].min())


def metric(right: BoolArray, groups: IntArray) -> float:
    """The share that is right, averaged over the groups; the arguments are as those of `difference`, for all images."""
    return float(np.mean([right[groups == group].mean() for group in np.unique(groups)]))


def difference(right: BoolArray, rival: BoolArray, groups: IntArray) -> tuple[float, float]:
    """How much better a candidate's metric is than its rival's on the first images, and the standard error of that for all of them.

    The images are drawn without replacement from those that would decide, so the error vanishes as all of them are seen. Each group's
    variance has one image more that differs: none among few does not mean that none would.

    Args:
        right: (n,) whether the candidate is right on the first n images, some of each group.
        rival: (N,) the rival's.
        groups: (N,) see `parts`.
    """
    apart = right.astype(np.float64) - rival[: len(right)]
    means, variances = [], []
    for group in np.unique(groups):
        own = apart[groups[: len(right)] == group]
        total, seen = int((groups == group).sum()), len(own)
        means.append(own.mean())
        spread = ((own**2).sum() + 1) / seen - means[-1] ** 2
        variances.append(spread / seen * (total - seen) / max(total - 1, 1))
    return float(np.mean(means)), sqrt(sum(variances)) / len(means)


def hopeless(right: BoolArray, rival: BoolArray, groups: IntArray) -> bool:
    """Whether a candidate is worse than its rival by more than `Z` standard errors; the arguments are those of `difference`.

    >>> rival, groups = np.arange(400) % 10 != 0, np.zeros(400, np.int64)
    >>> hopeless(rival[:50], rival, groups), hopeless(~rival[:50], rival, groups)
    (False, True)
    """
    mean, error = difference(right, rival, groups)
    return mean + Z * error < 0


def images_needed(right: BoolArray, rival: BoolArray | None, groups: IntArray) -> int:
    """On how many of the first images a candidate has to be evaluated next; so many, at most, that it was evaluated on: those decide.

    Args:
        right: (n,) whether the candidate is right on the images that it was evaluated on so far.
        rival, groups: as in `difference`; without a rival all images decide.

    >>> rival, groups = np.arange(400) % 10 != 0, np.zeros(400, np.int64)
    >>> [images_needed(right, rival, groups) for right in (rival[:0], rival[:50], ~rival[:50], ~rival[:100])]
    [50, 100, 50, 50]
    """
    if rival is not None:
        for seen in parts(groups):
            if len(right) < seen or hopeless(right[:seen], rival, groups):
                return seen
    return len(groups)
