"""Evaluations by workers: equal to those of this process, each once, and what fails or dies on the way."""

import json
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

from hw_targets.scheme import AFFINE
from nas.core_seconds import PROCESS
from nas.errors import FailedEvaluations, StoreCorrupt
from nas.execution.executor import open_executor
from nas.execution.packing import pack_item, unpack_item
from nas.execution.work import Site
from nas.search.candidate import Candidate, Suggestion
from nas.stages.evaluate_subnets import RememberedEvaluations
from nas.stages.search_subnets import search_key, search_subnets
from nas.stages.subnet_evaluation import EvaluateSubnet, EvaluationSetup
from nas.stages.target_run import TargetRun
from nas.stages.train import train
from nas.store import Store
from nas.supernet_weights import SupernetWeights
from search_spaces.space import Architecture
from tests.nas import boards
from tests.nas.places import Killed
from tests.nas.stages import jobs
from tests.nas.stages.elsewhere import DyingPool, Elsewhere, copied

AT_ONCE, EVALUATIONS = 4, 10


@pytest.fixture(scope="module")
def trained(tmp_path_factory: pytest.TempPathFactory) -> Iterator[TargetRun]:
    """The first target of a job whose supernet is hardly trained, in a store that the tests copy."""
    folder = tmp_path_factory.mktemp("trained")
    with pytest.MonkeyPatch.context() as patch:
        boards.install(patch)
        context, job = jobs.with_target_plans(folder, at_once=AT_ONCE)
        job = replace(job, work=job.work.model_copy(update={"supernet_images": 2000, "evaluations": EVALUATIONS}))
        yield replace(jobs.run_of(context, job), supernet=train(context, job))


@pytest.fixture
def run(trained: TargetRun, tmp_path: Path) -> TargetRun:
    return copied(trained, tmp_path / "own")


def evaluations(run: TargetRun) -> RememberedEvaluations:
    assert run.supernet is not None
    return RememberedEvaluations(run.context, run.job, run.supernet, AFFINE)


def some(run: TargetRun, count: int, seed: int = 0) -> list[Architecture]:
    """Architectures within the limit."""
    region = run.target_plan.region
    codes = region.canonical(region.draw(*region.range_ms, 64, np.random.default_rng(seed)))
    return list(dict.fromkeys(region.latency.lattice.decode(codes)))[:count]


def remembered(run: TargetRun) -> list[dict[str, Any]]:
    setup = setup_of(run)
    lines: list[dict[str, Any]] = run.context.store.journal(setup.key).read_all()
    return lines


def setup_of(run: TargetRun) -> EvaluationSetup:
    assert run.supernet is not None
    job = run.job
    return EvaluationSetup(run.supernet.hash, job.data, job.compute, AFFINE, job.spec.metric, job.spec.seed)


@pytest.fixture(scope="module")
def local(trained: TargetRun, tmp_path_factory: pytest.TempPathFactory) -> list[Candidate]:
    """What this process finds."""
    return search_subnets(copied(trained, tmp_path_factory.mktemp("local") / "store"))


def test_an_item_predicts_what_the_evaluator_predicts(run: TargetRun) -> None:
    assert run.supernet is not None
    setup, (architecture,) = setup_of(run), some(run, 1)
    evaluator = setup.evaluator(run.supernet.weights, run.context.arrays(run.job.data))
    network = run.job.space.network(architecture)
    split = evaluator.validation(network.input_shape[1])
    item = EvaluateSubnet("a", setup, network, np.zeros(0, np.int64), here=evaluator)
    travelled = unpack_item(pack_item(item))
    assert isinstance(travelled, EvaluateSubnet) and travelled.here is None and travelled == item
    assert travelled.needs.cores == run.job.compute.threads == 1
    site = Site(run.context.store)
    for one in (item, travelled):
        found = one.run(site)
        assert json.loads(json.dumps(found)) == found
        assert found["predicted"] == evaluator.predictor(network)(split.images).tolist()
        assert found["process"] == PROCESS and 0 < found["core_seconds"] < 60


def test_a_worker_reads_the_supernet_and_the_images_once(run: TargetRun, monkeypatch: pytest.MonkeyPatch) -> None:
    read: list[str] = []
    get = Store.get

    def reading(store: Store, digest: str) -> bytes:
        read.append(digest)
        return get(store, digest)

    monkeypatch.setattr(Store, "get", reading)
    site = Site(run.context.store)
    for architecture in some(run, 3):
        network = run.job.space.network(architecture)
        EvaluateSubnet("a", setup_of(run), network, np.zeros(0, np.int64)).run(site)
    assert run.supernet is not None
    assert sorted(read) == sorted([run.supernet.hash, run.job.data.blob])


def test_what_is_known_of_an_item_is_not_predicted_again(run: TargetRun) -> None:
    (architecture,) = some(run, 1)
    count, network = run.job.data.images["val"], run.job.space.network(architecture)
    known = np.arange(count) % 10
    item = EvaluateSubnet("a", setup_of(run), network, known)
    assert item.run(Site(run.context.store))["predicted"] == known.tolist()
    half = EvaluateSubnet("a", setup_of(run), network, known[: count // 2])
    assert half.run(Site(run.context.store))["predicted"][: count // 2] == known[: count // 2].tolist()


def test_other_processes_find_what_this_one_finds(trained: TargetRun, local: list[Candidate], tmp_path: Path) -> None:
    with open_executor("processes:2") as pool:
        other = copied(trained, tmp_path / "other", pool)
        assert search_subnets(other) == local
    assert [one.images for one in search_subnets(other)] == [one.images for one in local]
    assert len(remembered(other)) == len({one.architecture for one in local})  # each once


def test_what_is_found_does_not_depend_on_who_ends_first(
    trained: TargetRun, local: list[Candidate], tmp_path: Path
) -> None:
    executor = Elsewhere()
    assert search_subnets(copied(trained, tmp_path / "other", executor)) == local
    assert max(map(len, executor.given)) == AT_ONCE and len(set(executor.ran)) == len(executor.ran)


@pytest.mark.parametrize("dies_after", range(8))
def test_a_search_that_is_killed_evaluates_nothing_twice(
    trained: TargetRun, local: list[Candidate], tmp_path: Path, dies_after: int
) -> None:
    first, second = Elsewhere(dies_after), Elsewhere()
    run = copied(trained, tmp_path / "other", first)
    with pytest.raises(Killed):
        search_subnets(run)
    assert len(remembered(run)) == dies_after
    again = replace(run, context=replace(run.context, executor=second))
    assert search_subnets(again) == local
    assert not set(first.ran) & set(second.ran)
    assert len(first.ran) + len(second.ran) == len({one.architecture for one in local})


@pytest.mark.parametrize("when_done", [False, True])
def test_a_worker_that_dies_changes_nothing(
    trained: TargetRun, local: list[Candidate], tmp_path: Path, when_done: bool
) -> None:
    with open_executor("processes:2") as pool:
        dying = DyingPool(pool, tmp_path / "died", when_done=when_done)
        other = copied(trained, tmp_path / "other", dying)
        assert search_subnets(other) == local
    assert dying.marker.exists() and max(dying.attempts) == 2
    assert len(remembered(other)) == len({one.architecture for one in local})


def test_core_seconds_of_other_processes_are_counted(trained: TargetRun, tmp_path: Path) -> None:
    with open_executor("processes:2") as pool:
        other = copied(trained, tmp_path / "other", pool)
        search_subnets(other)
    spent = sum(line["core_seconds"] for line in remembered(other))
    record = other.context.store.find(search_key(other))
    assert record is not None and record.core_seconds is not None and record.core_seconds >= spent > 0


def test_a_failure_of_an_item_is_typed_and_the_others_are_kept(trained: TargetRun, tmp_path: Path) -> None:
    run = copied(trained, tmp_path / "other", Elsewhere())
    architectures = some(run, 3)
    evaluate = evaluations(run)
    evaluate([Suggestion(architectures[0])])
    assert run.supernet is not None
    Path(run.context.store.path_of(run.supernet.hash)).unlink()
    fresh = evaluations(replace(run, context=replace(run.context, executor=Elsewhere())))
    with pytest.raises(StoreCorrupt, match="lacks the blob"):
        fresh([Suggestion(one) for one in architectures])
    assert len(remembered(run)) == 1
    (known,) = fresh([Suggestion(architectures[0])])  # needs no worker
    assert known.images == run.job.data.images["val"]


def test_subnets_without_numbers_fail_also_elsewhere(trained: TargetRun, tmp_path: Path) -> None:
    assert trained.supernet is not None
    tensors = {name: torch.full_like(one, float("nan")) for name, one in trained.supernet.weights.tensors.items()}
    weights = SupernetWeights(tensors)
    run = copied(trained, tmp_path / "other", Elsewhere())
    broken = replace(trained.supernet, weights=weights, hash=run.context.store.put(weights.to_bytes()))
    with pytest.raises(FailedEvaluations, match=r"\d of \d"):
        search_subnets(replace(run, supernet=broken))


def test_rivals_that_are_not_remembered_are_evaluated_first(run: TargetRun) -> None:
    best, other = some(run, 2)
    (fresh,) = evaluations(run)([Suggestion(other, best)])
    assert [line["id"] for line in remembered(run)] == [best.id, other.id]
    assert evaluations(run)([Suggestion(other, best), Suggestion(best)])[0] == fresh
