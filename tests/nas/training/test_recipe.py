"""The schedule of the learning rate, by hand."""

import pytest

from nas.training.recipe import Recipe


def test_the_rate_rises_and_falls() -> None:
    recipe = Recipe(learning_rate=1.0, warm_up=0.5)
    assert [recipe.rate(step, 4) for step in range(4)] == pytest.approx([0.5, 1.0, 1.0, 0.5])
