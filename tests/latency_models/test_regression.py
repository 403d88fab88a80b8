"""The fallback for layers that were never measured."""

import pytest

from latency_models.regression import MINIMUM, Fallback, families, features, fit_fallback
from search_spaces.builder import Graph
from search_spaces.network import Layer


def conv(channels: int, *, side: int = 8, kernel: int = 1, groups: int = 1, activation: str | None = None) -> Layer:
    g = Graph((channels, side, side))
    g.conv("c", g.input, channels, kernel=kernel, groups=groups, activation=activation)
    return g.layers[0]


def test_features_by_hand() -> None:
    # 16 -> 16 channels at 8x8, 1x1: 16*16*64 MACs; 16*64 bytes in and out; 256 weights and 16 biases of 4 bytes.
    assert features(conv(16)) == (1.0, 16384, 1024, 1024, 256 + 64)


def test_families_narrow_to_wide() -> None:
    assert families(conv(16, activation="relu6")) == ("pointwise conv", "conv", "any")
    assert families(conv(16, groups=16, kernel=3, activation="hard_swish")) == (
        "depthwise conv hard_swish", "depthwise conv", "conv", "any",
    )  # fmt: skip
    assert families(conv(16, kernel=3))[0] == "spatial conv"


def test_recovers_a_law() -> None:
    layers = {layer.key: layer for c in range(8, 136, 8) for layer in (conv(c), conv(c, side=4))}
    law = {key: 0.002 + 3e-8 * features(layer)[1] for key, layer in layers.items()}
    fallback = fit_fallback(layers, law)
    unseen = conv(200, side=6)
    ms, error = fallback.estimate(unseen)
    assert ms == pytest.approx(0.002 + 3e-8 * 200 * 200 * 36, rel=1e-3)
    assert error < 1e-3
    assert Fallback.from_json(fallback.to_json()) == fallback


def test_a_family_with_few_keys_is_answered_by_a_wider_one() -> None:
    many = [conv(c) for c in range(8, 8 + 8 * MINIMUM, 8)]
    few = [conv(c, kernel=3, groups=c) for c in (8, 16)]
    fallback = fit_fallback({x.key: x for x in many + few}, {x.key: 0.01 for x in many + few})
    assert "depthwise conv" not in fallback.families
    assert fallback.estimate(conv(24, kernel=3, groups=24))[0] == pytest.approx(0.01, rel=0.3)


def test_nothing_measured_costs_nothing_and_says_so() -> None:
    assert fit_fallback({}, {}).estimate(conv(8)) == (0.0, 1.0)
