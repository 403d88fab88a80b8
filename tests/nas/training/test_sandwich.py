"""The sandwich: the contract of a strategy, which networks a step trains, and their gradients."""

import random
from dataclasses import replace

import pytest
import torch

from nas.interpreter import Training, run
from nas.supernet_weights import SupernetWeights
from nas.testing.strategy import CreateStrategy, StrategyContract
from tests.nas.training.supernets import LARGE, RECIPE, SMALL, batch, supernet


class TestSandwich(StrategyContract):
    @pytest.fixture
    def create(self) -> CreateStrategy:
        return lambda: supernet()[1]


class TestLargestFirst(StrategyContract):
    """The first steps train the largest network alone."""

    @pytest.fixture
    def create(self) -> CreateStrategy:
        return lambda: replace(supernet()[1], largest_first=2, class_weights=torch.tensor([1.0] * 9 + [3.0]))


def test_the_random_networks_are_reported_on_average() -> None:
    def losses(num_random: int) -> dict[str, float]:
        _, strategy = supernet()
        return replace(strategy, sample=lambda _: SMALL, num_random=num_random).backward(0)

    assert losses(3) == pytest.approx(losses(1))
    assert losses(1)["loss_random"] == pytest.approx(losses(1)["loss_smallest"])
    assert "loss_random" not in losses(0)


def test_a_step_trains_what_its_networks_have_and_leaves_the_rest() -> None:
    supernet_weights, strategy = supernet()
    strategy.backward(0)
    gradient = supernet_weights.tensors["0.depth.weight"].grad
    assert gradient is not None and bool((gradient != 0).all())
    other = SupernetWeights.of((*LARGE.layers, *SMALL.layers), seed=0)
    leaves = other.leaves(SMALL)
    for leaf in leaves.values():
        leaf.grad = torch.ones_like(leaf)
    other.add_gradients(SMALL, leaves)
    other.add_gradients(SMALL, leaves)
    gathered = other.tensors["0.depth.weight"].grad
    assert gathered is not None
    assert bool((gathered[:12, :, 1:4, 1:4] == 2).all()) and float(gathered.sum()) == 2 * 12 * 9


def test_gradients_through_leaves_are_those_through_slices() -> None:
    supernet_weights, strategy = supernet()
    strategy.backward(0)
    through_leaves = supernet_weights.tensors["1.expand.weight"].grad
    assert through_leaves is not None
    _, again = supernet()
    images, labels = batch(0, 12)
    total = torch.zeros_like(through_leaves)
    rng = random.Random(3 * 1_000_003)
    slices = {name: tensor.clone().requires_grad_() for name, tensor in again.weights.tensors.items()}
    answers = None
    for network in (LARGE, SMALL, again.sample(rng), again.sample(rng)):
        logits = run(network, images, Training(SupernetWeights(slices).parameters(network)))
        if answers is None:
            loss = torch.nn.functional.cross_entropy(logits, labels, label_smoothing=RECIPE.label_smoothing)
            answers = logits.detach().softmax(1)
        else:
            loss = torch.nn.functional.cross_entropy(logits, answers)
        (gradient,) = torch.autograd.grad(loss, [slices["1.expand.weight"]])
        total += gradient
    assert torch.allclose(through_leaves, total, atol=1e-6)
