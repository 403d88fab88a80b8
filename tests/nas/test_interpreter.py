"""The interpreter: every operator against numbers worked out apart, folding, recalibration, and extraction bit for bit."""

from collections.abc import Callable

import pytest
import torch
import torch.nn.functional as F
from torch import Tensor

from hw_targets.errors import UnsupportedLayer
from nas.interpreter import (
    BNFolded,
    Evaluation,
    Training,
    extract,
    fold,
    folded,
    operate,
    recalibrate,
    run,
    run_all,
)
from nas.supernet_weights import SupernetWeights
from search_spaces.builder import Graph
from search_spaces.network import INPUT, Layer, Network
from tests.nas.networks import gated, inverted, residual

torch.set_num_threads(1)

Draw = Callable[..., Network]


def images(count: int, channels: int = 1, image_size: int = 12, seed: int = 0) -> Tensor:
    return torch.rand((count, channels, image_size, image_size), generator=torch.Generator().manual_seed(seed))


def single(layer: Layer) -> Network:
    return Network("one", layer.in_shapes[0], (layer,))


def test_a_convolution_by_hand() -> None:
    layer = Layer(
        "c", "conv", (INPUT,), ((1, 2, 2),), (1, 2, 2), kernel=(2, 2), padding=(0, 0, 1, 1), activation="relu6"
    )
    parameters = {"c.weight": torch.tensor([[[[1.0, 2.0], [3.0, 4.0]]]]), "c.bias": torch.tensor([-1.0])}
    x = torch.tensor([[[[1.0, 0.5], [0.0, 0.25]]]])
    # Zeros stand below and to the right only: 1 + 2*.5 + 4*.25 - 1 = 2; .5 + 3*.25 - 1 = .25; 2*.25 - 1 < 0; .25 - 1 < 0.
    assert run(single(layer), x, BNFolded(parameters)).tolist() == [[[[2.0, 0.25], [0.0, 0.0]]]]


@pytest.mark.parametrize("channels", [4, 8, 12, 16])
@pytest.mark.parametrize("image_size", [15, 64])
def test_the_gradient_of_a_strided_convolution_of_single_pixels(channels: int, image_size: int) -> None:
    g = Graph((channels, image_size, image_size))
    g.conv("c", g.input, 16, kernel=1, stride=2)
    x = images(8, channels, image_size).contiguous(memory_format=torch.channels_last)
    weight = torch.ones((16, channels, 1, 1), requires_grad=True)
    y = operate(g.layers[0], [x], weight)
    used = x[:, :, ::2, ::2]
    assert torch.allclose(y[:, 3], used.sum(1), rtol=1e-5)
    y.sum().backward()
    assert weight.grad is not None  # of a sum: the sum of the pixels that a weight is multiplied with
    assert torch.allclose(weight.grad[3, :, 0, 0], used.sum((0, 2, 3)), rtol=1e-4)


@pytest.mark.parametrize(
    "op, expected",
    [("max_pool", [[[[4.0, 4.0], [4.0, 4.0]]]]), ("avg_pool", [[[[2.5, 1.5], [1.75, 1.0]]]])],
)
def test_pools_pad_on_the_sides_they_name(op: str, expected: list[object]) -> None:
    layer = Layer("p", op, (INPUT,), ((1, 2, 2),), (1, 2, 2), kernel=(2, 2), padding=(0, 0, 1, 1))
    x = torch.tensor([[[[1.0, 2.0], [3.0, 4.0]]]])
    # The average counts its padding: (2 + 4) / 4, (3 + 4) / 4, 4 / 4.
    assert run(single(layer), x, BNFolded({})).tolist() == expected


def test_a_max_pool_ignores_its_padding_on_negative_values() -> None:
    layer = Layer("p", "max_pool", (INPUT,), ((1, 2, 2),), (1, 2, 2), kernel=(2, 2), padding=(0, 0, 1, 1))
    assert run(single(layer), torch.full((1, 1, 2, 2), -1.0), BNFolded({})).max() == -1.0


def test_joining_operators_and_several_outputs() -> None:
    g = Graph((2, 2, 2))
    gate = g.global_avg_pool("gate", g.input)
    product = g.mul("product", g.input, gate)
    total = g.add("total", product, g.input, activation="relu")
    layers = (
        *g.layers,
        Layer("both", "concat", (total.name, INPUT), ((2, 2, 2), (2, 2, 2)), (4, 2, 2)),
        Layer("large", "resize", (INPUT,), ((2, 2, 2),), (2, 4, 4)),
    )
    x = images(3, 2, 2)
    both, large, vector = run_all(Network("n", (2, 2, 2), layers, ("both", "large", "gate")), x, BNFolded({}))
    mean = x.mean((2, 3), keepdim=True)
    assert torch.allclose(both, torch.cat([F.relu(x * mean + x), x], 1))
    assert torch.equal(large, F.interpolate(x, scale_factor=2, mode="bilinear"))
    assert torch.equal(vector, mean.flatten(1))


@pytest.mark.parametrize(
    "name, values",
    [
        ("relu", [0.0, 0.0, 1.5, 7.0]), ("relu6", [0.0, 0.0, 1.5, 6.0]), ("hard_swish", [0.0, -1 / 3, 1.125, 7.0]),
        ("hard_sigmoid", [0.0, 1 / 3, 0.75, 1.0]), ("leaky_relu", [-0.04, -0.01, 1.5, 7.0]),
    ],
)  # fmt: skip
def test_activations_do_not_change_what_they_read(name: str, values: list[float]) -> None:
    x = torch.tensor([-4.0, -1.0, 1.5, 7.0]).reshape(1, 4, 1, 1)
    layer = Layer("a", "activation", (INPUT,), ((4, 1, 1),), (4, 1, 1), activation=name)
    assert torch.allclose(run(single(layer), x, BNFolded({})), torch.tensor([values]), atol=1e-6)
    assert x.flatten().tolist() == [-4.0, -1.0, 1.5, 7.0]


def test_the_gradient_of_relu6_stops_outside_its_linear_part() -> None:
    layer = Layer("c", "conv", (INPUT,), ((1, 1, 3),), (1, 1, 3), activation="relu6")
    parameters = {"c.weight": torch.ones(1, 1, 1, 1, requires_grad=True), "c.bias": torch.zeros(1, requires_grad=True)}
    torch.autograd.backward(run(single(layer), torch.tensor([[[[-1.0, 2.0, 7.0]]]]), BNFolded(parameters)).sum())
    assert parameters["c.weight"].grad is not None and parameters["c.bias"].grad is not None
    assert (parameters["c.weight"].grad.item(), parameters["c.bias"].grad.item()) == (2.0, 1.0)


def test_an_operator_read_from_elsewhere_cannot_be_run() -> None:
    with pytest.raises(UnsupportedLayer, match="onnx:LSTM"):
        run(single(Layer("x", "onnx:LSTM", (INPUT,), ((1, 2, 2),), (1, 2, 2))), images(1, 1, 2), BNFolded({}))


def test_training_normalises_with_the_batch_and_evaluation_with_statistics() -> None:
    network = residual()
    weights = SupernetWeights.of(network.layers, seed=0)
    batch = images(16)
    statistics = recalibrate(network, weights, [batch])
    parameters = weights.parameters(network)
    trained = run(network, batch, Training(parameters))
    assert torch.allclose(trained, run(network, batch, Evaluation(parameters, statistics)), atol=1e-4)


def test_statistics_of_many_batches_are_pooled() -> None:
    g = Graph((1, 12, 12))
    g.conv("c", g.input, 2)
    network = g.network("c")
    weights, batch = SupernetWeights.of(network.layers, seed=0), images(16)
    pooled, whole = recalibrate(network, weights, batch.chunk(4)), recalibrate(network, weights, [batch])
    assert all(torch.allclose(pooled[name], whole[name], rtol=1e-5) for name in whole)


@pytest.mark.parametrize("draw", [inverted, residual, gated])
def test_folding_keeps_what_a_subnet_computes(draw: Draw) -> None:
    network = draw()
    weights = SupernetWeights.of(network.layers, seed=0)
    subnet = extract(network, weights, recalibrate(network, weights, [images(32)]))
    x = images(8, seed=1)
    expected = run(network, x, subnet.mode())
    flat = folded(network, subnet.parameters, subnet.statistics)
    assert torch.allclose(run(network, x, BNFolded(flat)), expected, atol=1e-4)
    for name, own in fold(subnet).items():
        assert own.weight.shape == network.by_name[name].weight_shape
        assert torch.equal(torch.from_numpy(own.weight).flatten(), flat[f"{name}.weight"].flatten())
        assert torch.equal(torch.from_numpy(own.bias), flat[f"{name}.bias"])


@pytest.mark.parametrize("draw", [inverted, residual, gated])
def test_an_extracted_network_computes_bit_for_bit_what_the_slice_computes(draw: Draw) -> None:
    small = draw(width=4, kernel=3)
    large = draw(width=8, kernel=5)
    weights = SupernetWeights.of((*small.layers, *large.layers), seed=3)
    statistics = recalibrate(small, weights, [images(32)])
    subnet = extract(small, weights, statistics)
    x = images(8, seed=1)
    slices = weights.parameters(small)
    assert torch.equal(run(small, x, Evaluation(slices, statistics)), run(small, x, subnet.mode()))
    assert torch.equal(run(small, x, Training(slices)), run(small, x, Training(subnet.parameters)))
    own = SupernetWeights(subnet.parameters)
    again = recalibrate(small, own, [images(32)])
    assert all(torch.equal(again[name], statistics[name]) for name in statistics)
    weights.tensors["stem.weight"].zero_()
    assert subnet.parameters["stem.weight"].abs().sum() > 0
