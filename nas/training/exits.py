"""Training of the largest network of a space at all of its ends at once: the ends share their layers, so that it costs little more."""

from collections.abc import Mapping
from dataclasses import dataclass

import torch
from torch import Tensor

from nas.interpreter import Training, run_all
from nas.training.config import TrainConfig
from nas.training.loss import label_loss
from nas.training.sandwich import Batch
from search_spaces.network import Network


@dataclass(frozen=True)
class Exits:
    """One network with an output for each end.

    Attributes:
        network: to train.
        weights: its parameters by name, leaves.
        batch: the training images of a step.
        config: for its label smoothing.
        class_weights: (classes,), weight of each class in the loss; equal when None.
    """

    network: Network
    weights: Mapping[str, Tensor]
    batch: Batch
    config: TrainConfig
    class_weights: Tensor | None = None

    @property
    def parameters(self) -> Mapping[str, Tensor]:
        """The network's parameters."""
        return self.weights

    def backward(self, step: int) -> dict[str, float]:
        """Gradients of the mean cross-entropy of all ends; the accuracy is of the last."""
        images, labels = self.batch(step, self.network.input_shape[1])
        with torch.enable_grad():
            outputs = run_all(self.network, images, Training(self.weights))
            losses = [label_loss(logits, labels, self.config, self.class_weights) for logits in outputs]
            loss = torch.stack(losses).mean()
        loss.backward()
        accuracy = (outputs[-1].detach().argmax(1) == labels).float().mean().item()
        return {"loss": loss.item(), "accuracy": accuracy}
