"""Trained networks of a user, with random weights. No tests."""

from pathlib import Path

import numpy as np
import torch

from hw_targets.float_lowering import lower_float
from nas.interpreter import float_weights
from nas.supernet_weights import weight_extent
from search_spaces.network import Network
from search_spaces.onnx_weights import TrainedNetwork


def random_parameters(network: Network, seed: int = 0) -> dict[str, np.ndarray]:
    """Weights and biases of a network without batch norm, by name."""
    rng = np.random.default_rng(seed)
    made: dict[str, np.ndarray] = {}
    for layer in network.layers:
        if layer.has_weights:
            extent = weight_extent(layer)
            spread = (2 / np.prod(extent[1:])) ** 0.5
            made[f"{layer.name}.weight"] = rng.normal(0, spread, extent).astype(np.float32)
            made[f"{layer.name}.bias"] = rng.normal(0, 0.1, layer.out_shape[0]).astype(np.float32)
    return made


def trained(network: Network) -> TrainedNetwork:
    """As it is read from a file."""
    count = network.input_shape[0]
    return TrainedNetwork(network, random_parameters(network), np.ones(count), np.zeros(count), "NCHW", ())


def written(network: Network, path: Path, parameters: dict[str, np.ndarray] | None = None) -> Path:
    """As a file."""
    given = random_parameters(network) if parameters is None else parameters
    tensors = {name: torch.from_numpy(value) for name, value in given.items()}
    path.write_bytes(lower_float(network, float_weights(network, tensors)))
    return path
