"""What a host does in the middle of a network: activations alone where that is enough, and each map moved once."""

import pytest

from hw_targets.overlay.estimate import Estimate, estimate
from hw_targets.overlay.host import BOUNDARY_MS, host_ms, split_activations
from hw_targets.overlay.registry import machine
from search_spaces.builder import Graph, Tensor
from search_spaces.network import Layer, Network

U50 = machine("alveo-u50:isa2")
SIDE, CHANNELS = 32, 16
MAP = CHANNELS * SIDE * SIDE
"""Bytes of the maps here: one word of channels."""


def concat(g: Graph, name: str, *parts: Tensor) -> Tensor:
    shape = (sum(p.shape[0] for p in parts), *parts[0].shape[1:])
    g.layers.append(Layer(name, "concat", tuple(p.name for p in parts), tuple(p.shape for p in parts), shape))
    return Tensor(name, shape)


def concatenations(count: int, activation: str) -> Network:
    """A convolution, and its result with what it was made of through a 1x1 convolution, `count` times."""
    g = Graph((3, SIDE, SIDE))
    x = g.conv("stem", g.input, CHANNELS, kernel=3)
    for number in range(count):
        y = g.conv(f"conv{number}", x, CHANNELS, kernel=3, activation=activation)
        x = g.conv(f"proj{number}", concat(g, f"cat{number}", y, x), CHANNELS, activation=activation)
    g.conv("head", x, 8)
    return g.network("concatenations")


def simulated(count: int, activation: str = "silu") -> Estimate:
    return estimate(concatenations(count, activation), U50, allow_host=True)


@pytest.mark.parametrize("count", [1, 2, 16, 40])
def test_traffic_grows_with_the_number_of_concatenations_and_does_not_double(count: int) -> None:
    """Each SiLU reads a map from memory and leaves one there: every convolution saves its result, and loads what it reads.

    The stem's result stays on chip for conv0 and proj0. The image comes packed: 32 rows x 32 columns x 3 wide x 3 channels.
    """
    found = simulated(count)
    image = 32 * 32 * 3 * 3
    assert found.load_bytes == image + MAP + (count - 1) * (MAP + 2 * MAP) + MAP
    assert found.save_bytes == 2 * count * MAP + MAP  # the head's 8 channels fill one word, too


def test_a_convolution_stays_and_its_activation_alone_goes_to_the_host() -> None:
    found = simulated(3)
    assert found.host == tuple(f"{name}{i}/silu" for i in range(3) for name in ("conv", "proj"))
    on_device = [name for group in found.groups for name in group.layers]
    assert on_device == ["stem", "conv0", "proj0", "conv1", "proj1", "conv2", "proj2", "head"]
    assert found.macs == simulated(3, "relu").macs
    assert sum(group.macs for group in found.groups) == found.macs


def test_the_host_moves_each_map_once_and_is_handed_to_once_each_time() -> None:
    """Six SiLUs in turn, each with a map to it and a map back at a GB/s, and two boundaries of 0.1 ms."""
    network = split_activations(concatenations(3, "silu"), U50)
    host = dict.fromkeys((layer.name for layer in network.layers if layer.op == "activation"), "no SiLU")
    assert host_ms(network, host) == pytest.approx(6 * 2 * BOUNDARY_MS + 12 * MAP / 1e6)
    without = simulated(3, "relu")
    assert simulated(3).latency_ms > without.latency_ms + 6 * 2 * BOUNDARY_MS


def test_layers_of_the_host_in_a_row_or_beside_each_other_are_handed_over_together() -> None:
    g = Graph((CHANNELS, SIDE, SIDE))
    x = g.conv("a", g.input, CHANNELS)
    shape = x.shape
    for name, sources in (("h1", ("a",)), ("h2", ("h1",)), ("h3", ("a",)), ("h4", ("h2", "h3", "a"))):
        g.layers.append(Layer(name, "onnx:Odd", sources, (shape,) * len(sources), shape))
    g.conv("b", Tensor("h4", shape), CHANNELS)
    network = g.network("host")
    # Maps: a, which three of them read, and the four results. One visit, since none waits for the overlay again.
    reasons = dict.fromkeys(("h1", "h2", "h3", "h4"), "it has no operator onnx:Odd")
    assert host_ms(network, reasons) == pytest.approx(2 * BOUNDARY_MS + 5 * MAP / 1e6)
    found = estimate(network, U50, allow_host=True)
    assert found.host == ("h1", "h2", "h3", "h4")
    assert (found.load_bytes, found.save_bytes) == (2 * MAP, 2 * MAP)  # the image and h4; a and b


def test_a_concatenation_that_the_host_reads_is_no_map_of_its_own() -> None:
    g = Graph((CHANNELS, SIDE, SIDE))
    a, b = g.conv("a", g.input, CHANNELS), g.conv("b", g.input, CHANNELS)
    shape = concat(g, "cat", a, b).shape
    g.layers.append(Layer("h1", "onnx:Odd", ("cat",), (shape,), shape))
    g.layers.append(Layer("h2", "onnx:Odd", ("a",), (a.shape,), a.shape))
    network = g.network("host")
    # a and b once each, h1 of twice their size, h2.
    assert host_ms(network, {"h1": "", "h2": ""}) == pytest.approx(2 * BOUNDARY_MS + (2 + 2 + 1) * MAP / 1e6)


def test_a_layer_that_is_rejected_for_more_than_its_activation_goes_whole() -> None:
    g = Graph((CHANNELS, SIDE, SIDE))
    g.conv("wide", g.conv("a", g.input, CHANNELS), CHANNELS, kernel=31, activation="silu")
    network = g.network("wide")
    assert split_activations(network, U50) == network
    assert estimate(network, U50, allow_host=True).host == ("wide",)


def test_a_network_that_the_machine_runs_is_left_as_it_is() -> None:
    network = concatenations(2, "relu")
    assert split_activations(network, U50) is network
    assert estimate(network, U50, allow_host=True) == estimate(network, U50)


def test_the_results_of_the_host_can_be_the_networks() -> None:
    g = Graph((CHANNELS, SIDE, SIDE))
    g.conv("only", g.input, CHANNELS, activation="silu")
    network = split_activations(g.network("only"), U50)
    assert network.outputs == ("only/silu",)
    found = estimate(g.network("only"), U50, allow_host=True)
    assert (found.load_bytes, found.save_bytes, found.host) == (MAP, MAP, ("only/silu",))
