"""What a search cost and how far its scores can be trusted, from artificial stages and finalists."""

import random
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from nas.search.candidate import Candidate
from nas.stages.context import StageCost
from nas.stages.finalist import TrainedFinalist
from nas.stages.search_report import search_cost, trust_score
from nas.stages.target_run import TargetRun
from search_spaces.cost import macs
from tests.nas.stages import jobs
from tests.nas.stages.jobs import board
from tests.nas.stages.test_tournament import files

__all__ = ["board"]


@pytest.fixture
def run(board: None, tmp_path: Path) -> TargetRun:
    """The first target of a job with a supernet that is never looked at."""
    context, job = jobs.with_target_plans(tmp_path)
    context.costs.clear()
    supernet: Any = "supernet"
    return replace(jobs.run_of(context, job), supernet=supernet)


def finalists(run: TargetRun, first: tuple[float, ...]) -> list[TrainedFinalist]:
    """Networks in the order of their multiply-accumulates, as good after the first round as given; all of them are perfect in the end."""
    rng, space = random.Random(0), run.job.space
    found = list({space.network(one).id: one for one in (space.sample(rng) for _ in range(100))}.values())
    found.sort(key=lambda one: macs(space.network(one)))
    return [
        TrainedFinalist(jobs.finalist(one, space.network(one), 1.0), "w", files(1.0), 1000, value)
        for one, value in zip(found, first, strict=False)
    ]


def evaluated(trained: list[TrainedFinalist], *scores: float, images: int | None = 100) -> list[Candidate]:
    return [
        Candidate(one.finalist.architecture, score, 1.0, images=images)
        for one, score in zip(trained, scores, strict=False)
    ]


def test_all_but_the_training_of_the_exported_network_is_the_cost(run: TargetRun) -> None:
    trained = finalists(run, (0.5, 0.6))
    exported, other = (one.finalist.network for one in trained)
    costs = [
        StageCost("training", None, None, 60.0),
        StageCost("searching", run.id, None, 25.0),
        StageCost("searching", "another", None, 1000.0),
        StageCost("fine_tuning", run.id, other.id, 5.0),
        StageCost("fine_tuning", run.id, exported.id, 5.0),
        StageCost("fine_tuning", run.id, exported.id, 15.0),
    ]
    run.context.costs.update({(str(number), one.target): one for number, one in enumerate(costs)})
    found = search_cost(run, exported, evaluated(trained, 0.1, 0.2))
    assert (found.evaluations, found.images) == (2, 200)
    assert found.parts == {"training": 60.0, "searching": 25.0, "fine_tuning": 5.0}
    assert (found.core_seconds, found.training_core_seconds, found.trainings) == (90.0, 20.0, 4.5)


def test_what_was_not_counted_is_unknown_and_not_zero(run: TargetRun) -> None:
    trained = finalists(run, (0.5,))
    network = trained[0].finalist.network
    run.context.costs["a", None] = StageCost("training", None, None, None)
    run.context.costs["b", run.id] = StageCost("searching", run.id, None, 25.0)
    run.context.costs["c", run.id] = StageCost("fine_tuning", run.id, network.id, 5.0)
    found = search_cost(run, network, evaluated(trained, 0.1, images=None))
    assert found.parts == {"training": None, "searching": 25.0}
    assert (found.images, found.core_seconds, found.trainings, found.training_core_seconds) == (None, None, None, 5.0)


def test_scores_are_compared_with_the_first_round_in_which_all_saw_as_many_images(run: TargetRun) -> None:
    trained = finalists(run, (0.5, 0.9, 0.6, 0.8, 0.7, 0.4))
    found = trust_score(run, trained, evaluated(trained, 0.2, 0.6, 0.3, 0.5, 0.4, 0.1))
    assert found.scores is not None and found.scores.tau == 1.0
    assert found.macs is not None and found.macs.tau == -0.2  # of 15 pairs, 6 in order and 9 against it
    assert {one.architecture_id: one.reached for one in found.networks} == {
        one.finalist.architecture.id: one.first_value for one in trained
    }


def test_finalists_without_a_score_or_a_first_round_are_left_out(run: TargetRun) -> None:
    trained = finalists(run, (0.5, 0.9, 0.6, 0.8, 0.7, 0.4))
    trained[1] = replace(trained[1], first_value=None)
    found = trust_score(run, trained, evaluated(trained, 0.2, 0.6, 0.3, 0.5, 0.4))
    assert len(found.networks) == 4 and found.verdict == "too few"


def test_without_a_supernet_there_is_no_trust_score(run: TargetRun) -> None:
    found = trust_score(replace(run, supernet=None), finalists(run, (0.5,) * 6), [])
    assert found.verdict == "no scores" and "no supernet" in found.note and found.scores is None
