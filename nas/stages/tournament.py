"""The stage that decides among finalists: each is trained, quantised and evaluated in INT8, and the better half continues.

A supernet's scores of its networks are estimates. Here networks are compared as they would be exported. The files of all that
were evaluated are in the store.
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from hw_targets.target import Profile
from latency_models.table import Prediction
from nas.events import FinalistEvent, FrontEvent, FrontPoint, LatencyKind
from nas.job import Job
from nas.metrics import Scores
from nas.search.front import hypervolume, pareto
from nas.stages.fine_tune import fine_tune
from nas.stages.halving import Round, rounds
from nas.stages.plan import job_inputs
from nas.stages.quantize import Quantized, quantized
from nas.stages.target_run import TargetRun
from nas.stages.teacher import OwnTeacher, SupernetTeacher, Teacher
from nas.store import StageKey
from nas.target_plan import TargetPlan
from search_spaces.network import Network
from search_spaces.space import Architecture

VERSION = 1


@dataclass(frozen=True, slots=True)
class Finalist:
    """A network to train.

    Attributes:
        prediction: by the latency table.
        profile: of the network with random weights on the target; none where it was not measured.
    """

    architecture: Architecture
    network: Network
    prediction: Prediction
    profile: Profile | None

    @property
    def latency_ms(self) -> float:
        """Of its network: measured or simulated, else predicted."""
        return self.prediction.latency_ms if self.profile is None else self.profile.latency_ms

    def budgeted_ms(self, target_plan: TargetPlan) -> float:
        """The latency that is compared with the budget."""
        if self.profile is None:
            return self.prediction.latency_ms
        return target_plan.budgeted_ms(self.profile.latency_ms, self.profile.p50_ms, self.profile.p95_ms)

    def kind(self, target_plan: TargetPlan) -> LatencyKind:
        """The source of its latency."""
        return "predicted" if self.profile is None else target_plan.info.kind


@dataclass(frozen=True, slots=True)
class TrainedFinalist:
    """A finalist that was trained and evaluated.

    Attributes:
        weights: hash of its float weights.
        files: INT8 and FP32, with the INT8 file's scores on the validation set.
        images: seen in training.
        first_value: the metric after the first round, INT8, on the validation set; None where another search trained it.
    """

    finalist: Finalist
    weights: str
    files: Quantized
    images: int
    first_value: float | None = None

    @property
    def rank(self) -> tuple[float, float]:
        """Sort key: the better first; of equals, the faster."""
        return -self.files.validation.value, self.finalist.latency_ms


def play(run: TargetRun, finalists: Sequence[Finalist]) -> list[TrainedFinalist]:
    """Successive halving among finalists; all of them with their last evaluation, the best first.

    It ends early, after at least two rounds, when the best makes no mistake, or when two rounds in a row bring no improvement.

    Raises:
        Cancelled: the caller requested a stop; every complete round is kept.
    """
    plan = rounds(len(finalists))
    teacher = teacher_of(run)
    standing: dict[Architecture, TrainedFinalist] = {}
    left, idle, best = list(finalists), 0, 0.0
    for number, one in enumerate(plan):
        images = round_images(run.job, one)
        for finalist in left[: one.networks]:
            done = train_round(run, finalist, standing.get(finalist.architecture), images, number, teacher)
            standing[finalist.architecture] = done
            run.context.on_event(_finalist_event(run.target_plan, done, number, len(plan)))
        left = [f.finalist for f in sorted((standing[f.architecture] for f in left), key=lambda f: f.rank)]
        run.context.on_event(trained_front(run.target_plan, list(standing.values())))
        top = max(f.files.validation.value for f in standing.values())
        idle, best = (0, top) if top > best else (idle + 1, best)
        if number and (top == 1.0 or idle == 2):
            break
    return sorted(standing.values(), key=lambda f: f.rank)


def teacher_of(run: TargetRun) -> Teacher | None:
    """The user's teacher, the best end of the source, or the supernet's largest network; none without any of them."""
    if run.job.teacher is not None:
        return OwnTeacher(run.context, run.job, run.job.teacher)
    if run.adapted is not None:
        return SupernetTeacher(run.context, run.job, run.adapted.supernet, run.adapted.best)
    if run.supernet is not None:
        return SupernetTeacher(run.context, run.job, run.supernet, run.job.space.largest())
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
    """A finalist after one more round. A teacher that is no better than its student is not used."""
    if teacher is not None and before is not None and teacher.value <= before.files.validation.value:
        teacher = None
    start = run.supernet if before is None else before.weights
    weights = fine_tune(run, finalist.network, start=start, images=images, number=number, teacher=teacher)
    files = quantized(run, finalist.network, weights)
    if before is None:
        return TrainedFinalist(finalist, weights, files, images, files.validation.value)
    return TrainedFinalist(finalist, weights, files, images + before.images, before.first_value)


def _finalist_event(target_plan: TargetPlan, done: TrainedFinalist, number: int, count: int) -> FinalistEvent:
    finalist, scores = done.finalist, done.files.validation
    return FinalistEvent(
        target=target_plan.info.id,
        architecture=str(finalist.architecture),
        architecture_id=finalist.architecture.id,
        round=number,
        rounds=count,
        images=done.images,
        metric=scores.reported,
        standard_error=scores.error,
        latency_ms=finalist.latency_ms,
        kind=finalist.kind(target_plan),
    )


def trained_points(target_plan: TargetPlan, trained: Sequence[TrainedFinalist]) -> tuple[FrontPoint, ...]:
    """The front of trained networks, fastest first."""
    order = pareto([f.files.validation.value for f in trained], [f.finalist.latency_ms for f in trained])
    return tuple(point(target_plan, trained[i]) for i in order)


def point(target_plan: TargetPlan, trained: TrainedFinalist) -> FrontPoint:
    """A trained network as it is reported."""
    finalist = trained.finalist
    return FrontPoint(
        architecture=str(finalist.architecture),
        architecture_id=finalist.architecture.id,
        metric=trained.files.validation.reported,
        latency_ms=finalist.latency_ms,
        kind=finalist.kind(target_plan),
    )


def trained_front(target_plan: TargetPlan, trained: Sequence[TrainedFinalist]) -> FrontEvent:
    """The front of the trained networks so far."""
    points = trained_points(target_plan, trained)
    area = hypervolume([p.metric.value for p in points], [p.latency_ms for p in points], limit=target_plan.budget_ms)
    return FrontEvent(
        of="trained",
        target=target_plan.info.id,
        budget_ms=target_plan.budget_ms,
        evaluations=len(trained),
        points=points,
        limit_ms=target_plan.limit_ms,
        predicted_error=target_plan.table.accuracy_report.mape,
        hypervolume=area,
    )


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


def with_files(trained: TrainedFinalist, files: Quantized) -> TrainedFinalist:
    """The same network with other files."""
    return replace(trained, files=files)
