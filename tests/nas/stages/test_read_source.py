"""A user's own network becomes the weights of a job's space: its scaling is found, its classifier kept or replaced."""

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch

from nas.errors import InvalidSpec
from nas.events import Event, LogEvent
from nas.interpreter import Training, run
from nas.stages.adapt import adapt
from nas.stages.fine_tune import fine_tune
from nas.stages.quantize import quantized
from nas.stages.read_source import source_weights
from nas.stages.target_run import TargetRun
from nas.stages.teacher import OwnTeacher
from nas.stages.tournament import teacher_of
from search_spaces.builder import Graph
from search_spaces.network import Network
from tests.nas.own_networks import random_parameters, written
from tests.nas.stages import jobs
from tests.nas.stages.jobs import board
from tests.nas.stages.photos import photos

__all__ = ["board"]

pytestmark = pytest.mark.usefixtures("board")


def net(classes: int) -> Network:
    """Tells stripes from blots after some training."""
    g = Graph((3, 32, 32))
    x = g.conv("stem", g.input, 16, kernel=3, stride=2, activation="relu")
    y = g.conv("inner", x, 24, kernel=3, activation="relu")
    x = g.add("sum", x, g.conv("outer", y, 16, kernel=3), activation="relu")
    x = g.conv("last", x, 32, kernel=3, stride=2, activation="relu")
    g.linear("classifier", g.global_avg_pool("pool", x), classes)
    return g.network("net")


def run_from(folder: Path, file: Path, events: list[Event]) -> TargetRun:
    """A job that starts from a file."""
    fields = {"data": photos(folder), "space": "auto", "start_from": str(file), "augment": "none"}
    _, job = jobs.with_target_plans(folder, **fields)
    work = job.work.model_copy(update={"adapt_images": 64})
    return jobs.run_of(jobs.context(folder, events.append), replace(job, work=work))


def messages(events: list[Event]) -> str:
    return " ".join(event.message for event in events if isinstance(event, LogEvent))


@pytest.fixture(scope="module")
def learned(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A file that knows the three classes, with batch norm folded, for pixels from 0 to 255."""
    folder = tmp_path_factory.mktemp("learned")
    with pytest.MonkeyPatch.context() as patch:
        from tests.nas import boards

        boards.install(patch)
        made, job = jobs.with_target_plans(folder, data=photos(folder), resolution=32)
        run_ = jobs.run_of(made, job)
        weights = fine_tune(run_, net(3), start=None, images=2_400, number=0)
        file = folder / "net.onnx"
        file.write_bytes(made.store.get(quantized(run_, net(3), weights).fp32))
    return file


def test_a_network_that_knows_the_classes_keeps_its_classifier(learned: Path, tmp_path: Path) -> None:
    events: list[Event] = []
    run_ = run_from(tmp_path, learned, events)
    assert run_.job.data.resolution == 32 and run_.job.source is not None
    weights = source_weights(run_.context, run_.job)
    assert "net reads pixels from 0 to 255, by a check on" in messages(events)
    assert "its classifier knows the classes" in messages(events)
    network = run_.job.space.network(run_.job.space.largest())
    assert {name for name in weights.parameters(network) if name.startswith("b1.conv.")} == {
        "b1.conv.weight", "b1.conv.gamma", "b1.conv.beta",
    }  # fmt: skip
    # Sorted and with batch norm back, it still tells the classes apart before any training.
    split = run_.context.arrays(run_.job.data).split("val", 32)
    images = torch.from_numpy(split.images).float() / 255
    logits = run(network, images.contiguous(memory_format=torch.channels_last), Training(weights.parameters(network)))
    assert np.mean(logits.argmax(1).numpy() == split.labels) > 0.8


def test_other_classes_get_another_classifier(tmp_path: Path) -> None:
    events: list[Event] = []
    network = net(7)
    bare = Network("net", network.input_shape, tuple(replace(layer, norm=False) for layer in network.layers))
    run_ = run_from(tmp_path, written(bare, tmp_path / "seven.onnx"), events)
    weights = source_weights(run_.context, run_.job)
    assert "its classifier is of no use" in messages(events)
    assert weights.tensors["head.linear.weight"].shape[0] == 3
    adapted = adapt(run_.context, run_.job)
    assert len(adapted.values) == len(adapted.exits)


def test_as_many_classes_at_chance_are_warned_of(tmp_path: Path) -> None:
    events: list[Event] = []
    network = net(3)
    bare = Network("net", network.input_shape, tuple(replace(layer, norm=False) for layer in network.layers))
    parameters = random_parameters(bare)
    parameters["classifier.bias"] += np.array([50.0, 0.0, 0.0], np.float32)  # always the first class
    run_ = run_from(tmp_path, written(bare, tmp_path / "three.onnx", parameters), events)
    source_weights(run_.context, run_.job)
    assert "no better than chance" in messages(events)
    assert "Its classifier is replaced" in messages(events)


def test_a_teacher_of_the_same_classes(learned: Path, tmp_path: Path) -> None:
    """It is right, is used at its own size, and is part of what a fine-tuned network comes from."""
    fields = {"data": photos(tmp_path), "resolution": 24, "teacher": str(learned)}
    made, job = jobs.with_target_plans(tmp_path, **fields)
    teacher = teacher_of(jobs.run_of(made, job))
    assert isinstance(teacher, OwnTeacher)
    assert teacher.value > 0.8 and teacher.network.outputs == ("head.linear",)
    network = job.space.network(job.space.smallest())
    run_ = jobs.run_of(made, job)
    hashes = {
        fine_tune(run_, network, start=None, images=64, number=0, teacher=one) for one in (None, teacher, teacher)
    }
    assert len(hashes) == 2


def test_a_teacher_of_other_classes_is_rejected(tmp_path: Path) -> None:
    network = net(7)
    bare = Network("net", network.input_shape, tuple(replace(layer, norm=False) for layer in network.layers))
    file = written(bare, tmp_path / "seven.onnx")
    made, job = jobs.with_target_plans(tmp_path, data=photos(tmp_path), resolution=32, teacher=str(file))
    teacher = teacher_of(jobs.run_of(made, job))
    assert teacher is not None
    with pytest.raises(InvalidSpec, match="The teacher seven has other classes than the data"):
        _ = teacher.value
