"""From a trained network to weights for a job's space: read, matched to the images, sorted by norm. Not here: training (`adapt.py`)."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from math import sqrt
from pathlib import Path
from typing import TYPE_CHECKING, Final

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from nas.batch_norm import with_batch_norm
from nas.data.splits import SplitName
from nas.importance import descending, norms, permuted
from nas.interpreter import BNFolded, run_all
from nas.job import Job
from nas.metrics import confusion, score
from nas.own_source import CONVENTIONS, Convention, OwnSource, folded, read
from nas.pretrained import Published, load
from nas.stages.context import Context
from nas.stages.inputs import BATCH, float_images, whole_batches
from nas.supernet_weights import SupernetWeights, leading
from nas.tensors import Tensors
from search_spaces.derived import Derivation, derive
from search_spaces.errors import InvalidSpace
from search_spaces.lattice import Lattice
from search_spaces.network import Network
from search_spaces.registry import space as known_space

if TYPE_CHECKING:
    from search_spaces.onnx_weights import TrainedNetwork

SEEN: Final = 512
"""Images of a split that decide how pixels are scaled, and that batch norm is put back on."""
NEIGHBOURS: Final = 5
"""Training images whose features are nearest, which say the class of an image where the classifier is of no use."""
SURE: Final = 3.0
"""Standard errors above chance at which a network is taken to know the classes."""


def source_weights(context: Context, job: Job) -> SupernetWeights:
    """Weights for the job's space: its source's where it has any, sorted by their L1 norm, else at random.

    Raises:
        SourceUnavailable: a published source's package is not installed, or has another file.
        UnreadableModel: the user's own file has no weights, or cannot be read.
    """
    source = job.source
    whole = _largest(job)
    if isinstance(source, Published):
        parameters, _ = load(source, channels=job.data.channels)
    else:
        assert isinstance(source, OwnSource)
        parameters = _own(context, job, source, whole)
    sorted_ = permuted(parameters, descending(whole, [norms(parameters)]))
    fresh = SupernetWeights.of(Lattice.of(job.space).layers(), job.spec.seed)
    tensors = {
        name: leading(sorted_[name], tuple(tensor.shape)).clone() if name in sorted_ else tensor
        for name, tensor in fresh.tensors.items()
    }
    return SupernetWeights(tensors)


def _largest(job: Job) -> Network:
    """The source as a network, whatever part of its space the targets run."""
    assert job.source is not None
    size = {"resolution": job.data.resolution, "channels": job.data.channels, "classes": len(job.data.classes)}
    whole = known_space(job.source.space, **size)
    return whole.network(whole.largest())


@dataclass(frozen=True)
class Match:
    """A user's own network on the images of a job.

    Attributes:
        network: with two outputs: what its classifier reads, and its classes.
        derivation: what of it can shrink.
        parameters: of the network without batch norm, for pixels / 255, by the names of the derived space.
        keeps: whether its classifier knows the job's classes.
        value: how often that is right on the validation images, the mean over classes; None where it has other classes.
    """

    network: Network
    derivation: Derivation
    parameters: Tensors
    keeps: bool
    value: float | None


@dataclass(frozen=True)
class _Tried:
    """A network under one convention: its weights, and how well it tells the user's classes apart.

    Attributes:
        features: share right by the nearest neighbours of its features, the mean over classes.
        own: share right by its own classifier, the mean over classes; None where that has other classes.
    """

    convention: Convention
    parameters: Tensors
    features: float
    own: float | None


def match(context: Context, job: Job, source: OwnSource, *, side: int) -> Match:
    """A user's own network, with the scaling of pixels that suits the job's images of a side in pixels.

    Raises:
        UnreadableModel: its file has no weights, or cannot be read.
        InvalidSpace: it is no classifier, has operators that cannot be trained, or reads other channels.
    """
    trained, derivation = read(source, side=side), derive(Path(source.space), side=side)
    network = _two_outputs(job, derivation, side)
    tried = _try(context, job, network, trained, derivation)
    classes, seen = len(job.data.classes), min(SEEN, job.data.images["val"])
    best = _best(tried, classes, seen)
    keeps = best.own is not None and best.own > 1 / classes + SURE * _error(1 / classes, seen)
    context.info(
        f"{source.name} reads pixels {best.convention.name}, by a check on {seen} images; "
        f"its classifier {'knows the classes' if keeps else 'is of no use'}."
    )
    return Match(network, derivation, best.parameters, keeps, best.own)


def _own(context: Context, job: Job, source: OwnSource, whole: Network) -> Tensors:
    """The parameters of a user's own network, with batch norm; without its classifier where that has other classes."""
    side = job.data.resolution
    found = match(context, job, source, side=side)
    if found.value is not None and not found.keeps:
        context.warn(
            f"{source.name} has as many classes as the data and is right on {found.value:.0%} of the validation images, no better than "
            "chance. Either its classes are others, or its images were prepared in another way than the usual ones, of which all were "
            "tried (red or blue first; from 0 to 1, -1 to 1, 0 to 255, by ImageNet's mean and deviation). Its classifier is replaced."
        )
    parameters, head = dict(found.parameters), found.derivation.names[found.derivation.head.name]
    if not found.keeps:  # any of the right shape: batch norm is put back before it
        for role, tensor in ((".weight", parameters[f"{head}.weight"]), (".bias", parameters[f"{head}.bias"])):
            parameters[head + role] = torch.zeros(len(job.data.classes), *tensor.shape[1:])
    images = float_images(context, job, "train", SEEN)(side).cpu()
    normed = with_batch_norm(whole, parameters, whole_batches(images, BATCH))
    if found.keeps:
        return normed
    return {name: value for name, value in normed.items() if not name.startswith(f"{head}.")}


def _classifier(job: Job, trained: "TrainedNetwork", derivation: Derivation) -> Sequence[int] | None:
    """The order of the file's classes that gives the job's; None where they are others. Unnamed ones may be the same."""
    classes = job.data.classes
    if len(classes) != derivation.classes:
        return None
    if not trained.class_names:
        return range(len(classes))
    if set(trained.class_names) != set(classes):
        return None
    return [trained.class_names.index(name) for name in classes]


def _two_outputs(job: Job, derivation: Derivation, side: int) -> Network:
    """The source as a network of what its classifier reads, and of its classes."""
    space = derivation.space("source", resolution=side, channels=job.data.channels, classes=derivation.classes)
    network = space.network(space.largest())
    read_by_head = network.by_name[derivation.names[derivation.head.name]].inputs[0]
    return Network(network.name, network.input_shape, network.layers, (read_by_head, network.outputs[0]))


def _try(
    context: Context,
    job: Job,
    network: Network,
    trained: "TrainedNetwork",
    derivation: Derivation,
) -> list[_Tried]:
    from sklearn.neighbors import KNeighborsClassifier
    from sklearn.pipeline import make_pipeline
    from sklearn.preprocessing import StandardScaler

    classifier = _classifier(job, trained, derivation)
    splits: tuple[SplitName, SplitName] = ("train", "val")
    side = network.input_shape[1]
    images = [float_images(context, job, split, SEEN)(side) for split in splits]
    labels = [context.arrays(job.data).subset(split, side, SEEN, job.spec.seed).labels for split in splits]
    classes = len(job.data.classes)
    tried = []
    for convention in CONVENTIONS:
        context.check_cancelled()
        if convention.reverse and 1 in (job.data.channels, trained.network.input_shape[0]):
            continue
        try:
            weights = folded(trained, convention, job.data.channels)
        except InvalidSpace:
            if convention.reverse:
                continue
            raise
        parameters = {
            name: torch.from_numpy(np.ascontiguousarray(value)) for name, value in derivation.renamed(weights).items()
        }
        if classifier is not None:
            head = derivation.names[derivation.head.name]
            for role in (".weight", ".bias"):
                parameters[head + role] = parameters[head + role][list(classifier)]
        (features, _), (seen, logits) = (_outputs(network, parameters, one) for one in images)
        own = None if classifier is None else _right(labels[1], logits.argmax(1), classes)
        neighbours = KNeighborsClassifier(min(NEIGHBOURS, len(features)))
        nearest = make_pipeline(StandardScaler(), neighbours).fit(features, labels[0]).predict(seen)
        tried.append(_Tried(convention, parameters, _right(labels[1], nearest, classes), own))
    return tried


def _outputs(network: Network, parameters: Mapping[str, Tensor], images: Tensor) -> tuple[NDArray[np.float64], ...]:
    """Both outputs, (N, features) and (N, classes); of a feature map, the mean over its pixels."""
    found = []
    with torch.inference_mode():
        for batch in images.cpu().split(BATCH):
            outputs = run_all(network, batch, BNFolded(parameters))
            found.append([one.mean((2, 3)) if one.dim() == 4 else one for one in outputs])
    return tuple(torch.cat(columns).double().numpy() for columns in zip(*found, strict=True))


def _right(labels: NDArray[np.int64], found: NDArray[np.int64], classes: int) -> float:
    """The share that is right, the mean over the classes."""
    return score(confusion(labels, found, classes), "balanced_accuracy")


def _error(share: float, images: int) -> float:
    return sqrt(max(share * (1 - share), 1 / images) / images)


def _best(tried: Sequence[_Tried], classes: int, images: int) -> _Tried:
    """The commonest convention within a standard error of the best: by its own classes where these are known, else by features."""
    own = max((one.own or 0.0 for one in tried), default=0.0)
    by_own = own > 1 / classes + SURE * _error(1 / classes, images)
    score = [(one.own or 0.0) if by_own else one.features for one in tried]
    least = max(score) - _error(max(score), images)
    return next(one for one, value in zip(tried, score, strict=True) if value >= least)
