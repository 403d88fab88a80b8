"""The loss of labels: cross-entropy with smoothed labels, where a mistake on a rare class may weigh more."""

import torch.nn.functional as F
from torch import Tensor

from nas.training.config import TrainConfig


def label_loss(logits: Tensor, labels: Tensor, config: TrainConfig, class_weights: Tensor | None) -> Tensor:
    """The mean over a batch, weighed by what the class of each image weighs; alike when None.

    `torch`'s own weights do not serve: they weigh the smoothed part of every label, too, so that a class thirty times as rare as
    the other would be the better answer to any image.

    Args:
        logits: (B, classes).
        labels: int64 (B,).
        recipe: for its label smoothing.
        class_weights: (classes,).
    """
    if class_weights is None:
        return F.cross_entropy(logits, labels, label_smoothing=config.label_smoothing)
    each = F.cross_entropy(logits, labels, label_smoothing=config.label_smoothing, reduction="none")
    weights = class_weights[labels]
    return (each * weights).sum() / weights.sum()
