"""Random weights for networks that are measured."""

import pytest

from hw_targets.random_weights import random_weights
from hw_targets.scheme import SIGMOID_RANGE
from hw_targets.testing.networks import ALL, pools
from hw_targets.weights import PRE, fused_activation
from search_spaces.network import Network


@pytest.mark.parametrize("network", ALL, ids=lambda n: n.name)
def test_random_weights_are_complete_and_of_the_delivered_form(network: Network) -> None:
    weights = random_weights(network)
    for one in network.layers:
        assert one.name in weights.ranges
        assert (one.name + PRE in weights.ranges) is not fused_activation(one)
        if one.activation in ("relu", "relu6"):
            assert weights.ranges[one.name].zero_point == 0
        if one.activation in ("sigmoid", "hard_sigmoid"):
            assert weights.ranges[one.name] == SIGMOID_RANGE
        if one.has_weights:
            own = weights.layers[one.name]
            assert own.weight.shape == one.weight_shape and abs(own.weight.astype(int)).max() <= 127
            assert own.weight_scale.shape == own.bias.shape == (one.out_shape[0],)
    assert all(0 <= r.zero_point <= 255 and r.scale > 0 for r in weights.ranges.values())


def test_random_weights_follow_the_seed() -> None:
    one, same, other = (random_weights(pools(), seed) for seed in (1, 1, 2))
    assert (one.layers["a"].weight == same.layers["a"].weight).all()
    assert (one.layers["a"].weight != other.layers["a"].weight).any()
