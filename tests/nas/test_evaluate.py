"""INT8 answers of a subnet: the same steps taken one by one, the same as the interpreter's, and the same twice."""

from dataclasses import replace
from functools import partial

import numpy as np
import pytest
import torch
from torch import Tensor

from hw_targets.scheme import AFFINE, POWER_OF_TWO, Scheme
from nas.data.dataset import load
from nas.data.resize import at_resolution
from nas.data.splits import Split
from nas.data.subset import stratified_order
from nas.evaluate import Evaluator, batch_size, mode_answers
from nas.interpreter import BNFolded, Training, recalibrate
from nas.memory import keep_freed_memory
from nas.quantise import quantise, run_quantised
from nas.supernet_weights import SupernetWeights
from nas.training.config import SINGLE
from nas.training.loop import train
from nas.training.single_network import SingleNetwork
from search_spaces.builder import Graph
from search_spaces.network import Network
from tests.nas.networks import gated, inverted

torch.set_num_threads(1)

SIZE = 12


def images(count: int, seed: int) -> Tensor:
    generator = torch.Generator().manual_seed(seed)
    return torch.randint(0, 256, (count, 1, SIZE, SIZE), generator=generator).float() / 255


def pixels(count: int, seed: int) -> Tensor:
    return (images(count, seed) * 255).round().to(torch.uint8)


def evaluator(supernet_weights: SupernetWeights, labels: Tensor) -> Evaluator:
    split = Split(pixels(80, 1).numpy(), labels.numpy())
    return Evaluator(supernet_weights, lambda _: images(96, 0), lambda _: split, "accuracy", 10, threads=1)


@pytest.mark.parametrize("scheme", [AFFINE, POWER_OF_TWO], ids=lambda scheme: scheme.name)
def test_it_is_the_accuracy_of_the_network_that_would_be_deployed(scheme: Scheme) -> None:
    network = gated()
    supernet_weights = SupernetWeights.of(network.layers, seed=0)
    quantised, plain = replace(evaluator(supernet_weights, torch.zeros(80, dtype=torch.int64)), scheme=scheme).modes(
        network
    )
    weights = quantise(network, plain.parameters, quantised.ranges, scheme)
    answers = run_quantised(network, weights, pixels(80, 1)).argmax(1)
    labels = answers.clone()
    labels[:20] = 9 - labels[:20]  # a quarter of them wrong, for no label is its own mirror
    evaluate_network = replace(evaluator(supernet_weights, labels), scheme=scheme)
    assert evaluate_network(network).value == pytest.approx(0.75, abs=1 / 80)  # one tie may be broken otherwise
    assert evaluate_network(network).to_json() == evaluate_network(network).to_json()


def test_the_runtime_answers_as_the_interpreter_does() -> None:
    """A network trained for a moment on the digits at 12 pixels, on all 1,797 of them."""
    data = load("digits", seed=0)
    splits = {name: at_resolution(getattr(data, name), SIZE) for name in ("train", "val", "test")}
    whole = Split(
        np.concatenate([split.images for split in splits.values()]),
        np.concatenate([split.labels for split in splits.values()]),
    )
    for network in (inverted(), gated()):
        evaluate_network = _trained(network, splits["train"], whole)
        quantised, _ = evaluate_network.modes(network)
        interpreted = Split(whole.images, mode_answers(network, quantised, whole.images))
        assert evaluate_network(network).value > 0.6
        assert replace(evaluate_network, validation=partial(_always, interpreted))(network).value >= 0.999


def _always(split: Split, _side: int) -> Split:
    return split


def _trained(network: Network, split: Split, validation_split: Split) -> Evaluator:
    supernet_weights = SupernetWeights.of(network.layers, seed=0)
    x, y = torch.from_numpy(split.images).float() / 255, torch.from_numpy(split.labels)

    def batch(step: int, _side: int) -> tuple[Tensor, Tensor]:
        indices = torch.randperm(len(y), generator=torch.Generator().manual_seed(step))[:64]
        return x[indices].contiguous(memory_format=torch.channels_last), y[indices]

    train(SingleNetwork(network, supernet_weights.tensors, Training, batch, SINGLE), SINGLE, 60)
    plain = SupernetWeights({name: tensor.detach() for name, tensor in supernet_weights.tensors.items()})
    calibration = x[torch.from_numpy(stratified_order(split.labels, 0)[:256])]
    return Evaluator(plain, lambda _: calibration, lambda _: validation_split, "accuracy", 10, threads=1)


def test_batch_norm_is_recalibrated_on_all_calibration_images() -> None:
    network = inverted()
    supernet_weights = SupernetWeights.of(network.layers, seed=0)
    _, plain = evaluator(supernet_weights, torch.zeros(80, dtype=torch.int64)).modes(network)
    size = batch_size(network)
    assert size == 348  # of 12 x 12 pixels
    statistics = recalibrate(network, supernet_weights, [images(96, 0)])
    gamma = supernet_weights.tensors["stem.gamma"] * torch.rsqrt(statistics["stem.var"] + 1e-5)
    assert torch.allclose(plain.parameters["stem.bias"], -statistics["stem.mean"] * gamma, atol=1e-5)


def test_answers_of_the_last_batch_count_too() -> None:
    g = Graph((2, 1, 1))
    g.linear("c", g.input, 2)
    mode = BNFolded({"c.weight": torch.eye(2).reshape(2, 2, 1, 1), "c.bias": torch.zeros(2)})
    x = np.array([[0, 255], [255, 0], [255, 0]], np.uint8).reshape(3, 2, 1, 1)
    assert mode_answers(g.network("n"), mode, x, batch=2).tolist() == [1, 0, 0]


def test_keeping_memory_says_whether_it_could() -> None:
    assert keep_freed_memory() in (True, False)
