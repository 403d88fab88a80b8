"""Finds images of the validation or test set that are in the training set, too: metrics measured on them are too high.

Exact copies only; near copies (another crop, another compression) are not searched.
"""

import hashlib
from collections.abc import Mapping
from typing import Final

import numpy as np
from numpy.typing import NDArray

from nas.data.splits import Split

_SAMPLES: Final = 256
"""Pixels, evenly spaced, by which candidates are found before whole images are compared."""


def leaks(train: Split, others: Mapping[str, Split]) -> tuple[str, ...]:
    """One warning for each split of `others` (same shape of images) that shares images with `train`."""
    train_keys = _keys(train)
    warnings = []
    for name, split in others.items():
        keys = _keys(split)
        common = set(train_keys) & set(keys)
        seen = {_digest(train.images[index]) for index, key in enumerate(train_keys) if key in common}
        shared = sum(key in common and _digest(split.images[index]) in seen for index, key in enumerate(keys))
        if shared:
            warnings.append(
                f"{shared} of {len(split)} images of the {name} split are exact copies of training images: "
                "accuracy on it is too high."
            )
    return tuple(warnings)


def _keys(split: Split) -> list[bytes]:
    flat: NDArray[np.uint8] = split.images.reshape(len(split), -1)
    columns = np.linspace(0, flat.shape[1] - 1, min(_SAMPLES, flat.shape[1])).astype(np.int64)
    sampled = np.ascontiguousarray(flat[:, columns])
    return [row.tobytes() for row in sampled]


def _digest(image: NDArray[np.uint8]) -> bytes:
    return hashlib.blake2b(np.ascontiguousarray(image).data, digest_size=16).digest()
