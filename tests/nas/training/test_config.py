"""The schedule of the learning rate, by hand."""

import pytest

from nas.training.config import TrainConfig


def test_the_rate_rises_and_falls() -> None:
    config = TrainConfig(learning_rate=1.0, warm_up=0.5)
    assert [config.learning_rate_at(step, 4) for step in range(4)] == pytest.approx([0.5, 1.0, 1.0, 0.5])
