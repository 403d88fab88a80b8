"""INT8 accuracy of a subnet: the same steps taken one by one, and the same answer twice."""

from dataclasses import replace

import pytest
import torch
from torch import Tensor

from hw_targets.scheme import AFFINE, POWER_OF_TWO, Scheme
from nas.bank import Bank
from nas.evaluate import Evaluator, accuracy, batch_size
from nas.interpreter import Folded, recalibrate
from nas.memory import keep_freed_memory
from nas.quantise import quantise, run_quantised
from search_spaces.builder import Graph
from tests.nas.networks import gated, inverted

torch.set_num_threads(1)


def images(count: int, side: int, seed: int) -> Tensor:
    generator = torch.Generator().manual_seed(seed)
    return torch.randint(0, 256, (count, 1, side, side), generator=generator).float() / 255


def evaluator(bank: Bank, labels: Tensor) -> Evaluator:
    return Evaluator(bank, lambda side: images(96, side, 0), lambda side: images(80, side, 1), labels, observed=32)


@pytest.mark.parametrize("scheme", [AFFINE, POWER_OF_TWO], ids=lambda scheme: scheme.name)
def test_it_is_the_accuracy_of_the_network_that_would_be_deployed(scheme: Scheme) -> None:
    network = gated()
    bank = Bank.of(network.layers, seed=0)
    quantised, plain = replace(evaluator(bank, torch.zeros(80, dtype=torch.int64)), scheme=scheme).modes(network)
    weights = quantise(network, plain.parameters, quantised.ranges, scheme)
    answers = run_quantised(network, weights, (images(80, 12, 1) * 255).round().to(torch.uint8)).argmax(1)
    labels = answers.clone()
    labels[:20] = 9 - labels[:20]  # a quarter of them wrong, for no label is its own mirror
    judge = replace(evaluator(bank, labels), scheme=scheme)
    assert judge(network) == 0.75
    assert judge(network) == judge(network)


def test_batch_norm_is_recalibrated_on_all_calibration_images() -> None:
    network = inverted()
    bank = Bank.of(network.layers, seed=0)
    _, plain = evaluator(bank, torch.zeros(80, dtype=torch.int64)).modes(network)
    size = batch_size(network)
    assert size == 348  # of 12 x 12 pixels
    statistics = recalibrate(network, bank, [images(96, 12, 0)])
    gamma = bank.tensors["stem.gamma"] * torch.rsqrt(statistics["stem.var"] + 1e-5)
    assert torch.allclose(plain.parameters["stem.bias"], -statistics["stem.mean"] * gamma, atol=1e-5)


def test_accuracy_counts_the_last_batch_too() -> None:
    g = Graph((2, 1, 1))
    g.linear("c", g.input, 2)
    mode = Folded({"c.weight": torch.eye(2).reshape(2, 2, 1, 1), "c.bias": torch.zeros(2)})
    x = torch.tensor([[0.0, 1.0], [1.0, 0.0], [1.0, 0.0]]).reshape(3, 2, 1, 1)
    assert accuracy(g.network("n"), mode, x, torch.tensor([1, 0, 1]), batch=2) == 2 / 3


def test_keeping_memory_says_whether_it_could() -> None:
    assert keep_freed_memory() in (True, False)
