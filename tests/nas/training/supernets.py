"""A small supernet with data that are easy to learn, for tests of training. No tests."""

import random

import torch
from torch import Tensor

from nas.supernet_weights import SupernetWeights
from nas.training.config import TrainConfig
from nas.training.sandwich import Sandwich
from search_spaces.network import Network
from tests.nas.networks import inverted

LARGE, SMALL = inverted(width=6, kernel=5), inverted(width=4, kernel=3)
RECIPE = TrainConfig(batch_size=16, learning_rate=0.01)
STEPS = 6


def batch(step: int, image_size: int) -> tuple[Tensor, Tensor]:
    """Images whose label is the brighter half: easy to learn."""
    generator = torch.Generator().manual_seed(step)
    labels = torch.randint(0, 2, (16,), generator=generator)
    images = torch.rand((16, 1, image_size, image_size), generator=generator) * 0.5
    images[labels == 1, :, : image_size // 2] += 0.5
    return images, labels


def supernet() -> tuple[SupernetWeights, Sandwich]:
    supernet_weights = SupernetWeights.of((*LARGE.layers, *SMALL.layers), seed=0)

    def sample(rng: random.Random) -> Network:
        return inverted(width=rng.choice((4, 5, 6)), kernel=rng.choice((3, 5)))

    return supernet_weights, Sandwich(supernet_weights, LARGE, SMALL, sample, batch, RECIPE, seed=3)
