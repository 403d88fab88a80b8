"""Which channels must agree, on graphs of a few layers."""

from search_spaces.builder import Graph
from search_spaces.channel_groups import ChannelGroup, channel_groups
from search_spaces.registry import space as find_space


def test_a_chain_has_a_group_for_each_tensor() -> None:
    g = Graph((3, 8, 8))
    x = g.conv("one", g.input, 4)
    x = g.conv("two", x, 5)
    g.linear("classifier", g.global_avg_pool("pool", x), 2)
    assert channel_groups(g.network("chain")) == (
        ChannelGroup(3, ("input",), (), ("one",), fixed=True),
        ChannelGroup(4, ("one",), ("one",), ("two",), fixed=False),
        ChannelGroup(5, ("two", "pool"), ("two",), ("classifier",), fixed=False),
        ChannelGroup(2, ("classifier",), ("classifier",), (), fixed=True),
    )


def test_additions_and_depthwise_convolutions_join_groups() -> None:
    g = Graph((3, 8, 8))
    x = g.conv("stem", g.input, 8)
    y = g.conv("expand", x, 16)
    y = g.conv("depthwise", y, 16, kernel=3, groups=16)
    y = g.conv("project", y, 8)
    y = g.add("add", x, y)
    g.linear("classifier", g.global_avg_pool("pool", y), 2)
    groups = {group.writers: group for group in channel_groups(g.network("residual"))}
    assert groups["stem", "project"].readers == ("expand", "classifier")
    assert groups["expand", "depthwise"].readers == ("project",)


def test_a_gate_is_in_the_group_that_it_scales() -> None:
    g = Graph((3, 8, 8))
    x = g.conv("stem", g.input, 8)
    gate = g.conv("gate", g.conv("reduce", g.global_avg_pool("squeeze", x), 4), 8)
    g.linear("classifier", g.global_avg_pool("pool", g.mul("scale", x, gate)), 2)
    groups = {group.writers: group for group in channel_groups(g.network("gated"))}
    assert groups["stem", "gate"].readers == ("reduce", "classifier")


def test_a_convolution_in_groups_keeps_blocks_together() -> None:
    g = Graph((3, 8, 8))
    x = g.conv("stem", g.input, 12)
    x = g.conv("fours", x, 12, groups=3)
    x = g.conv("sixes", x, 12, groups=2)
    g.linear("classifier", g.global_avg_pool("pool", x), 2)
    _, group, _ = channel_groups(g.network("grouped"))
    assert (group.writers, group.readers) == (("stem", "fours", "sixes"), ("classifier",))
    assert (group.block, group.fixed) == (12, False)


def test_channels_around_groups_of_other_sizes_keep_their_order() -> None:
    g = Graph((3, 8, 8))
    x = g.conv("stem", g.input, 8)
    x = g.conv("grouped", x, 16, groups=2)
    g.linear("classifier", g.global_avg_pool("pool", x), 2)
    assert all(group.fixed for group in channel_groups(g.network("grouped")))


def test_every_layer_with_weights_is_in_one_group() -> None:
    space = find_space("efficientnet_lite", resolution=64, channels=3, classes=4)
    network = space.network(space.largest())
    writers = [name for group in channel_groups(network) for name in group.writers]
    assert sorted(writers) == sorted(layer.name for layer in network.layers if layer.has_weights)
    for group in channel_groups(network):
        assert {network.by_name[name].out_shape[0] for name in group.writers} <= {group.channels}
