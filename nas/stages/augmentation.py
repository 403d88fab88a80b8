"""Decides how a job's training images are changed at random: by its spec, or by the kind of data.

Small images are shifted a little. Photographs are cropped and coloured, too, and mirrored where a quick check shows no harm: the
smallest network of the space, briefly trained without mirroring, must classify mirrored validation images as well as the
originals. Letters, digits and left hands fail it.
"""

from dataclasses import asdict, replace
from typing import Final

from nas.data.augment import LIGHT, NO_AUGMENT, PHOTO, Augment
from nas.job import Job
from nas.stages.context import Context, StageOutput
from nas.stages.train_config import config_for
from nas.store import StageKey
from nas.training.config import SINGLE

VERSION = 1
PHOTO_SIZE: Final = 32
"""From this size on images are taken for photographs."""
SURE: Final = 2.0
"""Standard errors by which the check's network must beat chance for the check to count."""

UNMIRRORED: Final = replace(PHOTO, flip=False)
NAMED: Final = {"none": NO_AUGMENT, "light": LIGHT, "photo": PHOTO}


def augmentation(context: Context, job: Job) -> Augment:
    """The augmentation of a job's trainings, decided now or cached.

    Raises:
        Cancelled: the caller requested a stop.
    """
    if (unchecked := _unchecked(job)) is not None:
        return unchecked
    key = _key(job)

    def compute() -> StageOutput:
        as_they_are, mirrored, error, chance = _probe(context, job, UNMIRRORED, key)
        harmless = as_they_are > chance + SURE * error and mirrored >= as_they_are - error
        return StageOutput({}, {"flip": harmless, "as_they_are": as_they_are, "mirrored": mirrored, "error": error})

    facts = context.run("preparing", key, compute).facts
    verdict = "is part of" if facts["flip"] else "is left out of"
    context.info(
        f"Mirroring {verdict} the augmentation: a quick check is right on {facts['as_they_are']:.1%} of the validation images "
        f"(balanced over the classes) as they are and on {facts['mirrored']:.1%} mirrored (standard error {facts['error']:.1%})."
    )
    return replace(UNMIRRORED, flip=bool(facts["flip"]))


def decided(context: Context, job: Job) -> Augment | None:
    """The augmentation where it needs no check, or one that is cached; None where the check has not run yet."""
    if (unchecked := _unchecked(job)) is not None:
        return unchecked
    record = context.store.find(_key(job))
    return None if record is None else replace(UNMIRRORED, flip=bool(record.facts["flip"]))


def _unchecked(job: Job) -> Augment | None:
    if job.spec.augment != "auto":
        return NAMED[job.spec.augment]
    if job.data.resolution < PHOTO_SIZE:
        return LIGHT
    return None if job.work.probe_images else UNMIRRORED


def _key(job: Job) -> StageKey:
    inputs = {
        "space": job.space.fingerprint, "data": job.data.content_hash, "seed": job.spec.seed, **job.compute.inputs,
        "images": job.work.probe_images, "augment": asdict(UNMIRRORED),
    }  # fmt: skip
    return StageKey("flip_check", VERSION, inputs)


def _probe(context: Context, job: Job, augment: Augment, key: StageKey) -> tuple[float, float, float, float]:
    """Balanced accuracies of a network on validation images and on their mirror images, the standard error, and chance."""
    import numpy as np

    from nas import accelerator
    from nas.evaluate import mode_answers
    from nas.interpreter import Evaluation, Training, recalibrate
    from nas.metrics import confusion, score, standard_error
    from nas.stages.inputs import batches, class_weights, float_images, whole_batches
    from nas.stages.train import callbacks
    from nas.supernet_weights import SupernetWeights
    from nas.training.loop import train
    from nas.training.single_network import SingleNetwork
    from nas.work import VALIDATION

    accelerator.start(job.compute)
    network, config = job.space.network(job.space.smallest()), config_for(job, SINGLE)
    image_size, classes = network.input_shape[1], len(job.data.classes)
    weights = SupernetWeights.of(network.layers, job.spec.seed, job.compute.device)
    batch = batches(context, job, config, job.spec.seed, job.work.probe_images, augment)
    forward = accelerator.forward(job.compute)
    strategy = SingleNetwork(
        network,
        weights.tensors,
        Training,
        batch,
        config,
        class_weights=class_weights(job),
        forward=forward,
        replayed=job.compute.on_gpu,
    )
    steps = max(1, job.work.probe_images // config.batch_size)
    own = callbacks(context, key, "preparing", prefix="flip_check_")
    train(strategy, config, steps, replace(own, devices=job.compute.locks))
    plain = SupernetWeights({name: tensor.detach() for name, tensor in weights.tensors.items()})
    statistics = recalibrate(network, plain, whole_batches(float_images(context, job, "train", 512)(image_size), 256))
    mode = Evaluation(plain.tensors, statistics)
    split = context.arrays(job.data).subset("val", image_size, VALIDATION, job.spec.seed)
    straight, mirrored = (
        confusion(split.labels, mode_answers(network, mode, images, device=job.compute.device), classes)
        for images in (split.images, np.ascontiguousarray(split.images[:, :, :, ::-1]))
    )
    present = int((straight.sum(1) > 0).sum())
    scores = (score(straight, "balanced_accuracy"), score(mirrored, "balanced_accuracy"))
    return *scores, standard_error(straight, "balanced_accuracy"), 1 / present
