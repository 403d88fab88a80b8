"""The targets of a spec are told apart by what they are, not by how they are written."""

import pytest

from nas.errors import InvalidSpec
from nas.spec import targets_named


def test_targets_come_in_the_order_of_their_names() -> None:
    found = targets_named(["cpu:threads=2", "alveo-u50", "cpu"])
    assert [one.info.id for one in found] == ["cpu:threads=2", "alveo-u50:isa2", "cpu"]


@pytest.mark.parametrize("names", [("cpu", "cpu:threads=1"), ("alveo-u50", "cpu", "alveo-u50:isa2")])
def test_two_names_of_one_target_are_refused(names: tuple[str, ...]) -> None:
    with pytest.raises(InvalidSpec) as refused:
        targets_named(names)
    assert refused.value.facts == {"targets": [names[0], names[-1]]}
