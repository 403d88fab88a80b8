"""Depthwise convolution whose weight gradient is quick on a processor; forward it is torch's own, bit for bit.

For kernels above 3 x 3 the library's weight gradient costs 7 to 27 times the convolution itself. It is a convolution too:
of each channel of each image with its gradient as the kernel, strides becoming dilation. On small feature maps that is up to
four times as fast.
"""

from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor

from search_spaces.network import Layer


def is_faster(layer: Layer, x: Tensor) -> bool:
    """Whether this form is the faster one to train the layer on input `x` (measured: feature maps up to twice the kernel)."""
    kernel, image_size = layer.kernel[0], layer.out_shape[1]
    square = layer.kernel == (kernel, kernel) and layer.out_shape[2] == image_size and len({*layer.padding}) == 1
    even = layer.stride[0] == layer.stride[1] and layer.dilation == (1, 1)
    return (
        layer.is_depthwise
        and square
        and even
        and kernel > 3
        and 1 < image_size <= 2 * kernel
        and x.device.type == "cpu"
    )


def depthwise(layer: Layer, x: Tensor, weight: Tensor, bias: Tensor | None) -> Tensor:
    """The convolution of a layer for which `is_faster` holds: x (N, C, H, W), weight (C, 1, K, K), bias (C,) or None."""
    result: Tensor = _Depthwise.apply(x, weight, bias, layer.stride[0], layer.padding[0])  # type: ignore[no-untyped-call]
    return result


class _Depthwise(torch.autograd.Function):
    @staticmethod
    def forward(ctx: Any, x: Tensor, weight: Tensor, bias: Tensor | None, stride: int, padding: int) -> Tensor:
        ctx.save_for_backward(x, weight)
        ctx.stride, ctx.padding, ctx.biased = stride, padding, bias is not None
        return F.conv2d(x, weight, bias, stride, padding, 1, len(weight))

    @staticmethod
    def backward(ctx: Any, *gradients: Tensor) -> tuple[Tensor | None, Tensor | None, Tensor | None, None, None]:
        (gradient,), (x, weight) = gradients, ctx.saved_tensors
        count, channels = x.shape[:2]
        pairs, padding = [ctx.stride] * 2, [ctx.padding] * 2
        for_x = for_weight = for_bias = None
        if ctx.needs_input_grad[0]:
            for_x = torch.ops.aten.convolution_backward(
                gradient, x, weight, None, pairs, padding, [1, 1], False, [0, 0], channels, [True, False, False]
            )[0]
        if ctx.needs_input_grad[1]:
            maps, kernels = _one_image(x), _one_image(gradient).permute(1, 0, 2, 3)
            each = F.conv2d(maps, kernels, None, 1, ctx.padding, ctx.stride, count * channels)
            height, width = weight.shape[2:]
            for_weight = each[:, :, :height, :width].reshape(count, channels, height, width).sum(0)[:, None]
        if ctx.biased and ctx.needs_input_grad[2]:
            for_bias = gradient.sum((0, 2, 3))
        return for_x, for_weight, for_bias, None, None


def _one_image(x: Tensor) -> Tensor:
    """(N, C, H, W) as one image of N * C channels, channels-last."""
    return x.permute(2, 3, 0, 1).reshape(1, *x.shape[2:], -1).permute(0, 3, 1, 2)
