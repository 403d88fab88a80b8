"""Networks cut into links, on graphs of a few layers."""

from itertools import pairwise

from search_spaces.builder import Graph
from search_spaces.chain import links
from search_spaces.registry import space as find_space


def names(g: Graph) -> list[list[str]]:
    return [[layer.name for layer in link] for link in links(g.network("net"))]


def test_a_plain_chain_is_cut_everywhere() -> None:
    g = Graph((3, 8, 8))
    g.linear("classifier", g.global_avg_pool("pool", g.conv("conv", g.input, 4)), 2)
    assert names(g) == [["conv"], ["pool"], ["classifier"]]


def test_a_skip_keeps_its_layers_together() -> None:
    g = Graph((3, 8, 8))
    x = g.conv("stem", g.input, 4)
    y = g.conv("two", g.conv("one", x, 8), 4)
    g.conv("after", g.add("sum", x, y), 4)
    assert names(g) == [["stem"], ["one", "two", "sum"], ["after"]]


def test_a_skip_from_the_input_is_no_cut() -> None:
    g = Graph((4, 8, 8))
    x = g.conv("one", g.input, 4)
    g.conv("after", g.add("sum", x, g.input), 4)
    assert names(g) == [["one", "sum"], ["after"]]


def test_skips_that_overlap_are_one_link() -> None:
    g = Graph((4, 8, 8))
    a = g.conv("a", g.input, 4)
    b = g.conv("b", a, 4)
    c = g.add("c", a, g.conv("b2", b, 4))
    d = g.add("d", b, c)
    g.conv("e", d, 4)
    assert names(g) == [["a"], ["b", "b2", "c", "d"], ["e"]]


def test_links_are_the_network() -> None:
    space = find_space("efficientnet_lite", resolution=64, channels=3, classes=4)
    network = space.network(space.largest())
    found = links(network)
    assert tuple(layer for link in found for layer in link) == network.layers
    for before, link in pairwise(found):
        own = {layer.name for layer in link}
        assert {source for layer in link for source in layer.inputs} - own == {before[-1].name}
