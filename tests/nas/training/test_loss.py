"""The weighed loss by hand, and what it does to a rare class."""

from math import log

import numpy as np
import pytest
import torch
from numpy.typing import NDArray
from torch import Tensor

from nas.evaluate import mode_answers
from nas.interpreter import Evaluation, Training, recalibrate
from nas.metrics import confusion, score
from nas.supernet_weights import SupernetWeights
from nas.training.config import TrainConfig
from nas.training.loop import train
from nas.training.loss import label_loss
from nas.training.single_network import SingleNetwork
from tests.nas.networks import inverted

PLAIN = TrainConfig(label_smoothing=0.0)
SMOOTH = TrainConfig(batch_size=62, learning_rate=0.01, label_smoothing=0.1)


def test_a_mistake_on_a_rare_class_weighs_more_by_hand() -> None:
    logits = torch.tensor([[0.0, log(3)], [0.0, log(3)]])  # the second class has 3/4 in both
    labels, weights = torch.tensor([0, 1]), torch.tensor([1.0, 3.0])
    # -log(1/4) weighs 1, -log(3/4) weighs 3
    expected = (1 * log(4) + 3 * log(4 / 3)) / 4
    assert label_loss(logits, labels, PLAIN, weights).item() == pytest.approx(expected)
    assert label_loss(logits, labels, PLAIN, None).item() == pytest.approx((log(4) + log(4 / 3)) / 2)


def test_equal_weights_change_nothing() -> None:
    logits, labels = torch.randn(8, 3, generator=torch.Generator().manual_seed(0)), torch.arange(8) % 3
    same = label_loss(logits, labels, SMOOTH, torch.full((3,), 2.0))
    assert same.item() == pytest.approx(label_loss(logits, labels, SMOOTH, None).item())


def test_smoothing_does_not_make_the_rare_class_the_better_answer() -> None:
    """Of a class thirty times as common, the best answer to its images stays itself: 0.95 to 0.05 when smoothed by 0.1."""
    logits = torch.zeros(1, 2, requires_grad=True)
    weights = torch.tensor([31 / 60, 31 / 2])
    optimiser = torch.optim.SGD([logits], lr=0.5)
    for _ in range(500):
        optimiser.zero_grad()
        label_loss(logits, torch.tensor([0]), SMOOTH, weights).backward()
        optimiser.step()
    assert logits.detach().softmax(1)[0].tolist() == pytest.approx([0.95, 0.05], abs=0.01)


def random_images(labels: NDArray[np.int64], seed: int) -> NDArray[np.uint8]:
    """Noise whose upper half is a little brighter in images of class 1."""
    images = np.random.default_rng(seed).normal(110, 40, (len(labels), 1, 12, 12))
    images[labels == 1, :, :6] += 24
    return images.clip(0, 255).astype(np.uint8)


def balanced_accuracy(class_weights: Tensor | None) -> float:
    """On 200 images of each class, of a network trained on 930 and 31."""
    labels = np.array([0] * 930 + [1] * 31)
    x, y = torch.from_numpy(random_images(labels, 0)).float() / 255, torch.from_numpy(labels)
    network = inverted(width=4, classes=2)
    supernet_weights = SupernetWeights.of(network.layers, seed=0)

    def batch(step: int, _side: int) -> tuple[Tensor, Tensor]:
        indices = torch.randperm(len(y), generator=torch.Generator().manual_seed(step))[:62]
        return x[indices], y[indices]

    train(
        SingleNetwork(network, supernet_weights.tensors, Training, batch, SMOOTH, class_weights=class_weights),
        SMOOTH,
        60,
    )
    plain = SupernetWeights({name: tensor.detach() for name, tensor in supernet_weights.tensors.items()})
    mode = Evaluation(plain.tensors, recalibrate(network, plain, [x[::2]]))
    truth = np.array([0] * 200 + [1] * 200)
    return score(confusion(truth, mode_answers(network, mode, random_images(truth, 1)), 2), "balanced_accuracy")


def test_weights_raise_the_balanced_accuracy_of_a_rare_class() -> None:
    plain = balanced_accuracy(None)
    weighed = balanced_accuracy(torch.tensor([961 / 1860, 961 / 62]))
    assert plain < 0.6 and weighed > 0.85, (plain, weighed)
