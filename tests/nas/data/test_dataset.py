"""The dispatch of sources, the digits, and what every data set must pass."""

from pathlib import Path

import numpy as np
import pytest

from nas.data import load
from nas.errors import InvalidData


def test_digits_are_split_and_scaled_exactly() -> None:
    data = load("digits")
    assert (data.name, data.resolution, data.channels, data.classes) == ("digits", 8, 1, tuple("0123456789"))
    assert sum(map(len, (data.train, data.val, data.test))) == 1797
    values = np.unique(data.train.images)
    # 0-16 to 0-255: k * 255 / 16 rounded, the half at k = 8 (127.5) up
    assert values.tolist() == [0, 16, 32, 48, 64, 80, 96, 112, 128, 143, 159, 175, 191, 207, 223, 239, 255]


def test_the_hash_depends_on_the_content_alone() -> None:
    first, again, other = load("digits"), load("digits"), load("digits", seed=1)
    assert first.content_hash == again.content_hash != other.content_hash


def test_an_unknown_source_names_what_is_taken() -> None:
    with pytest.raises(InvalidData, match=r"`digits`, a folder of class folders, or an \.npz"):
        load("nothing/here")


def test_a_silly_resolution_is_rejected(tmp_path: Path) -> None:
    with pytest.raises(InvalidData, match="outside 4 to 4096"):
        load("digits", resolution=2)
