"""The stages that make a trained network's files: INT8 after training, INT8 retraining, and what their answers are worth.

Everything happens in the scheme of the target; where its scales are powers of two, the weights are equalised first. The better of
post-training quantisation and INT8 retraining, on the validation part, is delivered. The test part is looked at once, at the end;
a file's answers are what ONNX Runtime computes, whatever the file is run on.
"""

from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING, Literal

import numpy as np
import torch

from hw_targets.float_lowering import lower_float
from hw_targets.registry import target as find_target
from nas.equalise import equalised
from nas.interpreter import Folded, float_weights, folded, recalibrate
from nas.metrics import Scores, confusion
from nas.onnx_answers import answers
from nas.quantise import Requantised, quantise
from nas.ranges import Ranges, observe
from nas.spec import Metric
from nas.stages.budget import Goal
from nas.stages.context import Context, Made
from nas.stages.fine_tune import BATCH, CALIBRATION, teacher_answers, trained_weights
from nas.stages.inputs import batches, class_weights, float_images, whole_batches
from nas.stages.recipes import recipe_for
from nas.stages.train import learning, watch
from nas.store import StageKey
from nas.tensors import Tensors
from nas.training.loop import train
from nas.training.recipe import RETRAIN_INT8
from nas.training.single import Single
from nas.work import RETRAINED
from search_spaces.network import Network

if TYPE_CHECKING:
    from nas.pipeline import Job

VERSION = 4
OBSERVED = 512
"""Training images that the ranges of a file are observed on."""


@dataclass(frozen=True, slots=True)
class Quantized:
    """A network's files, and what the INT8 file's answers on the validation part are worth.

    Attributes:
        int8, fp32: hashes of the files.
        retrained: whether the INT8 file is of weights that were retrained in INT8.
    """

    int8: str
    fp32: str
    validation: Scores
    retrained: bool = False


def quantized(context: Context, job: "Job", goal: Goal, network: Network, weights: str) -> Quantized:
    """The files of trained weights (a hash), quantised after training and judged; in the store or made now."""
    return _files(context, job, goal, network, weights, "quantize")


def retrained(context: Context, job: "Job", goal: Goal, network: Network, weights: str) -> Quantized:
    """The same with INT8 retraining, where that is better on the validation part."""
    plain = quantized(context, job, goal, network, weights)
    other = _files(context, job, goal, network, weights, "retrain_int8")
    return other if other.validation.value >= plain.validation.value else plain


def _files(
    context: Context,
    job: "Job",
    goal: Goal,
    network: Network,
    weights: str,
    how: Literal["quantize", "retrain_int8"],
) -> Quantized:
    retrains = how == "retrain_int8"
    key = StageKey(
        how,
        VERSION,
        {
            "weights": weights,
            "network": network.id,
            "data": job.data.content_hash,
            "seed": job.spec.seed,
            "threads": job.threads,
            "target": goal.info.fingerprint,
            "scheme": goal.scheme.name,
            **(
                {"images": int(RETRAINED * job.work.tune_images), "recipe": asdict(RETRAIN_INT8), **learning(job)}
                if retrains
                else {}
            ),
        },
    )

    def compute() -> Made:
        torch.set_num_threads(job.threads)
        floats = _folded(context, job, network, weights)
        starting, ranges = _ranges(job, goal, network, floats)
        parameters = _retrain(context, job, goal, network, floats, starting, ranges, key) if retrains else starting
        model = find_target(goal.info.id).lower(network, quantise(network, parameters, ranges, goal.scheme))
        plain = lower_float(network, float_weights(network, floats))
        return Made({"int8": model, "fp32": plain}, {"validation": file_scores(job, model, network, "val").to_json()})

    record = context.run("finalising", key, compute, target=goal.info.id)
    matrix = np.array(record.facts["validation"], np.int64)
    return Quantized(record.outputs["int8"], record.outputs["fp32"], Scores(matrix, job.spec.metric), retrains)


def tested(context: Context, job: "Job", network: Network, files: Quantized) -> tuple[Scores, Scores]:
    """What the answers of the INT8 and the FP32 file on the test part are worth."""
    key = StageKey("test", VERSION, {"int8": files.int8, "fp32": files.fp32, "data": job.data.content_hash})
    record = context.store.find(key)
    if record is None:
        int8, fp32 = (
            file_scores(job, context.store.get(digest), network, "test") for digest in (files.int8, files.fp32)
        )
        record = context.store.finish(key, {}, seconds=0.0, facts={"int8": int8.to_json(), "fp32": fp32.to_json()})
    metric: Metric = job.spec.metric
    return (
        Scores(np.array(record.facts["int8"], np.int64), metric),
        Scores(np.array(record.facts["fp32"], np.int64), metric),
    )


def file_scores(job: "Job", model: bytes, network: Network, name: Literal["val", "test"]) -> Scores:
    """What a file's answers on a part are worth."""
    part = job.data.part(name, network.input_shape[1])
    found = answers(model, part.images, threads=job.threads)
    return Scores(confusion(part.labels, found, len(job.data.classes)), job.spec.metric)


def _folded(context: Context, job: "Job", network: Network, weights: str) -> Tensors:
    """Float parameters without batch norm, which is recalibrated on training images."""
    bank = trained_weights(context, weights)
    shown = float_images(job, "train", CALIBRATION)(network.input_shape[1])
    with torch.no_grad():
        tensors = folded(network, bank.tensors, recalibrate(network, bank, whole_batches(shown, BATCH)))
    return {n: t.contiguous(memory_format=torch.channels_last) if t.dim() == 4 else t for n, t in tensors.items()}


def _ranges(job: "Job", goal: Goal, network: Network, floats: Tensors) -> tuple[Tensors, Ranges]:
    """The parameters that are quantised, and the ranges of all tensors."""
    starting = equalised(network, floats) if goal.scheme.power_of_two else floats
    shown = float_images(job, "train", OBSERVED)(network.input_shape[1])
    with torch.inference_mode():
        return starting, observe(network, Folded(starting), shown.split(BATCH), goal.scheme)


def _retrain(
    context: Context,
    job: "Job",
    goal: Goal,
    network: Network,
    floats: Tensors,
    starting: Tensors,
    ranges: Ranges,
    key: StageKey,
) -> Tensors:
    """The parameters after INT8 retraining, with the network before quantisation as the teacher."""
    weights = {name: tensor.clone() for name, tensor in starting.items()}
    recipe = recipe_for(job, RETRAIN_INT8)
    batch = batches(job, recipe, job.spec.seed, job.work.tune_images, job.augment)
    strategy = Single(
        network,
        weights,
        lambda w: Requantised(network, w, ranges, scheme=goal.scheme),
        batch,
        recipe,
        teacher_answers(network, Folded(floats), batch),
        class_weights(job),
    )
    steps = max(1, int(RETRAINED * job.work.tune_images) // recipe.batch_size)
    train(strategy, recipe, steps, watch(context, key, "finalising", target=goal.info.id, part="int8_"))
    return {name: tensor.detach() for name, tensor in weights.items()}
