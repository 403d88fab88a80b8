"""Averaging of profiled kernels by key."""

import pytest

from hw_targets.target import KernelTime, Profile
from latency_models.entries import input_key, observe
from search_spaces.builder import Graph
from search_spaces.network import Network


def twins() -> Network:
    g = Graph((8, 4, 4))
    x = g.conv("a", g.input, 8)
    g.add("sum", g.conv("b", x, 8), x)
    return g.network("twins")


def profiled(*times: KernelTime) -> Profile:
    return Profile(twins(), 1.0, 1.0, 1.0, 0.0, times)


def test_layers_of_one_key_are_averaged() -> None:
    conv = (("QLinearConv", 1),)
    found = observe([profiled(KernelTime("a", conv, 1.0), KernelTime("b", conv, 3.0), KernelTime("sum", (), 0.5))])
    entry = found[twins().layers[0].key]
    assert (entry.raw_ms, entry.count, entry.kernels) == (2.0, 2, conv)
    assert found[twins().layers[2].key].raw_ms == 0.5


def test_one_wild_observation_is_left_out() -> None:
    conv = (("QLinearConv", 1),)
    runs = [profiled(KernelTime("a", conv, t), KernelTime("b", conv, t)) for t in (1.0, 1.01, 0.99, 50.0)]
    assert observe(runs)[twins().layers[0].key].raw_ms == pytest.approx(1.0)


def test_a_layer_without_kernels_costs_nothing() -> None:
    found = observe([profiled(KernelTime("a", (("QLinearConv", 1),), 1.0), KernelTime("b", (), 1.0))])
    entry = found[twins().layers[2].key]
    assert (entry.raw_ms, entry.kernels, entry.count) == (0.0, (), 1)


def test_kernels_outside_of_layers_belong_to_the_input_shape() -> None:
    found = observe([profiled(KernelTime("input", (("Transpose", 1),), 0.25))])
    assert found[input_key((8, 4, 4))].raw_ms == 0.25
    assert input_key((8, 4, 4)) == "input 8x4x4"
