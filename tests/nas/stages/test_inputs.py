"""The input of networks: every class in calibration, weights of rare classes, changes only where images are seen often."""

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch

from nas.data.augment import LIGHT
from nas.job import Job
from nas.stages.context import Context
from nas.stages.inputs import REPEATS, batches, class_weights, float_images, whole_batches
from nas.training.config import TrainConfig
from tests.nas.stages import jobs
from tests.nas.stages.jobs import board

__all__ = ["board"]


@pytest.fixture
def made(board: None, tmp_path: Path) -> tuple[Context, Job]:
    return jobs.resolved(tmp_path)


@pytest.fixture
def job(made: tuple[Context, Job]) -> Job:
    return made[1]


def counted(job: Job, counts: Sequence[int], **fields: str) -> Job:
    """The job with so many training images of each class."""
    data = replace(job.data, per_class={**job.data.per_class, "train": list(counts)})
    return replace(job, data=data, spec=job.spec.model_copy(update=fields))


def test_a_rare_class_weighs_more_where_the_metric_counts_classes(job: Job) -> None:
    # 30 to 10: of 40 images, 20 to each class would be even; the first class has half as many again, the second half
    weights = class_weights(counted(job, [30, 10], metric="balanced_accuracy"))
    assert weights is not None and weights.tolist() == pytest.approx([40 / 60, 40 / 20])
    assert (weights * torch.tensor([30.0, 10.0])).sum().item() == pytest.approx(
        40
    )  # all images together weigh the same
    assert class_weights(counted(job, [30, 10])) is None
    assert class_weights(counted(job, [30, 10], metric="macro_f1", class_weights="none")) is None
    absent = class_weights(counted(job, [30, 10, 0], metric="macro_f1"))
    assert absent is not None and absent[:2].tolist() == weights.tolist()


def test_images_of_a_subset_are_pixels_of_every_class(made: tuple[Context, Job]) -> None:
    context, job = made
    x = float_images(context, job, "train", 20)(8)
    split = context.arrays(job.data).subset("train", 8, 20, job.spec.seed)
    assert np.array_equal((x * 255).round().to(torch.uint8).numpy(), split.images)
    assert sorted(split.labels.tolist()) == sorted([*range(10), *range(10)])
    assert float_images(context, job, "train", 10**6)(8).shape[0] == job.data.images["train"]


def test_images_that_are_seen_seldom_are_not_changed(made: tuple[Context, Job]) -> None:
    context, job = made
    known = {image.tobytes() for image in context.arrays(job.data).split("train", 8).images}

    def changed(seen: int) -> bool:
        x, _ = batches(context, job, TrainConfig(batch_size=32), 0, seen, LIGHT)(0, 8)
        return not all(image.tobytes() in known for image in (x * 255).round().to(torch.uint8).numpy())

    count = job.data.images["train"]
    assert not changed(REPEATS * count - 1) and changed(REPEATS * count)


def test_batches_are_whole_unless_there_is_but_one() -> None:
    assert [len(b) for b in whole_batches(torch.zeros(10, 1), 4)] == [4, 4]
    assert [len(b) for b in whole_batches(torch.zeros(3, 1), 4)] == [3]
