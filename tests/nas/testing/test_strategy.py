"""The contract of a strategy finds what is wrong. What keeps it runs it: `training/test_sandwich.py`, `training/test_single.py`."""

from collections.abc import Callable, Mapping

import pytest
import torch
from torch import Tensor

from nas.testing.strategy import StrategyContract
from nas.training.config import TrainConfig


class Made:
    """A sum of squares whose gradient is what a test says, of the tensor, its gradient so far, and the step."""

    def __init__(self, gradient: Callable[[Tensor, Tensor, int], Tensor]) -> None:
        self._weights, self._gradient = {"w": torch.tensor([[1.0, -2.0]])}, gradient

    @property
    def parameters(self) -> Mapping[str, Tensor]:
        return self._weights

    def backward(self, step: int) -> dict[str, float]:
        leaf = self._weights["w"]
        before = torch.zeros_like(leaf) if leaf.grad is None else leaf.grad
        leaf.grad = self._gradient(leaf.detach(), before, step)
        return {"loss": 1.0}


def right() -> Made:
    return Made(lambda leaf, before, step: before + 2 * leaf + step)


def test_what_is_right_keeps_it() -> None:
    contract, recipe = StrategyContract(), TrainConfig(batch_size=16)
    contract.test_its_parameters_are_the_same_tensors_at_each_look(right)
    contract.test_it_is_made_with_equal_parameters_of_its_own(right)
    contract.test_a_step_leaves_finite_gradients_and_changes_no_parameter(right)
    contract.test_gradients_add_up(right)
    contract.test_a_step_depends_on_its_number_and_the_parameters_alone(right)
    contract.test_training_changes_the_parameters_in_place(right, recipe)
    contract.test_a_cancelled_training_resumes_bit_by_bit(right, recipe, 1)


def test_gradients_that_replace_those_before_are_found() -> None:
    with pytest.raises(AssertionError):
        StrategyContract().test_gradients_add_up(lambda: Made(lambda leaf, before, step: 2 * leaf))


def test_global_random_numbers_are_found() -> None:
    with pytest.raises(AssertionError):
        StrategyContract().test_a_step_depends_on_its_number_and_the_parameters_alone(
            lambda: Made(lambda leaf, before, step: before + torch.rand_like(leaf))
        )


def test_a_memory_of_earlier_steps_is_found() -> None:
    def create() -> Made:
        steps: list[int] = []

        def gradient(leaf: Tensor, before: Tensor, step: int) -> Tensor:
            steps.append(step)
            return before + 2 * leaf * len(steps)

        return Made(gradient)

    with pytest.raises(AssertionError):
        StrategyContract().test_a_cancelled_training_resumes_bit_by_bit(create, TrainConfig(batch_size=16, clip=1e9), 1)


def test_a_step_that_changes_a_parameter_is_found() -> None:
    with pytest.raises(AssertionError):
        StrategyContract().test_a_step_leaves_finite_gradients_and_changes_no_parameter(
            lambda: Made(lambda leaf, before, step: before + leaf.mul_(2))
        )
