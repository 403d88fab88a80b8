"""Batch sizes, by hand: they suit the number of images and the memory that a step takes."""

from dataclasses import replace
from pathlib import Path

import pytest

from nas.stages.train_config import STEP_BYTES, VALUE_BYTES, config_for, step_bytes
from nas.training.config import SUPERNET
from search_spaces.cost import layer_values
from search_spaces.registry import space
from tests.nas.stages import jobs
from tests.nas.stages.jobs import board

__all__ = ["board"]


@pytest.mark.parametrize(("image_size", "batch"), [(8, 64), (96, 64), (224, 32), (512, 8)])
def test_larger_images_come_in_smaller_batches(image_size: int, batch: int, board: None, tmp_path: Path) -> None:
    _, job = jobs.resolved(tmp_path)
    larger = space("mobilenet", resolution=image_size, channels=1, classes=10)
    job = replace(job, space=larger)
    assert config_for(job, SUPERNET).batch_size == batch
    assert step_bytes(job, SUPERNET) == batch * VALUE_BYTES * layer_values(larger.network(larger.largest()))
    assert batch == 8 or step_bytes(job, SUPERNET) <= STEP_BYTES


@pytest.mark.parametrize(("images", "batch"), [(16 * 64, 64), (16 * 64 - 1, 32), (100, 32)])
def test_few_images_come_in_smaller_batches(images: int, batch: int, board: None, tmp_path: Path) -> None:
    """So that an epoch has 16 steps, but never under 32 images a step."""
    assert SUPERNET.batch_size == 64
    _, job = jobs.resolved(tmp_path)
    job = replace(job, data=replace(job.data, images={**job.data.images, "train": images}))
    assert config_for(job, SUPERNET).batch_size == batch
