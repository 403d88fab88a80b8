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
FloatArray = NDArray[np.float64]

PARTS: Final = (1 / 8, 1 / 4, 1 / 2)
"""Of the images, those after which a candidate may be dropped."""
LEAST_IMAGES: Final = 32
"""A part has at least so many: the test takes the mean difference to be normal."""
Z: Final = 2.71
"""Standard errors below the rival at which a candidate is dropped. Of candidates that are as good, one in 300 is dropped at each of
the three looks: one in a hundred in all, at most."""


def parts(images: int) -> tuple[int, ...]:
    """Numbers of images after which a candidate may be dropped; each part is the beginning of the next.

    >>> parts(1000), parts(100), parts(40)
    ((125, 250, 500), (50,), ())
    """
    sizes = (int(share * images) for share in PARTS)
    return tuple(size for size in sizes if size >= LEAST_IMAGES)


def image_weights(labels: NDArray[np.int64], *, balanced: bool) -> FloatArray:
    """(N,) share of each image in the metric: equal, or, where classes count equally, by the inverse of its class's size."""
    counts = np.bincount(labels)[labels].astype(np.float64)
    weights = 1 / counts if balanced else np.ones(len(labels))
    return np.asarray(weights / weights.sum(), np.float64)


def difference(right: BoolArray, rival: BoolArray, weights: FloatArray) -> tuple[float, float]:
    """How much better a candidate is than its rival on the first images, and the standard error of that for all of them.

    The images are drawn without replacement from those that would decide, so the error vanishes as all of them are seen.

    Args:
        right: (n,) whether the candidate is right on the first n images.
        rival: (N,) the rival's.
        weights: (N,) of the images, with a sum of 1.
    """
    seen, total = len(right), len(rival)
    share = weights[:seen] / weights[:seen].sum()
    apart = right.astype(np.float64) - rival[:seen]
    mean = float(share @ apart)
    variance = float((share**2 * (apart - mean) ** 2).sum()) * seen / max(seen - 1, 1)
    return mean, sqrt(variance * (total - seen) / max(total - 1, 1))


def hopeless(right: BoolArray, rival: BoolArray, weights: FloatArray) -> bool:
    """Whether a candidate is worse than its rival by more than `Z` standard errors; the arguments are those of `difference`.

    >>> rival, weights = np.arange(400) % 10 != 0, np.full(400, 1 / 400)
    >>> hopeless(rival[:50], rival, weights), hopeless(~rival[:50], rival, weights)
    (False, True)
    """
    mean, error = difference(right, rival, weights)
    return mean + Z * error < 0
