"""How a profile is measured: the time that is left, and how much slower than quiet other runs are."""

import time
from collections.abc import Iterator, Sequence
from pathlib import Path

import pytest

from hw_targets.target import KernelSample, Profile, Sample
from nas.events import Event, ProgressEvent
from nas.stages.context import Context
from nas.stages.profile import ROUND_S, measure_samples, slower
from nas.store import StageKey, Store
from search_spaces.network import Network
from tests.nas.boards import Board
from tests.nas.networks import residual


def test_the_eta_knows_that_a_profile_takes_longer_than_a_round(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    now = [0.0]
    monkeypatch.setattr(time, "monotonic", lambda: now[0])

    class Slow(Board):
        """Takes 20 s to see a network under the profiler, and half a second a round."""

        def sample(self, networks: Sequence[Network], *, rounds: int, done: Sequence[Sample] = ()) -> Iterator[Sample]:
            for sample in super().sample(networks, rounds=rounds, done=done):
                now[0] += 20 if isinstance(sample, KernelSample) else 0.5
                yield sample

    emitted: list[Event] = []
    context = Context(Store(tmp_path), emitted.append)
    measure_samples(context, Slow(), [residual()], 4, StageKey("profile", 1, {}), phase="profiling")
    etas = [event.eta_s for event in emitted if isinstance(event, ProgressEvent)]
    assert etas == [4 * ROUND_S, 1.5, 1.0, 0.5, 0.0]


def test_how_much_slower_other_runs_are_is_a_median_over_networks() -> None:
    one, two, three = (
        Profile(residual(), 2.0, 2.0 * p50, 2.0 * p95, 0.0, ()) for p50, p95 in ((1, 2), (3, 3), (1.5, 9))
    )
    assert slower([one, two, three]) == {"quiet": 1.0, "p50": 1.5, "p95": 3.0}
