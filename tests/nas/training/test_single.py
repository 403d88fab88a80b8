"""One network's training: the contract of a strategy in float, with a teacher and in INT8, and what INT8 retraining ends in."""

from dataclasses import replace

import pytest
import torch

from nas.bank import Bank
from nas.interpreter import Folded, Training, folded, recalibrate, run
from nas.quantise import Requantised, quantise, run_quantised
from nas.ranges import observe
from nas.testing.strategy import CreateStrategy, StrategyContract
from nas.training.loop import UNWATCHED, TrainingStrategy, train
from nas.training.recipe import Recipe
from nas.training.single import Single
from tests.nas.training.supernets import LARGE, RECIPE, SMALL, batch, supernet


def in_float() -> Single:
    return Single(SMALL, Bank.of(SMALL.layers, seed=0).tensors, Training, batch, RECIPE)


class TestInFloat(StrategyContract):
    @pytest.fixture
    def create(self) -> CreateStrategy:
        return in_float


class TestWithATeacher(StrategyContract):
    """The answers of another network, a pure function of the step."""

    @pytest.fixture
    def create(self) -> CreateStrategy:
        parameters = Bank.of(LARGE.layers, seed=1).tensors

        def teacher(step: int) -> torch.Tensor:
            with torch.no_grad():
                return run(LARGE, batch(step, 12)[0], Training(parameters)).softmax(1)

        return lambda: replace(in_float(), teacher=teacher)


class TestInInt8(StrategyContract):
    @pytest.fixture
    def create(self) -> CreateStrategy:
        bank, images = Bank.of(SMALL.layers, seed=0), torch.cat([batch(step, 12)[0] for step in range(2)])
        weights = folded(SMALL, bank.parameters(SMALL), recalibrate(SMALL, bank, [images]))
        ranges = observe(SMALL, Folded(weights), [images])

        def create() -> Single:
            leaves = {name: value.clone() for name, value in weights.items()}
            return Single(SMALL, leaves, lambda own: Requantised(SMALL, own, ranges), batch, RECIPE)

        return create


def test_training_learns_and_int8_retraining_ends_in_the_numbers_it_trained() -> None:
    bank, strategy = supernet()
    losses: list[float] = []

    def on_metric(name: str, step: int, value: float) -> None:
        if name == "loss_largest":
            losses.append(value)

    train(strategy, RECIPE, 41, replace(UNWATCHED, on_metric=on_metric))
    assert losses[-1] < losses[0] / 2
    plain = Bank({name: tensor.detach() for name, tensor in bank.tensors.items()})
    images = torch.cat([batch(step, 12)[0] for step in range(100, 104)])
    weights = folded(SMALL, plain.parameters(SMALL), recalibrate(SMALL, plain, [images]))
    ranges = observe(SMALL, Folded(weights), [images])
    leaves = {name: value.clone() for name, value in weights.items()}
    recipe = Recipe(batch_size=16, learning_rate=1e-3, weight_decay=0.0)
    single: TrainingStrategy = Single(SMALL, leaves, lambda own: Requantised(SMALL, own, ranges), batch, recipe)
    train(single, recipe, 4)
    assert not torch.equal(leaves["stem.weight"], weights["stem.weight"])
    pixels = (images * 255).round().to(torch.uint8)
    with torch.no_grad():
        trained = run(SMALL, pixels.float() / 255, Requantised(SMALL, leaves, ranges))
    assert torch.equal(trained, run_quantised(SMALL, quantise(SMALL, leaves, ranges), pixels))
