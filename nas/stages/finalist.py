"""A network that is trained for one target, before and after it, and how it is reported. Not here: who trains (`tournament.py`)."""

from collections.abc import Sequence
from dataclasses import dataclass, replace

from hw_targets.target import Profile
from latency_models.table import Prediction
from nas.events import FinalistEvent, FrontEvent, FrontPoint, LatencyKind
from nas.search.front import hypervolume, pareto
from nas.stages.quantize import Quantized
from nas.target_plan import TargetPlan
from search_spaces.network import Network
from search_spaces.space import Architecture


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


def with_files(trained: TrainedFinalist, files: Quantized) -> TrainedFinalist:
    """The same network with other files."""
    return replace(trained, files=files)


def finalist_event(target_plan: TargetPlan, done: TrainedFinalist, number: int, count: int) -> FinalistEvent:
    """What a finalist reached in round `number` of `count`."""
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
