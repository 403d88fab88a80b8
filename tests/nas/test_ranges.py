"""Exponents of the least squared error, by hand and against trying all; ranges that a scheme wants of a network."""

from math import log2

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from torch import Tensor

from hw_targets.scheme import POWER_OF_TWO
from hw_targets.weights import PRE
from nas.interpreter import BNFolded, folded, recalibrate
from nas.ranges import least_error_exponent, observe
from nas.supernet_weights import SupernetWeights
from search_spaces.network import INPUT, Network
from tests.nas.networks import gated, inverted, residual


def error(values: Tensor, exponent: int) -> float:
    step = 2.0**exponent
    return float(((values / step).round().clamp(-128, 127) * step - values).square().sum())


def test_whole_numbers_have_steps_of_one_or_finer() -> None:
    # All of -100..100 in steps of 1 without an error; the finest exact exponent is taken, and 2**-1 saturates at 63.5.
    assert least_error_exponent(torch.arange(-100.0, 101.0), -128.0, 127.0, 100.0) == 0
    assert least_error_exponent(torch.tensor([0.3, -0.7]), -128.0, 127.0, 0.7) == -7  # 0.7 * 128 = 89.6, * 256 = 179


def test_a_rare_large_value_may_saturate() -> None:
    # 5,000 values around 1 and one of 16: steps of 1/8 hold it, but cost the others (1/8)**2 / 12 each, 6.5 in all. Steps of
    # 1/16 hold 7.9, and lose (16 - 7.9)**2 = 65: too much. With 500,000 around 1 the finer steps pay.
    one = torch.rand(5_000, generator=torch.Generator().manual_seed(0)) * 2
    assert least_error_exponent(torch.cat((one, torch.tensor([15.8]))), -128.0, 127.0, 15.8) == -3
    many = torch.rand(500_000, generator=torch.Generator().manual_seed(0)) * 2
    assert least_error_exponent(torch.cat((many, torch.tensor([15.8]))), -128.0, 127.0, 15.8) < -3


@given(st.lists(st.floats(-50, 50, width=32), min_size=1, max_size=60))
def test_no_exponent_has_a_smaller_error(values: list[float]) -> None:
    tensor = torch.tensor(values, dtype=torch.float32)
    reach = float(tensor.abs().max())
    found = least_error_exponent(tensor, -128.0, 127.0, reach)
    assert error(tensor, found) <= min(error(tensor, k) for k in range(found - 3, found + 6)) * (1 + 1e-4) + 1e-9


@pytest.mark.parametrize("network", [inverted(activation="relu"), gated(), residual()], ids=lambda n: n.name)
def test_all_ranges_of_a_network_have_the_form(network: Network) -> None:
    images = torch.rand(64, 1, 12, 12, generator=torch.Generator().manual_seed(0))
    supernet_weights = SupernetWeights.of(network.layers, seed=0)
    weights = folded(network, supernet_weights.parameters(network), recalibrate(network, supernet_weights, [images]))
    ranges = observe(network, BNFolded(weights), images.split(32), POWER_OF_TWO)
    assert ranges[INPUT] == POWER_OF_TWO.input
    assert all(r.signed and r.zero_point == 0 and log2(r.scale).is_integer() for r in ranges.values())
    for layer in network.layers:
        if layer.activation == "hard_sigmoid":
            assert ranges[layer.name] == POWER_OF_TWO.sigmoid_range and layer.name + PRE in ranges
    assert observe(network, BNFolded(weights), images.split(32), POWER_OF_TWO) == ranges  # nothing is left to chance
    assert np.isfinite([r.scale for r in ranges.values()]).all()
