"""Listed regions, by hand."""

import numpy as np
import pytest

from nas.search import table_region
from nas.search.table_region import TableRegion
from search_spaces.errors import InvalidSpace
from search_spaces.space import Architecture, Choice

REGION = TableRegion.of_choices({"a": (1, 2, 3), "b": ("x", "y")}, lambda v: v["a"] + (v["b"] == "y"), limit_ms=3.0)


def test_every_combination_within_the_limit_is_listed() -> None:
    assert REGION.enumerated.tolist() == [[0, 0], [0, 1], [1, 0], [1, 1], [2, 0]]
    assert REGION.range_ms == (1.0, 3.0) and REGION.limited and REGION.complete
    assert not TableRegion.of_choices({"a": (1, 2)}).limited


def test_draws_are_of_the_band_and_inside_the_limit() -> None:
    rng = np.random.default_rng(0)
    drawn = REGION.draw(2.0, 9.0, 50, rng)
    assert {tuple(row) for row in drawn.tolist()} == {(0, 1), (1, 0), (1, 1), (2, 0)}
    assert REGION.draw(1.1, 1.9, 5, rng).shape == (0, 2)


def test_what_is_not_listed_is_infinitely_slow_and_taken_for_its_nearest() -> None:
    few = TableRegion(REGION.choices, np.array([[0, 0], [2, 1]]), np.array([1.0, 2.0]), limit_ms=2.0)
    assert few.predict_ms(np.array([[2, 1], [1, 1]])).tolist() == [2.0, np.inf]
    assert few.admitted(np.array([[1, 1], [0, 0]])).tolist() == [[2, 1], [0, 0]] and not few.complete


def test_the_nearest_has_the_most_equal_choices_however_many_are_looked_up(monkeypatch: pytest.MonkeyPatch) -> None:
    rng = np.random.default_rng(3)
    choices = tuple(Choice(str(i), tuple(range(2 + i % 3))) for i in range(9))
    codes = np.unique(np.stack([rng.integers(len(c.values), size=40) for c in choices], axis=1), axis=0)
    region = TableRegion(choices, codes, np.zeros(len(codes)))
    wanted = np.stack([rng.integers(len(c.values), size=200) for c in choices], axis=1)
    by_hand = [codes[(codes != one).sum(axis=1).argmin()].tolist() for one in wanted]
    assert region.admitted(wanted).tolist() == by_hand
    monkeypatch.setattr(table_region, "NEAREST_CELLS", 100)
    assert region.admitted(wanted).tolist() == by_hand


def test_what_exceeds_the_limit_is_not_admitted() -> None:
    assert REGION.admitted(np.array([[2, 1], [2, 0]])).tolist() == [[2, 0]]


def test_architectures_are_encoded() -> None:
    made = [Architecture("s", (("a", 3), ("b", "y"))), Architecture("s", (("a", 2),))]
    assert REGION.encode(made).tolist() == [[2, 1], [1, 0]]


def test_too_many_or_too_few_are_rejected() -> None:
    with pytest.raises(InvalidSpace, match="10,000,000,000 combinations"):
        TableRegion.of_choices({str(i): tuple(range(10)) for i in range(10)})
    with pytest.raises(InvalidSpace, match="no architecture inside the limit"):
        TableRegion.of_choices({"a": (1, 2)}, lambda v: v["a"], limit_ms=0.5)
