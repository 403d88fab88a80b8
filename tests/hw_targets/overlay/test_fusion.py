"""Which layers run as one, and what each group reads."""

from hw_targets.overlay.fusion import IMAGE, groups
from search_spaces.builder import Graph, Tensor
from search_spaces.network import Layer


def test_a_convolution_takes_the_pool_that_alone_reads_it() -> None:
    g = Graph((3, 32, 32))
    x = g.conv("a", g.input, 16, kernel=3)
    g.conv("b", g.max_pool("pool", x, kernel=2, stride=2), 16)
    assert [group.layers for group in groups(g.network("n"), 16)] == [("a", "pool"), ("b",)]


def test_a_map_with_two_readers_keeps_its_pool_apart() -> None:
    g = Graph((3, 32, 32))
    x = g.conv("a", g.input, 16, kernel=3)
    p = g.max_pool("pool", x, kernel=3, stride=1)
    g.add("sum", g.conv("b", x, 16), p)
    assert [group.layers for group in groups(g.network("n"), 16)] == [("a",), ("pool",), ("b", "sum")]


def test_a_sum_goes_to_the_convolution_that_comes_last() -> None:
    g = Graph((16, 8, 8))
    short = g.conv("short", g.input, 32)
    g.add("sum", g.conv("b", g.conv("a", g.input, 32), 32), short)
    found = groups(g.network("n"), 16)
    assert [group.layers for group in found] == [("short",), ("a",), ("b", "sum")]
    assert [read.group for read in found[2].add_reads] == [0]
    assert found[0].reads[0].group == IMAGE
    assert found[2].is_output and not found[0].is_output


def test_strides_move_up_through_pointwise_convolutions() -> None:
    g = Graph((16, 8, 8))
    x = g.conv("a", g.input, 16, kernel=3)
    x = g.conv("b", x, 16)
    g.add("sum", g.conv("c", x, 32, stride=2), g.conv("d", x, 32, stride=2))
    found = groups(g.network("n"), 16)
    assert [group.out_shape[1:] for group in found] == [(4, 4)] * 4
    assert found[0].main is not None and found[0].main.stride == (2, 2)


def test_strides_stay_below_a_reader_that_takes_every_pixel() -> None:
    g = Graph((16, 8, 8))
    x = g.conv("a", g.input, 16, kernel=3)
    y = g.conv("b", x, 32, kernel=3, stride=2)
    g.add("sum", g.conv("c", x, 32, stride=2), y)
    assert groups(g.network("n"), 16)[0].out_shape == (16, 8, 8)


def concat(channels: tuple[int, int]) -> Graph:
    g = Graph((16, 8, 8))
    a, b = (g.conv(name, g.input, c) for name, c in zip("ab", channels, strict=True))
    both = (sum(channels), 8, 8)
    g.layers.append(Layer("both", "concat", ("a", "b"), (a.shape, b.shape), both))
    g.conv("c", Tensor("both", both), 16)
    return g


def test_a_concatenation_of_whole_words_is_free() -> None:
    found = groups(concat((16, 24)).network("n"), 16)
    assert [read.group for read in found[2].reads] == [0, 1]
    assert not any(group.through_memory for group in found)


def test_each_part_of_a_concatenation_begins_at_a_word_of_its_own() -> None:
    found = groups(concat((24, 8)).network("n"), 16)
    assert found[-1].words == 3  # 24 channels lie in two words and 8 in one, where 32 would fill two
    assert groups(concat((16, 16)).network("n"), 16)[-1].words == 2
