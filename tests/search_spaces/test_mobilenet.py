"""The space `mobilenet`: the contract of a space on digits and on small colour images, and how often a map is halved."""

import pytest

from nas.testing.space import SpaceContract
from search_spaces.mobilenet import halvings, input_sizes
from search_spaces.registry import space as find_space
from search_spaces.space import SearchSpace


class TestOfDigits(SpaceContract):
    @pytest.fixture
    def space(self) -> SearchSpace:
        return find_space("mobilenet", resolution=8, channels=1, classes=10)


class TestOfColours(SpaceContract):
    """Several resolutions and stages, and another activation."""

    @pytest.fixture
    def space(self) -> SearchSpace:
        return find_space("mobilenet:activation=relu", resolution=24, channels=3, classes=4)


def test_sides_to_choose_from() -> None:
    assert input_sizes(8) == (8,)
    assert input_sizes(32) == (24, 28, 32)
    assert input_sizes(224) == (156, 192, 224)


@pytest.mark.parametrize(("resolution", "count"), [(8, 1), (28, 2), (32, 2), (48, 4), (96, 5), (224, 5)])
def test_halvings_leave_four_to_eight_pixels(resolution: int, count: int) -> None:
    assert halvings(resolution) == count
