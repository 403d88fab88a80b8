"""The convolutions of a GPU, on the processor, where they compute what torch's do."""

import pytest
import torch
import torch.nn.functional as F

from nas.gpu_convolution import convolution, has_own_form
from search_spaces.network import INPUT, Layer


def _layer(channels: int, out: int, kernel: int, stride: int, groups: int, dilation: int = 1) -> Layer:
    side = -(-9 // stride)
    return Layer(
        "a", "conv", (INPUT,), ((channels, 9, 9),), (out, side, side), (kernel, kernel), (stride, stride),
        (kernel // 2 * dilation,) * 4, (dilation, dilation), groups,
    )  # fmt: skip


LAYERS = [
    _layer(6, 10, 1, 1, 1), _layer(6, 10, 1, 2, 1), _layer(1, 10, 1, 1, 1), _layer(6, 6, 3, 1, 6), _layer(6, 6, 5, 2, 6),
    _layer(6, 6, 3, 1, 6, dilation=2), _layer(6, 6, 1, 1, 6),
]  # fmt: skip


@pytest.mark.parametrize("layer", LAYERS, ids=lambda layer: layer.key.replace(" ", "_"))
@pytest.mark.parametrize("biased", [False, True])
def test_results_and_gradients_are_those_of_torch(layer: Layer, *, biased: bool) -> None:
    assert has_own_form(layer)
    generator = torch.Generator().manual_seed(0)
    x = torch.randn(4, *layer.in_shapes[0], generator=generator).contiguous(memory_format=torch.channels_last)
    weight = torch.randn(layer.weight_shape, generator=generator).contiguous(memory_format=torch.channels_last)
    bias = torch.randn(layer.out_shape[0], generator=generator) if biased else None
    padding = layer.padding[:2]
    ours, theirs = ([t if t is None else t.clone().requires_grad_() for t in (x, weight, bias)] for _ in range(2))
    found = convolution(layer, ours[0], ours[1], ours[2], padding)  # type: ignore[arg-type]
    expected = F.conv2d(theirs[0], theirs[1], theirs[2], layer.stride, padding, layer.dilation, layer.groups)  # type: ignore[arg-type]
    assert found.is_contiguous(memory_format=torch.channels_last)
    torch.testing.assert_close(found, expected)
    gradient = torch.randn(expected.shape, generator=generator)
    found.backward(gradient)
    expected.backward(gradient)
    for own, other in zip(ours, theirs, strict=True):
        if own is not None and other is not None:
            torch.testing.assert_close(own.grad, other.grad)


def test_other_convolutions_are_not_taken() -> None:
    assert not has_own_form(_layer(6, 6, 3, 1, 1)) and not has_own_form(_layer(6, 6, 3, 1, 2))


def test_a_depthwise_one_follows_autocast() -> None:
    layer = LAYERS[3]
    x = torch.randn(4, *layer.in_shapes[0])
    weight = torch.randn(layer.weight_shape).requires_grad_()
    with torch.autocast("cpu", torch.bfloat16):
        found = convolution(layer, x, weight, None, (1, 1))
    assert found.dtype == torch.bfloat16
    found.float().sum().backward()
    assert weight.grad is not None and weight.grad.dtype == torch.float32
