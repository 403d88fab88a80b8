"""Networks as torch runs them for the target `cuda`: the numbers are the interpreter's."""

import pytest
import torch

from hw_targets.random_weights import random_weights
from hw_targets.testing.networks import inverted_residuals, residual
from hw_targets.torch_network import TorchNetwork
from hw_targets.weights import dequantised
from nas.interpreter import BNFolded, run
from nas.supernet_weights import BIAS, WEIGHT, weight_extent
from search_spaces.network import ACTIVATIONS, Network


def _networks() -> list[Network]:
    return [*(inverted_residuals(name) for name in sorted(ACTIVATIONS)), residual()]


@pytest.mark.parametrize("network", _networks(), ids=lambda network: f"{network.name}-{network.id[:4]}")
def test_it_computes_what_the_interpreter_computes(network: Network) -> None:
    weights = dequantised(network, random_weights(network))
    runner = TorchNetwork(network, weights, device="cpu", dtype=torch.float32)
    images = runner.noise(3)
    parameters = {}
    for layer in network.layers:
        if layer.has_weights:
            own = weights[layer.name]
            parameters[layer.name + WEIGHT] = torch.from_numpy(own.weight).reshape(weight_extent(layer))
            parameters[layer.name + BIAS] = torch.from_numpy(own.bias)
    (found,) = runner(images)
    torch.testing.assert_close(found.flatten(1), run(network, images, BNFolded(parameters)))
    assert float(found.std()) > 0.1  # signals do not vanish


def test_images_and_weights_are_channels_last_in_its_format() -> None:
    network = residual()
    runner = TorchNetwork(network, dequantised(network, random_weights(network)), device="meta", dtype=torch.float16)
    images = runner.noise(8)
    assert images.shape == (8, *network.input_shape) and images.dtype == torch.float16
    assert images.is_contiguous(memory_format=torch.channels_last) and images.device.type == "meta"
    assert [y.dtype for y in runner(images)] == [torch.float16]


def test_dequantised_weights_are_integers_times_their_scales() -> None:
    network = residual()
    weights = random_weights(network)
    first = next(layer for layer in network.layers if layer.has_weights)
    own, real = weights.layers[first.name], dequantised(network, weights)[first.name]
    assert real.weight[1] == pytest.approx(own.weight[1] * own.weight_scale[1])
    assert real.bias[1] == pytest.approx(own.bias[1] * own.weight_scale[1] / 255)
