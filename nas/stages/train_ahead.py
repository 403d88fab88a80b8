"""Has workers train the networks of a round at the same time, so that the stages then find them in the store.

Nothing depends on it: what is not trained ahead is trained by the stages themselves. Not here: the rounds (`tournament.py`).
"""

import time
from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any

from nas.errors import UnsendableWork
from nas.events import EVENT, Event, PhaseEvent
from nas.execution.executor import LOCAL
from nas.execution.work import WorkOutcome
from nas.stages.context import Context
from nas.stages.fine_tune import fine_tune_key
from nas.stages.quantize import quantize_key
from nas.stages.target_run import TargetRun
from nas.stages.teacher import SupernetTeacher, Teacher
from nas.stages.train import Supernet
from nas.stages.train_config import step_bytes
from nas.stages.training_item import TrainNetwork
from nas.stages.workers import workers
from nas.store import StageKey
from nas.training.config import FINE_TUNE
from search_spaces.errors import HwnasError
from search_spaces.network import Network


@dataclass(frozen=True)
class Training:
    """A network's training in a round, for one target.

    Attributes:
        start: hash of an earlier round's weights, the supernet that it is a slice of, or None to train from scratch.
        teacher: that is listened to.
    """

    run: TargetRun
    network: Network
    start: "str | Supernet | None"
    images: int
    number: int
    teacher: Teacher | None

    @property
    def is_cached(self) -> bool:
        """Whether its weights and its files are in the store."""
        store = self.run.context.store
        trained = store.find(self._key)
        return trained is not None and store.find(self._files_key(trained.outputs["weights"])) is not None

    @property
    def identity(self) -> str:
        """Equal for targets that share the training."""
        return self._key.hash

    @property
    def _key(self) -> StageKey:
        return fine_tune_key(
            self.run.job, self.network, start=self.start, images=self.images, number=self.number, teacher=self.teacher
        )

    def _files_key(self, weights: str) -> StageKey:
        return quantize_key(self.run, self.network, weights)


def train_ahead(context: Context, trainings: Sequence[Training]) -> bool:
    """Trains those that are not in the store, in whichever order, with their events in theirs; whether there was anything to do.

    Raises:
        Cancelled: the caller requested a stop; checkpoints are kept.
        HwnasError: a training failed; the others are in the store.
    """
    executor = workers(context, trainings[0].run.job)
    if executor.name == LOCAL:
        return False
    shared: dict[str, list[Training]] = {}
    for training in trainings:
        shared.setdefault(training.identity, []).append(training)
    missing = [same for same in shared.values() if not all(one.is_cached for one in same)]
    if not missing:
        return False
    began, replayed = time.monotonic(), _Replay(context, missing)
    items = [_item(same, alone=len(missing) == 1) for same in missing]
    try:
        outcomes = executor.map(items, store=context.store, on_event=context.on_event, cancelled=context.cancelled)
        failures = list(filter(None, map(replayed.take, outcomes)))
    except UnsendableWork as error:
        context.info(f"The finalists are trained in this process: {error.detail}")
        return False
    if failures:
        raise failures[0]
    seconds = time.monotonic() - began
    for same in missing:
        label = f"fine_tuning:{same[0].run.id}"
        context.seconds[label] = context.seconds.get(label, 0.0) + seconds / len(missing)
    return True


def without_repeats(context: Context) -> Context:
    """A context that does not report trainings which are found in the store: they were reported when workers trained them."""

    def emit(event: Event) -> None:
        if not (isinstance(event, PhaseEvent) and event.phase == "fine_tuning" and event.status == "reused"):
            context.on_event(event)

    return replace(context, on_event=emit)


class _Replay:
    """Emits what was recorded of trainings in their order, whichever ends first, and how many have ended."""

    def __init__(self, context: Context, trainings: Sequence[Sequence[Training]]) -> None:
        self._context, self._targets = context, [same[0].run.id for same in trainings]
        self._waiting: dict[int, Any] = {}
        self._next, self._done = 0, dict.fromkeys(self._targets, 0)
        self._meters = {name: context.progress("fine_tuning", "networks", target=name) for name in self._done}

    def take(self, outcome: WorkOutcome) -> HwnasError | None:
        """Takes an outcome; the error of one that failed."""
        self._waiting[outcome.index] = outcome.value
        while self._next in self._waiting:
            self._emit(self._waiting.pop(self._next))
            self._next += 1
        target = self._targets[outcome.index]
        self._done[target] += 1
        if len(self._targets) > 1:
            self._meters[target](self._done[target], self._targets.count(target))
        return outcome.error

    def _emit(self, value: Any) -> None:
        if value is None:
            return
        for event in value["events"]:
            self._context.on_event(EVENT.validate_python(event))
        for target, message in value["warnings"]:
            self._context.warn(message, target=target)


def _item(same: Sequence[Training], *, alone: bool) -> TrainNetwork:
    """The work item of a training that some targets share."""
    one, job = same[0], same[0].run.job
    teacher: tuple[Network | None, str | None] = (None, None)
    if isinstance(one.teacher, SupernetTeacher):
        teacher = (one.teacher.network, one.teacher.supernet.hash)
    elif one.teacher is not None:
        _ = one.teacher.network  # what it is, is then in the store
    pixels = sum(job.data.images.values()) * job.data.channels * job.data.resolution**2
    return TrainNetwork(
        replace(job, target_plans=(), restricted=()),
        tuple({one.run.fingerprint: one.run.target for one in same}.values()),
        one.network,
        one.start.hash if isinstance(one.start, Supernet) else one.start,
        isinstance(one.start, Supernet),
        one.images,
        one.number,
        teacher,
        one.teacher is not None,
        2 * pixels + step_bytes(job, FINE_TUNE),
        alone,
    )
