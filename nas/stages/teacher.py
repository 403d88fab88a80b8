"""Networks whose outputs others learn from: the largest of a supernet, the source on the data, or one that the user names."""

from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Protocol

from nas.errors import InvalidSpec
from nas.evaluate import mode_answers
from nas.interpreter import BNFolded, Evaluation, ExecutionMode
from nas.job import Job
from nas.metrics import confusion, score
from nas.own_source import OwnSource
from nas.stages.context import Context
from nas.stages.inputs import statistics
from nas.stages.read_source import match
from nas.stages.train import Supernet
from search_spaces.derived import derive
from search_spaces.network import Network


class Teacher(Protocol):
    """A network whose outputs are learned from."""

    @property
    def network(self) -> Network:
        """Itself; it sees the images at its own size."""

    @property
    def mode(self) -> ExecutionMode:
        """How it computes."""

    @property
    def value(self) -> float:
        """The search's metric on the validation set, in floating point, 0-1."""

    @property
    def weights_hash(self) -> str:
        """Of its weights."""


@dataclass(frozen=True)
class SupernetTeacher:
    """A network of a supernet as a teacher."""

    context: Context
    job: Job
    supernet: Supernet
    network: Network

    @cached_property
    def mode(self) -> Evaluation:
        """Its weights with batch norm recalibrated."""
        weights, network = self.supernet.weights, self.network
        parameters = {name: view.detach() for name, view in weights.parameters(network).items()}
        return Evaluation(parameters, statistics(self.context, self.job, network, weights))

    @cached_property
    def value(self) -> float:
        """The search's metric on the validation set, in floating point, 0-1."""
        return _value(self.context, self.job, self.network, self.mode)

    @property
    def weights_hash(self) -> str:
        """Of the supernet."""
        return self.supernet.hash


@dataclass(frozen=True)
class OwnTeacher:
    """A trained network of the user's as a teacher; it must know the job's classes.

    Raises:
        InvalidSpec: when it is first used: its classes are others, or it is no better than chance.
    """

    context: Context
    job: Job
    source: OwnSource

    @cached_property
    def _taught(self) -> tuple[Network, BNFolded]:
        side = _side(self.source, self.job)
        found = match(self.context, self.job, self.source, side=side)
        if not found.keeps:
            said = "has other classes than the data" if found.value is None else "is no better than chance on the data"
            raise InvalidSpec(
                f"The teacher {self.source.name} {said}.",
                fix="Name a network that was trained on these classes, in their order, or leave out the teacher.",
                facts={"teacher": self.source.name},
            )
        whole = found.network
        network = Network(whole.name, whole.input_shape, whole.layers, whole.outputs[-1:])
        device = self.job.compute.device
        return network, BNFolded({name: tensor.to(device) for name, tensor in found.parameters.items()})

    @property
    def network(self) -> Network:
        """Itself, at the job's image size or its own."""
        return self._taught[0]

    @property
    def mode(self) -> BNFolded:
        """Its weights, batch norm folded."""
        return self._taught[1]

    @cached_property
    def value(self) -> float:
        """The search's metric on the validation set, in floating point, 0-1."""
        return _value(self.context, self.job, self.network, self.mode)

    @property
    def weights_hash(self) -> str:
        """Of its file."""
        return self.source.sha256


def _side(source: OwnSource, job: Job) -> int:
    """The side in pixels at which a network of the user's sees a job's images."""
    return derive(Path(source.space), side=job.data.resolution).fixed_side or job.data.resolution


def _value(context: Context, job: Job, network: Network, mode: ExecutionMode) -> float:
    split = context.arrays(job.data).split("val", network.input_shape[1])
    found = mode_answers(network, mode, split.images, device=job.compute.device)
    return score(confusion(split.labels, found, len(job.data.classes)), job.spec.metric)
