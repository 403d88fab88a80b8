"""The stage that starts from a trained network: its weights are fine-tuned on the user's data at every end of the space, and sorted.

What it returns are supernet weights: those of the fine-tuned source, with the most important channels first. A supernet is trained
from them, or, where the time is short, networks are cut out of them directly.
"""

from collections.abc import Mapping
from dataclasses import asdict, dataclass, replace

from torch import Tensor

from nas import accelerator
from nas.evaluate import mode_answers
from nas.importance import Importance, descending, importances, permuted
from nas.interpreter import Evaluation
from nas.job import Job
from nas.metrics import confusion, score
from nas.source import Source
from nas.stages.context import Context, StageOutput
from nas.stages.costs import JUDGED
from nas.stages.inputs import batches, class_weights, statistics
from nas.stages.read_source import source_weights
from nas.stages.train import Supernet, callbacks, halving_notice, learning, with_batch
from nas.stages.train_config import config_for
from nas.store import StageKey
from nas.supernet_weights import SupernetWeights
from nas.training.config import ADAPT, TrainConfig
from nas.training.exits import Exits
from nas.training.loop import train
from nas.training.loss import label_loss
from nas.work import VALIDATION
from search_spaces.exits import exits, exits_network
from search_spaces.network import Network
from search_spaces.space import Architecture

VERSION = 1


@dataclass(frozen=True)
class Adapted:
    """A source on the user's data.

    Attributes:
        supernet: its weights, channels sorted.
        exits: the largest architecture at each end.
        importance: of the layers at each end.
        values: the search's metric of each end on validation images, in floating point.
    """

    supernet: Supernet
    exits: tuple[Architecture, ...]
    importance: tuple[Importance, ...]
    values: tuple[float, ...]

    @property
    def best(self) -> Architecture:
        """The end with the best metric; of equals, the smallest."""
        return self.exits[max(range(len(self.exits)), key=lambda i: (self.values[i], -i))]


def adapt(context: Context, job: Job) -> Adapted:
    """The source of a job on its data, cached or trained now; a killed training resumes from its checkpoint.

    Raises:
        SourceUnavailable: the source's package is not installed, or has another file.
        UnreadableModel: the user's own file has no weights, or cannot be read.
        Cancelled: the caller requested a stop; a checkpoint is kept.
        OutOfSpace: the disk is full; the previous checkpoint is kept.
        OutOfDeviceMemory, DeviceLost: the GPU does not do.
    """
    assert job.source is not None
    source = job.source
    accelerator.start(job.compute)
    planned, images, key = config_for(job, ADAPT), job.work.adapt_images, _key(job, source)
    network = exits_network(job.space)

    def attempt(config: TrainConfig) -> StageOutput:
        whole = source_weights(context, job)
        whole = SupernetWeights({name: tensor.to(job.compute.device) for name, tensor in whole.tensors.items()})
        weights = {name: view.detach().clone() for name, view in whole.parameters(network).items()}
        batch = batches(context, job, config, job.spec.seed, images, job.augment)
        strategy = Exits(network, weights, batch, config, class_weights(job))
        steps = max(1, images // config.batch_size)
        own = callbacks(context, with_batch(key, planned, config), "training", prefix="source_")
        train(strategy, config, steps, replace(own, devices=job.compute.locks))
        trained = SupernetWeights({**whole.tensors, **{name: tensor.detach() for name, tensor in weights.items()}})
        judged = _judged(context, job, network, trained)
        orders = descending(network, [one.channels for one in judged])
        values = [_value(context, job, job.space.network(one), trained) for one in exits(job.space)]
        ordered = SupernetWeights(permuted(trained.tensors, orders))
        outputs = {f"importance{i}": one.permuted(orders).to_json().encode() for i, one in enumerate(judged)}
        return StageOutput({"supernet": ordered.to_bytes(), **outputs}, {"values": values})

    def compute() -> StageOutput:
        return accelerator.halved_once(job.compute, planned, attempt, halving_notice(context, job.compute))

    record = context.run("training", key, compute)
    supernet = record.outputs["supernet"]
    importance = [
        Importance.from_json(context.store.get(record.outputs[f"importance{i}"]).decode())
        for i in range(len(network.outputs))
    ]
    return Adapted(
        Supernet(SupernetWeights.from_bytes(context.store.get(supernet), job.compute.device), supernet),
        exits(job.space),
        tuple(importance),
        tuple(record.facts["values"]),
    )


def adapted_hash(context: Context, job: Job) -> str | None:
    """The hash of the weights of a job's source on its data, as `Adapted.supernet` has it; None where they are not cached."""
    record = None if job.source is None else context.store.find(_key(job, job.source))
    return None if record is None else record.outputs["supernet"]


def _key(job: Job, source: Source) -> StageKey:
    return StageKey(
        "adapt",
        VERSION,
        {
            "source": source.sha256,
            "space": job.space.fingerprint,
            "data": job.data.content_hash,
            "config": asdict(config_for(job, ADAPT)),
            "images": job.work.adapt_images,
            "metric": job.spec.metric,
            "seed": job.spec.seed,
            **job.compute.inputs,
            **learning(job),
        },
    )


def _judged(context: Context, job: Job, network: Network, weights: SupernetWeights) -> tuple[Importance, ...]:
    """The importance at each end, on unchanged training images."""
    config = config_for(job, ADAPT)
    batch = batches(context, job, config, job.spec.seed + 1, 0, job.augment)
    several = (batch(step, network.input_shape[1]) for step in range(JUDGED))
    loss = class_weights(job)
    return importances(network, weights, several, lambda logits, labels: label_loss(logits, labels, config, loss))


def _value(context: Context, job: Job, network: Network, weights: SupernetWeights) -> float:
    """The search's metric of one network on validation images, in floating point."""
    size = network.input_shape[1]
    parameters: Mapping[str, Tensor] = {n: view.detach() for n, view in weights.parameters(network).items()}
    split = context.arrays(job.data).subset("val", size, VALIDATION, job.spec.seed)
    mode = Evaluation(parameters, statistics(context, job, network, weights))
    found = mode_answers(network, mode, split.images, device=job.compute.device)
    return score(confusion(split.labels, found, len(job.data.classes)), job.spec.metric)
