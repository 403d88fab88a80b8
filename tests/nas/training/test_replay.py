"""Replaying as far as it shows without a GPU: the computation runs as it is, and strategies learn the same."""

from dataclasses import replace

import torch
from torch import Tensor

from nas.interpreter import Training
from nas.supernet_weights import SupernetWeights
from nas.training.replay import Replay
from nas.training.single_network import SingleNetwork
from tests.nas.training.supernets import LARGE, RECIPE, batch, supernet


def test_on_a_processor_the_computation_runs_each_time() -> None:
    calls: list[int] = []

    def compute(x: Tensor, y: Tensor) -> tuple[Tensor, ...]:
        calls.append(1)
        return (x + y,)

    replay = Replay(compute)
    found = [float(replay(torch.tensor(n), torch.tensor(1))[0]) for n in range(6)]
    assert found == [1, 2, 3, 4, 5, 6] and len(calls) == 6


def test_a_replayed_sandwich_has_the_same_gradients() -> None:
    found = []
    for replayed in (False, True):
        weights, strategy = supernet()
        metrics = replace(strategy, replayed=replayed).backward(3)
        found.append((metrics, {name: tensor.grad for name, tensor in weights.tensors.items()}))
    assert found[0][0] == found[1][0]
    torch.testing.assert_close(found[0][1], found[1][1], rtol=0, atol=0)


def test_a_replayed_network_has_the_same_gradients() -> None:
    found = []
    for replayed in (False, True):
        weights = SupernetWeights.of(LARGE.layers, 0).tensors
        for tensor in weights.values():
            tensor.requires_grad_()
        strategy = SingleNetwork(LARGE, weights, Training, batch, RECIPE, replayed=replayed)
        found.append((strategy.backward(3), {name: tensor.grad for name, tensor in weights.items()}))
    assert found[0][0] == found[1][0]
    torch.testing.assert_close(found[0][1], found[1][1], rtol=0, atol=0)
