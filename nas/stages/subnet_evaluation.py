"""The evaluation of one subnet as a work item: a plain value that any worker runs, which holds the supernet and the images once.

Not here: which subnets are evaluated, and what of it is remembered (`evaluate_subnets.py`), and the race (`nas/search/racing.py`).
"""

from collections.abc import Callable
from contextlib import ExitStack
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from numpy.typing import NDArray

from hw_targets.lock import computing
from hw_targets.scheme import Scheme
from nas import accelerator
from nas.compute import Compute
from nas.core_seconds import PROCESS, core_seconds
from nas.data.arrays import DataArrays
from nas.data.facts import DataFacts
from nas.data.resize import at_resolution
from nas.data.splits import Split, SplitName
from nas.evaluate import Evaluator
from nas.execution.work import Needs, Site
from nas.search.racing import BoolArray, IntArray, images_needed
from nas.spec import MetricName
from nas.stages.inputs import as_floats
from nas.store import StageKey
from nas.supernet_weights import SupernetWeights
from nas.work import CALIBRATION, VALIDATION
from search_spaces.network import Network

VERSION = 7


@dataclass(frozen=True)
class EvaluationSetup:
    """What all evaluations of a supernet's subnets have in common, as a plain value.

    Attributes:
        supernet: hash of its weights.
        data: whose images they are calibrated and evaluated on.
        compute: where.
        scheme: the INT8 scheme.
        metric: that decides.
        seed: of the images.
    """

    supernet: str
    data: DataFacts
    compute: Compute
    scheme: Scheme
    metric: MetricName
    seed: int

    @property
    def key(self) -> StageKey:
        """Of what is remembered."""
        return StageKey(
            "evaluate",
            VERSION,
            {
                "supernet": self.supernet, "data": self.data.content_hash, **self.compute.inputs, "scheme": self.scheme.name,
                "metric": self.metric, "seed": self.seed,
            },
        )  # fmt: skip

    def groups(self, labels: IntArray) -> IntArray:
        """(N,) the groups that count equally in the metric, see `racing.parts`."""
        return labels if self.metric == "balanced_accuracy" else np.zeros(len(labels), np.int64)

    def evaluator(self, weights: SupernetWeights, arrays: DataArrays) -> Evaluator:
        """Evaluates subnets of these weights on the unchanged validation images of these arrays."""
        validation = self._images(arrays, "val", VALIDATION)
        calibration = self._images(arrays, "train", CALIBRATION)
        return Evaluator(
            weights,
            as_floats(lambda image_size: calibration(image_size).images, self.compute.device),
            validation,
            self.metric,
            len(self.data.classes),
            self.compute.threads,
            self.scheme,
            self.compute.device,
        )

    def evaluator_of(self, site: Site) -> Evaluator:
        """The evaluator of a worker, which reads the supernet and the images once, and keeps no other images."""

        def make() -> Evaluator:
            weights = SupernetWeights.from_bytes(site.store.get(self.supernet), self.compute.device)
            return self.evaluator(weights, DataArrays(lambda: site.store.get(self.data.blob)))

        return site.keep(self.key.hash, make)

    def _images(self, arrays: DataArrays, name: SplitName, most: int) -> Callable[[int], Split]:
        """Up to `most` images of a split, at any input size; the arrays are not kept."""
        stored = arrays.subset(name, self.data.resolution, most, self.seed)
        made = {self.data.resolution: stored}

        def at(image_size: int) -> Split:
            if image_size not in made:
                made[image_size] = at_resolution(stored, image_size)
            return made[image_size]

        return at


@dataclass(frozen=True)
class EvaluateSubnet:
    """Predicts the classes of as many images as it takes to see that a subnet is worse than its rival, or of all of them.

    It returns all predictions so far, those that were known among them, with the core-seconds of this run and the process that it ran in.

    Attributes:
        id: of its architecture.
        setup: what all subnets have in common.
        network: the subnet.
        known: (n,) predictions of the first images, from an earlier evaluation.
        rival: (N,) whether its rival is right on each image; none where all images decide.
        memory_bytes: that a worker takes for the supernet and the images.
        here: of the process that made the item, whose supernet and images it then uses; it does not travel.
    """

    id: str
    setup: EvaluationSetup
    network: Network
    known: IntArray = field(compare=False)
    rival: BoolArray | None = field(default=None, compare=False)
    memory_bytes: int = 0
    here: Evaluator | None = field(default=None, compare=False, repr=False)

    def __getstate__(self) -> dict[str, Any]:
        return {**self.__dict__, "here": None}

    @property
    def name(self) -> str:
        """What it does, for messages."""
        return f"evaluate {self.id}"

    @property
    def needs(self) -> Needs:
        """The threads and the memory of the evaluation."""
        return Needs(cores=self.setup.compute.threads, memory_bytes=self.memory_bytes)

    def run(self, site: Site) -> dict[str, Any]:
        """The predictions.

        Raises:
            NotANumber: the subnet's weights or its batch norm's statistics are not finite.
            StoreCorrupt: the supernet or the images are not in the store.
            DeviceLost: the GPU failed.
        """
        began = core_seconds()
        compute = self.setup.compute
        accelerator.start(compute)
        evaluator = self.here or self.setup.evaluator_of(site)
        split = evaluator.validation(self.network.input_shape[1])
        groups = self.setup.groups(split.labels)
        predicted, predict = self.known, None
        while (count := self._needed(predicted, split, groups)) > len(predicted):
            with ExitStack() as held:
                for device in compute.locks:
                    held.enter_context(computing(device, cancelled=site.cancelled))
                held.enter_context(accelerator.bearing_failures(compute))
                predict = predict or evaluator.predictor(self.network)
                predicted = np.concatenate([predicted, predict(split.images[len(predicted) : count])])
        return {"predicted": predicted.tolist(), "core_seconds": core_seconds() - began, "process": PROCESS}

    def _needed(self, predicted: NDArray[np.int64], split: Split, groups: IntArray) -> int:
        return images_needed(predicted == split.labels[: len(predicted)], self.rival, groups)
