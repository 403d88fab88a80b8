import dataclasses
from collections import Counter
from pathlib import Path

import numpy as np
import onnx
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from onnx import numpy_helper

from hw_targets.errors import UnsupportedLayer
from hw_targets.lowering import lower_int8
from hw_targets.random_weights import random_weights
from hw_targets.scheme import INPUT_RANGE, Range
from hw_targets.testing.networks import ALL, dense, inverted_residuals, pools, residual
from hw_targets.weights import PRE, QuantLayer, QuantWeights, hard_swish_range
from search_spaces.builder import Graph
from search_spaces.network import INPUT, Layer, Network
from tests.hw_targets.files import images, kernels, run

FLOAT_KERNELS = {
    "Conv",
    "Gemm",
    "MatMul",
    "Add",
    "Mul",
    "HardSigmoid",
    "HardSwish",
    "Sigmoid",
    "Relu",
    "GlobalAveragePool",
}
FLOAT_KERNELS |= {"QuantizeLinear", "AveragePool", "MaxPool", "LeakyRelu"}


def names(network: Network) -> str:
    return network.name


@pytest.mark.parametrize("network", ALL, ids=names)
def test_files_pass_the_checker(network: Network) -> None:
    model = onnx.load_from_string(lower_int8(network, random_weights(network)))
    onnx.checker.check_model(model, full_check=True)
    assert "BatchNormalization" not in {node.op_type for node in model.graph.node}
    assert not model.metadata_props and not any(node.doc_string for node in model.graph.node)


@pytest.mark.parametrize("network", ALL, ids=names)
@pytest.mark.parametrize("batch", [1, 7, 32])
def test_any_batch_runs(network: Network, batch: int) -> None:
    results = run(lower_int8(network, random_weights(network)), images(network, batch))
    for name, result in zip(network.outputs, results, strict=True):
        shape = network.by_name[name].out_shape
        assert result.dtype == np.float32
        assert result.shape == ((batch, shape[0]) if shape[1:] == (1, 1) else (batch, *shape))


def test_a_batch_is_its_images() -> None:
    network = inverted_residuals("hard_swish", attention=True)
    model, batch = lower_int8(network, random_weights(network)), images(network, 3)
    one_by_one = np.concatenate([run(model, batch[i : i + 1])[0] for i in range(3)])
    np.testing.assert_array_equal(run(model, batch)[0], one_by_one)


@pytest.mark.parametrize("network", ALL, ids=names)
def test_all_layers_with_weights_run_as_integer_kernels(network: Network, tmp_path: Path) -> None:
    counts = kernels(lower_int8(network, random_weights(network)), tmp_path)
    operators = Counter(layer.op for layer in network.layers)
    assert counts["QLinearConv"] == operators["conv"]
    assert counts["QGemm"] == operators["linear"]
    assert counts["QLinearAdd"] == operators["add"]


@pytest.mark.parametrize(
    "network",
    [
        inverted_residuals("relu6"),
        inverted_residuals("relu"),
        inverted_residuals("hard_swish", attention=True),
        residual(),
    ],
    ids=names,
)
def test_no_float_kernel_is_left_but_the_last_dequantisation(network: Network, tmp_path: Path) -> None:
    counts = kernels(lower_int8(network, random_weights(network)), tmp_path)
    assert not FLOAT_KERNELS & set(counts)
    assert counts["DequantizeLinear"] == 1


@pytest.mark.parametrize("network", ALL, ids=names)
def test_weights_are_int8_and_biases_int32(network: Network) -> None:
    weights = random_weights(network)
    graph = onnx.load_from_string(lower_int8(network, weights)).graph
    found = {i.name: numpy_helper.to_array(i) for i in graph.initializer}
    for layer in network.layers:
        if layer.has_weights:
            own = weights.layers[layer.name]
            written = found[f"{layer.name}:weight_int8"]
            assert written.dtype == np.int8
            np.testing.assert_array_equal(written.reshape(own.weight.shape), own.weight)
            assert found[f"{layer.name}:bias_int32"].dtype == np.int32


@pytest.mark.parametrize("network", ALL, ids=names)
def test_optimised_and_plain_graphs_agree(network: Network) -> None:
    model, batch = lower_int8(network, random_weights(network)), images(network, 1000)
    steps = random_weights(network).ranges
    fast, plain = run(model, batch), run(model, batch, optimise=False)
    for name, a, b in zip(network.outputs, fast, plain, strict=True):
        assert np.abs(a - b).max() <= 2.01 * steps[name].scale
        assert np.mean(a == b) > 0.9


def _one(layer: Layer, x: np.ndarray, weights: QuantWeights) -> np.ndarray:
    network = Network("one", layer.in_shapes[0], (layer,))
    return run(lower_int8(network, weights), x)[0]


def test_a_convolution_by_hand() -> None:
    """Pixels 255 and 51 are 1.0 and 0.2; weights 2 and -1 at scale 0.5 are 1.0 and -0.5; the bias is 10 steps of 0.5 / 255."""
    layer = Layer("c", "conv", (INPUT,), ((2, 1, 1),), (1, 1, 1))
    own = QuantLayer(np.array([[[[2]], [[-1]]]], np.int8), np.array([0.5], np.float32), np.array([10], np.int32))
    weights = QuantWeights({"c": own}, {INPUT: INPUT_RANGE, "c": Range(0.01, 100)})
    (result,) = _one(layer, np.array([[[[255]], [[51]]]], np.uint8), weights)
    exact = 1.0 * 1.0 - 0.2 * 0.5 + 10 * 0.5 / 255  # 0.9196
    assert result[0] == pytest.approx(round(exact / 0.01) * 0.01)


def test_halves_round_to_even() -> None:
    """One weight of 1 at scale 1: pixel p is p / 255, a step is 2 / 255, so odd pixels fall on halves."""
    layer = Layer("c", "conv", (INPUT,), ((1, 1, 4),), (1, 1, 4))
    own = QuantLayer(np.ones((1, 1, 1, 1), np.int8), np.ones(1, np.float32), np.zeros(1, np.int32))
    weights = QuantWeights({"c": own}, {INPUT: Range(1.0, 0), "c": Range(2.0, 0)})
    result = _one(layer, np.array([[[[1, 3, 5, 7]]]], np.uint8), weights)
    np.testing.assert_array_equal(result.ravel(), [0, 4, 4, 8])


@pytest.mark.parametrize(("activation", "high"), [("relu", 8.0), ("relu6", 6.0)])
def test_saturation_is_the_rectifier(activation: str, high: float) -> None:
    layer = Layer("c", "conv", (INPUT,), ((1, 1, 3),), (1, 1, 3), activation=activation)
    own = QuantLayer(np.ones((1, 1, 1, 1), np.int8), np.ones(1, np.float32), np.array([-10], np.int32))
    weights = QuantWeights({"c": own}, {INPUT: Range(1.0, 0), "c": Range(high / 255, 0)})
    result = _one(layer, np.array([[[[3, 12, 200]]]], np.uint8), weights).ravel()
    np.testing.assert_allclose(result, [0, 2, high], atol=high / 510)


@settings(max_examples=30)
@given(high=st.floats(0.5, 30), activation=st.sampled_from(["relu", "relu6"]), side=st.sampled_from([4, 8]))
def test_rectifiers_fuse_at_any_scale(
    high: float, activation: str, side: int, tmp_path_factory: pytest.TempPathFactory
) -> None:
    g = Graph((3, side, side))
    g.conv("c", g.conv("a", g.input, 8, activation=activation), 8, activation=activation)
    network = g.network("rectified")
    weights = random_weights(network)
    top = min(high, 6.0) if activation == "relu6" else high
    ranges = {**weights.ranges, "a": Range(top / 255, 0), "c": Range(top / 255, 0)}
    counts = kernels(lower_int8(network, QuantWeights(weights.layers, ranges)), tmp_path_factory.mktemp("k"))
    assert counts["QLinearConv"] == 2 and not {"Clip", "Relu", "QuantizeLinear"} & set(counts)


@settings(max_examples=25)
@given(high=st.floats(0, 40), k=st.integers(1, 254))
def test_integer_hard_swish_is_hard_swish(high: float, k: int) -> None:
    """All 256 levels through a lone activation: the result is the rounded hard-swish of what they stand for."""
    for of in (hard_swish_range(high), Range(3 / k, k)):
        to = Range((3 + max(of.scale * (255 - of.zero_point), 1)) / 255, 20)
        layer = Layer("s", "activation", (INPUT,), ((1, 16, 16),), (1, 16, 16), activation="hard_swish")
        levels = np.arange(256, dtype=np.uint8).reshape(1, 1, 16, 16)
        result = _one(layer, levels, QuantWeights({}, {INPUT: of, "s": to})).ravel()
        x = of.scale * (np.arange(256) - of.zero_point)
        exact = np.clip(x * np.clip(x / 6 + 0.5, 0, 1) / to.scale + to.zero_point, 0, 255)
        assert np.abs(result / to.scale + to.zero_point - exact).max() <= 0.501


def test_hard_swish_of_another_range_is_right_too() -> None:
    of, to = Range(0.05, 128), Range(0.03, 13)
    layer = Layer("s", "activation", (INPUT,), ((1, 16, 16),), (1, 16, 16), activation="hard_swish")
    levels = np.arange(256, dtype=np.uint8).reshape(1, 1, 16, 16)
    result = _one(layer, levels, QuantWeights({}, {INPUT: of, "s": to})).ravel()
    x = 0.05 * (np.arange(256) - 128)
    exact = np.clip(x * np.clip(x / 6 + 0.5, 0, 1) / 0.03 + 13, 0, 255)
    assert np.abs(result / 0.03 + 13 - exact).max() <= 0.501


def test_a_hard_sigmoid_after_weights_is_their_saturation() -> None:
    layer = Layer("g", "conv", (INPUT,), ((1, 1, 9),), (1, 1, 9), activation="hard_sigmoid")
    own = QuantLayer(np.full((1, 1, 1, 1), 100, np.int8), np.array([0.01], np.float32), np.array([-400], np.int32))
    weights = QuantWeights({"g": own}, {INPUT: Range(0.05, 0), "g": Range(1 / 255, 0)})
    x = np.arange(0, 180, 20, dtype=np.uint8)
    result = _one(layer, x.reshape(1, 1, 1, 9), weights).ravel()
    exact = np.clip((0.05 * x - 400 * 0.05 * 0.01) / 6 + 0.5, 0, 1)
    assert np.abs(result - exact).max() <= 0.51 / 255


@pytest.mark.parametrize("side", [7, 8])
def test_the_mean_the_sum_and_the_gate_are_requantised(side: int) -> None:
    """Against numpy on dequantised values, within one step (the runtime sums in another order)."""
    g = Graph((4, side, side))
    pooled = g.global_avg_pool("pool", g.input)
    g.add("sum", g.input, g.mul("gated", g.input, pooled))
    network = g.network("plain")
    ranges = {INPUT: INPUT_RANGE, "pool": Range(1 / 300, 0), "gated": Range(0.8 / 255, 0), "sum": Range(1.7 / 255, 5)}
    x = images(network, 5)
    (result,) = run(lower_int8(network, QuantWeights({}, ranges)), x)

    def requantised(values: np.ndarray, name: str) -> np.ndarray:
        r = ranges[name]
        levels = np.clip(np.rint(values / r.scale) + r.zero_point, 0, 255)
        return np.asarray(r.scale * (levels - r.zero_point))

    real = x / 255.0
    mean = requantised(real.mean((2, 3), keepdims=True), "pool")
    expected = requantised(real + requantised(real * mean, "gated"), "sum")
    assert np.abs(result - expected).max() <= 1.001 * ranges["sum"].scale
    assert np.mean(np.abs(result - expected) < 1e-4) > 0.97


def test_outputs_bear_names_and_max_pools_keep_their_range() -> None:
    graph = onnx.load_from_string(lower_int8(dense(), random_weights(dense()), name="my title")).graph
    assert graph.name == "my title"
    assert [o.name for o in graph.output] == ["logits", "vector"]
    nodes = {n.name: n for n in onnx.load_from_string(lower_int8(pools(), random_weights(pools()))).graph.node}
    assert nodes["max:max_pool"].input[0] == "a:out"


def test_nodes_are_named_for_their_layers() -> None:
    network = inverted_residuals("hard_swish", attention=True)
    graph = onnx.load_from_string(lower_int8(network, random_weights(network))).graph
    assert {n.name.rpartition(":")[0] for n in graph.node} == {layer.name for layer in network.layers}


def test_the_same_input_is_the_same_file() -> None:
    network = residual()
    assert lower_int8(network, random_weights(network)) == lower_int8(network, random_weights(network))


def test_an_unknown_operator_is_rejected() -> None:
    layer = Layer("odd", "onnx:LSTM", (INPUT,), ((1, 4, 4),), (1, 4, 4))
    with pytest.raises(UnsupportedLayer, match="odd"):
        lower_int8(Network("n", (1, 4, 4), (layer,)), QuantWeights({}, {INPUT: INPUT_RANGE, "odd": INPUT_RANGE}))


def test_delivered_and_profiled_files_run_the_same_kernels(tmp_path: Path) -> None:
    """The exported file has other weights and other ranges than the profiled one, of the same form."""
    for network in ALL:
        profiled = random_weights(network)
        shrunk = {
            name: hard_swish_range(1.7)
            if name.endswith(PRE) and "swish" in network.name
            else dataclasses.replace(r, scale=r.scale * 0.7)
            for name, r in profiled.ranges.items()
        }
        delivered = QuantWeights(random_weights(network, seed=3).layers, {**shrunk, INPUT: INPUT_RANGE})
        first, second = (kernels(lower_int8(network, w), tmp_path) for w in (profiled, delivered))
        assert first == second
