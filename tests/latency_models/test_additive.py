"""Additive costs: ticks, and sums over layers."""

from hypothesis import given
from hypothesis import strategies as st

from latency_models.additive import MACS, PARAMS, AdditiveCost, to_ms, to_ticks, whole_ticks
from search_spaces.builder import Graph


@given(st.integers(1, 10**9))
def test_ticks_survive_milliseconds(ticks: int) -> None:
    assert to_ticks(to_ms(ticks)) == whole_ticks(to_ms(ticks)) == ticks
    assert whole_ticks(to_ms(ticks) - 0.000_005) == ticks - 1


def test_a_budget_holds_whole_ticks() -> None:
    assert whole_ticks(0.000_019) == 1 and whole_ticks(0.000_02) == 2
    assert to_ticks(0.000_014) == 1 and to_ms(3) == 0.000_03


def test_a_cost_is_its_base_and_its_layers() -> None:
    g = Graph((1, 2, 2))
    g.conv("b", g.conv("a", g.input, 3), 5)
    network = g.network("n")
    assert MACS.of(network) == 4 * (1 * 3 + 3 * 5)
    assert PARAMS.of(network) == 3 * 2 + 5 * 4
    assert AdditiveCost("made up", lambda layer: layer.out_shape[0], lambda shape: 10 * shape[1]).of(network) == 20 + 8
