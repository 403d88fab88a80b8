"""Tests that need an NVIDIA GPU: skipped, with the reason, where there is none that torch can use. `.ci/run` lets them be skipped."""

import pytest

from hw_targets.cuda import unavailable


@pytest.fixture(autouse=True, scope="session")
def gpu() -> str:
    """The GPU's name in torch; without one the test is skipped."""
    if reason := unavailable():
        pytest.skip(reason)
    return "cuda:0"
