"""Evaluates subnets for the searches of one supernet: on few images first, and on all where they can still reach the front.

What was evaluated for any target's search with the same INT8 scheme is remembered. Not here: the evaluation of one subnet, which any
worker does (`subnet_evaluation.py`), and the test (`nas/search/racing.py`).
"""

from collections.abc import Iterable, Sequence
from math import nan
from typing import Any, Final

import numpy as np

from hw_targets.scheme import Scheme
from nas.core_seconds import PROCESS, sum_known
from nas.errors import NotANumber
from nas.execution.executor import LOCAL
from nas.job import Job
from nas.metrics import Scores, confusion
from nas.search.candidate import Evaluation, Suggestion
from nas.search.racing import BoolArray, IntArray, difference, images_needed, metric
from nas.stages.context import Context
from nas.stages.subnet_evaluation import EvaluateSubnet, EvaluationSetup
from nas.stages.train import Supernet
from nas.stages.workers import data_bytes, workers
from nas.work import VALIDATION
from search_spaces.space import Architecture

CALIBRATION_WORK: Final = 4.0
"""Work of an image of batch norm's and the ranges' calibration, which the interpreter computes, in images of the lowered file: about 4 in
networks of `mobilenet` and `efficientnet_lite` at 32 to 96 pixels."""
DEADLINE_S: Final = 1800.0
"""An evaluation, which takes seconds, goes to another worker after this; a worker may wait for a measurement on its machine."""


class RememberedEvaluations:
    """Implements `nas.search.candidate.Evaluate`. What an evaluation gives depends neither on what is remembered nor on who computes it."""

    def __init__(self, context: Context, job: Job, supernet: Supernet, scheme: Scheme) -> None:
        arrays = context.arrays(job.data)
        self._context, self._job = context, job
        self._setup = EvaluationSetup(supernet.hash, job.data, job.compute, scheme, job.spec.metric, job.spec.seed)
        self._labels = arrays.subset("val", job.data.resolution, VALIDATION, job.spec.seed).labels
        self._groups = self._setup.groups(self._labels)
        self._executor = workers(context, job)
        self._here = self._setup.evaluator(supernet.weights, arrays) if self._executor.name == LOCAL else None
        self._bytes = data_bytes(job) + sum(tensor.nbytes for tensor in supernet.weights.tensors.values())
        self._journal = context.store.journal(self._setup.key)
        self._before = {line["id"]: line for line in self._journal.read_all()}
        self._predicted = {name: np.array(line["predicted"], np.int64) for name, line in self._before.items()}
        self._spent: dict[str, float] = {name: line["core_seconds"] for name, line in self._before.items()}

    def __call__(self, suggestions: Sequence[Suggestion]) -> list[Evaluation]:
        """Each on as many images as it takes to see that it is worse than its rival, or on all of them.

        Of one that computes no numbers the value is not a number, after any number of images.

        Raises:
            Cancelled: the caller requested a stop; what was evaluated is kept.
            HwnasError: an evaluation failed otherwise; the others of the batch are kept.
        """
        if self._job.spec.metric == "macro_f1":  # no mean over images
            suggestions = [Suggestion(one.architecture) for one in suggestions]
        rivals = dict.fromkeys(one.rival for one in suggestions if one.rival is not None)
        self._evaluate([Suggestion(rival) for rival in rivals])
        spent = self._evaluate(suggestions)
        return [self._evaluation(one, spent.get(one.architecture, 0.0)) for one in suggestions]

    def _evaluate(self, suggestions: Sequence[Suggestion]) -> dict[Architecture, float | None]:
        """Evaluates those that are not known well enough; their core-seconds, or None of one that computed no numbers."""
        missing = [one for one in suggestions if self._needed(one) > len(self._known(one.architecture))]
        if not missing:
            return {}
        spent: dict[Architecture, float | None] = {}
        failures = []
        outcomes = self._executor.map(
            [self._item(one) for one in missing],
            store=self._context.store,
            on_event=self._context.on_event,
            cancelled=self._context.cancelled,
            deadline_s=None if self._executor.name == LOCAL else DEADLINE_S,
        )
        for outcome in outcomes:
            architecture = missing[outcome.index].architecture
            if isinstance(outcome.error, NotANumber):
                spent[architecture] = None
            elif outcome.error is not None:
                failures.append(outcome.error)
            else:
                spent[architecture] = outcome.value["core_seconds"]
                self._remember(architecture.id, outcome.value)
        if failures:
            raise failures[0]
        return spent

    def _item(self, one: Suggestion) -> EvaluateSubnet:
        network = self._job.space.network(one.architecture)
        known, rival = self._known(one.architecture), self._right_of(one.rival)
        return EvaluateSubnet(one.architecture.id, self._setup, network, known, rival, self._bytes, self._here)

    def _remember(self, name: str, value: dict[str, Any]) -> None:
        """Stores an evaluation as soon as it is there."""
        self._predicted[name] = np.array(value["predicted"], np.int64)
        self._spent[name] = self._spent.get(name, 0.0) + value["core_seconds"]
        if value["process"] != PROCESS:
            self._context.add_core_seconds(value["core_seconds"])
        self._journal.append({"id": name, "predicted": value["predicted"], "core_seconds": self._spent[name]})
        self._context.save_clock()

    def _evaluation(self, one: Suggestion, spent: float | None) -> Evaluation:
        """The metric on all images, or its estimate for one that is dropped before."""
        if spent is None:
            return Evaluation(nan)
        seen, rival = self._needed(one), self._right_of(one.rival)
        predicted = self._known(one.architecture)[:seen]
        if rival is None or seen == len(self._labels):
            scores = Scores(confusion(self._labels, predicted, len(self._job.data.classes)), self._job.spec.metric)
            return Evaluation(scores.value, seen, spent)
        below, _ = difference(predicted == self._labels[:seen], rival, self._groups)
        return Evaluation(max(metric(rival, self._groups) + below, 0.0), seen, spent)

    def _needed(self, one: Suggestion) -> int:
        return images_needed(self._right(one.architecture), self._right_of(one.rival), self._groups)

    def _known(self, architecture: Architecture) -> IntArray:
        return self._predicted.get(architecture.id, np.zeros(0, np.int64))

    def _right(self, architecture: Architecture) -> BoolArray:
        """(n,) whether an architecture is right on each image that it was evaluated on."""
        known = self._known(architecture)
        return np.asarray(known == self._labels[: len(known)], bool)

    def _right_of(self, rival: Architecture | None) -> BoolArray | None:
        """(N,) of a rival, which was evaluated on all images; none of one that no longer computes numbers."""
        right = self._right(rival) if rival is not None else np.zeros(0, bool)
        return right if len(right) == len(self._labels) else None

    def reused_core_seconds(self, ids: Iterable[str]) -> float | None:
        """What those of these architectures cost that another search had evaluated; None where one of an earlier version is among them."""
        return sum_known(self._before[name].get("core_seconds") for name in ids if name in self._before)
