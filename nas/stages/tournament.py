"""The stage that decides among finalists: each is trained, quantised and judged in INT8, and the better half goes on.

What a supernet says of its networks is an estimate. Here networks are compared as they would be delivered. All that were judged
are finished: their files are in the store.
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

import numpy as np

from hw_targets.target import Profile
from nas.events import FinalistEvent, FrontEvent, FrontPoint, LatencyKind
from nas.metrics import Scores
from nas.search.front import hypervolume, pareto
from nas.stages.budget import Goal
from nas.stages.context import Context
from nas.stages.fine_tune import Largest, fine_tune
from nas.stages.halving import rounds
from nas.stages.plan import asked
from nas.stages.quantize import Quantized, quantized
from nas.stages.train import Supernet
from nas.store import StageKey
from search_spaces.network import Network
from search_spaces.space import Architecture

if TYPE_CHECKING:
    from nas.pipeline import Job

VERSION = 1


@dataclass(frozen=True, slots=True)
class Finalist:
    """A network that is worth training.

    Attributes:
        profile: of the network with random weights on the target; none where it was not measured.
        predicted_ms: by the latency table.
    """

    architecture: Architecture
    network: Network
    profile: Profile | None
    predicted_ms: float

    @property
    def latency_ms(self) -> float:
        """Of its network: measured or simulated where it was, else predicted."""
        return self.predicted_ms if self.profile is None else self.profile.latency_ms

    def held_ms(self, goal: Goal) -> float:
        """The latency that the budget is held against."""
        if self.profile is None:
            return self.predicted_ms
        return goal.held_against(self.profile.latency_ms, self.profile.p50_ms, self.profile.p95_ms)

    def kind(self, goal: Goal) -> LatencyKind:
        """How its latency came about."""
        return "predicted" if self.profile is None else goal.info.kind


@dataclass(frozen=True, slots=True)
class Finished:
    """A finalist that was trained and judged.

    Attributes:
        weights: hash of its float weights.
        files: INT8 and FP32, with what the INT8 file's answers on the validation part are worth.
        images: that it saw in training.
    """

    finalist: Finalist
    weights: str
    files: Quantized
    images: int

    @property
    def rank(self) -> tuple[float, float]:
        """The better first; of equals, the faster."""
        return -self.files.validation.value, self.finalist.latency_ms


def play(
    context: Context, job: "Job", goal: Goal, finalists: Sequence[Finalist], supernet: Supernet | None
) -> list[Finished]:
    """Successive halving among finalists; all of them as they were judged last, the best first.

    It ends early, after two rounds at the least, when the best makes no mistake, or when two in a row have found nothing better.

    Raises:
        Cancelled: the caller asked to stop; every finished round is kept.
    """
    plan = rounds(len(finalists))
    teacher = None if supernet is None else Largest(supernet)
    standing: dict[Architecture, Finished] = {}
    left, idle, best = list(finalists), 0, 0.0
    for number, one in enumerate(plan):
        images = max(1, int(job.work.tune_images * one.share))
        for finalist in left[: one.networks]:
            before = standing.get(finalist.architecture)
            done = _played(context, job, goal, finalist, before, supernet, images, number, teacher)
            standing[finalist.architecture] = done
            context.on_event(_finalist_event(goal, done, number, len(plan)))
        left = [f.finalist for f in sorted((standing[f.architecture] for f in left), key=lambda f: f.rank)]
        context.on_event(finished_front(goal, list(standing.values())))
        top = max(f.files.validation.value for f in standing.values())
        idle, best = (0, top) if top > best else (idle + 1, best)
        if number and (top == 1.0 or idle == 2):
            break
    return sorted(standing.values(), key=lambda f: f.rank)


def _played(
    context: Context,
    job: "Job",
    goal: Goal,
    finalist: Finalist,
    before: Finished | None,
    supernet: Supernet | None,
    images: int,
    number: int,
    teacher: Largest | None,
) -> Finished:
    """A finalist after one more round. A teacher that is no better than its pupil is not listened to."""
    if teacher is not None and before is not None and teacher.value <= before.files.validation.value:
        teacher = None
    weights = fine_tune(
        context,
        job,
        goal,
        finalist.network,
        start=supernet if before is None else before.weights,
        images=images,
        number=number,
        teacher=teacher,
    )
    files = quantized(context, job, goal, finalist.network, weights)
    return Finished(finalist, weights, files, images + (before.images if before is not None else 0))


def _finalist_event(goal: Goal, done: Finished, number: int, count: int) -> FinalistEvent:
    finalist, scores = done.finalist, done.files.validation
    return FinalistEvent(
        target=goal.info.id,
        architecture=str(finalist.architecture),
        architecture_id=finalist.architecture.id,
        round=number,
        rounds=count,
        images=done.images,
        accuracy=scores.value,
        standard_error=scores.error,
        latency_ms=finalist.latency_ms,
        kind=finalist.kind(goal),
    )


def finished_points(goal: Goal, finished: Sequence[Finished]) -> tuple[FrontPoint, ...]:
    """The front of finished networks, fastest first."""
    order = pareto([f.files.validation.value for f in finished], [f.finalist.latency_ms for f in finished])
    return tuple(point(goal, finished[i]) for i in order)


def point(goal: Goal, finished: Finished) -> FrontPoint:
    """A finished network as it is reported."""
    finalist = finished.finalist
    return FrontPoint(
        architecture=str(finalist.architecture),
        architecture_id=finalist.architecture.id,
        accuracy=finished.files.validation.value,
        latency_ms=finalist.latency_ms,
        kind=finalist.kind(goal),
    )


def finished_front(goal: Goal, finished: Sequence[Finished]) -> FrontEvent:
    """The front of what is finished so far."""
    points = finished_points(goal, finished)
    area = hypervolume([p.accuracy for p in points], [p.latency_ms for p in points], limit=goal.budget_ms)
    return FrontEvent(
        of="finished",
        target=goal.info.id,
        budget_ms=goal.budget_ms,
        queries=len(finished),
        points=points,
        limit_ms=goal.limit_ms,
        predicted_error=goal.table.card.mape,
        hypervolume=area,
    )


def remember(context: Context, job: "Job", goal: Goal, finished: Sequence[Finished]) -> None:
    """Keeps what was finished, so that each of it can be had later without further training."""
    facts: dict[str, Any] = {}
    for one in finished:
        facts[one.finalist.architecture.id] = {
            "weights": one.weights, "int8": one.files.int8, "fp32": one.files.fp32, "retrained": one.files.retrained,
            "validation": one.files.validation.to_json(), "images": one.images,
        }  # fmt: skip
    context.store.finish(_key(job, goal), {}, seconds=0.0, facts=facts)


def remembered(context: Context, job: "Job", goal: Goal, finalist: Finalist) -> Finished | None:
    """What a tournament of the same job finished of an architecture, if it did."""
    record = context.store.find(_key(job, goal))
    facts = record.facts.get(finalist.architecture.id) if record is not None else None
    if facts is None:
        return None
    scores = Scores(np.array(facts["validation"], np.int64), job.spec.metric)
    files = Quantized(facts["int8"], facts["fp32"], scores, facts["retrained"])
    return Finished(finalist, facts["weights"], files, facts["images"])


def _key(job: "Job", goal: Goal) -> StageKey:
    return StageKey(
        "finished",
        VERSION,
        {
            **asked(job),
            "target": goal.info.fingerprint,
            "work": job.work.model_dump(mode="json", exclude={"resolution"}),  # which the data have
        },
    )


def with_files(finished: Finished, files: Quantized) -> Finished:
    """The same network with other files."""
    return replace(finished, files=files)
