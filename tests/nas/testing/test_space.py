"""The contract of a space finds what is wrong. What keeps it runs it: `test_mobilenet.py`, `test_resnet.py`, `test_declarative.py`."""

import itertools
from collections.abc import Mapping
from dataclasses import replace

import pytest

from nas.testing.sampler import small_space
from nas.testing.space import SpaceContract
from search_spaces.builder import Graph, Tensor
from search_spaces.space import Choice, SearchSpace, Stage, Value


def test_values_from_large_to_small_are_found() -> None:
    space = small_space((4, 1), (1, 2))
    with pytest.raises(AssertionError, match="from small to large"):
        SpaceContract().test_its_ends_are_its_smallest_and_largest_networks(
            space, [space.architecture({"resolution": 4, "width": 1, "depth": 1})]
        )


def test_a_stage_that_draws_another_network_each_time_is_found() -> None:
    widths = itertools.count(1)

    def build(g: Graph, x: Tensor, read: Mapping[str, Value]) -> Tensor:
        return g.linear("fc", g.conv("a", x, next(widths)), 2)

    space = SearchSpace("odd", 1, 2, Choice("resolution", (4,)), (Stage("s", (), build),))
    with pytest.raises(AssertionError):
        SpaceContract().test_an_architecture_always_builds_the_same_network(space, [space.smallest()])


def test_a_number_of_classes_that_is_not_requested_is_found() -> None:
    space = replace(small_space((1,), (1,)), classes=3)  # its stage draws two
    with pytest.raises(AssertionError):
        SpaceContract().test_a_network_reads_the_image_and_ends_in_the_classes(space, [space.smallest()])
