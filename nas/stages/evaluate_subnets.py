"""Evaluates subnets for the searches of one supernet: on few images first, and on all where they can still reach the front.

What was evaluated for any target's search with the same INT8 scheme is remembered. Not here: the test (`nas/search/racing.py`).
"""

from collections.abc import Callable, Iterable, Sequence
from contextlib import ExitStack
from dataclasses import replace
from math import nan
from typing import Final

import numpy as np
from numpy.typing import NDArray

from hw_targets.lock import computing
from hw_targets.scheme import Scheme
from nas import accelerator
from nas.core_seconds import core_seconds, sum_known
from nas.data.splits import Split
from nas.errors import NotANumber
from nas.evaluate import Evaluator
from nas.job import Job
from nas.metrics import Scores, confusion
from nas.search.candidate import Evaluation, Suggestion
from nas.search.racing import BoolArray, difference, hopeless, metric, parts
from nas.stages.context import Context
from nas.stages.train import Supernet, evaluator
from nas.store import StageKey
from search_spaces.network import Network
from search_spaces.space import Architecture

VERSION = 7
CALIBRATION_WORK: Final = 4.0
"""Work of an image of batch norm's and the ranges' calibration, which the interpreter computes, in images of the lowered file: about 4 in
networks of `mobilenet` and `efficientnet_lite` at 32 to 96 pixels."""

IntArray = NDArray[np.int64]


class RememberedEvaluations:
    """Implements `nas.search.candidate.Evaluate`. What an evaluation gives does not depend on what is remembered."""

    def __init__(self, context: Context, job: Job, supernet: Supernet, scheme: Scheme) -> None:
        inputs = {
            "supernet": supernet.hash, "data": job.data.content_hash, **job.compute.inputs, "scheme": scheme.name,
            "metric": job.spec.metric, "seed": job.spec.seed,
        }  # fmt: skip
        self._context, self._job = context, job
        self._journal = context.store.journal(StageKey("evaluate", VERSION, inputs))
        self._evaluator = evaluator(context, job, supernet.weights, scheme)
        self._before = {line["id"]: line for line in self._journal.read_all()}
        self._predicted = {name: np.array(line["predicted"], np.int64) for name, line in self._before.items()}
        self._spent: dict[str, float] = {name: line["core_seconds"] for name, line in self._before.items()}

    def __call__(self, suggestions: Sequence[Suggestion]) -> list[Evaluation]:
        """Each on as many images as it takes to see that it is worse than its rival, or on all of them.

        Of one that computes no numbers the value is not a number, after any number of images.

        Raises:
            Cancelled: the caller requested a stop; what was evaluated is kept.
        """
        return [self._counted(one) for one in suggestions]

    def _counted(self, one: Suggestion) -> Evaluation:
        self._context.check_cancelled()
        began = core_seconds()
        try:
            found = self._evaluated(one.architecture, one.rival)
        except NotANumber:
            found = Evaluation(nan)
        return replace(found, core_seconds=core_seconds() - began)

    def _evaluated(self, architecture: Architecture, rival: Architecture | None) -> Evaluation:
        subnet = _Subnet(self._job.space.network(architecture), architecture.id)
        split = self._evaluator.validation(subnet.network.input_shape[1])
        if rival is not None and self._job.spec.metric != "macro_f1":
            dropped = self._raced(subnet, split, self._right(rival))
            if dropped is not None:
                return dropped
        predicted = self._predictions(subnet, split, len(split))
        classes = len(self._job.data.classes)
        return Evaluation(Scores(confusion(split.labels, predicted, classes), self._job.spec.metric).value, len(split))

    def _raced(self, subnet: "_Subnet", split: Split, rival: BoolArray) -> Evaluation | None:
        """The estimate of a subnet that is dropped before all images; None for one that may reach its rival, which is right on some."""
        groups = split.labels if self._job.spec.metric == "balanced_accuracy" else np.zeros(len(split), np.int64)
        for seen in parts(groups):
            right = self._predictions(subnet, split, seen) == split.labels[:seen]
            if hopeless(right, rival, groups):
                below, _ = difference(right, rival, groups)
                return Evaluation(max(metric(rival, groups) + below, 0.0), seen)
        return None

    def _right(self, architecture: Architecture) -> BoolArray:
        """(N,) whether an architecture is right on each image; it was evaluated on all of them."""
        subnet = _Subnet(self._job.space.network(architecture), architecture.id)
        split = self._evaluator.validation(subnet.network.input_shape[1])
        return np.asarray(self._predictions(subnet, split, len(split)) == split.labels, bool)

    def _predictions(self, subnet: "_Subnet", split: Split, count: int) -> IntArray:
        """Of the first images; those that are missing are made now, and stored."""
        known = self._predicted.get(subnet.name, np.zeros(0, np.int64))
        if len(known) < count:
            began, context, job = core_seconds(), self._context, self._job
            with ExitStack() as held:
                for device in job.compute.locks:
                    held.enter_context(computing(device, cancelled=context.cancelled))
                held.enter_context(accelerator.bearing_failures(job.compute))
                more = subnet.predict(self._evaluator, split.images[len(known) : count])
            known = self._predicted[subnet.name] = np.concatenate([known, more])
            spent = self._spent[subnet.name] = self._spent.get(subnet.name, 0.0) + core_seconds() - began
            self._journal.append({"id": subnet.name, "predicted": known.tolist(), "core_seconds": spent})
            context.save_clock()
        return known[:count]

    def reused_core_seconds(self, ids: Iterable[str]) -> float | None:
        """What those of these architectures cost that another search had evaluated; None where one of an earlier version is among them."""
        return sum_known(self._before[name].get("core_seconds") for name in ids if name in self._before)


class _Subnet:
    """A network that is calibrated once, when its first predictions are made."""

    def __init__(self, network: Network, name: str) -> None:
        self.network, self.name = network, name
        self._predictor: Callable[[NDArray[np.uint8]], IntArray] | None = None

    def predict(self, evaluator: Evaluator, images: NDArray[np.uint8]) -> IntArray:
        """The most likely class of each image, int64 (N,)."""
        if self._predictor is None:
            self._predictor = evaluator.predictor(self.network)
        return self._predictor(images)
