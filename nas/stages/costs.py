"""What the stages of a job cost in seconds on this machine: estimates, from training steps that are timed once.

Training is bound by memory here, so a network's cost follows the size of its activations. The store keeps the times, unless other
work disturbed them; then they are measured again the next time. Not here: how much work a job gets (`plan.py`).
"""

import random
from dataclasses import dataclass
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
from nas.training.config import SUPERNET
from nas.work import RETRAINED, ProfileWork
from search_spaces.cost import layer_values

VERSION = 2
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
CALIBRATED: Final = 1536
"""Training images for a finalist's batch norm and ranges in each round."""


@dataclass(frozen=True, slots=True)
class Costs:
    """Seconds of training for an image, of the smallest and of the largest network of a space.

    Attributes:
        small, large: activations of each, and its seconds.
        sandwich: activations of the four networks of a sandwich step on average.
    """

    small: tuple[float, float]
    large: tuple[float, float]
    sandwich: float

    def image_s(self, values: float) -> float:
        """Seconds that a training step of a network takes for each image; linear in its activations."""
        (least, quick), (most, slow) = self.small, self.large
        share = (values - least) / (most - least) if most > least else 0.0
        return max(quick + share * (slow - quick), 0.25 * quick)

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
    batch = config_for(job, SUPERNET).batch_size
    key = StageKey("time_step", VERSION, {"space": space.fingerprint, **job.compute.inputs, "batch": batch})
    record = context.store.find(key)
    if record is not None:
        facts = record.facts
    else:
        from nas.stages.timing import seconds_per_image

        load = Load.read()
        with stoppable(context.check_cancelled):
            facts = {name: seconds_per_image(job, one) for name, one in (("small", smallest), ("large", largest))}
        others = load.others_since()
        if others <= BUSY:
            context.store.finish(key, {}, seconds=0.0, facts=facts)
        else:
            context.info(
                f"Other work takes {others:.0%} of this machine; the plan's times are measured again next time."
            )
    ends = layer_values(smallest), layer_values(largest)
    return Costs((ends[0], facts["small"]), (ends[1], facts["large"]), sum(ends) + 2 * sampled)


def profiling_s(work: ProfileWork, target: TargetInfo) -> float:
    """Measuring a latency table."""
    networks = work.networks + work.held_out
    if target.kind == "simulated":
        return networks * SIMULATED_S
    return networks * (NETWORK_S + work.rounds * ROUND_S)


def evaluation_s(image_s: float, latency_ms: float, images: int, calibration: int) -> float:
    """Evaluating one network: batch norm and ranges in the interpreter, the predictions in the runtime."""
    return 0.2 + FORWARD * calibration * image_s + images * latency_ms / 1e3


def tournament_s(job: Job, image_s: float, latency_ms: float, finalists: int, tune_images: float) -> float:
    """Fine-tuning by successive halving with its evaluations, and INT8 retraining of the winner."""
    evaluations = sum(one.networks for one in rounds(finalists)) + 2
    each = evaluation_s(image_s, latency_ms, job.data.images["val"], min(CALIBRATED, job.data.images["train"]))
    return image_s * tune_images * (cost(finalists) + RETRAINED * RETRAIN) + evaluations * each
