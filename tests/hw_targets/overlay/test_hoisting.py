"""Strides that move up through 1x1 convolutions."""

from hw_targets.overlay.hoisting import hoisted
from search_spaces.builder import Graph


def test_what_is_read_at_every_second_pixel_is_made_at_every_second() -> None:
    g = Graph((4, 8, 8))
    x = g.conv("a", g.input, 4, kernel=3)
    g.conv("b", x, 8, stride=2)
    computed, read = hoisted(g.network("n"))
    assert computed["a"].out_shape == (4, 4, 4) and computed["a"].stride == (2, 2)
    assert computed["b"].in_shapes == ((4, 4, 4),) and computed["b"].stride == (1, 1)
    assert computed["b"].out_shape == (8, 4, 4) and read == {}


def test_a_map_that_another_reads_whole_stays_whole() -> None:
    g = Graph((4, 8, 8))
    x = g.conv("a", g.input, 4, kernel=3)
    g.conv("b", x, 8, stride=2)
    g.conv("c", x, 8, kernel=3)
    network = g.network("n")
    assert hoisted(network) == (network.by_name, {})


def test_a_larger_kernel_reads_every_pixel() -> None:
    g = Graph((4, 8, 8))
    g.conv("b", g.conv("a", g.input, 4), 8, kernel=3, stride=2)
    network = g.network("n")
    assert hoisted(network) == (network.by_name, {})
