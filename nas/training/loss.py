"""The loss of labels: cross-entropy with smoothed labels, where rare classes may weigh more."""

import torch.nn.functional as F
from torch import Tensor

from nas.training.config import TrainConfig


def label_loss(logits: Tensor, labels: Tensor, config: TrainConfig, class_weights: Tensor | None) -> Tensor:
    """The mean over a batch, weighted by the class of each image; unweighted when None.

    `torch`'s own weights do not work: they also weight the smoothed part of every label, so that a class thirty times as rare as
    the other would be the better prediction for any image.

    Args:
        logits: (B, classes).
        labels: int64 (B,).
        config: for its label smoothing.
        class_weights: (classes,).
    """
    if class_weights is None:
        return F.cross_entropy(logits, labels, label_smoothing=config.label_smoothing)
    each = F.cross_entropy(logits, labels, label_smoothing=config.label_smoothing, reduction="none")
    weights = class_weights[labels]
    return (each * weights).sum() / weights.sum()
