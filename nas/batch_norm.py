"""Puts batch norm back into a network whose file has none left: exporters fold it, but training and narrower widths need it.

On the images that are observed, the network computes the same as before.
"""

from collections.abc import Iterable, Mapping

import torch
from torch import Tensor

from nas.interpreter import EPSILON, BNFolded, pooled, run
from nas.supernet_weights import BETA, BIAS, GAMMA
from nas.tensors import Tensors
from search_spaces.network import Layer, Network


class _Observed(BNFolded):
    """Folded mode that collects mean and variance of what a layer's batch norm would give."""

    def __init__(self, parameters: Mapping[str, Tensor]) -> None:
        super().__init__(parameters)
        self.gathered: dict[str, list[tuple[Tensor, Tensor]]] = {}

    def normalise(self, layer: Layer, y: Tensor) -> Tensor:
        """The result as it is."""
        if layer.norm:
            variance, mean = torch.var_mean(y, (0, 2, 3), correction=0)
            self.gathered.setdefault(layer.name, []).append((mean, variance))
        return y


def with_batch_norm(network: Network, parameters: Mapping[str, Tensor], batches: Iterable[Tensor]) -> Tensors:
    """Parameters in which each layer that training normalises has a batch norm's scale and shift in place of its bias.

    Args:
        network: with `norm` where a batch norm is wanted.
        parameters: of the network without batch norm, `<layer>.weight` and `.bias`.
        batches: images (N, C, H, W), at least one batch, all of one size N.

    Returns:
        `.weight`, `.gamma` and `.beta` of these layers: with the batches' own mean and variance, `gamma` and `beta` undo
        the normalisation. The other layers' parameters are as they were.
    """
    mode = _Observed(parameters)
    with torch.inference_mode():
        for images in batches:
            run(network, images, mode)
    result = dict(parameters)
    for name, gathered in mode.gathered.items():
        mean, variance = pooled(gathered)
        result[name + GAMMA] = (variance + EPSILON).sqrt()
        result[name + BETA] = mean
        del result[name + BIAS]
    return {name: tensor.clone() for name, tensor in result.items()}
