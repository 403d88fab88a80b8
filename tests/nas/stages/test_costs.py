"""Training steps are timed once, and again where other work disturbed it; what other processes use, by hand."""

from dataclasses import dataclass
from pathlib import Path

import pytest

from nas.events import Event, LogEvent
from nas.job import Job
from nas.stages import costs, timing
from nas.stages.costs import time_training
from search_spaces.cost import layer_values
from search_spaces.network import Network
from tests.nas.stages import jobs
from tests.nas.stages.jobs import board

__all__ = ["board"]


@dataclass
class Clock:
    """A machine of which others use a share, and steps that take longer each time they are timed."""

    others: float
    timed: int = 0

    def read(self) -> "Clock":
        return self

    def others_since(self) -> float:
        return self.others

    def seconds_per_image(self, _job: Job, network: Network) -> float:
        self.timed += 1
        return self.timed * 1e-6


@pytest.mark.parametrize(("others", "again"), [(0.0, 2), (0.1, 2), (0.11, 4), (0.9, 4)])
def test_a_step_is_timed_again_when_the_machine_was_busy(
    others: float, again: int, board: None, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    clock, emitted = Clock(others), list[Event]()
    monkeypatch.setattr(costs, "Load", clock)
    monkeypatch.setattr(timing, "seconds_per_image", clock.seconds_per_image)
    _, job = jobs.resolved(tmp_path)
    context = jobs.context(tmp_path, emitted.append)
    first = time_training(context, job)
    assert (first.small[1], first.large[1]) == (1e-6, 2e-6) and clock.timed == 2
    assert first.small[0] == layer_values(job.space.network(job.space.smallest()))
    second = time_training(context, job)
    assert clock.timed == again and (second == first) == (again == 2)
    messages = [event.message for event in emitted if isinstance(event, LogEvent)]
    assert len(messages) == (0 if again == 2 else 2) and all(
        f"{others:.0%} of this machine" in text for text in messages
    )


def test_the_values_of_a_network_by_hand(board: None, tmp_path: Path) -> None:
    _, job = jobs.resolved(tmp_path)
    network = job.space.network(job.space.smallest())
    channels = [layer.out_shape for layer in network.layers]
    assert layer_values(network) == sum(c * h * w for c, h, w in channels)
