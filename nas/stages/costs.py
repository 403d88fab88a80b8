"""What the stages of a job cost in seconds on this machine: estimates, from training steps that are timed once.

Training is bound by memory here, so a network's cost follows the size of its activations. The store keeps the times, unless other
work disturbed them; then they are measured again the next time. Not here: how much work a job gets (`plan.py`).
"""

import random
from collections.abc import Sequence
from dataclasses import dataclass, replace
from itertools import pairwise
from pathlib import Path
from statistics import fmean
from typing import Final

from hw_targets.stopping import stoppable
from hw_targets.target import TargetInfo
from nas.job import Job
from nas.machine_load import Load
from nas.stages.context import Context
from nas.stages.halving import cost, rounds
from nas.stages.profile import NETWORK_S, ROUND_S
from nas.stages.train_config import config_for
from nas.store import StageKey
from nas.training.config import ADAPT, SUPERNET
from nas.work import RETRAINED, VALIDATION, ProfileWork
from search_spaces.cost import layer_values, macs
from search_spaces.derived import derive
from search_spaces.network import Network

VERSION = 3
SIMULATED_S: Final = 0.01
"""One network on a simulated target."""
START_S: Final = 4.0
"""Until everything is loaded, and a step is timed."""
FORWARD: Final = 0.3
"""A forward pass, in training steps."""
RETRAIN: Final = 2.5
"""A step of INT8 retraining with its teacher, in training steps."""
BUSY: Final = 0.1
"""Share of the cores that other processes may use while a step is timed."""
EXITS: Final = 1.1
"""A step at all ends of a space, in training steps of its largest network."""
JUDGED: Final = 20
"""Batches that the importance of channels is computed on."""
JUDGE: Final = 3.0
"""Such a batch, with a backward pass from each end, in training steps."""
EXITS_EVALUATED: Final = 3.0
"""Evaluations of all ends, in evaluations of the largest network."""
CALIBRATED: Final = 1536
"""Training images for a finalist's batch norm and ranges in each round."""


@dataclass(frozen=True, slots=True)
class Costs:
    """Seconds of training for an image, of the smallest and of the largest network of a space.

    Attributes:
        small, large: activations of each, and its seconds.
        sandwich: activations of the four networks of a sandwich step on average.
        between: the same as the ends, of networks in between that were timed.
    """

    small: tuple[float, float]
    large: tuple[float, float]
    sandwich: float
    between: tuple[tuple[float, float], ...] = ()

    def image_s(self, values: float) -> float:
        """Seconds that a training step of a network takes for each image; linear in its activations between those timed."""
        points = sorted({self.small, *self.between, self.large})
        (least, quick), (most, slow) = points[0], points[-1]
        for before, after in pairwise(points):
            if before[0] <= values <= after[0]:
                (least, quick), (most, slow) = before, after
                break
        share = (values - least) / (most - least) if most > least else 0.0
        return max(quick + share * (slow - quick), 0.25 * points[0][1])

    @property
    def sandwich_s(self) -> float:
        """Seconds that a sandwich step takes for each image."""
        return 4 * self.image_s(self.sandwich / 4)


def time_training(context: Context, job: Job) -> Costs:
    """The costs of a job's space, timed now for a few seconds or cached."""
    space = job.space
    smallest, largest = space.network(space.smallest()), space.network(space.largest())
    rng = random.Random(0)
    sampled = fmean(layer_values(space.network(space.sample(rng))) for _ in range(16))
    small, large = _timed(context, job, [smallest, largest], StageKey("time_step", VERSION, _conditions(job)))
    return Costs(small, large, small[0] + large[0] + 2 * sampled)


def time_networks(context: Context, job: Job, costs: Costs, networks: Sequence[Network]) -> Costs:
    """The costs with further networks of the space, timed now for about a second each or cached."""
    named = {"networks": [one.id for one in networks]}
    key = StageKey("time_networks", VERSION, {**_conditions(job), **named})
    return replace(costs, between=tuple(_timed(context, job, networks, key)))


def _conditions(job: Job) -> dict[str, object]:
    batch = config_for(job, SUPERNET).batch_size
    return {"space": job.space.fingerprint, **job.compute.inputs, "batch": batch}


def _timed(context: Context, job: Job, networks: Sequence[Network], key: StageKey) -> list[tuple[float, float]]:
    """Activations of networks and their seconds for each image, timed now or cached."""
    record = context.store.find(key)
    if record is not None:
        seconds = record.facts["seconds"]
    else:
        from nas.stages.timing import seconds_per_image

        load = Load.read()
        with stoppable(context.check_cancelled):
            seconds = [seconds_per_image(job, one) for one in networks]
        others = load.others_since()
        if others <= BUSY:
            context.store.finish(key, {}, seconds=0.0, facts={"seconds": seconds})
        else:
            context.info(
                f"Other work takes {others:.0%} of this machine; the plan's times are measured again next time."
            )
    return [(layer_values(network), s) for network, s in zip(networks, seconds, strict=True)]


def profiling_s(work: ProfileWork, target: TargetInfo) -> float:
    """Measuring a latency table."""
    networks = work.networks + work.held_out
    if target.kind == "simulated":
        return networks * SIMULATED_S
    return networks * (NETWORK_S + work.rounds * ROUND_S)


def evaluation_s(image_s: float, latency_ms: float, images: int, calibration: int) -> float:
    """Evaluating one network: batch norm and ranges in the interpreter, the predictions in the runtime."""
    return 0.2 + FORWARD * calibration * image_s + images * latency_ms / 1e3


def adapting_s(job: Job, costs: Costs, images: float) -> float:
    """Fine-tuning the source at all of its ends, and judging its channels and its ends."""
    judged = JUDGED * config_for(job, ADAPT).batch_size
    validation = min(job.data.images["val"], VALIDATION) + min(CALIBRATED, job.data.images["train"])
    return costs.large[1] * (EXITS * images + JUDGE * judged + FORWARD * EXITS_EVALUATED * validation)


def teacher_s(job: Job, costs: Costs) -> float:
    """A teacher's outputs for an image; it is the largest network, or nearly, unless the user names another."""
    seconds = FORWARD * costs.large[1]
    if job.teacher is None:
        return seconds
    network = derive(Path(job.teacher.space), side=job.data.resolution).network
    pixels = job.data.resolution**2 / (network.input_shape[1] * network.input_shape[2])
    return seconds * pixels * macs(network) / macs(job.space.network(job.space.largest()))


def tournament_s(job: Job, image_s: float, latency_ms: float, finalists: int, tune_images: float) -> float:
    """Fine-tuning by successive halving with its evaluations, and INT8 retraining of the winner."""
    evaluations = sum(one.networks for one in rounds(finalists)) + 2
    each = evaluation_s(image_s, latency_ms, job.data.images["val"], min(CALIBRATED, job.data.images["train"]))
    return image_s * tune_images * (cost(finalists) + RETRAINED * RETRAIN) + evaluations * each
