"""A source on the user's data: fine-tuned at all ends, sorted, cached; and networks cut out of it."""

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch

from nas import pipeline
from nas.events import Event, LogEvent, MetricEvent, PhaseEvent
from nas.interpreter import Training, run
from nas.pretrained import load
from nas.stages.adapt import adapt
from nas.stages.propose import proposals
from nas.stages.read_source import source_weights
from nas.stages.search_subnets import search_subnets
from nas.stages.source_rows import source_rows, source_within
from nas.stages.target_run import TargetRun
from nas.stages.train import train
from search_spaces.exits import exits_network
from tests.nas.stages import jobs
from tests.nas.stages.jobs import board
from tests.nas.stages.photos import LITE0, needs_lite0, photos

__all__ = ["board"]

pytestmark = [needs_lite0, pytest.mark.usefixtures("board")]

IMAGES = 1_200
"""A few epochs: enough for a source to tell the classes apart, where random weights do not."""


def made(folder: Path, events: list[Event], **fields: object) -> TargetRun:
    """The first target of a job that starts from EfficientNet-Lite0."""
    _, job = jobs.with_target_plans(folder, data=photos(folder), **{"space": "auto", "resolution": 32, **fields})
    work = job.work.model_copy(update={"adapt_images": IMAGES, "evaluations": 24})
    return replace(jobs.run_of(jobs.context(folder, events.append), replace(job, work=work)))


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Shared, so that the source is trained once."""
    return tmp_path_factory.mktemp("adapt")


def test_the_weights_before_training_are_the_sources(folder: Path) -> None:
    """Sorted by norm: the features of the largest network are those of the source."""
    run_ = made(folder, [])
    job = run_.job
    network = job.space.network(job.space.largest())
    sorted_ = source_weights(run_.context, job)
    plain = {**sorted_.tensors, **load(LITE0, channels=3)[0]}
    images = torch.rand(4, 3, 32, 32, generator=torch.Generator().manual_seed(0), dtype=torch.float64)
    body = type(network)("features", network.input_shape, network.layers[:-1])
    before, after = (
        run(body, images, Training({name: tensor.double() for name, tensor in tensors.items()})).sort(dim=1).values
        for tensors in (plain, sorted_.tensors)
    )
    assert torch.allclose(before, after, rtol=1e-6, atol=1e-9)
    channels = [t for n, t in sorted_.tensors.items() if n in ("s3.b0.expand.weight", "s3.b0.depthwise.weight")]
    norms = torch.stack([t.abs().flatten(1).sum(1) for t in channels]).sum(0)
    assert torch.all(norms.diff() <= 1e-4)


def test_a_source_is_fine_tuned_once_and_its_slices_are_good(folder: Path) -> None:
    events: list[Event] = []
    run_ = made(folder, events)
    first = adapt(run_.context, run_.job)
    assert len(first.values) == len(first.importance) == len(first.exits) == 4
    assert max(first.values) > 0.9, "three classes, of which chance gets a third right"
    assert first.values[first.exits.index(first.best)] == max(first.values)
    assert {"source_loss", "source_accuracy"} <= {e.name for e in events if isinstance(e, MetricEvent)}
    events.clear()
    again = adapt(run_.context, run_.job)
    assert again.supernet.hash == first.supernet.hash and again.values == first.values
    assert [event.status for event in events if isinstance(event, PhaseEvent)] == ["reused"]
    # What is proposed: within the limit, distinct, at several ends, the most important at each.
    run_ = replace(run_, supernet=first.supernet, adapted=first)
    proposed = proposals(run_)
    latency = run_.target_plan.latency
    predicted = latency.predict_ms(latency.lattice.encode(list(proposed)))
    assert len(set(proposed)) == len(proposed) and predicted.max() <= run_.target_plan.limit_ms
    assert len({dict(one.values)["stages"] for one in proposed}) > 1
    importance = first.importance[-1]
    last = [one for one in proposed if dict(one.values)["stages"] == 7 and dict(one.values)["resolution"] == 32]
    worth = sum(map(importance.of, run_.job.space.network(last[0]).layers))
    band = latency.lattice.decode(_within(run_))
    rivals = [one for one in band if dict(one.values)["stages"] == 7 and dict(one.values)["resolution"] == 32]
    assert rivals and worth >= max(sum(map(importance.of, run_.job.space.network(one).layers)) for one in rivals)
    # They are evaluated before any other; and the rows of the source are of the same files as any network's.
    found = search_subnets(run_)
    assert [one.architecture for one in found[: len(proposed)]] == list(proposed)[: len(found)]
    assert max(one.value for one in found) > 0.8
    rows = source_rows(run_)
    assert rows[0].whole and rows[0].source == "efficientnet_lite0" and rows[0].kind == "simulated"
    assert max(row.metric.value for row in rows) > 0.9
    # The source itself competes where it meets the limit.
    unlimited, impossible = (
        replace(run_, target_plan=replace(run_.target_plan, limit_ms=limit_ms)) for limit_ms in (1e9, 1e-9)
    )
    assert source_within(unlimited) == (first.best,)
    assert source_within(impossible) == ()


def _within(run_: TargetRun) -> np.ndarray:
    from nas.search.region import LimitedRegion

    region = LimitedRegion(run_.target_plan.latency, run_.target_plan.limit_ms)
    return region.canonical(region.draw(*region.range_ms, 300, np.random.default_rng(0)))


def test_a_supernet_starts_from_the_source(folder: Path) -> None:
    run_ = made(folder, [])
    adapted = adapt(run_.context, run_.job)
    job = replace(run_.job, work=run_.job.work.model_copy(update={"supernet_images": 64}))
    events: list[Event] = []
    context = jobs.context(folder, events.append)
    supernet = train(context, job, adapted.supernet)
    assert supernet.hash != adapted.supernet.hash
    # Two steps at a low rate change little, and the first step already trains the small networks, too.
    name = "s3.b0.expand.weight"
    moved = (supernet.weights.tensors[name] - adapted.supernet.weights.tensors[name]).abs().mean()
    assert 0 < moved < 0.1 * adapted.supernet.weights.tensors[name].abs().mean()
    assert "loss_smallest" in {event.name for event in events if isinstance(event, MetricEvent)}


def test_a_target_that_runs_less_gets_what_it_runs(tmp_path: Path) -> None:
    """Of a space without the largest widths, the leading channels of the source are used."""
    run_ = made(tmp_path, [])
    job = run_.job
    choices = {choice.name: set(choice.values) for choice in job.space.choices}
    from search_spaces.restrict import with_values

    smaller = with_values(job.space, {**choices, "s3.width": {24, 32}})
    weights = source_weights(run_.context, replace(job, space=smaller))
    assert weights.tensors["s3.b0.project.weight"].shape[0] == 32
    whole = source_weights(run_.context, job)
    assert torch.equal(weights.tensors["s3.b0.project.weight"], whole.tensors["s3.b0.project.weight"][:32])
    network = exits_network(smaller)
    assert set(weights.parameters(network)) <= set(whole.tensors)


@pytest.mark.parametrize(
    ("method", "value", "trains"), [("auto", 1.0, False), ("auto", 0.99, True), ("search", 1.0, True)]
)
def test_a_source_without_mistakes_needs_no_supernet(
    folder: Path, monkeypatch: pytest.MonkeyPatch, method: str, value: float, trains: bool
) -> None:
    """Unless one is asked for."""
    run_ = made(folder, [])
    found = replace(adapt(run_.context, run_.job), values=(0.5, 0.5, value, 0.5))
    monkeypatch.setattr("nas.stages.adapt.adapt", lambda context, job: found)
    work = run_.job.work.model_copy(update={"supernet_images": 64, "evaluations": 500})
    job = replace(run_.job, work=work, spec=run_.job.spec.model_copy(update={"method": method}))
    events: list[Event] = []
    searched, supernet, _ = pipeline.trained_job(jobs.context(folder, events.append), job)
    assert supernet is not None
    assert (supernet.hash != found.supernet.hash) == trains
    assert searched.work.evaluations == (500 if trains else 24)
    said = [event.message for event in events if isinstance(event, LogEvent)]
    assert any("makes no mistake" in message for message in said) != trains
