"""Supernet training by the sandwich rule with in-place distillation (Yu et al. 2020, BigNAS, section 3).

Each step trains the largest network on the labels, and the smallest and some random ones on the outputs of the largest. The largest
is trained alone at first: before it is better than chance there is nothing to learn from it.
"""

import random
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import cache, cached_property, partial
from statistics import fmean

import torch
import torch.nn.functional as F
from torch import Tensor

from nas.interpreter import Forward, Training, run
from nas.supernet_weights import SupernetWeights
from nas.tensors import Tensors
from nas.training.config import TrainConfig
from nas.training.group import ALONE, Group
from nas.training.group_batch_norm import GroupTraining
from nas.training.loss import label_loss
from nas.training.replay import Replay
from search_spaces.network import Network

Batch = Callable[[int, int], tuple[Tensor, Tensor]]
"""(step, image size in pixels) to images (B, C, image_size, image_size) as float32 pixels / 255, and labels (B,): the part of a rank."""


@dataclass(frozen=True)
class Sandwich:
    """The sandwich over a supernet.

    Attributes:
        weights: to train.
        largest, smallest: the ends of the sandwich.
        sample: a random network, by the random numbers of a step.
        batch: the training images of a step.
        config: for its label smoothing.
        seed: of the random networks.
        largest_first: steps at the beginning that train the largest network alone.
        class_weights: (classes,), weight of each class in the loss; equal when None.
        num_random: how many random networks a step trains.
        forward: runs a network.
        replayed: whether a GPU replays the ends, the same networks in each step, see `replay.py`.
        group: the ranks that train it together, each on its part of `batch`.
    """

    weights: SupernetWeights
    largest: Network
    smallest: Network
    sample: Callable[[random.Random], Network]
    batch: Batch
    config: TrainConfig
    seed: int
    largest_first: int = 0
    class_weights: Tensor | None = None
    num_random: int = 2
    forward: Forward = run
    replayed: bool = False
    group: Group = ALONE

    @property
    def parameters(self) -> Mapping[str, Tensor]:
        """All parameters of the supernet."""
        return self.weights.tensors

    def backward(self, step: int) -> dict[str, float]:
        """Gradients of the largest, the smallest and the random networks, one after another into the same weights.

        Returns:
            Loss and accuracy on this batch of the `largest`, the `smallest`, and the `random` ones on average, of those trained.
            In a group, gradients and metrics are this rank's part.
        """
        batch = cache(partial(self.batch, step))
        of_labels, of_images = self._shares(batch(self.largest.input_shape[1])[1])
        rng = random.Random(self.seed * 1_000_003 + step)
        students = [("smallest", self.smallest), *(("random", self.sample(rng)) for _ in range(self.num_random))]
        metrics: dict[str, list[Tensor]] = {}
        answers: Tensor | None = None
        alone = step < self.largest_first
        for name, network in [("largest", self.largest), *([] if alone else students)]:
            images, labels = batch(network.input_shape[1])
            one = self._ends[name] if self.replayed and name in self._ends else _One(self, network)
            share = of_labels if answers is None else of_images
            loss, right, found = one.gradients(images, labels, share, answers)
            answers = found if answers is None else answers
            self.weights.add_gradients(network, one.leaves)
            metrics.setdefault(f"loss_{name}", []).append(loss * share)
            metrics.setdefault(f"accuracy_{name}", []).append(right * of_images)
        # read at the end, so that a GPU is not waited for between networks
        return {name: fmean(value.item() for value in values) for name, values in metrics.items()}

    def _shares(self, labels: Tensor) -> tuple[Tensor, Tensor]:
        """The share that this rank's images have in the mean over the whole batch: by the weights of their classes, and by number."""
        weights = torch.ones(len(labels), device=labels.device)
        own = torch.stack(
            [(weights if self.class_weights is None else self.class_weights[labels]).sum(), weights.sum()]
        )
        of_labels, of_images = own / self.group.sum(own.clone())
        return of_labels, of_images

    @cached_property
    def _ends(self) -> Mapping[str, "_One"]:
        ends = {"largest": self.largest, "smallest": self.smallest}
        return {name: _One(self, network, replayed=True) for name, network in ends.items()}


class _One:
    """One network of a step. Its `leaves` have the gradients of the last call; replayed, they are the same tensors in each."""

    def __init__(self, sandwich: Sandwich, network: Network, *, replayed: bool = False) -> None:
        self._sandwich, self._network = sandwich, network
        self.leaves: Tensors = {}
        self._run = Replay(self._compute, enabled=replayed)

    def gradients(
        self, images: Tensor, labels: Tensor, share: Tensor, answers: Tensor | None
    ) -> tuple[Tensor, Tensor, Tensor]:
        """The loss against the answers of the largest network, or against the labels; the accuracy; and its own answers.

        The gradients are those of the loss times its share in the whole batch.
        """
        loss, right, found = self._run(images, labels, share, *(() if answers is None else (answers,)))
        return loss, right, found

    def _compute(
        self, images: Tensor, labels: Tensor, share: Tensor, answers: Tensor | None = None
    ) -> tuple[Tensor, ...]:
        of = self._sandwich
        self.leaves = of.weights.leaves(self._network)
        mode = Training(self.leaves) if of.group.alone else GroupTraining(self.leaves, of.group)
        with torch.enable_grad():
            logits = of.forward(self._network, images, mode)
            loss = self._loss(logits, labels, answers)
        (loss * share).backward()
        right = (logits.detach().argmax(1) == labels).float().mean()
        return loss.detach(), right, logits.detach().softmax(1)

    def _loss(self, logits: Tensor, labels: Tensor, answers: Tensor | None) -> Tensor:
        if answers is None:
            return label_loss(logits, labels, self._sandwich.config, self._sandwich.class_weights)
        return F.cross_entropy(logits, answers)
