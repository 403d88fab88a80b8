import numpy as np
import onnx
import pytest

from hw_targets.errors import UnsupportedLayer
from hw_targets.float_lowering import lower_float
from hw_targets.lowering import lower_int8
from hw_targets.random_weights import random_weights
from hw_targets.testing.networks import ALL, inverted_residuals, residual
from hw_targets.weights import FloatLayer, FloatWeights, QuantWeights
from search_spaces.network import INPUT, Layer, Network
from tests.hw_targets.files import images, run


def floats(network: Network, weights: QuantWeights) -> FloatWeights:
    """What the INT8 weights stand for."""
    found = {}
    for layer in network.layers:
        if layer.has_weights:
            own = weights.layers[layer.name]
            scale = own.weight_scale[:, None, None, None]
            bias = own.bias * own.weight_scale * weights.ranges[layer.inputs[0]].scale
            found[layer.name] = FloatLayer((own.weight * scale).astype(np.float32), bias.astype(np.float32))
    return found


@pytest.mark.parametrize("network", ALL, ids=lambda n: n.name)
def test_files_pass_the_checker_and_run_any_batch(network: Network) -> None:
    model = lower_float(network, floats(network, random_weights(network)))
    onnx.checker.check_model(onnx.load_from_string(model), full_check=True)
    for batch in (1, 5):
        for name, result in zip(network.outputs, run(model, images(network, batch)), strict=True):
            shape = network.by_name[name].out_shape
            assert result.shape == ((batch, shape[0]) if shape[1:] == (1, 1) else (batch, *shape))


@pytest.mark.parametrize(
    "network",
    [inverted_residuals("relu6"), inverted_residuals("hard_swish", attention=True), residual()],
    ids=lambda n: n.name,
)
def test_the_int8_file_computes_nearly_the_same(network: Network) -> None:
    weights, batch = random_weights(network), images(network, 200)
    (exact,) = run(lower_float(network, floats(network, weights)), batch)
    (rounded,) = run(lower_int8(network, weights), batch)
    assert np.corrcoef(exact.ravel(), rounded.ravel())[0, 1] > 0.9
    assert np.abs(exact - rounded).mean() < 4 * weights.ranges["classifier"].scale


def test_a_linear_by_hand() -> None:
    layer = Layer("l", "linear", (INPUT,), ((1, 1, 2),), (1, 1, 1))
    own = FloatLayer(np.array([[[[2.0]], [[-1.0]]]], np.float32), np.array([0.25], np.float32))
    (result,) = run(lower_float(Network("n", (1, 1, 2), (layer,)), {"l": own}), np.array([[[[255, 51]]]], np.uint8))
    assert result.ravel() == pytest.approx([2.0 - 0.2 + 0.25])


def test_an_unknown_operator_is_rejected() -> None:
    layer = Layer("odd", "onnx:LSTM", (INPUT,), ((1, 4, 4),), (1, 4, 4))
    with pytest.raises(UnsupportedLayer, match="odd"):
        lower_float(Network("n", (1, 4, 4), (layer,)), {})
