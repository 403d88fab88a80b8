"""The train config of a job: batches that suit its images and fit into memory.

Does not import torch, since a plan is made before it is loaded. Does not depend on the machine, so that results repeat.
"""

from dataclasses import replace
from typing import Final

from nas.job import Job
from nas.training.config import TrainConfig
from search_spaces.cost import layer_values

LEAST_STEPS_PER_EPOCH: Final = 16
"""Small data sets have smaller batches, down to 32, so that an epoch has this many steps."""
STEP_BYTES: Final = 6_500_000_000
"""Large images have smaller batches, down to 8, so that a step takes no longer: 32 of 224 x 224 pixels."""
VALUE_BYTES: Final = 10
"""Bytes of a training step for each activation, its gradient included (measured: 9 to 12)."""


def config_for(job: Job, config: TrainConfig) -> TrainConfig:
    """The train config with the batch size of a job."""
    size, each = config.batch_size, _image_bytes(job)
    while size > 32 and job.data.images["train"] // size < LEAST_STEPS_PER_EPOCH:
        size //= 2
    while size > 8 and size * each > STEP_BYTES:
        size //= 2
    return replace(config, batch_size=size)


def step_bytes(job: Job, config: TrainConfig) -> int:
    """About the memory of one training step's tensors, with the batch size of a job."""
    return config_for(job, config).batch_size * _image_bytes(job)


def _image_bytes(job: Job) -> int:
    """Of one image in the largest network."""
    return VALUE_BYTES * layer_values(job.space.network(job.space.largest()))
