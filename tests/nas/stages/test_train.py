"""The supernet is trained once for the same inputs, and anew for others."""

from dataclasses import replace
from pathlib import Path

import pytest

from nas.data.augment import LIGHT
from nas.events import Event, MetricEvent, PhaseEvent
from nas.job import Job
from nas.stages.context import Context
from nas.stages.train import train, trained
from search_spaces.lattice import Lattice
from tests.nas.stages import jobs
from tests.nas.stages.jobs import board

__all__ = ["board"]

IMAGES = 256
"""A few steps: what is cached does not depend on how many."""


@pytest.fixture
def made(board: None, tmp_path: Path) -> tuple[Context, Job, list[Event]]:
    _, job = jobs.resolved(tmp_path)
    events: list[Event] = []
    return jobs.context(tmp_path, events.append), with_images(job, IMAGES), events


def with_images(job: Job, images: int) -> Job:
    return replace(job, work=job.work.model_copy(update={"supernet_images": images}))


def test_a_supernet_is_trained_once(made: tuple[Context, Job, list[Event]]) -> None:
    context, job, events = made
    assert not trained(context, job)
    first = train(context, job)
    assert trained(context, job)
    assert {layer.name for layer in Lattice.of(job.space).layers() if layer.has_weights} == {
        name.rpartition(".")[0] for name in first.weights.tensors
    }
    curves = {event.name for event in events if isinstance(event, MetricEvent)}
    assert {"loss_largest", "loss_smallest"} <= curves
    events.clear()
    again = train(context, job)
    assert again.hash == first.hash and again.weights.to_bytes() == first.weights.to_bytes()
    assert [event.status for event in events if isinstance(event, PhaseEvent)] == ["reused"]


def test_what_changes_the_training_is_another_supernet(made: tuple[Context, Job, list[Event]]) -> None:
    context, job, _ = made
    train(context, job)
    assert trained(context, replace(job, work=job.work.model_copy(update={"evaluations": 1})))  # the search's alone
    others = [
        with_images(job, 2 * IMAGES),
        replace(job, augment=LIGHT),
        replace(job, compute=replace(job.compute, threads=job.compute.threads + 1)),
        replace(job, spec=job.spec.model_copy(update={"seed": 1})),
        replace(job, data=replace(job.data, content_hash="other")),
    ]
    assert [trained(context, other) for other in others] == [False] * len(others)
