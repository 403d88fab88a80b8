"""The stage that trains the supernet: once for all targets."""

from collections.abc import Callable
from dataclasses import asdict, dataclass, replace
from functools import partial
from typing import Any

import torch

from nas import accelerator
from nas.compute import Compute
from nas.errors import UnsendableWork
from nas.events import CheckpointEvent, MetricEvent, Phase
from nas.execution.work import Needs, Site
from nas.job import Job
from nas.stages.context import Context, StageOutput
from nas.stages.inputs import batches, class_weights
from nas.stages.train_config import config_for
from nas.store import StageKey
from nas.supernet_weights import SupernetWeights
from nas.training.config import SUPERNET, SUPERNET_FROM_SOURCE, TrainConfig
from nas.training.data_parallel import Ranks, most_ranks, rank_value
from nas.training.group import ALONE, Group, Meeting, joined
from nas.training.loop import NO_CALLBACKS, TrainCallbacks
from nas.training.loop import train as train_loop
from nas.training.sandwich import Sandwich
from search_spaces.lattice import Lattice

VERSION = 4
LARGEST_FIRST = 0.2
"""Share of the steps that train the largest network alone, before the others are distilled from it."""


@dataclass(frozen=True)
class Supernet:
    """The weights of a trained supernet.

    Attributes:
        hash: of the blob.
    """

    weights: SupernetWeights
    hash: str


def train(context: Context, job: Job, start: Supernet | None = None) -> Supernet:
    """The supernet of a job's space and data, cached or trained now; a killed training resumes from its checkpoint.

    Args:
        context: of the job.
        job: of the supernet.
        start: weights to train from; at random when None.

    Raises:
        Cancelled: the caller requested a stop; a checkpoint is kept.
        OutOfSpace: the disk is full; the previous checkpoint is kept.
        OutOfDeviceMemory, DeviceLost: the GPU does not do.
    """
    accelerator.start(job.compute)
    planned, key = supernet_config(job), _key(job, None if start is None else start.hash)

    def attempt(config: TrainConfig) -> StageOutput:
        part = SupernetRank(job, config, with_batch(key, planned, config), None if start is None else start.hash)
        return _by_workers(context, part) or StageOutput({"supernet": part.train(context).to_bytes()}, part.facts)

    def compute() -> StageOutput:
        return accelerator.halved_once(job.compute, planned, attempt, halving_notice(context, job.compute))

    record = context.run("training", key, compute)
    digest = record.outputs["supernet"]
    return Supernet(SupernetWeights.from_bytes(context.store.get(digest), job.compute.device), digest)


def with_batch(key: StageKey, planned: TrainConfig, config: TrainConfig) -> StageKey:
    """The key of a training's checkpoints: its own, or another where it runs with a smaller batch than planned."""
    return key if config == planned else replace(key, inputs={**key.inputs, "batch": config.batch_size})


def halving_notice(context: Context, compute: Compute) -> Callable[[int], None]:
    """Warns that a training begins again with a smaller batch."""
    return lambda batch: context.warn(
        f"The memory of {compute.device} is too small for the planned batch: the training began again with batches of {batch} images."
    )


def trained(context: Context, job: Job, start: str | None = None) -> bool:
    """Whether the supernet is cached; `start` is the hash of the weights that it is trained from."""
    return context.store.find(_key(job, start)) is not None


def supernet_config(job: Job) -> TrainConfig:
    """The train config of a job's supernet."""
    return config_for(job, SUPERNET if job.source is None else SUPERNET_FROM_SOURCE)


def _key(job: Job, start: str | None) -> StageKey:
    config = supernet_config(job)
    return StageKey(
        "train",
        VERSION,
        {
            **({} if start is None else {"start": start}),
            "space": job.space.fingerprint,
            "data": job.data.content_hash,
            "config": asdict(config),
            "steps": _steps(job, config),
            "largest_first": LARGEST_FIRST if start is None else 0.0,
            "seed": job.spec.seed,
            **job.compute.inputs,
            **learning(job),
        },
    )


def learning(job: Job) -> dict[str, object]:
    """The parts of spec and data that change how a network learns, as inputs of a stage's key."""
    weights = class_weights(job)
    return {"augment": asdict(job.augment), "class_weights": None if weights is None else weights.tolist()}


def _steps(job: Job, config: TrainConfig) -> int:
    """How many steps the supernet is trained for."""
    return max(1, job.work.supernet_images // config.batch_size)


@dataclass(frozen=True)
class SupernetRank:
    """One rank of a supernet's training, a work item; the only one where it trains alone.

    Attributes:
        job: of the supernet.
        config: that it trains with; `batch_size` is that of all ranks together.
        key: of its checkpoints.
        start: hash of the weights that it is trained from; at random when None.
        rank, size: which of how many.
        at: where the ranks meet.
    """

    job: Job
    config: TrainConfig
    key: StageKey
    start: str | None
    rank: int = 0
    size: int = 1
    at: Meeting | None = None

    @property
    def name(self) -> str:
        """For messages."""
        return f"training of the supernet, worker {self.rank + 1} of {self.size}"

    @property
    def needs(self) -> Needs:
        """Its cores."""
        return Needs(cores=self.job.compute.threads)

    @property
    def facts(self) -> dict[str, Any]:
        """Of the stage's record."""
        return {"steps": _steps(self.job, self.config), **({"workers": self.size} if self.size > 1 else {})}

    def run(self, site: Site) -> Any:
        """Trains as a rank of a group; the value is the hash of the weights, which the first rank stores.

        Raises:
            MemoryError: the worker's memory does not do.
        """
        context = Context(site.store, site.on_event, site.cancelled)
        return rank_value(partial(self._digest, context), site.store.clock(self.key))

    def _digest(self, context: Context) -> str | None:
        assert self.at is not None
        compute = accelerator.of_rank(self.job.compute, self.rank)
        accelerator.start(compute)
        own = replace(self, job=replace(self.job, compute=compute))
        try:
            with (
                accelerator.bearing_failures(compute),
                joined(self.rank, self.size, self.at, compute.device) as group,
            ):
                weights = own.train(context, group)
                return context.store.put(weights.to_bytes()) if group.rank == 0 else None
        except torch.OutOfMemoryError as error:
            raise MemoryError(str(error)) from error

    def train(self, context: Context, group: Group = ALONE) -> SupernetWeights:
        """The trained weights. Raises what `nas.training.loop.train` raises."""
        job, config = self.job, self.config
        if self.start is None:
            weights = SupernetWeights.of(Lattice.of(job.space).layers(), job.spec.seed, job.compute.device)
        else:
            weights = SupernetWeights.from_bytes(context.store.get(self.start), job.compute.device)
        own = callbacks(context, self.key, "training")
        if group.rank > 0:
            own = replace(NO_CALLBACKS, cancelled=context.cancelled)
        strategy = sandwich(context, job, weights, config, group)
        train_loop(strategy, config, _steps(job, config), replace(own, devices=job.compute.locks), group)
        return weights


def _by_workers(context: Context, one: SupernetRank) -> StageOutput | None:
    """The training by several workers, where the context has them."""
    executor, compute = context.executor, one.job.compute
    count = min(context.training_workers, most_ranks(executor, compute), one.config.batch_size)
    if count < context.training_workers:
        context.info(
            f"The supernet is trained by {count} of {context.training_workers} workers: {executor.name} has no more."
        )

    def items(size: int, threads: int, at: Meeting) -> list[SupernetRank]:
        job = replace(one.job, compute=replace(compute, threads=threads))
        return [replace(one, job=job, rank=rank, size=size, at=at) for rank in range(size)]

    sink, cancelled, spent = context.on_event, context.cancelled, context.add_core_seconds
    try:
        values = Ranks(executor, compute, items, context.store, sink, cancelled, spent).train(count)
    except UnsendableWork as error:
        context.info(f"This process trains the supernet: {error.detail}")
        return None
    if not values:
        return None
    return StageOutput({"supernet": context.store.get(values[0])}, replace(one, size=len(values)).facts)


def sandwich(
    context: Context, job: Job, weights: SupernetWeights, config: TrainConfig, group: Group = ALONE
) -> Sandwich:
    """The strategy that trains a job's supernet."""
    space = job.space
    return Sandwich(
        weights,
        largest=space.network(space.largest()),
        smallest=space.network(space.smallest()),
        sample=lambda rng: space.network(space.sample(rng)),
        batch=batches(context, job, config, job.spec.seed, job.work.supernet_images, job.augment, group),
        config=config,
        seed=job.spec.seed,
        largest_first=int(LARGEST_FIRST * _steps(job, config)) if job.source is None else 0,
        class_weights=class_weights(job),
        forward=accelerator.forward(job.compute),
        replayed=job.compute.on_gpu and group.alone,
        group=group,
    )


def callbacks(
    context: Context, key: StageKey, phase: Phase, *, target: str | None = None, prefix: str = ""
) -> TrainCallbacks:
    """Checkpoints of a training in the store, its progress and curves as events."""
    meter = None

    def on_step(done: int, total: int) -> None:
        nonlocal meter
        if meter is None:
            meter = context.progress(phase, "steps", target=target, done=done - 1)
        meter(done, total)

    def on_metric(name: str, step: int, value: float) -> None:
        context.on_event(MetricEvent(phase=phase, name=prefix + name, step=step, value=value, target=target))

    def save(blob: bytes) -> None:
        context.store.save_checkpoint(key, blob)
        context.save_clock()

    def on_checkpoint(done: int, total: int, restored: bool) -> None:
        context.on_event(CheckpointEvent(phase=phase, target=target, step=done, total=total, restored=restored))

    return TrainCallbacks(
        load=lambda: context.store.load_checkpoint(key),
        save=save,
        on_step=on_step,
        on_metric=on_metric,
        cancelled=context.cancelled,
        on_saved=partial(on_checkpoint, restored=False),
        on_restored=partial(on_checkpoint, restored=True),
    )
