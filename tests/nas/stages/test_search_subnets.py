"""Subnets are evaluated once for the same inputs, and told of each time."""

import json
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch

from nas.errors import FailedEvaluations
from nas.events import CandidateEvent, Event, FrontEvent, PhaseEvent
from nas.search.candidate import Candidate, Suggestion, write_line
from nas.search.racing import parts
from nas.search.searchers import registry
from nas.search.searchers.registry import BUILT_IN, SearcherEntry
from nas.stages.evaluate_subnets import RememberedEvaluations
from nas.stages.search_subnets import search_key, search_problem, search_subnets
from nas.stages.target_run import TargetRun
from nas.stages.train import train
from tests.nas.stages import jobs
from tests.nas.stages.jobs import board

__all__ = ["board"]

EVALUATIONS = 6


@pytest.fixture
def made(board: None, tmp_path: Path) -> tuple[TargetRun, list[Event]]:
    """The first target of a job with a supernet that is hardly trained."""
    _, job = jobs.with_target_plans(tmp_path)
    job = replace(job, work=job.work.model_copy(update={"supernet_images": 64, "evaluations": EVALUATIONS}))
    events: list[Event] = []
    context = jobs.context(tmp_path, events.append)
    run = replace(jobs.run_of(context, job), supernet=train(context, job))
    events.clear()
    return run, events


def of_search(events: list[Event]) -> list[Event]:
    return [event for event in events if isinstance(event, CandidateEvent | FrontEvent)]


def by_id(found: list[Candidate]) -> dict[str, tuple[float, float]]:
    return {one.architecture.id: (one.value, one.latency_ms) for one in found}


def test_subnets_within_the_limit_are_evaluated_once(made: tuple[TargetRun, list[Event]]) -> None:
    run, events = made
    first = search_subnets(run)
    assert 1 <= len(first) <= sum(isinstance(event, CandidateEvent) for event in events) == len(first)
    assert sum(search_problem(run).work(one.images) for one in first[:-1]) < EVALUATIONS
    assert all(0 <= one.value <= 1 and 0 < one.latency_ms <= run.target_plan.limit_ms for one in first)
    told = of_search(events)
    events.clear()
    assert by_id(search_subnets(run)) == by_id(first)
    assert [event.status for event in events if isinstance(event, PhaseEvent)] == ["reused"]
    assert of_search(events)[-1] == told[-1]
    assert [e for e in of_search(events) if isinstance(e, CandidateEvent)] == [
        e for e in told if isinstance(e, CandidateEvent)
    ]


def test_no_more_are_evaluated_than_meet_the_limit(made: tuple[TargetRun, list[Event]]) -> None:
    run, _ = made
    few = replace(run.target_plan, within_limit=2)
    assert search_problem(replace(run, target_plan=few)).most == 2
    assert len(search_subnets(replace(run, target_plan=few))) <= 2
    assert search_problem(run).evaluations == EVALUATIONS


def test_two_searchers_never_share_a_key(made: tuple[TargetRun, list[Event]], monkeypatch: pytest.MonkeyPatch) -> None:
    run, _ = made

    def key_of(name: str) -> str:
        spec = run.job.spec.model_copy(update={"searcher": name})
        return search_key(replace(run, job=replace(run.job, spec=spec))).hash

    keys = {name: key_of(name) for name in (entry.name for entry in BUILT_IN)}
    assert len(set(keys.values())) == len(BUILT_IN) and search_key(run).hash == keys["hwnas"]
    newer = SearcherEntry("hwnas", "the next version", "next", BUILT_IN[0].create)
    monkeypatch.setattr(registry, "BUILT_IN", (newer, *BUILT_IN[1:]))
    assert key_of("hwnas") not in keys.values()


def test_how_many_are_suggested_at_once_is_part_of_the_key_where_it_is_more_than_one(
    made: tuple[TargetRun, list[Event]],
) -> None:
    run, _ = made
    keys = {}
    for at_once in (1, 4, 64):
        spec = run.job.spec.model_copy(update={"at_once": at_once})
        other = replace(run, job=replace(run.job, spec=spec))
        assert search_problem(other).at_once == at_once
        keys[at_once] = search_key(other).hash
    assert len(set(keys.values())) == 3 and "at_once" not in search_key(run).inputs and keys[1] == search_key(run).hash


def test_two_objectives_never_share_a_key(made: tuple[TargetRun, list[Event]]) -> None:
    run, _ = made
    keys = set()
    for objective in ("front", "metric", "reward"):
        spec = run.job.spec.model_copy(update={"objective": objective})
        other = replace(run, job=replace(run.job, spec=spec))
        assert search_problem(other).objective == objective
        keys.add(search_key(other).hash)
    assert len(keys) == 3 and search_key(run).hash in keys


def test_the_searcher_of_the_spec_searches(made: tuple[TargetRun, list[Event]]) -> None:
    run, _ = made
    spec = run.job.spec.model_copy(update={"searcher": "random"})
    other = replace(run, job=replace(run.job, spec=spec))
    assert search_problem(other).searcher == "random" and search_problem(run).searcher == "hwnas"
    found = search_subnets(other)
    assert len(found) >= 1 and all(one.latency_ms <= run.target_plan.limit_ms for one in found)


def test_each_evaluation_has_its_time_and_images_also_when_cached(made: tuple[TargetRun, list[Event]]) -> None:
    run, _ = made
    for found in (search_subnets(run), search_subnets(run)):
        assert all(one.seconds is not None and one.seconds > 0 for one in found)
        assert all(one.core_seconds is not None and one.core_seconds > 0 for one in found)
        images = run.job.data.images["val"]
        assert images in {one.images for one in found} <= {*parts(np.zeros(images, np.int64)), images}
    spent = run.context.costs[search_key(run).hash, run.id].core_seconds
    assert spent is not None and spent >= sum(one.core_seconds or 0 for one in search_subnets(run))


def test_evaluations_of_another_search_count_what_they_cost_there(made: tuple[TargetRun, list[Event]]) -> None:
    run, _ = made
    first = search_subnets(run)
    fewer = replace(run, job=replace(run.job, work=run.job.work.model_copy(update={"evaluations": EVALUATIONS - 1})))
    again = search_subnets(fewer)
    assert {one.architecture for one in again} <= {one.architecture for one in first}
    before, after = (run.context.costs[search_key(one).hash, one.id].core_seconds for one in (run, fewer))
    assert before is not None and after is not None
    evaluated = sum(one.core_seconds or 0 for one in first if one.architecture in {c.architecture for c in again})
    assert after >= 0.5 * evaluated  # most of the time between suggestion and value is the evaluation itself


def test_candidates_of_an_earlier_version_have_no_times(made: tuple[TargetRun, list[Event]]) -> None:
    run, _ = made
    found = search_subnets(run)
    lines = [{name: write_line(one)[name] for name in ("values", "value", "latency_ms")} for one in found]
    run.context.store.finish(search_key(run), {"candidates": json.dumps(lines).encode()}, seconds=1.0)
    again = search_subnets(run)
    assert again == found and {one.seconds for one in again} == {one.images for one in again} == {None}
    assert run.context.costs[search_key(run).hash, run.id].core_seconds is None


def test_what_is_remembered_changes_no_evaluation(made: tuple[TargetRun, list[Event]]) -> None:
    """Of an architecture that was evaluated on all images for one rival, another rival needs the first of them only."""
    run, _ = made
    assert run.supernet is not None
    space = run.target_plan.space
    best, other = space.largest(), space.smallest()

    def evaluations() -> RememberedEvaluations:
        assert run.supernet is not None
        return RememberedEvaluations(run.context, run.job, run.supernet, run.target_plan.scheme)

    (raced,) = evaluations()([Suggestion(other, best)])
    (whole,) = evaluations()([Suggestion(other)])
    assert whole.images == run.job.data.images["val"] and raced.images in {
        *parts(np.zeros(whole.images, np.int64)),
        whole.images,
    }
    assert evaluations()([Suggestion(other, best), Suggestion(best)])[0] == raced
    assert evaluations()([Suggestion(other)]) == [whole]


def test_subnets_that_compute_no_numbers_fail_and_are_kept(made: tuple[TargetRun, list[Event]]) -> None:
    run, _ = made
    assert run.supernet is not None
    for tensor in run.supernet.weights.tensors.values():
        torch.nn.init.constant_(tensor, float("nan"))
    with pytest.raises(FailedEvaluations, match="5 of 5"):
        search_subnets(run)
    lines = run.context.store.journal(search_key(run)).read()
    assert [line["failed"] for line in lines] == [True] * 5
