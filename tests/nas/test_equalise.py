"""Equalisation: by hand, exact where it may be done, and what it saves on the digits."""

from collections.abc import Callable

import numpy as np
import pytest
import torch
from torch import Tensor

from hw_targets.lowering import lower_int8
from hw_targets.scheme import AFFINE, POWER_OF_TWO, Scheme
from nas.data.dataset import load
from nas.equalise import equalised, pairs
from nas.interpreter import BNFolded, Training, folded, recalibrate, run
from nas.quantise import FakeQuant, quantise, run_quantised
from nas.ranges import observe
from nas.supernet_weights import SupernetWeights
from nas.tensors import Tensors
from nas.training.config import RETRAIN_INT8, TrainConfig
from nas.training.loop import train
from nas.training.single_network import SingleNetwork
from search_spaces.builder import Graph
from search_spaces.network import Network
from tests.hw_targets.files import run as run_file
from tests.nas.networks import gated, inverted, residual

torch.set_num_threads(1)

Draw = Callable[[], Network]


def chain(activation: str | None) -> Network:
    g = Graph((1, 2, 2))
    x = g.conv("a", g.input, 2, activation=activation, norm=False)
    g.conv("b", x, 1, norm=False)
    return g.network("chain")


def test_two_convolutions_by_hand() -> None:
    weights = {
        "a.weight": torch.tensor([8.0, 1.0]).reshape(2, 1, 1, 1), "a.bias": torch.tensor([4.0, 3.0]),
        "b.weight": torch.tensor([[2.0, 1.0]]).reshape(1, 2, 1, 1), "b.bias": torch.zeros(1),
    }  # fmt: skip
    found = equalised(chain("relu"), weights)
    # Channel 0: ranges 8 and 2, so s = sqrt(8 / 2) = 2: weight and bias are halved, what reads them is doubled. Channel 1: s = 1.
    assert found["a.weight"].flatten().tolist() == [4.0, 1.0] and found["a.bias"].tolist() == [2.0, 3.0]
    assert found["b.weight"].flatten().tolist() == [4.0, 1.0]
    assert weights["a.weight"].flatten().tolist() == [8.0, 1.0]


def test_a_dead_channel_stays_as_it_is() -> None:
    weights = {
        "a.weight": torch.tensor([0.0, 1.0]).reshape(2, 1, 1, 1), "a.bias": torch.tensor([4.0, 3.0]),
        "b.weight": torch.tensor([[2.0, 0.0]]).reshape(1, 2, 1, 1), "b.bias": torch.zeros(1),
    }  # fmt: skip
    assert all(torch.equal(value, weights[name]) for name, value in equalised(chain("relu"), weights).items())


@pytest.mark.parametrize(
    ("activation", "count"), [("relu", 1), (None, 1), ("leaky_relu", 1), ("relu6", 0), ("silu", 0)]
)
def test_the_activation_between_must_be_homogeneous(activation: str | None, count: int) -> None:
    assert len(pairs(chain(activation))) == count


def test_pairs_pass_depthwise_layers_and_pools_and_stop_at_sums() -> None:
    named = [(p.first.name, p.second.name) for p in pairs(inverted(activation="relu"))]
    assert ("0.expand", "0.depth") in named and ("0.depth", "0.project") in named
    assert ("head", "classifier") in named  # through the mean
    assert not any(first in ("stem", "0.project") for first, _ in named)  # the sum reads them, too


@pytest.mark.parametrize("draw", [lambda: inverted(activation="relu"), gated, residual])
def test_nothing_changes_of_what_is_computed(draw: Draw) -> None:
    network, images = draw(), torch.rand(32, 1, 12, 12, generator=torch.Generator().manual_seed(0))
    supernet_weights = SupernetWeights.of(network.layers, seed=0)
    weights = folded(network, supernet_weights.parameters(network), recalibrate(network, supernet_weights, [images]))
    with torch.inference_mode():
        before, after = (run(network, images, BNFolded(w)) for w in (weights, equalised(network, weights)))
    assert torch.allclose(before, after, atol=1e-5)


class Digits:
    """The digits, and a small network trained on them whose channels were then set apart by factors of up to 400."""

    def __init__(self) -> None:
        data = load("digits", seed=0)
        self.network = inverted(image_size=8, activation="relu", width=16)
        self.images = torch.from_numpy(data.train.images).float() / 255
        self.labels = torch.from_numpy(data.train.labels).long()
        self.test, self.truth = torch.from_numpy(data.test.images), data.test.labels
        supernet_weights = SupernetWeights.of(self.network.layers, seed=0)
        train(
            SingleNetwork(self.network, supernet_weights.tensors, Training, self.batch, TrainConfig()),
            TrainConfig(),
            300,
        )
        plain = {name: tensor.detach() for name, tensor in supernet_weights.tensors.items()}
        statistics = recalibrate(self.network, SupernetWeights(plain), [self.images[:512]])
        self.weights = self._apart(folded(self.network, plain, statistics))

    def _apart(self, weights: Tensors) -> Tensors:
        """The same function, with channels as far apart as batch norm leaves those of depthwise layers at worst."""
        generator = torch.Generator().manual_seed(0)
        for pair in pairs(self.network):
            factor = torch.exp2(torch.rand(pair.first.out_shape[0], generator=generator) * 8.6 - 4.3)
            weights[pair.first.name + ".weight"] = weights[pair.first.name + ".weight"] * factor[:, None, None, None]
            weights[pair.first.name + ".bias"] = weights[pair.first.name + ".bias"] * factor
            shape = (1, -1, 1, 1) if pair.second.groups == 1 else (-1, 1, 1, 1)
            weights[pair.second.name + ".weight"] = weights[pair.second.name + ".weight"] / factor.reshape(shape)
        return weights

    def batch(self, step: int, image_size: int) -> tuple[Tensor, Tensor]:
        indices = torch.randint(len(self.images), (64,), generator=torch.Generator().manual_seed(step))
        return self.images[indices], self.labels[indices]

    def accuracy(self, weights: Tensors, scheme: Scheme, steps: int = 0) -> float:
        """Quantised, after some steps of retraining in INT8."""
        ranges = observe(self.network, BNFolded(weights), self.images[:512].split(256), scheme)
        leaves = {name: tensor.clone() for name, tensor in weights.items()}
        if steps:
            retraining = SingleNetwork(
                self.network, leaves, lambda w: FakeQuant(self.network, w, ranges, scheme=scheme), self.batch, RETRAIN_INT8
            )  # fmt: skip
            train(retraining, RETRAIN_INT8, steps)
        numbers = quantise(self.network, {name: t.detach() for name, t in leaves.items()}, ranges, scheme)
        answers = run_quantised(self.network, numbers, self.test).numpy()
        (from_file,) = run_file(lower_int8(self.network, numbers), self.test.numpy())
        if scheme is POWER_OF_TWO:
            np.testing.assert_array_equal(answers, from_file)
        return float((answers.argmax(1) == self.truth).mean())


@pytest.fixture(scope="module")
def digits() -> Digits:
    return Digits()


def test_one_scale_a_tensor_collapses_without_it_and_is_as_good_as_float_with_it(digits: Digits) -> None:
    with torch.inference_mode():
        answers = run(digits.network, digits.test.float() / 255, BNFolded(digits.weights)).argmax(1).numpy()
    plain = float((answers == digits.truth).mean())
    alike = equalised(digits.network, digits.weights)
    assert plain > 0.96
    assert digits.accuracy(digits.weights, POWER_OF_TWO) < 0.5
    assert digits.accuracy(digits.weights, POWER_OF_TWO) < digits.accuracy(digits.weights, AFFINE)
    assert digits.accuracy(alike, POWER_OF_TWO) > plain - 0.02
    assert digits.accuracy(alike, POWER_OF_TWO, steps=100) > plain - 0.01
