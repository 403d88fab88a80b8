"""The images and labels that a job's networks are trained, calibrated and evaluated on, as tensors. Not here: how they are read."""

from collections.abc import Callable

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from nas.data.augment import NO_AUGMENT, Augment
from nas.data.batches import Batches, as_input
from nas.data.splits import SplitName
from nas.interpreter import Statistics, recalibrate
from nas.job import Job
from nas.stages.context import Context
from nas.supernet_weights import SupernetWeights
from nas.training.config import TrainConfig
from nas.training.group import ALONE, Group
from nas.training.sandwich import Batch
from search_spaces.network import Network

CALIBRATION = 1024
"""Training images that the batch norm of a trained network is recalibrated on."""
BATCH = 256
REPEATS = 6
"""Trainings that show each image fewer times do not augment."""


def batches(
    context: Context, job: Job, config: TrainConfig, seed: int, seen: int, augment: Augment, group: Group = ALONE
) -> Batch:
    """The training images of a step at an input size, the part of one rank; a pure function of both.

    They are augmented when the training sees `seen` images in all, and each of them at least `REPEATS` times: with
    fewer repeats, augmentation only slows learning.
    """
    change = augment if seen >= REPEATS * job.data.images["train"] else NO_AUGMENT
    made: dict[int, Batches] = {}

    def batch(step: int, image_size: int) -> tuple[Tensor, Tensor]:
        if image_size not in made:
            split = context.arrays(job.data).split("train", image_size)
            made[image_size] = Batches(
                split,
                config.batch_size,
                seed=seed,
                augment=change,
                device=job.compute.device,
                kept_there=job.compute.holds(split.images.nbytes),
                part=(group.rank, group.size),
            )
        return made[image_size].batch(step)

    return batch


def float_images(context: Context, job: Job, split: SplitName, most: int) -> Callable[[int], Tensor]:
    """Up to `most` images of a split at an input size, every class in its share, unchanged, cached on the job's device."""

    def images(image_size: int) -> NDArray[np.uint8]:
        return context.arrays(job.data).subset(split, image_size, most, job.spec.seed).images

    return as_floats(images, job.compute.device)


def as_floats(images: Callable[[int], NDArray[np.uint8]], device: str) -> Callable[[int], Tensor]:
    """Images at an input size as a network's input, cached on a device."""
    made: dict[int, Tensor] = {}

    def at(image_size: int) -> Tensor:
        if image_size not in made:
            made[image_size] = as_input(torch.from_numpy(images(image_size)).to(device))
        return made[image_size]

    return at


def whole_batches(x: Tensor, size: int) -> list[Tensor]:
    """Batches of one size: an incomplete last one is left out, unless it is the only one."""
    return list(x[: len(x) - len(x) % size or len(x)].split(size))


def statistics(context: Context, job: Job, network: Network, weights: SupernetWeights) -> Statistics:
    """Batch-norm statistics of a trained network, on unchanged training images."""
    images = float_images(context, job, "train", CALIBRATION)(network.input_shape[1])
    return recalibrate(network, weights, whole_batches(images, BATCH))


def class_weights(job: Job) -> Tensor | None:
    """Weight of the loss of each class in training: the inverse of the class's share, where that is requested.

    With plain accuracy as the metric every image counts equally, so `auto` gives no weights then.
    """
    if job.spec.class_weights == "none" or job.spec.metric == "accuracy":
        return None
    counts = torch.tensor(job.data.per_class["train"], dtype=torch.float32, device=job.compute.device)
    return counts.sum() / (counts.clamp(min=1) * int((counts > 0).sum()))
