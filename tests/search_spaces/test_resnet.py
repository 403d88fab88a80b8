"""The space `resnet`: the contract of a space on digits and on small colour images."""

import pytest

from nas.testing.space import SpaceContract
from search_spaces.registry import space as find_space
from search_spaces.space import SearchSpace


class TestOfDigits(SpaceContract):
    @pytest.fixture
    def space(self) -> SearchSpace:
        return find_space("resnet", resolution=8, channels=1, classes=10)


class TestOfColours(SpaceContract):
    @pytest.fixture
    def space(self) -> SearchSpace:
        return find_space("resnet", resolution=24, channels=3, classes=4)
