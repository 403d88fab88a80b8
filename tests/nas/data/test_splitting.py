"""Splits: stratified, disjoint, complete and seeded, whatever the labels."""

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from nas.data.splits import Split, SplitName
from nas.data.splitting import FRACTIONS, complete, split_indices

sizes = st.lists(st.integers(5, 60), min_size=1, max_size=8)


def labels_of(counts: list[int], seed: int) -> np.ndarray[tuple[int], np.dtype[np.int64]]:
    return np.random.default_rng(seed).permutation(np.repeat(np.arange(len(counts)), counts))


@given(counts=sizes, seed=st.integers(0, 2**31 - 1))
def test_sets_are_disjoint_complete_and_stratified(counts: list[int], seed: int) -> None:
    labels = labels_of(counts, seed)
    test, val, rest = split_indices(labels, [FRACTIONS["test"], FRACTIONS["val"]], seed)
    assert sorted([*test, *val, *rest]) == list(range(len(labels)))
    for label, count in enumerate(counts):
        assert (labels[test] == label).sum() == max(1, round(0.20 * count))
        assert (labels[val] == label).sum() == max(1, round(0.15 * count))
        assert (labels[rest] == label).sum() >= 3
    for indices in (test, val, rest):
        assert (np.diff(indices) > 0).all()


@given(counts=sizes, seed=st.integers(0, 2**31 - 1))
def test_the_test_part_does_not_depend_on_whether_val_is_split_too(counts: list[int], seed: int) -> None:
    labels = labels_of(counts, seed)
    both, alone = split_indices(labels, [0.20, 0.15], seed), split_indices(labels, [0.20], seed)
    assert both[0].tolist() == alone[0].tolist()


def test_the_seed_decides() -> None:
    labels = labels_of([50, 50], 0)
    first, again, other = (split_indices(labels, [0.2], seed)[0].tolist() for seed in (1, 1, 2))
    assert first == again != other


def test_only_missing_parts_are_split_off() -> None:
    split = Split(np.arange(40, dtype=np.uint8).reshape(40, 1, 1, 1), np.arange(40) % 2)
    given_parts: dict[SplitName, Split] = {"train": split, "test": split}
    done = complete(given_parts, 0)
    assert done["test"] is split
    assert (len(done["train"]), len(done["val"])) == (34, 6)
    assert sorted([*done["train"].images.ravel(), *done["val"].images.ravel()]) == list(range(40))
    whole: dict[SplitName, Split] = {"train": split, "val": split, "test": split}
    assert complete(whole, 0) == whole
