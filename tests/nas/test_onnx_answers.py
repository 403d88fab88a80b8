"""Answers of lowered files: in order, over whole and broken batches, whatever the number of threads."""

import numpy as np
import pytest
import torch

from hw_targets.lowering import lower_int8
from hw_targets.random_weights import random_weights
from hw_targets.stopping import stoppable
from nas.errors import Cancelled
from nas.onnx_answers import BATCH, answers
from nas.quantise import run_quantised
from tests.nas.networks import residual


@pytest.mark.parametrize("count", [1, BATCH, 2 * BATCH + 3])
def test_each_image_is_answered_as_it_would_be_alone(count: int) -> None:
    network = residual()
    weights = random_weights(network)
    model = lower_int8(network, weights)
    images = np.random.default_rng(count).integers(0, 256, (count, *network.input_shape), np.uint8)
    found = answers(model, images, threads=1)
    assert found.dtype == np.int64 and found.shape == (count,)
    assert np.array_equal(found, answers(model, images, threads=2))
    alone = np.concatenate([answers(model, images[i : i + 1], threads=1) for i in range(min(count, 20))])
    assert np.array_equal(found[:20], alone)
    interpreted = run_quantised(network, weights, torch.from_numpy(images)).argmax(1).numpy()
    assert np.mean(found == interpreted) > 0.98


def test_who_waits_can_stop_it() -> None:
    def stop() -> None:
        raise Cancelled("No more.", fix="Ask again.")

    network = residual()
    model = lower_int8(network, random_weights(network))
    with stoppable(stop), pytest.raises(Cancelled):
        answers(model, np.zeros((1, *network.input_shape), np.uint8), threads=1)
