"""One network's training: the contract of a strategy in float, with a teacher and in INT8, and what INT8 retraining ends in."""

from dataclasses import replace

import pytest
import torch

from nas.interpreter import BNFolded, Training, folded, recalibrate, run
from nas.quantise import FakeQuant, quantise, run_quantised
from nas.ranges import observe
from nas.supernet_weights import SupernetWeights
from nas.testing.strategy import CreateStrategy, StrategyContract
from nas.training.config import TrainConfig
from nas.training.loop import NO_CALLBACKS, TrainingStrategy, train
from nas.training.single_network import SingleNetwork
from tests.nas.training.supernets import LARGE, RECIPE, SMALL, batch, supernet


def in_float() -> SingleNetwork:
    return SingleNetwork(SMALL, SupernetWeights.of(SMALL.layers, seed=0).tensors, Training, batch, RECIPE)


class TestInFloat(StrategyContract):
    @pytest.fixture
    def create(self) -> CreateStrategy:
        return in_float


class TestWithATeacher(StrategyContract):
    """The answers of another network, a pure function of the step."""

    @pytest.fixture
    def create(self) -> CreateStrategy:
        parameters = SupernetWeights.of(LARGE.layers, seed=1).tensors

        def teacher(step: int) -> torch.Tensor:
            with torch.no_grad():
                return run(LARGE, batch(step, 12)[0], Training(parameters)).softmax(1)

        return lambda: replace(in_float(), teacher=teacher)


class TestInInt8(StrategyContract):
    @pytest.fixture
    def create(self) -> CreateStrategy:
        supernet_weights, images = (
            SupernetWeights.of(SMALL.layers, seed=0),
            torch.cat([batch(step, 12)[0] for step in range(2)]),
        )
        weights = folded(SMALL, supernet_weights.parameters(SMALL), recalibrate(SMALL, supernet_weights, [images]))
        ranges = observe(SMALL, BNFolded(weights), [images])

        def create() -> SingleNetwork:
            leaves = {name: value.clone() for name, value in weights.items()}
            return SingleNetwork(SMALL, leaves, lambda own: FakeQuant(SMALL, own, ranges), batch, RECIPE)

        return create


def test_training_learns_and_int8_retraining_ends_in_the_numbers_it_trained() -> None:
    supernet_weights, strategy = supernet()
    losses: list[float] = []

    def on_metric(name: str, step: int, value: float) -> None:
        if name == "loss_largest":
            losses.append(value)

    train(strategy, RECIPE, 41, replace(NO_CALLBACKS, on_metric=on_metric))
    assert losses[-1] < losses[0] / 2
    plain = SupernetWeights({name: tensor.detach() for name, tensor in supernet_weights.tensors.items()})
    images = torch.cat([batch(step, 12)[0] for step in range(100, 104)])
    weights = folded(SMALL, plain.parameters(SMALL), recalibrate(SMALL, plain, [images]))
    ranges = observe(SMALL, BNFolded(weights), [images])
    leaves = {name: value.clone() for name, value in weights.items()}
    config = TrainConfig(batch_size=16, learning_rate=1e-3, weight_decay=0.0)
    single_network: TrainingStrategy = SingleNetwork(
        SMALL, leaves, lambda own: FakeQuant(SMALL, own, ranges), batch, config
    )
    train(single_network, config, 4)
    assert not torch.equal(leaves["stem.weight"], weights["stem.weight"])
    pixels = (images * 255).round().to(torch.uint8)
    with torch.no_grad():
        trained = run(SMALL, pixels.float() / 255, FakeQuant(SMALL, leaves, ranges))
    assert torch.equal(trained, run_quantised(SMALL, quantise(SMALL, leaves, ranges), pixels))
