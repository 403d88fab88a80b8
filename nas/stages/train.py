"""The stage that trains the supernet: once for all targets."""

from dataclasses import asdict, dataclass
from functools import partial

import torch

from hw_targets.scheme import AFFINE, Scheme
from nas.bank import Bank
from nas.data.parts import Part
from nas.evaluate import Evaluator
from nas.events import CheckpointEvent, MetricEvent, Phase
from nas.job import Job
from nas.stages.context import Context, Made
from nas.stages.inputs import batches, class_weights, float_images
from nas.stages.recipes import recipe_for
from nas.store import StageKey
from nas.training.loop import Watch
from nas.training.loop import train as train_loop
from nas.training.recipe import SUPERNET, Recipe
from nas.training.sandwich import Sandwich
from nas.work import CALIBRATION, VALIDATION
from search_spaces.lattice import Lattice

VERSION = 4
LARGEST_FIRST = 0.2
"""Share of the steps that train the largest network alone, before the others learn from it."""


@dataclass(frozen=True)
class Supernet:
    """A trained bank.

    Attributes:
        hash: of the bank's blob.
    """

    bank: Bank
    hash: str


def evaluator(context: Context, job: Job, bank: Bank, scheme: Scheme = AFFINE) -> Evaluator:
    """Judges subnets of a bank on the job's validation images as they are, in one form of INT8."""
    arrays = context.arrays(job.data)

    def validation(side: int) -> Part:
        return arrays.subset("val", side, VALIDATION, job.spec.seed)

    calibration = float_images(context, job, "train", CALIBRATION)
    return Evaluator(bank, calibration, validation, job.spec.metric, len(job.data.classes), job.threads, scheme)


def train(context: Context, job: Job) -> Supernet:
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
        train_loop(sandwich(context, job, bank, recipe), recipe, steps, watch(context, key, "training"))
        return Made({"bank": bank.to_bytes()}, {"steps": steps})

    record = context.run("training", key, compute)
    digest = record.outputs["bank"]
    return Supernet(Bank.from_bytes(context.store.get(digest)), digest)


def trained(context: Context, job: Job) -> bool:
    """Whether the supernet is in the store."""
    return context.store.find(_key(job)) is not None


def _key(job: Job) -> StageKey:
    recipe = recipe_for(job, SUPERNET)
    return StageKey(
        "train",
        VERSION,
        {
            "space": job.space.fingerprint,
            "data": job.data.content_hash,
            "recipe": asdict(recipe),
            "steps": _steps(job, recipe),
            "largest_first": LARGEST_FIRST,
            "seed": job.spec.seed,
            "threads": job.threads,
            **learning(job),
        },
    )


def learning(job: Job) -> dict[str, object]:
    """What of the spec and the data changes how a network learns, as inputs of a stage's key."""
    weights = class_weights(job)
    return {"augment": asdict(job.augment), "class_weights": None if weights is None else weights.tolist()}


def _steps(job: Job, recipe: Recipe) -> int:
    """How many steps the supernet is trained for."""
    return max(1, job.work.supernet_images // recipe.batch_size)


def sandwich(context: Context, job: Job, bank: Bank, recipe: Recipe) -> Sandwich:
    """The strategy that trains a job's supernet."""
    space = job.space
    return Sandwich(
        bank,
        largest=space.network(space.largest()),
        smallest=space.network(space.smallest()),
        sample=lambda rng: space.network(space.sample(rng)),
        batch=batches(context, job, recipe, job.spec.seed, job.work.supernet_images, job.augment),
        recipe=recipe,
        seed=job.spec.seed,
        largest_first=int(LARGEST_FIRST * _steps(job, recipe)),
        class_weights=class_weights(job),
    )


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
