"""Times training steps on this machine, for a plan. Needs torch."""

import time
from typing import Final

import torch
import torch.nn.functional as F

from nas import accelerator
from nas.interpreter import Training
from nas.job import Job
from nas.memory import keep_freed_memory
from nas.stages.train_config import config_for
from nas.supernet_weights import SupernetWeights
from nas.training.config import SUPERNET
from search_spaces.network import Network

ENOUGH_S: Final = 1.0
"""A step is timed again until this is over, at least twice after one to warm up."""


def seconds_per_image(job: Job, network: Network) -> float:
    """Forward and backward of one network for each image of the job's batches; the minimum of a few steps on random images."""
    accelerator.start(job.compute)
    keep_freed_memory()
    size = config_for(job, SUPERNET).batch_size
    device, forward = job.compute.device, accelerator.forward(job.compute)
    leaves = SupernetWeights.of(network.layers, 0, device).leaves(network)
    images = torch.rand(size, *network.input_shape).to(device)
    labels = (torch.arange(size) % len(job.data.classes)).to(device)
    taken: list[float] = []
    while len(taken) < 3 or (sum(taken) < ENOUGH_S and len(taken) < 20):
        started = time.monotonic()
        F.cross_entropy(forward(network, images, Training(leaves)), labels).backward()
        accelerator.synchronise(job.compute)
        taken.append(time.monotonic() - started)
    return min(taken[1:]) / size
