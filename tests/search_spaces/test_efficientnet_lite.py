"""The space `efficientnet_lite`: its largest networks are the published ones, and a network may end early."""

import pytest

from nas.testing.space import SpaceContract
from search_spaces.cost import macs, params
from search_spaces.declarative import ENDS
from search_spaces.efficientnet_lite import Variant, scaled
from search_spaces.exits import exits, exits_network
from search_spaces.registry import space as find_space
from search_spaces.space import SearchSpace


class TestOfPhotographs(SpaceContract):
    @pytest.fixture
    def space(self) -> SearchSpace:
        return find_space("efficientnet_lite", resolution=64, channels=3, classes=4)


class TestLite2OfSmallGreyImages(SpaceContract):
    @pytest.fixture
    def space(self) -> SearchSpace:
        return find_space("efficientnet_lite:variant=lite2", resolution=32, channels=1, classes=2)


@pytest.mark.parametrize(
    ("variant", "channels", "depths"),
    [
        ("lite0", (16, 24, 40, 80, 112, 192, 320), (1, 2, 2, 3, 3, 4, 1)),
        ("lite1", (16, 24, 40, 80, 112, 192, 320), (1, 3, 3, 4, 4, 5, 1)),
        ("lite2", (16, 24, 48, 88, 120, 208, 352), (1, 3, 3, 4, 4, 5, 1)),
    ],
)
def test_stages_are_those_of_the_published_networks(
    variant: Variant, channels: tuple[int, ...], depths: tuple[int, ...]
) -> None:
    stages = scaled(variant)
    assert (tuple(s.channels for s in stages), tuple(s.depth for s in stages)) == (channels, depths)


def test_the_largest_has_the_published_size() -> None:
    """4.65 million parameters and about 0.4 billion multiply-accumulates for 1,000 classes at 224 pixels; folded norms count once."""
    space = find_space("efficientnet_lite", resolution=224, channels=3, classes=1000)
    network = space.network(space.largest())
    assert params(network) == pytest.approx(4.65e6, rel=0.01)
    assert macs(network) == pytest.approx(0.39e9, rel=0.02)


def test_a_network_ends_after_four_to_seven_stages() -> None:
    space = find_space("efficientnet_lite", resolution=64, channels=3, classes=4)
    ends = exits(space)
    assert [dict(one.values)[ENDS] for one in ends] == [4, 5, 6, 7]
    networks = [space.network(one) for one in ends]
    for end, network in zip((4, 5, 6, 7), networks, strict=True):
        stages = {layer.name.partition(".")[0] for layer in network.layers}
        assert stages == {"stem", "head", *(f"s{number}" for number in range(1, end + 1))}
    heads = [{layer.name for layer in network.layers if layer.name.startswith("head.")} for network in networks]
    assert len(set.union(*heads)) == sum(map(len, heads))  # none shares the weights of another


def test_all_ends_are_one_network() -> None:
    space = find_space("efficientnet_lite", resolution=64, channels=3, classes=4)
    whole = exits_network(space)
    assert len(whole.outputs) == 4
    for architecture, output in zip(exits(space), whole.outputs, strict=True):
        network = space.network(architecture)
        assert network.outputs == (output,)
        assert all(whole.by_name[layer.name] == layer for layer in network.layers)


def test_a_space_without_ends_has_one_exit() -> None:
    space = find_space("mobilenet", resolution=32, channels=3, classes=4)
    assert exits(space) == (space.largest(),)
    assert exits_network(space).id == space.network(space.largest()).id
