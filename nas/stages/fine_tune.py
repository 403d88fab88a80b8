"""The stage that trains one network in floating point: from the supernet's weights, from an earlier round's, or from scratch."""

from dataclasses import asdict, replace

import torch
from torch import Tensor

from nas import accelerator, interpreter
from nas.interpreter import ExecutionMode, Training
from nas.job import Job
from nas.stages.context import Context, StageOutput
from nas.stages.inputs import batches, class_weights
from nas.stages.target_run import TrainingRun
from nas.stages.teacher import Teacher
from nas.stages.train import Supernet, callbacks, halving_notice, learning, with_batch
from nas.stages.train_config import config_for
from nas.store import StageKey
from nas.supernet_weights import SupernetWeights
from nas.tensors import Tensors, pack, unpack
from nas.training.config import CONTINUE, FINE_TUNE, FINE_TUNE_SOURCE, SINGLE, TrainConfig
from nas.training.loop import train
from nas.training.replay import Replay
from nas.training.sandwich import Batch
from nas.training.single_network import SingleNetwork, TeacherAnswers
from search_spaces.network import Network

VERSION = 4


def fine_tune(
    run: TrainingRun,
    network: Network,
    *,
    start: str | Supernet | None,
    images: int,
    number: int,
    teacher: Teacher | None = None,
) -> str:
    """Trains a network for a round, or returns the cached result; a killed training resumes from its checkpoint.

    Args:
        run: its target appears in events only.
        network: what to train.
        start: the hash of an earlier round's weights, the supernet that it is a slice of, or None to train from scratch.
        images: seen in this round.
        number: of the round, from 0; each has its own order of images.
        teacher: its outputs are half of the target.

    Returns:
        The hash of the weights, `SupernetWeights.to_bytes`.

    Raises:
        Cancelled: the caller requested a stop; a checkpoint is kept.
        OutOfSpace: the disk is full; the previous checkpoint is kept.
        OutOfDeviceMemory, DeviceLost: the GPU does not do.
    """
    context, job = run.context, run.job
    accelerator.start(job.compute)
    planned, seed = config_for(job, _config(job, start)), job.spec.seed + 1 + number
    key = fine_tune_key(job, network, start=start, images=images, number=number, teacher=teacher)

    def attempt(config: TrainConfig) -> StageOutput:
        weights = _starting(context, job, network, start)
        batch = batches(context, job, config, seed, images, job.augment)
        answers = None if teacher is None else teacher_answers(teacher.network, teacher.mode, batch)
        forward = accelerator.forward(job.compute)
        strategy = SingleNetwork(
            network, weights, Training, batch, config, answers, class_weights(job), forward, job.compute.on_gpu
        )
        steps = max(1, images // config.batch_size)
        own = callbacks(context, with_batch(key, planned, config), "fine_tuning", target=run.id, prefix="tune_")
        train(strategy, config, steps, replace(own, devices=job.compute.locks))
        return StageOutput({"weights": pack({name: tensor.detach() for name, tensor in weights.items()}, {})})

    def compute() -> StageOutput:
        return accelerator.halved_once(job.compute, planned, attempt, halving_notice(context, job.compute))

    return context.run("fine_tuning", key, compute, target=run.id).outputs["weights"]


def fine_tune_key(
    job: Job,
    network: Network,
    *,
    start: str | Supernet | None,
    images: int,
    number: int,
    teacher: Teacher | None,
) -> StageKey:
    """What the weights of a round depend on; the arguments are those of `fine_tune`."""
    own_network = teacher is not None and (job.source is not None or job.teacher is not None)
    return StageKey(
        "fine_tune",
        VERSION,
        {
            "start": start.hash if isinstance(start, Supernet) else start,
            "network": network.id,
            "data": job.data.content_hash,
            "images": images,
            "seed": job.spec.seed + 1 + number,
            **job.compute.inputs,
            "config": asdict(config_for(job, _config(job, start))),
            "teacher": None if teacher is None else teacher.weights_hash,
            **({"teacher_network": teacher.network.id} if teacher is not None and own_network else {}),
            **learning(job),
        },
    )


def _config(job: Job, start: str | Supernet | None) -> TrainConfig:
    if start is None:
        return SINGLE
    if job.source is not None:
        return FINE_TUNE_SOURCE
    return FINE_TUNE if isinstance(start, Supernet) else CONTINUE


def _starting(context: Context, job: Job, network: Network, start: str | Supernet | None) -> Tensors:
    if start is None:
        return SupernetWeights.of(network.layers, job.spec.seed, job.compute.device).tensors
    weights = start.weights if isinstance(start, Supernet) else trained_weights(context, start, job.compute.device)
    return {name: view.detach().clone() for name, view in weights.parameters(network).items()}


def trained_weights(context: Context, digest: str, device: str = "cpu") -> SupernetWeights:
    """The weights that `fine_tune` stored, on a device."""
    tensors, _ = unpack(context.store.get(digest))
    return SupernetWeights({name: tensor.to(device) for name, tensor in tensors.items()})


def teacher_answers(network: Network, mode: ExecutionMode, batch: Batch) -> TeacherAnswers:
    """A network's outputs for a step's images; a GPU replays it."""

    def compute(images: Tensor) -> tuple[Tensor]:
        with torch.no_grad():
            return (interpreter.run(network, images, mode).softmax(1),)

    replay = Replay(compute)

    def answers(step: int) -> Tensor:
        return replay(batch(step, network.input_shape[1])[0])[0]

    return answers
