"""The stage that decides among finalists: each is trained, quantised and evaluated in INT8, and the better half continues.

A supernet's scores of its networks are estimates. Here networks are compared as they would be exported. The files of all that
were evaluated are in the store.
"""

from collections.abc import Sequence
from dataclasses import replace
from typing import Any

import numpy as np

from nas.job import Job
from nas.metrics import Scores
from nas.stages.context import Context
from nas.stages.finalist import Finalist, TrainedFinalist, finalist_event, trained_front
from nas.stages.fine_tune import fine_tune
from nas.stages.halving import Round, rounds
from nas.stages.plan import job_inputs
from nas.stages.quantize import Quantized, quantized
from nas.stages.target_run import TargetRun
from nas.stages.teacher import OwnTeacher, SupernetTeacher, Teacher
from nas.stages.train_ahead import Training, train_ahead
from nas.stages.worker_events import without_repeats
from nas.store import StageKey
from search_spaces.space import Architecture

VERSION = 1


def play(run: TargetRun, finalists: Sequence[Finalist]) -> list[TrainedFinalist]:
    """Successive halving among finalists; all of them with their last evaluation, the best first.

    It ends early, after at least two rounds, when the best makes no mistake, or when two rounds in a row bring no improvement.

    Raises:
        Cancelled: the caller requested a stop; every complete round is kept.
    """
    return play_together([(run, finalists)])[0]


def play_together(entries: Sequence[tuple[TargetRun, Sequence[Finalist]]]) -> list[list[TrainedFinalist]]:
    """The tournaments of several targets of one job, round by round at the same time, where there are workers for it.

    Raises:
        Cancelled: the caller requested a stop; every complete training is kept.
    """
    tournaments = [_Tournament(run, finalists) for run, finalists in entries]
    while going := [one for one in tournaments if one.due]:
        context = going[0].run.context
        if train_ahead(context, [training for one in going for training in one.trainings]):
            context = without_repeats(context, "fine_tuning")
        for one in going:
            one.play_round(context)
    return [one.ranked for one in tournaments]


class _Tournament:
    """One target's tournament: who has trained, and who trains next."""

    def __init__(self, run: TargetRun, finalists: Sequence[Finalist]) -> None:
        self.run, self._plan, self._teacher = run, rounds(len(finalists)), teacher_of(run)
        self._standing: dict[Architecture, TrainedFinalist] = {}
        self._left, self._number, self._idle = list(finalists), 0, 0
        self._top = self._best = 0.0

    @property
    def due(self) -> list[Finalist]:
        """Who trains in the next round; none at the end."""
        over = self._number == len(self._plan) or (self._number > 1 and (self._top == 1.0 or self._idle >= 2))
        return [] if over else self._left[: self._plan[self._number].networks]

    @property
    def trainings(self) -> list[Training]:
        """The trainings of the next round."""
        return [self._training(finalist) for finalist in self.due]

    @property
    def ranked(self) -> list[TrainedFinalist]:
        """All finalists, the best first."""
        return sorted(self._standing.values(), key=lambda f: f.rank)

    def play_round(self, context: Context) -> None:
        """Trains those of the next round, or finds them in the store."""
        run = replace(self.run, context=context)
        for finalist in self.due:
            done = _trained(
                replace(self._training(finalist), run=run), finalist, self._standing.get(finalist.architecture)
            )
            self._standing[finalist.architecture] = done
            context.on_event(finalist_event(run.target_plan, done, self._number, len(self._plan)))
        self._left = [
            f.finalist for f in sorted((self._standing[f.architecture] for f in self._left), key=lambda f: f.rank)
        ]
        context.on_event(trained_front(run.target_plan, list(self._standing.values())))
        self._top = max(f.files.validation.value for f in self._standing.values())
        self._idle, self._best = (0, self._top) if self._top > self._best else (self._idle + 1, self._best)
        self._number += 1

    def _training(self, finalist: Finalist) -> Training:
        before, images = self._standing.get(finalist.architecture), round_images(self.run.job, self._plan[self._number])
        return _training(self.run, finalist, before, images, self._number, self._teacher)


def teacher_of(run: TargetRun) -> Teacher | None:
    """The user's teacher, the best end of the source, or the supernet's largest network; none without any of them."""
    if run.job.teacher is not None:
        return OwnTeacher(run.context, run.job, run.job.teacher)
    if run.adapted is not None:
        return SupernetTeacher(run.context, run.job, run.adapted.supernet, run.job.space.network(run.adapted.best))
    if run.supernet is not None:
        return SupernetTeacher(run.context, run.job, run.supernet, run.job.space.network(run.job.space.largest()))
    return None


def round_images(job: Job, one: Round) -> int:
    """The images that a finalist sees in a round."""
    return max(1, int(job.work.tune_images * one.share))


def train_round(
    run: TargetRun,
    finalist: Finalist,
    before: TrainedFinalist | None,
    images: int,
    number: int,
    teacher: Teacher | None,
) -> TrainedFinalist:
    """A finalist after one more round."""
    return _trained(_training(run, finalist, before, images, number, teacher), finalist, before)


def _training(
    run: TargetRun,
    finalist: Finalist,
    before: TrainedFinalist | None,
    images: int,
    number: int,
    teacher: Teacher | None,
) -> Training:
    """The training of one more round. A teacher that is no better than its student is not used."""
    if teacher is not None and before is not None and teacher.value <= before.files.validation.value:
        teacher = None
    start = run.supernet if before is None else before.weights
    return Training(run, finalist.network, start, images, number, teacher)


def _trained(one: Training, finalist: Finalist, before: TrainedFinalist | None) -> TrainedFinalist:
    """A finalist after a training, cached or trained now."""
    weights = fine_tune(
        one.run, one.network, start=one.start, images=one.images, number=one.number, teacher=one.teacher
    )
    files = quantized(one.run, one.network, weights)
    if before is None:
        return TrainedFinalist(finalist, weights, files, one.images, files.validation.value)
    return TrainedFinalist(finalist, weights, files, one.images + before.images, before.first_value)


def remember(run: TargetRun, trained: Sequence[TrainedFinalist]) -> None:
    """Stores the trained networks, so that each can be exported later without further training."""
    facts: dict[str, Any] = {}
    for one in trained:
        facts[one.finalist.architecture.id] = {
            "weights": one.weights, "int8": one.files.int8, "fp32": one.files.fp32, "retrained": one.files.retrained,
            "validation": one.files.validation.to_json(), "images": one.images,
        }  # fmt: skip
    run.context.store.finish(_key(run), {}, seconds=0.0, facts=facts)


def remembered(run: TargetRun, finalist: Finalist) -> TrainedFinalist | None:
    """The trained network of an architecture in a tournament of the same job, if there is one."""
    record = run.context.store.find(_key(run))
    facts = record.facts.get(finalist.architecture.id) if record is not None else None
    if facts is None:
        return None
    scores = Scores(np.array(facts["validation"], np.int64), run.job.spec.metric)
    files = Quantized(facts["int8"], facts["fp32"], scores, facts["retrained"])
    return TrainedFinalist(finalist, facts["weights"], files, facts["images"])


def _key(run: TargetRun) -> StageKey:
    work = run.job.work.model_dump(mode="json", exclude={"resolution"})  # it is part of the data
    return StageKey(
        "tournament", VERSION, {**job_inputs(run.job), "target": run.target_plan.info.fingerprint, "work": work}
    )
