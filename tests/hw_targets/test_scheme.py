"""Forms of INT8: ranges by hand, and files with power-of-two scales against the same rules as other files."""

from math import log2

import numpy as np
import onnx
import pytest
from hypothesis import given
from hypothesis import strategies as st
from onnx import numpy_helper

from hw_targets.lowering import lower_int8
from hw_targets.random_weights import random_weights
from hw_targets.scheme import AFFINE, POWER_OF_TWO, Range, Scheme, exponent_for, power_of_two
from hw_targets.testing.networks import ALL
from hw_targets.weights import PRE, QuantLayer, QuantWeights, fused_activation
from search_spaces.network import INPUT, Layer, Network
from search_spaces.onnx_reader import read_onnx
from tests.hw_targets.files import images, run


def names(network: Network) -> str:
    return network.name


def test_ranges_by_hand() -> None:
    assert (Range(0.5, 3).least, Range(0.5, 3).most) == (-3, 252)
    assert (power_of_two(-2).least, power_of_two(-2).most, power_of_two(-2).scale) == (-128, 127, 0.25)
    assert [exponent_for(x) for x in (0.1, 0.125, 0.126, 1.0, 3.0)] == [-3, -3, -2, 0, 2]
    assert POWER_OF_TWO.covering_range(0.0, 127.0) == power_of_two(0)
    assert POWER_OF_TWO.covering_range(0.0, 128.0) == power_of_two(1)
    assert POWER_OF_TWO.covering_range(-128.0, 1.0) == power_of_two(0)
    assert AFFINE.covering_range(0.0, 255.0) == Range(1.0, 0)


@given(st.sampled_from([AFFINE, POWER_OF_TWO]), st.floats(-1e4, 1e4), st.floats(-1e4, 1e4))
def test_a_spanning_range_holds_both_ends_and_zero(scheme: Scheme, a: float, b: float) -> None:
    low, high = min(a, b), max(a, b)
    found = scheme.covering_range(low, high)
    assert found.scale * (found.least - 0.51) <= low and high <= found.scale * (found.most + 0.51)
    assert found.least <= 0 <= found.most
    if scheme is POWER_OF_TWO:
        assert found.zero_point == 0 and found.signed and log2(found.scale).is_integer()
        assert max(-low / 128, high / 127) > found.scale / 2 or found.scale < 1e-6  # no finer power would do


def test_relu6_is_rejected_where_weights_must_be_equalised() -> None:
    layer = Layer("c", "conv", (INPUT,), ((1, 4, 4),), (1, 4, 4), activation="relu6")
    assert "equalised" in POWER_OF_TWO.unsupported_reason(layer) and not AFFINE.unsupported_reason(layer)
    assert not POWER_OF_TWO.unsupported_reason(Layer("c", "conv", (INPUT,), ((1, 4, 4),), (1, 4, 4), activation="relu"))


@pytest.mark.parametrize("network", ALL, ids=names)
def test_a_file_with_power_of_two_scales(network: Network) -> None:
    weights = random_weights(network, scheme=POWER_OF_TWO)
    model = onnx.load_from_string(lower_int8(network, weights))
    onnx.checker.check_model(model, full_check=True)
    values = {i.name: numpy_helper.to_array(i) for i in model.graph.initializer}
    steps = [n for n in model.graph.node if n.op_type in ("QuantizeLinear", "DequantizeLinear")]
    for node in steps:
        assert values[node.input[1]].ndim == 0 and log2(float(values[node.input[1]])).is_integer(), node.name
        if len(node.input) == 3:
            assert values[node.input[2]].dtype == np.int8 and values[node.input[2]] == 0, node.name
    for layer in network.layers:
        if layer.has_weights:
            assert values[f"{layer.name}:weight_int8"].dtype == np.int8
            assert values[f"{layer.name}:bias_int32"].dtype == np.int32
    (image,) = model.graph.input
    assert image.type.tensor_type.elem_type == onnx.TensorProto.UINT8
    assert image.type.tensor_type.shape.dim[0].dim_param == "batch"


@pytest.mark.parametrize("network", ALL, ids=names)
def test_every_runtime_graph_gives_the_same_answers_at_any_batch(network: Network) -> None:
    model, batch = lower_int8(network, random_weights(network, scheme=POWER_OF_TWO)), images(network, 7)
    for fast, plain in zip(run(model, batch), run(model, batch, optimise=False), strict=True):
        np.testing.assert_array_equal(fast, plain)
    one_by_one = np.concatenate([run(model, batch[i : i + 1])[0] for i in range(7)])
    np.testing.assert_array_equal(run(model, batch)[0], one_by_one)


@pytest.mark.parametrize("network", ALL, ids=names)
def test_such_a_file_is_read_as_the_network_that_it_is(network: Network) -> None:
    read = read_onnx(lower_int8(network, random_weights(network, scheme=POWER_OF_TWO)))
    assert [layer.key for layer in read.layers] == [layer.key for layer in network.layers]


@pytest.mark.parametrize("network", ALL, ids=names)
def test_random_weights_have_the_form(network: Network) -> None:
    weights = random_weights(network, scheme=POWER_OF_TWO)
    assert weights.scheme is POWER_OF_TWO
    assert all(r.zero_point == 0 and r.signed and log2(r.scale).is_integer() for r in weights.ranges.values())
    for layer in network.layers:
        assert (layer.name + PRE in weights.ranges) is not fused_activation(layer, POWER_OF_TWO)
        if layer.has_weights:
            assert len(set(weights.layers[layer.name].weight_scale.tolist())) == 1


def test_every_pixel_is_brought_onto_the_grid() -> None:
    """A convolution that copies: what comes out is the input as the network sees it."""
    layer = Layer("c", "conv", (INPUT,), ((1, 16, 16),), (1, 16, 16))
    own = QuantLayer(np.full((1, 1, 1, 1), 64, np.int8), np.array([1 / 64], np.float32), np.zeros(1, np.int32))
    weights = QuantWeights({"c": own}, {INPUT: POWER_OF_TWO.input, "c": POWER_OF_TWO.input}, POWER_OF_TWO)
    pixels = np.arange(256, dtype=np.uint8)
    (seen,) = run(lower_int8(Network("one", (1, 16, 16), (layer,)), weights), pixels.reshape(1, 1, 16, 16))
    # Of 128 steps: pixel 1 is 128 / 255 = 0.502 of a step, 2 is 1.004, 127 is 63.7, 254 is 127.5, and 255 saturates at 127.
    assert (seen.ravel()[[0, 1, 2, 127, 254, 255]] * 128).tolist() == [0, 1, 1, 64, 127, 127]
    expected = np.minimum(np.rint(pixels * (128 / 255)), 127)
    np.testing.assert_array_equal(seen.ravel() * 128, expected)


def test_a_convolution_by_hand() -> None:
    layer = Layer("c", "conv", (INPUT,), ((1, 1, 2),), (1, 1, 2), activation="relu")
    own = QuantLayer(np.full((1, 1, 1, 1), -96, np.int8), np.array([2.0**-5], np.float32), np.array([4096], np.int32))
    weights = QuantWeights({"c": own}, {INPUT: power_of_two(-7), "c": power_of_two(-4)}, POWER_OF_TWO)
    pixels = np.array([0, 255], np.uint8).reshape(1, 1, 1, 2)
    (seen,) = run(lower_int8(Network("one", (1, 1, 2), (layer,)), weights), pixels)
    # The bias is 4096 / 128 / 32 = 1; the weight -3 times 127 / 128 is below it, and ReLU leaves 0.
    assert seen.ravel().tolist() == [1.0, 0.0]
