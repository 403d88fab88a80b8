"""Supernet training by the sandwich rule with in-place distillation (Yu et al. 2020, BigNAS, section 3).

Each step trains the largest network on the labels, and the smallest and some random ones on what the largest answers.
"""

import random
from collections.abc import Callable, Mapping
from dataclasses import dataclass

import torch
import torch.nn.functional as F
from torch import Tensor

from nas.bank import Bank
from nas.interpreter import Training, run
from nas.training.recipe import Recipe
from search_spaces.network import Network

Batch = Callable[[int, int], tuple[Tensor, Tensor]]
"""(step, side in pixels) to images (B, C, side, side) as float32 pixels / 255, and labels (B,)."""


@dataclass(frozen=True)
class Sandwich:
    """The sandwich over a bank.

    Attributes:
        bank: whose parameters are trained.
        largest, smallest: the sandwich's ends.
        sample: a random network, drawn with the random numbers of a step.
        batch: the training images of a step.
        recipe: for its label smoothing.
        seed: of the random networks.
        randoms: how many of them a step trains.
    """

    bank: Bank
    largest: Network
    smallest: Network
    sample: Callable[[random.Random], Network]
    batch: Batch
    recipe: Recipe
    seed: int
    randoms: int = 2

    @property
    def parameters(self) -> Mapping[str, Tensor]:
        """The whole bank."""
        return self.bank.tensors

    def backward(self, step: int) -> dict[str, float]:
        """Gradients of the largest, the smallest and the random networks, one after another into the same bank."""
        logits, labels = self._logits(self.largest, step)
        loss = F.cross_entropy(logits, labels, label_smoothing=self.recipe.label_smoothing)
        loss.backward()  # type: ignore[no-untyped-call]
        answers = logits.detach().softmax(1)
        metrics = {"loss_largest": loss.item()}
        metrics["accuracy_largest"] = (logits.detach().argmax(1) == labels).float().mean().item()
        rng = random.Random(self.seed * 1_000_003 + step)
        for name, network in [("smallest", self.smallest), *(("random", self.sample(rng)) for _ in range(self.randoms))]:
            student, _ = self._logits(network, step)
            distilled = F.cross_entropy(student, answers)
            distilled.backward()  # type: ignore[no-untyped-call]
            metrics[f"loss_{name}"] = distilled.item()
            metrics[f"accuracy_{name}"] = (student.detach().argmax(1) == labels).float().mean().item()
        return metrics

    def _logits(self, network: Network, step: int) -> tuple[Tensor, Tensor]:
        images, labels = self.batch(step, network.input_shape[1])
        with torch.enable_grad():
            return run(network, images, Training(self.bank.parameters(network))), labels
