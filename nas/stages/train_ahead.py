"""Has workers train the networks of a round, and retrain winners, at the same time, so that the stages then find them in the store.

Nothing depends on it: what is not trained ahead is trained by the stages themselves. Not here: the rounds (`tournament.py`).
"""

import time
from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Final

from nas.execution.executor import LOCAL, Executor
from nas.execution.work import WorkItem
from nas.stages.context import Context
from nas.stages.fine_tune import fine_tune_key
from nas.stages.quantize import quantize_key, retrain_key
from nas.stages.target_run import TargetRun
from nas.stages.teacher import SupernetTeacher, Teacher
from nas.stages.train import Supernet
from nas.stages.train_config import step_bytes
from nas.stages.training_item import RetrainNetwork, TrainNetwork
from nas.stages.worker_events import Replay, run_ahead
from nas.stages.workers import data_bytes, workers
from nas.store import StageKey
from nas.training.config import FINE_TUNE, RETRAIN_INT8
from search_spaces.network import Network

LEAST_DEADLINE_S: Final = 3600.0
"""A training that takes longer, and longer than twice the time of the whole job, goes to another worker, which continues it."""


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
    items = [_item(same, alone=len(missing) == 1) for same in missing]
    _run(context, executor, items, [same[0].run for same in missing])
    return True


def retrain_ahead(winners: Sequence[tuple[TargetRun, Network, str]]) -> bool:
    """Retrains the winner of each target, with its weights, in INT8 where that is not in the store; whether there was anything to do.

    Raises what `train_ahead` raises.
    """
    context, job = winners[0][0].context, winners[0][0].job
    executor = workers(context, job)
    missing = [one for one in winners if context.store.find(retrain_key(*one)) is None]
    if executor.name == LOCAL or not missing:
        return False
    bare, needed = replace(job, target_plans=(), restricted=()), data_bytes(job) + step_bytes(job, RETRAIN_INT8)
    items = [
        RetrainNetwork(bare, run.target, network, weights, needed, alone=len(missing) == 1)
        for run, network, weights in missing
    ]
    _run(context, executor, items, [run for run, _, _ in missing])
    return True


def _run(context: Context, executor: Executor, items: Sequence[WorkItem], runs: Sequence[TargetRun]) -> None:
    """Runs the items of trainings, one for each run, and notes the time that they took."""
    began, replay = time.monotonic(), Replay(context, [run.id for run in runs], "fine_tuning", "networks")
    longest_s = max(LEAST_DEADLINE_S, 2 * runs[0].job.spec.seconds)
    run_ahead(context, executor, items, replay, otherwise="A network is trained in this process", deadline_s=longest_s)
    seconds = time.monotonic() - began
    for run in runs:
        label = f"fine_tuning:{run.id}"
        context.seconds[label] = context.seconds.get(label, 0.0) + seconds / len(runs)


def _item(same: Sequence[Training], *, alone: bool) -> TrainNetwork:
    """The work item of a training that some targets share."""
    one, job = same[0], same[0].run.job
    teacher: tuple[Network | None, str | None] = (None, None)
    if isinstance(one.teacher, SupernetTeacher):
        teacher = (one.teacher.network, one.teacher.supernet.hash)
    elif one.teacher is not None:
        _ = one.teacher.network  # what it is, is then in the store
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
        data_bytes(job) + step_bytes(job, FINE_TUNE),
        alone,
    )
