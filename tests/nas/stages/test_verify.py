"""Measuring the finished file on a target that answers as the test says."""

from collections.abc import Iterator, Sequence
from dataclasses import replace
from pathlib import Path

import pytest

from hw_targets.target import Sample, TimingSample
from nas.stages.target_run import TargetRun
from nas.stages.verify import RETRIES, measure_candidates, measure_file
from search_spaces.network import Network
from tests.nas.boards import Board, layer_ms
from tests.nas.networks import inverted, residual
from tests.nas.stages import jobs
from tests.nas.stages.jobs import board

__all__ = ["board"]


class Answering(Board):
    """A measured target on which each look at a file takes the next of these latencies."""

    info = replace(Board.info, kind="measured")

    def __init__(self, *answers: float) -> None:
        self.answers, self.looks = answers, 0

    def sample_file(self, model: bytes, *, rounds: int) -> Iterator[TimingSample]:
        """Every round alike; the median run takes 1 ms longer, the 95th percentile 2 ms."""
        ms = self.answers[self.looks]
        self.looks += 1
        for number in range(rounds):
            yield TimingSample("file", number, ms, ms + 1, ms + 2, 1)


class Count(Board):
    """A board that knows how often it was asked for samples."""

    sampled = 0

    def sample(self, networks: Sequence[Network], *, rounds: int, done: Sequence[Sample] = ()) -> Iterator[Sample]:
        self.sampled += 1
        return super().sample(networks, rounds=rounds, done=done)


def measured(folder: Path, *answers: float) -> tuple[Answering, TargetRun, str]:
    """A run whose budget is 1 ms, and a file in its store."""
    context, job = jobs.with_target_plans(folder)
    run = jobs.run_of(context, job)
    target = Answering(*answers)
    run = replace(run, target=target, target_plan=replace(run.target_plan, budget_ms=1.0))
    return target, run, context.store.put(b"a model")


@pytest.mark.parametrize(("answers", "looks"), [((0.9,), 1), ((1.1, 0.9), 2), ((1.3, 1.2, 1.1), 1 + RETRIES)])
def test_a_file_over_its_budget_is_measured_again(
    answers: tuple[float, ...], looks: int, board: None, tmp_path: Path
) -> None:
    target, run, digest = measured(tmp_path, *answers)
    found = measure_file(run, digest)
    assert found is not None and target.looks == looks
    assert found.latency_ms == min(answers)  # the quietest of all that was seen
    assert measure_file(run, digest) == found and target.looks == looks  # from the store


def test_a_file_is_not_measured_on_a_simulated_target(board: None, tmp_path: Path) -> None:
    context, job = jobs.with_target_plans(tmp_path)
    assert measure_file(jobs.run_of(context, job), "no file") is None


def test_candidates_are_measured_together_and_once(board: None, tmp_path: Path) -> None:
    context, job = jobs.with_target_plans(tmp_path)
    run, networks = jobs.run_of(context, job), [inverted(), residual()]
    found = measure_candidates(run, networks)
    assert [profile.latency_ms for profile in found] == [
        pytest.approx(sum(map(layer_ms, network.layers))) for network in networks
    ]
    counting = Count()
    again = replace(run, target=counting)
    assert measure_candidates(again, networks) == found and counting.sampled == 0  # from the store
    measure_candidates(again, networks[:1])
    assert counting.sampled == 1
