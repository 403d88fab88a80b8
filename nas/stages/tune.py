"""The stage that finishes one architecture: fine-tunes its subnet, quantises it, retrains it in INT8, and writes its files.

Everything happens in the scheme of the target; where its scales are powers of two, the weights are equalised first. The
better of post-training quantisation and INT8 retraining, on the validation part, is delivered. The test part is looked at
once, at the end; the file's accuracy is what ONNX Runtime computes, whatever the file is run on.
"""

from collections.abc import Mapping
from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING

import torch
from torch import Tensor

from hw_targets.float_lowering import lower_float
from hw_targets.registry import target as find_target
from hw_targets.stopping import stop_if_asked
from nas.bank import Bank
from nas.data.parts import Part
from nas.equalise import equalised
from nas.evaluate import accuracy
from nas.interpreter import (
    Evaluation,
    Folded,
    Mode,
    Training,
    float_weights,
    folded,
    recalibrate,
    run,
)
from nas.quantise import Quantised, Requantised, quantise
from nas.ranges import Ranges, observe
from nas.stages.budget import Goal
from nas.stages.context import Context, Made
from nas.stages.recipes import recipe_for
from nas.stages.train import CALIBRATION, Supernet, batches, images, watch, whole_batches
from nas.store import StageKey
from nas.tensors import Tensors, pack, unpack
from nas.training.loop import train
from nas.training.recipe import FINE_TUNE, RETRAIN_INT8
from nas.training.sandwich import Batch
from nas.training.single import Single, Teacher
from search_spaces.network import Network
from search_spaces.space import Architecture

if TYPE_CHECKING:
    from nas.pipeline import Job

VERSION = 2
OBSERVED = 512
"""Training images that the ranges of the delivered model are observed on."""
BATCH = 256


@dataclass(frozen=True, slots=True)
class Tuned:
    """A finished model: hashes of its files, and its accuracy on the test part (validation beside), 0-1."""

    int8: str
    fp32: str
    accuracy_fp32: float
    accuracy_int8: float
    validation_int8: float


def tune(context: Context, job: "Job", goal: Goal, supernet: Supernet, architecture: Architecture) -> Tuned:
    """The finished model of an architecture, from the store or made now; a killed training goes on from its checkpoint.

    Raises:
        Cancelled: the caller asked to stop; a checkpoint is kept.
        OutOfSpace: the disk is full; the checkpoint before is kept.
    """
    torch.set_num_threads(job.threads)
    network = job.space.network(architecture)
    inputs = {
        "bank": supernet.hash, "network": network.id, "data": job.data.content_hash, "images": job.work.tune_images,
        "seed": job.spec.seed, "threads": job.threads, "recipes": [asdict(FINE_TUNE), asdict(RETRAIN_INT8)],
    }  # fmt: skip
    floats = _fine_tuned(context, job, goal, supernet, network, inputs)
    key = StageKey("finalise", VERSION, {**inputs, "target": goal.info.fingerprint, "scheme": goal.scheme.name})

    def compute() -> Made:
        parameters, ranges, validation = _quantised(context, job, goal, network, floats, key)
        model = find_target(goal.info.id).lower(network, quantise(network, parameters, ranges, goal.scheme))
        plain = lower_float(network, float_weights(network, floats))
        test = job.data.part("test", network.input_shape[1])
        facts = {
            "accuracy_fp32": file_accuracy(plain, test),
            "accuracy_int8": file_accuracy(model, test),
            "validation_int8": validation,
        }
        return Made({"int8": model, "fp32": plain}, facts)

    record = context.run("finalising", key, compute, target=goal.info.id)
    return Tuned(record.outputs["int8"], record.outputs["fp32"], **record.facts)


def file_accuracy(model: bytes, part: Part) -> float:
    """Top-1 accuracy of a model file on a part, 0-1, as ONNX Runtime computes it."""
    import onnxruntime

    session = onnxruntime.InferenceSession(model, providers=["CPUExecutionProvider"])
    right = 0
    for start in range(0, len(part), BATCH):
        stop_if_asked()
        logits = session.run(None, {"image": part.images[start : start + BATCH]})[0]
        right += int((logits.argmax(1) == part.labels[start : start + BATCH]).sum())
    return right / len(part)


def _fine_tuned(
    context: Context, job: "Job", goal: Goal, supernet: Supernet, network: Network, inputs: Mapping[str, object]
) -> Tensors:
    """Folded float parameters of the fine-tuned subnet."""
    key = StageKey("fine_tune", VERSION, inputs)
    recipe = recipe_for(job, FINE_TUNE)

    def compute() -> Made:
        calibration = images(job, "train", CALIBRATION)
        weights = {name: view.detach().clone() for name, view in supernet.bank.parameters(network).items()}
        batch = batches(job, recipe, job.spec.seed + 1, job.work.tune_images)
        strategy = Single(network, weights, Training, batch, recipe, _teacher(job, supernet, batch))
        steps = max(1, job.work.tune_images // recipe.batch_size)
        train(strategy, recipe, steps, watch(context, key, "finalising", target=goal.info.id, part="tune_"))
        with torch.no_grad():
            plain = {name: tensor.detach() for name, tensor in weights.items()}
            statistics = recalibrate(network, Bank(plain), whole_batches(calibration(network.input_shape[1]), BATCH))
            return Made({"folded": pack(folded(network, plain, statistics), {})})

    record = context.run("finalising", key, compute, target=goal.info.id)
    tensors, _ = unpack(context.store.get(record.outputs["folded"]))
    return {n: t.contiguous(memory_format=torch.channels_last) if t.dim() == 4 else t for n, t in tensors.items()}


def _quantised(
    context: Context, job: "Job", goal: Goal, network: Network, floats: Tensors, key: StageKey
) -> tuple[Tensors, Ranges, float]:
    """Parameters and ranges of the better of plain quantisation and INT8 retraining, and its validation accuracy."""
    side = network.input_shape[1]
    calibration = images(job, "train", OBSERVED)(side)
    validation, labels = images(job, "val", job.data.images["val"])(side), job.data.part("val", side).labels
    truth = torch.from_numpy(labels)
    starting = equalised(network, floats) if goal.scheme.power_of_two else floats
    with torch.inference_mode():
        ranges = observe(network, Folded(starting), calibration.split(BATCH), goal.scheme)

    def judged(parameters: Tensors) -> float:
        weights = quantise(network, parameters, ranges, goal.scheme)
        return accuracy(network, Quantised(network, weights), validation, truth, BATCH)

    plain = judged(starting)
    weights = {name: tensor.clone() for name, tensor in starting.items()}
    recipe = recipe_for(job, RETRAIN_INT8)
    batch = batches(job, recipe, job.spec.seed + 2, job.work.tune_images)
    strategy = Single(
        network,
        weights,
        lambda w: Requantised(network, w, ranges, scheme=goal.scheme),
        batch,
        recipe,
        _answers(network, Folded(floats), batch),
    )
    steps = max(1, job.work.tune_images // 4 // recipe.batch_size)
    train(strategy, recipe, steps, watch(context, key, "finalising", target=goal.info.id, part="int8_"))
    trained = {name: tensor.detach() for name, tensor in weights.items()}
    retrained = judged(trained)
    return (trained, ranges, retrained) if retrained >= plain else (starting, ranges, plain)


def _teacher(job: "Job", supernet: Supernet, batch: Batch) -> Teacher:
    """The supernet's largest network, on the same images."""
    largest = job.space.network(job.space.largest())
    side = largest.input_shape[1]
    parameters = {name: view.detach() for name, view in supernet.bank.parameters(largest).items()}
    statistics = recalibrate(largest, supernet.bank, whole_batches(images(job, "train", CALIBRATION)(side), BATCH))
    return _answers(largest, Evaluation(parameters, statistics), batch)


def _answers(network: Network, mode: Mode, batch: Batch) -> Teacher:
    """What a network says of a step's images."""

    def answers(step: int) -> Tensor:
        with torch.no_grad():
            return run(network, batch(step, network.input_shape[1])[0], mode).softmax(1)

    return answers
