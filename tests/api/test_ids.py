"""Identifiers: their form, and their order."""

import re

from api.ids import id_pattern, new_id


def test_identifiers_are_distinct_and_sort_as_they_were_made() -> None:
    made = [new_id("job") for _ in range(2000)]  # many to a millisecond
    assert made == sorted(set(made))
    assert all(re.match(id_pattern("job"), one) for one in made)
