"""The stages that write a trained network's files: INT8 after training, INT8 retraining, and the metrics of both.

Everything happens in the scheme of the target; where its scales are powers of two, the weights are equalised first. The better of
post-training quantisation and INT8 retraining, on the validation set, is exported. The test set is used once, at the end;
a file's predictions are those of ONNX Runtime, whatever the target.
"""

from dataclasses import asdict, dataclass, replace
from typing import Literal

import numpy as np
import torch

from hw_targets.float_lowering import lower_float
from nas import accelerator
from nas.data.splits import SplitName
from nas.equalise import equalised
from nas.interpreter import BNFolded, float_weights, folded
from nas.job import Job
from nas.metrics import Scores, confusion
from nas.onnx_answers import answers
from nas.quantise import FakeQuant, quantise
from nas.ranges import Ranges, observe
from nas.spec import MetricName
from nas.stages.context import Context, StageOutput
from nas.stages.fine_tune import teacher_answers, trained_weights
from nas.stages.inputs import BATCH, batches, class_weights, float_images, statistics
from nas.stages.target_run import TrainingRun
from nas.stages.train import callbacks, halving_notice, learning, with_batch
from nas.stages.train_config import config_for
from nas.store import StageKey
from nas.tensors import Tensors
from nas.training.config import RETRAIN_INT8, TrainConfig
from nas.training.loop import train
from nas.training.single_network import SingleNetwork
from nas.work import RETRAINED
from search_spaces.network import Network

VERSION = 4
OBSERVED = 512
"""Training images that the ranges of a file are observed on."""


@dataclass(frozen=True, slots=True)
class Quantized:
    """A network's files, and the INT8 file's scores on the validation set.

    Attributes:
        int8, fp32: hashes of the files.
        retrained: whether the INT8 file is of weights that were retrained in INT8.
    """

    int8: str
    fp32: str
    validation: Scores
    retrained: bool = False


def quantized(run: TrainingRun, network: Network, weights: str) -> Quantized:
    """The files of trained weights (a hash), quantised after training and evaluated; cached or written now."""
    return _files(run, network, weights, "quantize")


def retrained(run: TrainingRun, network: Network, weights: str) -> Quantized:
    """The same with INT8 retraining, where that is better on the validation set."""
    plain = quantized(run, network, weights)
    other = _files(run, network, weights, "retrain_int8")
    return other if other.validation.value >= plain.validation.value else plain


def quantize_key(run: TrainingRun, network: Network, weights: str) -> StageKey:
    """What the files of `quantized` depend on."""
    return _key(run, network, weights, "quantize")


def retrain_key(run: TrainingRun, network: Network, weights: str) -> StageKey:
    """What the files of INT8 retraining depend on."""
    return _key(run, network, weights, "retrain_int8")


def _key(run: TrainingRun, network: Network, weights: str, how: Literal["quantize", "retrain_int8"]) -> StageKey:
    job = run.job
    inputs = {
        "weights": weights, "network": network.id, "data": job.data.content_hash, "seed": job.spec.seed,
        **job.compute.inputs, "target": run.fingerprint, "scheme": run.scheme.name,
    }  # fmt: skip
    if how == "retrain_int8":
        images = int(RETRAINED * job.work.tune_images)
        inputs |= {"images": images, "config": asdict(RETRAIN_INT8), **learning(job)}
    return StageKey(how, VERSION, inputs)


def _files(run: TrainingRun, network: Network, weights: str, how: Literal["quantize", "retrain_int8"]) -> Quantized:
    context, job, scheme, key = run.context, run.job, run.scheme, _key(run, network, weights, how)
    retrains = how == "retrain_int8"

    def compute() -> StageOutput:
        accelerator.start(job.compute)
        floats = _folded(context, job, network, weights)
        parameters = equalised(network, floats) if scheme.power_of_two else floats
        ranges = _ranges(run, network, parameters)
        if retrains:
            start = parameters

            def attempt(config: TrainConfig) -> Tensors:
                own = with_batch(key, planned, config)
                return _retrain(run, network, start, ranges, teacher=BNFolded(floats), key=own, config=config)

            planned = config_for(job, RETRAIN_INT8)
            parameters = accelerator.halved_once(job.compute, planned, attempt, halving_notice(context, job.compute))
        model = run.target.lower(network, quantise(network, parameters, ranges, scheme))
        plain = lower_float(network, float_weights(network, floats))
        scores = file_scores(context, job, model, network, "val")
        return StageOutput({"int8": model, "fp32": plain}, {"validation": scores.to_json()})

    record = context.run("fine_tuning", key, compute, target=run.id)
    matrix = np.array(record.facts["validation"], np.int64)
    return Quantized(record.outputs["int8"], record.outputs["fp32"], Scores(matrix, job.spec.metric), retrains)


def tested(context: Context, job: Job, network: Network, files: Quantized) -> tuple[Scores, Scores]:
    """Scores of the INT8 and the FP32 file on the test set."""
    key = StageKey("test", VERSION, {"int8": files.int8, "fp32": files.fp32, "data": job.data.content_hash})
    record = context.store.find(key)
    if record is None:
        int8, fp32 = (
            file_scores(context, job, context.store.get(digest), network, "test") for digest in (files.int8, files.fp32)
        )
        record = context.store.finish(key, {}, seconds=0.0, facts={"int8": int8.to_json(), "fp32": fp32.to_json()})
    metric: MetricName = job.spec.metric
    return (
        Scores(np.array(record.facts["int8"], np.int64), metric),
        Scores(np.array(record.facts["fp32"], np.int64), metric),
    )


def file_scores(context: Context, job: Job, model: bytes, network: Network, name: SplitName) -> Scores:
    """Scores of a file on a split."""
    split = context.arrays(job.data).split(name, network.input_shape[1])
    found = answers(model, split.images, threads=job.compute.threads)
    return Scores(confusion(split.labels, found, len(job.data.classes)), job.spec.metric)


def _folded(context: Context, job: Job, network: Network, weights: str) -> Tensors:
    """Float parameters without batch norm, which is recalibrated on training images."""
    trained = trained_weights(context, weights, job.compute.device)
    with torch.no_grad():
        tensors = folded(network, trained.tensors, statistics(context, job, network, trained))
    return {n: t.contiguous(memory_format=torch.channels_last) if t.dim() == 4 else t for n, t in tensors.items()}


def _ranges(run: TrainingRun, network: Network, parameters: Tensors) -> Ranges:
    """The ranges of all tensors on training images."""
    images = float_images(run.context, run.job, "train", OBSERVED)(network.input_shape[1])
    with torch.inference_mode():
        return observe(network, BNFolded(parameters), images.split(BATCH), run.scheme)


def _retrain(
    run: TrainingRun,
    network: Network,
    parameters: Tensors,
    ranges: Ranges,
    *,
    teacher: BNFolded,
    key: StageKey,
    config: TrainConfig,
) -> Tensors:
    """The parameters after INT8 retraining, with the network before quantisation as the teacher."""
    context, job = run.context, run.job
    weights = {name: tensor.clone() for name, tensor in parameters.items()}
    batch = batches(context, job, config, job.spec.seed, job.work.tune_images, job.augment)
    strategy = SingleNetwork(
        network,
        weights,
        lambda w: FakeQuant(network, w, ranges, scheme=run.scheme),
        batch,
        config,
        teacher_answers(network, teacher, batch),
        class_weights(job),
        replayed=job.compute.on_gpu and not run.scheme.power_of_two,  # whose exponents are read in each step
    )
    steps = max(1, int(RETRAINED * job.work.tune_images) // config.batch_size)
    own = callbacks(context, key, "fine_tuning", target=run.id, prefix="int8_")
    train(strategy, config, steps, replace(own, devices=job.compute.locks))
    return {name: tensor.detach() for name, tensor in weights.items()}
