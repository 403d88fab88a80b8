"""The contract of a training strategy. Authors subclass it and create the strategy in a fixture, each time with equal weights:

import pytest

from nas.testing.strategy import CreateStrategy, StrategyContract
from my_package.fair import Fair


class TestFair(StrategyContract):
    @pytest.fixture
    def create(self) -> CreateStrategy:
        return lambda: Fair(SupernetWeights.of(layers, seed=0), networks, batch)
"""

import math
import random
from collections.abc import Callable
from dataclasses import replace

import pytest
import torch
from torch import Tensor

from nas.errors import Cancelled
from nas.training.config import TrainConfig
from nas.training.loop import NO_CALLBACKS, TrainingStrategy, train

CreateStrategy = Callable[[], TrainingStrategy]

STEPS = 4


class StrategyContract:
    """What holds for every `nas.training.loop.TrainingStrategy`, so that a training resumes as if it had never been stopped."""

    @pytest.fixture
    def create(self) -> CreateStrategy:
        """Creates the strategy under test, each time with parameters of its own and equal values. To be overridden."""
        raise NotImplementedError("override the fixture `create`")

    @pytest.fixture
    def config(self) -> TrainConfig:
        """Optimiser and schedule."""
        return TrainConfig(batch_size=16, learning_rate=0.01)

    def test_its_parameters_are_the_same_tensors_at_each_look(self, create: CreateStrategy) -> None:
        strategy = create()
        assert strategy.parameters
        for name, tensor in strategy.parameters.items():
            assert strategy.parameters[name] is tensor
            assert tensor.is_floating_point() and tensor.is_leaf, name

    def test_it_is_made_with_equal_parameters_of_its_own(self, create: CreateStrategy) -> None:
        one, other = create().parameters, create().parameters
        assert one.keys() == other.keys()
        for name, tensor in one.items():
            assert torch.equal(tensor, other[name]), name
            assert tensor.data_ptr() != other[name].data_ptr(), name

    def test_a_step_leaves_finite_gradients_and_changes_no_parameter(self, create: CreateStrategy) -> None:
        strategy, before = create(), create().parameters
        metrics = _backward(strategy, 0)
        assert metrics and all(name and math.isfinite(value) for name, value in metrics.items())
        gradients = _gradients(strategy)
        assert any(bool(gradient.any()) for gradient in gradients.values())
        assert all(bool(torch.isfinite(gradient).all()) for gradient in gradients.values())
        for name, tensor in strategy.parameters.items():
            assert torch.equal(tensor, before[name]), name

    def test_gradients_add_up(self, create: CreateStrategy) -> None:
        once, twice = create(), create()
        _backward(once, 0)
        _backward(twice, 0)
        _backward(twice, 0)
        for name, gradient in _gradients(twice).items():
            assert torch.allclose(gradient, 2 * _gradients(once)[name], rtol=1e-4, atol=1e-6), name

    def test_a_step_depends_on_its_number_and_the_parameters_alone(self, create: CreateStrategy) -> None:
        """Neither on steps before it nor on global random numbers, which a resumed training does not have."""
        one, other = create(), create()
        for strategy, seed in ((one, 1), (other, 2)):
            torch.manual_seed(seed)
            random.seed(seed)
            if strategy is other:
                _backward(strategy, 0)
                for tensor in strategy.parameters.values():
                    tensor.grad = None
            _backward(strategy, 3)
        for name, gradient in _gradients(one).items():
            assert torch.equal(gradient, _gradients(other)[name]), name

    def test_training_changes_the_parameters_in_place(self, create: CreateStrategy, config: TrainConfig) -> None:
        strategy, before = create(), create().parameters
        held = dict(strategy.parameters)
        train(strategy, config, STEPS)
        assert any(not torch.equal(tensor, before[name]) for name, tensor in held.items())
        assert all(bool(torch.isfinite(tensor).all()) for tensor in held.values())

    @pytest.mark.parametrize("stop", [1, 3])
    def test_a_cancelled_training_resumes_bit_by_bit(
        self, create: CreateStrategy, config: TrainConfig, stop: int
    ) -> None:
        whole, broken, resumed = create(), create(), create()
        train(whole, config, STEPS)
        kept, done = list[bytes](), list[int]()
        callbacks = replace(
            NO_CALLBACKS, save=kept.append, on_step=lambda n, _: done.append(n), cancelled=lambda: len(done) == stop
        )
        with pytest.raises(Cancelled):
            train(broken, config, STEPS, callbacks)
        train(resumed, config, STEPS, replace(NO_CALLBACKS, load=lambda: kept[-1]))
        for name, tensor in whole.parameters.items():
            assert torch.equal(resumed.parameters[name], tensor), name


def _backward(strategy: TrainingStrategy, step: int) -> dict[str, float]:
    """One step's gradients, as in the training loop."""
    for tensor in strategy.parameters.values():
        tensor.requires_grad_()
    return strategy.backward(step)


def _gradients(strategy: TrainingStrategy) -> dict[str, Tensor]:
    return {name: tensor.grad for name, tensor in strategy.parameters.items() if tensor.grad is not None}
