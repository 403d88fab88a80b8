"""One network's training in a round with its files for some targets, and its INT8 retraining, as work items that any worker runs.

Not here: who trains for how long (`tournament.py`), and which items there are (`train_ahead.py`).
"""

from dataclasses import dataclass, replace
from typing import Any

from hw_targets.scheme import Scheme
from hw_targets.target import Target
from nas.data.arrays import DataArrays
from nas.data.facts import DataFacts
from nas.execution.work import Needs, Site
from nas.job import Job
from nas.stages.context import Context
from nas.stages.fine_tune import fine_tune
from nas.stages.quantize import quantized, retrained
from nas.stages.teacher import OwnTeacher, SupernetTeacher, Teacher
from nas.stages.train import Supernet
from nas.stages.worker_events import Recorder
from nas.supernet_weights import SupernetWeights
from search_spaces.network import Network


@dataclass(frozen=True)
class WorkerRun:
    """Implements `target_run.TrainingRun` where the item runs."""

    context: Context
    job: Job
    target: Target

    @property
    def id(self) -> str:
        """The target's id."""
        return self.target.info.id

    @property
    def scheme(self) -> Scheme:
        """The INT8 scheme that the target runs."""
        return self.target.scheme

    @property
    def fingerprint(self) -> str:
        """Of the target's device."""
        return self.target.info.fingerprint


@dataclass(frozen=True)
class TrainNetwork:
    """Runs the stages `fine_tune` and `quantize`, so that their results are in the store.

    It returns the events of the stages and their warnings; progress is emitted while it runs, if nothing else is trained beside it.

    Attributes:
        job: without its plans.
        targets: whose files are written.
        network: to train.
        start: hash of an earlier round's weights, or of the supernet that the network is a slice of; None to train from scratch.
        sliced: whether it is that of the supernet.
        images: seen in this round.
        number: of the round, from 0.
        teacher: the network that is learned from, and the hash of the supernet that has its weights; of the user's teacher, both None.
        taught: whether there is a teacher.
        memory_bytes: that the training takes.
        alone: whether nothing else is trained beside it.
    """

    job: Job
    targets: tuple[Target, ...]
    network: Network
    start: str | None
    sliced: bool
    images: int
    number: int
    teacher: tuple[Network | None, str | None]
    taught: bool
    memory_bytes: int = 0
    alone: bool = False

    @property
    def name(self) -> str:
        """What it does, for messages."""
        return f"train {self.network.id} in round {self.number}"

    @property
    def needs(self) -> Needs:
        """The threads and the memory of the training."""
        return Needs(cores=self.job.compute.threads, memory_bytes=self.memory_bytes)

    def run(self, site: Site) -> dict[str, Any]:
        """The events and the warnings of the stages.

        Raises:
            StoreCorrupt: weights or images are not in the store.
            OutOfSpace: the disk is full; the previous checkpoint is kept.
        """
        recorder = Recorder(site, lambda _: self.alone)
        context = _context(site, recorder, self.job.data)
        first = WorkerRun(context, self.job, self.targets[0])
        weights = fine_tune(
            first,
            self.network,
            start=self._supernet(site, self.start) if self.sliced and self.start else self.start,
            images=self.images,
            number=self.number,
            teacher=self._teacher(site, context) if self.taught else None,
        )
        for target in self.targets:
            quantized(replace(first, target=target), self.network, weights)
        return recorder.value(context)

    def _teacher(self, site: Site, context: Context) -> Teacher:
        network, supernet = self.teacher
        if network is None or supernet is None:
            assert self.job.teacher is not None
            return OwnTeacher(context, self.job, self.job.teacher)
        return SupernetTeacher(context, self.job, self._supernet(site, supernet), network)

    def _supernet(self, site: Site, digest: str) -> Supernet:
        """The supernet of a hash; a worker reads it once."""
        device = self.job.compute.device

        def make() -> Supernet:
            return Supernet(SupernetWeights.from_bytes(site.store.get(digest), device), digest)

        return site.keep(f"supernet {digest} on {device}", make)


@dataclass(frozen=True)
class RetrainNetwork:
    """Runs the stage `retrain_int8` for one target; returns its events and warnings, as `TrainNetwork` does.

    Attributes:
        job: without its plans.
        weights: hash of the network's trained weights.
        memory_bytes, alone: as of `TrainNetwork`.
    """

    job: Job
    target: Target
    network: Network
    weights: str
    memory_bytes: int = 0
    alone: bool = False

    @property
    def name(self) -> str:
        """What it does, for messages."""
        return f"retrain {self.network.id} in INT8 for {self.target.info.id}"

    @property
    def needs(self) -> Needs:
        """The threads and the memory of the training."""
        return Needs(cores=self.job.compute.threads, memory_bytes=self.memory_bytes)

    def run(self, site: Site) -> dict[str, Any]:
        """The events and the warnings of the stage. Raises what that of `TrainNetwork` raises."""
        recorder = Recorder(site, lambda _: self.alone)
        context = _context(site, recorder, self.job.data)
        retrained(WorkerRun(context, self.job, self.target), self.network, self.weights)
        return recorder.value(context)


def _context(site: Site, recorder: Recorder, data: DataFacts) -> Context:
    """The context of an item, whose worker keeps the images between items."""
    arrays = site.keep(f"images {data.blob}", lambda: DataArrays(lambda: site.store.get(data.blob)))
    return Context(site.store, recorder, site.cancelled, opened={data.blob: arrays})
