import pytest
from hypothesis import given
from hypothesis import strategies as st

from hw_targets.weights import fused_activation, hard_swish_range, passthrough_range
from search_spaces.network import INPUT, Layer


def layer(op: str, activation: str | None) -> Layer:
    return Layer("l", op, (INPUT,), ((1, 4, 4),), (1, 4, 4), activation=activation)


@pytest.mark.parametrize(
    ("op", "activation", "expected"),
    [
        ("conv", None, True),
        ("conv", "relu6", True),
        ("add", "relu", True),
        ("conv", "hard_sigmoid", True),
        ("add", "hard_sigmoid", False),
        ("conv", "hard_swish", False),
        ("activation", "hard_swish", True),
        ("conv", "sigmoid", False),
    ],
)
def test_what_is_absorbed(op: str, activation: str | None, expected: bool) -> None:
    assert fused_activation(layer(op, activation)) is expected


def test_what_keeps_its_range() -> None:
    assert passthrough_range(layer("max_pool", None)) and passthrough_range(layer("resize", None))
    assert not passthrough_range(layer("max_pool", "relu6")) and not passthrough_range(layer("avg_pool", None))


@given(st.floats(-5, 700))
def test_hard_swish_ranges_begin_at_minus_three_and_reach(high: float) -> None:
    found = hard_swish_range(high)
    assert -found.scale * found.zero_point == pytest.approx(-3)
    assert found.scale * (255 - found.zero_point) >= high - 1e-9


@pytest.mark.parametrize(("high", "zero_point"), [(6.0, 85), (3.0, 127), (0.0, 254), (1e9, 1)])
def test_hard_swish_ranges_by_hand(high: float, zero_point: int) -> None:
    """For 6, three in nine parts of 255 steps lie below zero: 85."""
    assert hard_swish_range(high).zero_point == zero_point
