"""What a network costs on paper, by hand."""

from search_spaces.builder import Graph
from search_spaces.cost import macs, params, peak_memory_bytes, weight_bytes
from search_spaces.network import Network


def tiny() -> Network:
    g = Graph((3, 8, 8))
    x = g.conv("stem", g.input, 16, kernel=3, stride=2, activation="relu6")
    y = g.conv("depthwise", x, 16, kernel=3, groups=16, activation="relu6")
    z = g.add("add", x, y)
    g.linear("classifier", g.global_avg_pool("pool", z), 10)
    return g.network("tiny")


def test_costs_by_hand() -> None:
    network = tiny()
    # stem 16 * 3 * 9 * 16 pixels; depthwise 16 * 9 * 16; classifier 160
    assert macs(network) == 6912 + 2304 + 160
    assert params(network) == (16 * 27 + 16) + (16 * 9 + 16) + (160 + 10)
    assert weight_bytes(network) == params(network) + 3 * (16 + 16 + 10)
    # while the depthwise layer runs, its input (256) and output (256) live; at the sum, three maps do
    assert peak_memory_bytes(network) == 3 * 256
