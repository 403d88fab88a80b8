"""Training mode of a group of ranks: batch norm on the statistics of the whole batch, of which each rank has a part.

As torch's SyncBatchNorm, which needs a GPU; this one runs on processors, too.
"""

from collections.abc import Mapping
from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor

from nas.interpreter import EPSILON, Training
from nas.supernet_weights import BETA, GAMMA
from nas.training.group import Group
from search_spaces.network import Layer


class GroupTraining(Training):
    """`Training` whose batch is that of the whole group.

    Args:
        parameters: as for `Training`, equal on all ranks.
        group: whose ranks run the same layers in the same order.
    """

    def __init__(self, parameters: Mapping[str, Tensor], group: Group) -> None:
        super().__init__(parameters)
        self._group = group

    def normalise(self, layer: Layer, y: Tensor) -> Tensor:
        """Batch norm of the group's batch."""
        if not layer.norm:
            return y
        gamma, beta = self.parameters[layer.name + GAMMA], self.parameters[layer.name + BETA]
        result: Tensor = _BatchNorm.apply(y, gamma, beta, self._group)  # type: ignore[no-untyped-call]
        return result


class _BatchNorm(torch.autograd.Function):
    """Of y (N, C, H, W), gamma and beta (C,). The gradients of gamma and beta are this rank's part, as those of all parameters."""

    @staticmethod
    def forward(ctx: Any, y: Tensor, gamma: Tensor, beta: Tensor, group: Group) -> Tensor:
        mean, var, ctx.count = _statistics(y, group)
        ctx.save_for_backward(y, gamma, mean, var)
        ctx.group = group
        return F.batch_norm(y, mean, var, gamma, beta, training=False, eps=EPSILON)

    @staticmethod
    def backward(ctx: Any, *gradients: Tensor) -> tuple[Tensor, Tensor, Tensor, None]:
        y, gamma, mean, var = ctx.saved_tensors
        for_y, for_gamma, for_beta = torch.ops.aten.native_batch_norm_backward(
            gradients[0], y, gamma, mean, var, None, None, False, EPSILON, [True, True, True]
        )
        # so far with fixed statistics; what follows is their own share, by Ioffe and Szegedy 2015, section 3
        sums = ctx.group.sum(torch.stack([for_gamma, for_beta])) / ctx.count
        deviation = (var + EPSILON).rsqrt()
        slope = -gamma * deviation**2 * sums[0]
        offset = -gamma * deviation * sums[1] - slope * mean
        for_y.addcmul_(y, slope[:, None, None].to(y.dtype)).add_(offset[:, None, None].to(y.dtype))
        return for_y, for_gamma, for_beta, None


def _statistics(y: Tensor, group: Group) -> tuple[Tensor, Tensor, Tensor]:
    """Mean and variance, (C,) each, over the images of all ranks, and how many values each channel has there."""
    exact = y.to(torch.promote_types(y.dtype, torch.float32))
    var, mean = torch.var_mean(exact, (0, 2, 3), correction=0)
    count = mean.new_tensor([y.numel() // y.shape[1]])
    means, variances, counts = group.gather(torch.cat([mean, var, count])).split([len(mean), len(mean), 1], dim=1)
    total = counts.sum()
    shares = counts / total
    mean = (shares * means).sum(0)
    return mean, (shares * (variances + (means - mean) ** 2)).sum(0), total
