"""Layers built with their shapes."""

import pytest

from search_spaces.builder import Graph
from search_spaces.errors import InvalidSpace


def test_a_stride_must_fit_the_map() -> None:
    g = Graph((3, 1, 1))
    with pytest.raises(InvalidSpace, match="does not fit a feature map of 1x1"):
        g.conv("stem", g.input, 8, kernel=3, stride=2)


def test_a_convolution_keeps_the_size_of_its_map_and_halves_it_by_a_stride() -> None:
    g = Graph((3, 8, 7), prefix="s.")
    assert g.conv("a", g.input, 4, kernel=5).shape == (4, 8, 7)
    assert g.conv("b", g.input, 4, kernel=3, dilation=2).shape == (4, 8, 7)
    assert g.conv("c", g.input, 4, kernel=3, stride=2).shape == (4, 4, 4)
    assert [layer.name for layer in g.layers] == ["s.a", "s.b", "s.c"]
    assert g.layers[0].padding == (2, 2, 2, 2) and g.layers[1].padding == (2, 2, 2, 2)


def test_pools_means_and_products() -> None:
    g = Graph((4, 6, 6))
    assert g.max_pool("max", g.input, kernel=3, stride=2).shape == (4, 3, 3)
    assert g.avg_pool("avg", g.input, kernel=2, stride=2).shape == (4, 3, 3)
    mean = g.global_avg_pool("mean", g.input)
    assert mean.shape == (4, 1, 1)
    assert g.mul("gated", g.input, mean).shape == (4, 6, 6)
    assert g.linear("fc", g.input, 5).shape == (5, 1, 1)
    assert g.network("all").outputs == ("fc",)


def test_groups_must_divide_the_channels() -> None:
    g = Graph((3, 4, 4))
    with pytest.raises(InvalidSpace, match="2 groups do not divide 3 and 4 channels"):
        g.conv("a", g.input, 4, groups=2)
