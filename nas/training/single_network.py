"""Training of one network: from scratch, from a supernet's weights with its largest network as the teacher, or in INT8."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import cached_property

import torch
import torch.nn.functional as F
from torch import Tensor

from nas.interpreter import ExecutionMode, Forward, run
from nas.training.config import TrainConfig
from nas.training.loss import label_loss
from nas.training.replay import Replay
from nas.training.sandwich import Batch
from search_spaces.network import Network

TeacherAnswers = Callable[[int], Tensor]
"""A step to the teacher's outputs for its images, (B, classes), probabilities."""


@dataclass(frozen=True)
class SingleNetwork:
    """One network.

    Attributes:
        network: to train.
        weights: its parameters by name, leaves.
        mode: creates the mode that runs it with those: `Training` for float, `FakeQuant` for INT8.
        batch: the training images of a step.
        config: for its label smoothing.
        teacher: its outputs are half of the target; the labels alone when None.
        class_weights: (classes,), weight of each class in the loss; equal when None.
        forward: runs the network.
        replayed: whether a GPU replays its steps, see `replay.py`.
    """

    network: Network
    weights: Mapping[str, Tensor]
    mode: Callable[[Mapping[str, Tensor]], ExecutionMode]
    batch: Batch
    config: TrainConfig
    teacher: TeacherAnswers | None = None
    class_weights: Tensor | None = None
    forward: Forward = run
    replayed: bool = False

    @property
    def parameters(self) -> Mapping[str, Tensor]:
        """The network's parameters."""
        return self.weights

    def backward(self, step: int) -> dict[str, float]:
        """Gradients of the cross-entropy with the labels and, in equal shares, with the teacher's outputs."""
        images, labels = self.batch(step, self.network.input_shape[1])
        answers = () if self.teacher is None else (self.teacher(step),)
        if self.replayed:
            loss, accuracy, *gradients = self._replay(images, labels, *answers)
            for name, gradient in zip(self.weights, gradients, strict=True):
                self.weights[name].grad = gradient
        else:
            loss, accuracy = self._compute(images, labels, *answers)
        return {"loss": loss.item(), "accuracy": accuracy.item()}

    def _compute(self, images: Tensor, labels: Tensor, answers: Tensor | None = None) -> tuple[Tensor, Tensor]:
        """Loss and accuracy; adds the gradients."""
        with torch.enable_grad():
            logits = self.forward(self.network, images, self.mode(self.weights))
            loss = label_loss(logits, labels, self.config, self.class_weights)
            if answers is not None:
                loss = 0.5 * loss + 0.5 * F.cross_entropy(logits, answers)
        loss.backward()
        return loss.detach(), (logits.detach().argmax(1) == labels).float().mean()

    @cached_property
    def _replay(self) -> Replay:
        """Loss, accuracy, and the gradients in the order of the weights."""

        def compute(*inputs: Tensor) -> tuple[Tensor, ...]:
            for weight in self.weights.values():
                weight.grad = None
            found = self._compute(*inputs)
            gradients = [weight.grad for weight in self.weights.values()]
            assert all(gradient is not None for gradient in gradients)
            return *found, *(gradient for gradient in gradients if gradient is not None)

        return Replay(compute)
