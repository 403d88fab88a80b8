"""A training step that is timed here and now."""

from pathlib import Path

import pytest

from nas.stages import timing
from tests.nas.stages import jobs
from tests.nas.stages.jobs import board

__all__ = ["board"]


def test_a_real_step_takes_time(board: None, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(timing, "ENOUGH_S", 0.0)
    _, job = jobs.resolved(tmp_path)
    smallest, largest = (job.space.network(one) for one in (job.space.smallest(), job.space.largest()))
    assert 0 < timing.seconds_per_image(job, smallest) < timing.seconds_per_image(job, largest) < 1
