"""Convolutions of a supernet on a GPU without cuDNN: pointwise ones as matrix products, depthwise ones by torch's own kernels.

cuDNN builds a plan for each shape that it meets first: 0.06 s for a pointwise and 0.4 s for a depthwise convolution with its
gradients (measured on an H200, torch 2.11, cuDNN 9.19). A supernet meets new shapes in every step, so that its first step took 30 s.
Other convolutions are few, and are cuDNN's. The functions compute the same on a processor.
"""

from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor

from search_spaces.network import Layer


def has_own_form(layer: Layer) -> bool:
    """Whether a convolution is one of these."""
    return layer.is_depthwise or _is_pointwise(layer)


def _is_pointwise(layer: Layer) -> bool:
    return layer.kernel == (1, 1) and layer.groups == 1 and not any(layer.padding)


def convolution(layer: Layer, x: Tensor, weight: Tensor, bias: Tensor | None, padding: tuple[int, int]) -> Tensor:
    """The convolution of a layer for which `has_own_form` holds.

    Args:
        layer: a pointwise or depthwise convolution.
        x: (N, C, H, W), channels-last.
        weight: of `Layer.weight_shape`.
        bias: (out,) or None.
        padding: of height and width, equal on both sides.

    Returns:
        (N, out, H', W'), channels-last; in autocast's format where that is on.
    """
    if _is_pointwise(layer):
        (down, right), channels = layer.stride, x.shape[1]
        places = x[:, :, ::down, ::right].permute(0, 2, 3, 1)
        return F.linear(places, weight.reshape(-1, channels), bias).permute(0, 3, 1, 2)
    kind = x.device.type
    if torch.is_autocast_enabled(kind):
        dtype = torch.get_autocast_dtype(kind)
        x, weight, bias = x.to(dtype), weight.to(dtype), None if bias is None else bias.to(dtype)
    with torch.autocast(kind, enabled=False):
        result: Tensor = _Depthwise.apply(x, weight, bias, list(layer.stride), list(padding), list(layer.dilation))  # type: ignore[no-untyped-call]
    return result


class _Depthwise(torch.autograd.Function):
    """Torch's own kernels want channels first; between layers tensors are channels-last."""

    @staticmethod
    def forward(
        ctx: Any,
        x: Tensor,
        weight: Tensor,
        bias: Tensor | None,
        stride: list[int],
        padding: list[int],
        dilation: list[int],
    ) -> Tensor:
        x, weight = x.contiguous(), weight.contiguous()
        ctx.save_for_backward(x, weight)
        ctx.how, ctx.biased = (stride, padding, dilation), bias is not None
        with _without_cudnn():
            y = F.conv2d(x, weight, bias, stride, padding, dilation, len(weight))
        return y.contiguous(memory_format=torch.channels_last)

    @staticmethod
    def backward(ctx: Any, *gradients: Tensor) -> tuple[Tensor | None, Tensor | None, Tensor | None, None, None, None]:
        (gradient,), (x, weight) = gradients, ctx.saved_tensors
        stride, padding, dilation = ctx.how
        wanted = [ctx.needs_input_grad[0], ctx.needs_input_grad[1], False]
        gradient = gradient.contiguous()
        with _without_cudnn():
            for_x, for_weight, _ = torch.ops.aten.convolution_backward(
                gradient, x, weight, None, stride, padding, dilation, False, [0, 0], len(weight), wanted
            )
        if for_x is not None:
            for_x = for_x.contiguous(memory_format=torch.channels_last)
        for_bias = gradient.sum((0, 2, 3)) if ctx.biased and ctx.needs_input_grad[2] else None
        return for_x, for_weight, for_bias, None, None, None


def _without_cudnn() -> Any:
    return torch.backends.cudnn.flags(enabled=False, benchmark=False, deterministic=False, allow_tf32=False)
