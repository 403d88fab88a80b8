"""The limits, each named with the layer that breaks it."""

import pytest

from hw_targets.errors import DoesNotFit, UnsupportedLayer
from hw_targets.overlay.estimate import estimate
from hw_targets.overlay.registry import machine
from hw_targets.overlay.support import host_tail, pool_steps, supports, unsupported_layers
from hw_targets.testing.networks import inverted_residuals
from search_spaces.builder import Graph
from search_spaces.network import INPUT, Layer, Network, Shape
from tests.hw_targets.overlay.networks import chain

U50, U55C = machine("alveo-u50"), machine("alveo-u55c:dwc")


def conv(
    kernel: int = 1, stride: int = 1, shape: Shape = (16, 32, 32), filters: int = 16, **attributes: object
) -> Layer:
    return Layer("c", "conv", (INPUT,), (shape,), (filters, 32, 32), kernel=(kernel,) * 2, stride=(stride,) * 2,
                 **attributes)  # type: ignore[arg-type]  # fmt: skip


@pytest.mark.parametrize("layer, reason", [
    (conv(17), "kernel of 17x17"),
    (conv(3, 5), "stride of 5x5"),
    (conv(16, shape=(160, 32, 32)), "kernel area x input channel groups is 2560, at most 2048"),
    (conv(filters=4097), "4097 output channels, at most 4096"),
    (conv(3, shape=(2064, 32, 32), dilation=(2, 2)), "dilation x input channels is 4128"),
    (conv(activation="hard_swish"), "no hard_swish"),
    (conv(9, groups=16), "depthwise kernel of 9x9"),
    (conv(3, groups=16, activation="leaky_relu"), "no leaky_relu"),
    (Layer("m", "mul", (INPUT, INPUT), ((8, 4, 4),) * 2, (8, 4, 4)), "no element-wise multiplication"),
    (Layer("x", "onnx:Einsum", (INPUT,), ((8, 4, 4),), (8, 4, 4)), "no operator onnx:Einsum"),
    (Layer("p", "global_avg_pool", (INPUT,), ((8, 11, 11),), (8, 1, 1)), "pool of 11x11"),
])  # fmt: skip
def test_reasons(layer: Layer, reason: str) -> None:
    found = supports(layer, U55C)
    assert not found.ok and reason in found.reason


def test_depthwise_without_an_engine_is_possible_but_unvalidated() -> None:
    found = supports(conv(3, groups=16), U50)
    assert found.ok and "without an engine" in found.unvalidated
    assert supports(conv(3, groups=16), U55C).unvalidated == ""


def test_other_dpus_have_other_limits() -> None:
    gate = Layer("m", "mul", (INPUT, INPUT), ((8, 4, 4),) * 2, (8, 4, 4))
    assert supports(gate, machine("kv260:isa1")).ok
    assert not supports(gate, machine("kv260:isa0")).ok


def test_pools_in_steps() -> None:
    shape = (16, 14, 14)
    mean = Layer("p", "avg_pool", (INPUT,), (shape,), (16, 1, 1), kernel=(14, 14))
    assert pool_steps(mean, U50) == ((7, 7, 2, 2), (2, 2, 1, 1))
    chained = Layer("p", "max_pool", (INPUT,), (shape,), shape, kernel=(13, 13), padding=(6,) * 4)
    assert [step[0] for step in pool_steps(chained, U50)] == [8, 6]  # 8 + 6 - 1
    strided = Layer("p", "max_pool", (INPUT,), (shape,), (16, 5, 5), kernel=(10, 10), stride=(1, 2))
    assert pool_steps(strided, U50) == ()


def test_a_rejection_names_layers_and_limits() -> None:
    network = inverted_residuals("hard_swish", attention=True)
    with pytest.raises(UnsupportedLayer) as caught:
        estimate(network, U55C)
    listed = caught.value.facts["unsupported"]
    assert isinstance(listed, list) and {entry["layer"] for entry in listed} == unsupported_layers(network, U55C).keys()
    assert "no element-wise multiplication" in str(listed)


def test_the_host_is_priced_only_when_allowed() -> None:
    network = inverted_residuals("relu6", attention=True)
    found = estimate(network, U55C, allow_host=True)
    plain = estimate(inverted_residuals("relu6"), U55C)
    # Of each of three gates the host does the hard-sigmoid and the product, handed over together.
    assert plain.latency_ms + 3 * 0.2 < found.latency_ms < plain.latency_ms + 4 * 0.2
    assert found.host and any("host" in note for note in found.unvalidated)


def test_what_the_host_does_at_the_end_is_left_out() -> None:
    g = Graph((16, 8, 8))
    x = g.conv("a", g.input, 16)
    g.layers.append(Layer("soft", "onnx:Softmax", (x.name,), (x.shape,), x.shape))
    network = g.network("n")
    assert host_tail(network, U50) == {"soft"}
    found = estimate(network, U50)
    assert found.host == ("soft",) and found.cycles == estimate(chain(8, 16, 16), U50).cycles


def test_a_network_too_large_for_the_memory() -> None:
    layers = tuple(
        Layer(f"fc{i}", "linear", (INPUT if i == 0 else f"fc{i - 1}",), ((65536, 1, 1),), (65536, 1, 1))
        for i in range(2)
    )
    with pytest.raises(DoesNotFit, match="GB on alveo-u50"):
        estimate(Network("large", (65536, 1, 1), layers), U50)
