"""The depthwise convolution against torch's: the same result bit for bit, and the same gradients."""

from collections.abc import Callable

import pytest
import torch
import torch.nn.functional as F
from torch import Tensor

from nas.depthwise import depthwise, is_faster
from search_spaces.builder import Graph
from search_spaces.network import Layer

torch.set_num_threads(1)

Convolution = Callable[[Tensor, Tensor, Tensor | None], Tensor]


def layer(kernel: int, stride: int, image_size: int, groups: int = 6) -> Layer:
    g = Graph((6, image_size, image_size))
    g.conv("c", g.input, 6, kernel=kernel, stride=stride, groups=groups)
    return g.layers[0]


@pytest.mark.parametrize("kernel", [5, 7])
@pytest.mark.parametrize("stride", [1, 2])
@pytest.mark.parametrize("image_size", [4, 7, 10])
@pytest.mark.parametrize("biased", [False, True])
def test_results_and_gradients_are_torchs(kernel: int, stride: int, image_size: int, biased: bool) -> None:
    generator = torch.Generator().manual_seed(0)
    own = layer(kernel, stride, image_size)
    x = torch.randn((3, 6, image_size, image_size), generator=generator).contiguous(memory_format=torch.channels_last)
    weight, bias = torch.randn((6, 1, kernel, kernel), generator=generator), torch.randn(6, generator=generator)
    assert is_faster(own, x)

    def derived(convolve: Convolution) -> tuple[Tensor, list[Tensor | None]]:
        leaves = [t.clone().requires_grad_() for t in (x, weight, bias)]
        y = convolve(leaves[0], leaves[1], leaves[2] if biased else None)
        torch.autograd.backward((y * torch.arange(y.numel()).reshape(y.shape) / y.numel()).sum())
        return y, [leaf.grad for leaf in leaves[: 3 if biased else 2]]

    y, ours = derived(lambda x, w, b: depthwise(own, x, w, b))
    expected, theirs = derived(lambda x, w, b: F.conv2d(x, w, b, stride, kernel // 2, 1, 6))
    assert torch.equal(y, expected)
    for our, their in zip(ours, theirs, strict=True):
        assert our is not None and their is not None and torch.allclose(our, their, rtol=1e-4, atol=1e-4)


def test_it_is_faster_for_large_kernels_on_small_maps_alone() -> None:
    x = torch.zeros(1)
    assert is_faster(layer(7, 1, 14), x) and is_faster(layer(5, 2, 8), x)
    assert (
        not is_faster(layer(3, 1, 8), x)
        and not is_faster(layer(7, 1, 28), x)
        and not is_faster(layer(5, 1, 8, groups=1), x)
    )
