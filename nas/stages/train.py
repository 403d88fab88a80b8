"""The stage that trains the supernet: once for all targets."""

import time
from collections.abc import Callable
from dataclasses import asdict, dataclass, replace
from functools import cached_property, partial
from typing import TYPE_CHECKING, Literal

import torch
from torch import Tensor

from hw_targets.scheme import Scheme
from nas.bank import Bank
from nas.data.batches import AUGMENT, NO_AUGMENT, Batches, as_input
from nas.evaluate import Evaluator
from nas.events import CheckpointEvent, MetricEvent, Phase
from nas.stages.context import Context, Made
from nas.stages.effort import VALIDATION
from nas.stages.recipes import recipe_for
from nas.store import StageKey
from nas.training.loop import Watch
from nas.training.loop import train as train_loop
from nas.training.recipe import SUPERNET, Recipe
from nas.training.sandwich import Batch, Sandwich
from search_spaces.lattice import Lattice

if TYPE_CHECKING:
    from nas.pipeline import Job

VERSION = 3
CALIBRATION = 1024
"""Training images that batch norm is recalibrated on, for each subnet."""
ENOUGH = 2000
"""Fewer validation images than this are shown several times, augmented as in training."""
TIMED_S = 5.0
"""A step is timed again until this is over."""
REPEATS = 6
"""Trainings that show each image fewer times do not augment."""


@dataclass(frozen=True)
class Supernet:
    """A trained bank with what it takes to use it.

    Attributes:
        hash: of the bank's blob.
    """

    bank: Bank
    hash: str
    job: "Job"

    @cached_property
    def evaluator(self) -> Evaluator:
        """Judges subnets on the validation part; a small one is shown augmented as well, or a single image would decide."""
        shown, labels = _validation(self.job)
        return Evaluator(self.bank, images(self.job, "train", CALIBRATION), shown, labels)

    def judge(self, scheme: Scheme) -> Evaluator:
        """The evaluator of one form of INT8; all of them share the images."""
        return replace(self.evaluator, scheme=scheme)


def train(context: Context, job: "Job") -> Supernet:
    """The supernet of a job's space and data, from the store or trained now; a killed training goes on from its checkpoint.

    Raises:
        Cancelled: the caller asked to stop; a checkpoint is kept.
        OutOfSpace: the disk is full; the checkpoint before is kept.
    """
    torch.set_num_threads(job.threads)
    recipe = recipe_for(job, SUPERNET)
    steps, key = _steps(job, recipe), _key(job)

    def compute() -> Made:
        bank = Bank.of(Lattice.of(job.space).layers(), job.spec.seed)
        strategy = sandwich(job, bank, recipe)
        train_loop(strategy, recipe, steps, watch(context, key, "training"))
        return Made({"bank": bank.to_bytes()}, {"steps": steps})

    record = context.run("training", key, compute)
    digest = record.outputs["bank"]
    context.hashes["bank"] = digest
    return Supernet(Bank.from_bytes(context.store.get(digest)), digest, job)


def trained(context: Context, job: "Job") -> bool:
    """Whether the supernet is in the store."""
    return context.store.find(_key(job)) is not None


def _key(job: "Job") -> StageKey:
    recipe = recipe_for(job, SUPERNET)
    return StageKey(
        "train",
        VERSION,
        {
            "space": job.space.fingerprint,
            "data": job.data.content_hash,
            "recipe": asdict(recipe),
            "steps": _steps(job, recipe),
            "seed": job.spec.seed,
            "threads": job.threads,
        },
    )


def _steps(job: "Job", recipe: Recipe) -> int:
    """How many steps the supernet is trained for."""
    return max(1, job.work.train_images // recipe.batch_size)


def sandwich(job: "Job", bank: Bank, recipe: Recipe) -> Sandwich:
    """The strategy that trains a job's supernet."""
    space = job.space
    return Sandwich(
        bank,
        largest=space.network(space.largest()),
        smallest=space.network(space.smallest()),
        sample=lambda rng: space.network(space.sample(rng)),
        batch=batches(job, recipe, job.spec.seed, job.work.train_images),
        recipe=recipe,
        seed=job.spec.seed,
    )


def batches(job: "Job", recipe: Recipe, seed: int, seen: int) -> Batch:
    """The training images of a step at a side; a pure function of both.

    They are augmented when the training sees `seen` images in all, and each of them at least `REPEATS` times: before that,
    an image is new enough as it is, and changing it only slows learning.
    """
    augment = AUGMENT if seen >= REPEATS * job.data.images["train"] else NO_AUGMENT
    made: dict[int, Batches] = {}

    def batch(step: int, side: int) -> tuple[Tensor, Tensor]:
        if side not in made:
            made[side] = Batches(job.data.part("train", side), recipe.batch_size, seed=seed, augment=augment)
        return made[side].batch(step)

    return batch


def images(job: "Job", part: Literal["train", "val", "test"], most: int) -> Callable[[int], Tensor]:
    """The first images of a part at a side, unchanged, kept once made."""
    made: dict[int, Tensor] = {}

    def at(side: int) -> Tensor:
        if side not in made:
            made[side] = as_input(torch.from_numpy(job.data.part(part, side).images[:most]))
        return made[side]

    return at


def whole_batches(x: Tensor, size: int) -> list[Tensor]:
    """Batches of one size: what does not fill the last is left out, unless there is no other."""
    return list(x[: len(x) - len(x) % size or len(x)].split(size))


def _validation(job: "Job") -> tuple[Callable[[int], Tensor], Tensor]:
    """Images to judge candidates by, at a side, and their labels: at least `ENOUGH` of them, augmented copies of few."""
    part = job.data.part("val", job.data.resolution)
    plain = images(job, "val", VALIDATION)
    labels = torch.from_numpy(part.labels[:VALIDATION])
    copies = -(-ENOUGH // len(part)) - 1
    if copies <= 0:
        return plain, labels

    def changed(side: int) -> list[tuple[Tensor, Tensor]]:
        stream = Batches(job.data.part("val", side), len(part), seed=job.spec.seed)
        return [stream.batch(copy) for copy in range(copies)]

    made: dict[int, Tensor] = {}

    def shown(side: int) -> Tensor:
        if side not in made:
            made[side] = torch.cat([plain(side), *(copy for copy, _ in changed(side))])
        return made[side]

    return shown, torch.cat([labels, *(truth for _, truth in changed(job.data.resolution))])


def watch(context: Context, key: StageKey, phase: Phase, *, target: str | None = None, part: str = "") -> Watch:
    """Checkpoints of a training in the store, its progress and curves as events."""
    meter = None

    def on_step(done: int, total: int) -> None:
        nonlocal meter
        if meter is None:
            meter = context.progress(phase, "steps", target=target, done=done - 1)
        meter(done, total)

    def on_metric(name: str, step: int, value: float) -> None:
        context.on_event(MetricEvent(phase=phase, name=part + name, step=step, value=value, target=target))

    def tell(done: int, total: int, restored: bool) -> None:
        context.on_event(CheckpointEvent(phase=phase, target=target, step=done, total=total, restored=restored))

    return Watch(
        load=lambda: context.store.load_checkpoint(key),
        save=lambda blob: context.store.save_checkpoint(key, blob),
        on_step=on_step,
        on_metric=on_metric,
        cancelled=context.cancelled,
        on_saved=partial(tell, restored=False),
        on_restored=partial(tell, restored=True),
    )


def seconds_per_step(job: "Job") -> float:
    """How long a sandwich step takes here and now: the least of three on a fresh bank, after one to warm up; fewer where they take long."""
    torch.set_num_threads(job.threads)
    recipe = recipe_for(job, SUPERNET)
    strategy = sandwich(job, Bank.of(Lattice.of(job.space).layers(), job.spec.seed), recipe)
    for leaf in strategy.parameters.values():
        leaf.requires_grad_()
    taken: list[float] = []
    while len(taken) < 4 and sum(taken) < TIMED_S:
        started = time.monotonic()
        strategy.backward(len(taken))
        taken.append(time.monotonic() - started)
    return min(taken[1:] or taken)
