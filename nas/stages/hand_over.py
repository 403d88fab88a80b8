"""The last stage's values: the outcome and the receipt of a finished model, and its bundle. Not here: how the bundle is written."""

from dataclasses import asdict, dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from nas.bundle.receipt import measured, receipt
from nas.events import PhaseEvent
from nas.metrics import Scores, per_class, score
from nas.result import (
    AccuracyOutcome,
    ClassOutcome,
    LatencyOutcome,
    ModelOutcome,
    RemovedValue,
    SizeOutcome,
    TestOutcome,
)
from nas.stages.budget import Goal
from nas.stages.context import Context
from nas.stages.deliver import deliver
from nas.stages.quantize import tested
from nas.stages.tournament import Finished
from nas.stages.train import Supernet

if TYPE_CHECKING:
    from nas.pipeline import Job


@dataclass(frozen=True, slots=True)
class Delivered:
    """A finished network whose file was measured.

    Attributes:
        latency: of the file, see `verify.measure_file`; none where it is simulated.
    """

    finished: Finished
    latency: dict[str, Any] | None

    def held_ms(self, goal: Goal) -> float:
        """The latency that the budget is held against: the file's, or else the network's, or else its prediction."""
        if self.latency is None:
            return self.finished.finalist.held_ms(goal)
        return goal.held_against(*(float(self.latency[name]) for name in ("latency_ms", "p50_ms", "p95_ms")))


def hand_over(
    context: Context, job: "Job", goal: Goal, delivered: Delivered, supernet: Supernet | None, folder: Path
) -> ModelOutcome:
    """Writes the bundle of a finished model."""
    finished = delivered.finished
    int8, fp32 = tested(context, job, finished.finalist.network, finished.files)
    outcome = _outcome(context, job, goal, delivered, int8, fp32, folder)
    context.on_event(PhaseEvent(phase="delivering", status="started", target=goal.info.id, seconds=None))
    context.check_cancelled()
    deliver(
        folder,
        data=job.data.name,
        classes=job.data.classes,
        input_spec=job.data.input_spec(),
        architecture=finished.finalist.architecture,
        network=finished.finalist.network,
        outcome=outcome,
        receipt=_receipt(context, job, goal, delivered, supernet, outcome),
        int8=context.store.get(finished.files.int8),
        fp32=context.store.get(finished.files.fp32),
    )
    context.on_event(PhaseEvent(phase="delivering", status="finished", target=goal.info.id, seconds=0.0))
    return outcome


def _outcome(
    context: Context, job: "Job", goal: Goal, delivered: Delivered, int8: Scores, fp32: Scores, folder: Path
) -> ModelOutcome:
    finished, taken = delivered.finished, delivered.latency or {}
    finalist, profile = finished.finalist, finished.finalist.profile
    prediction = goal.table.predict(finalist.network)
    return ModelOutcome(
        bundle=str(folder.resolve()),
        architecture=str(finalist.architecture),
        architecture_id=finalist.architecture.id,
        latency_ms=LatencyOutcome(
            budget=goal.budget_ms,
            budget_on=goal.budget_on,
            predicted=prediction.latency_ms,
            predicted_error=prediction.error,
            measured=taken.get("latency_ms"),
            measured_p50=taken.get("p50_ms"),
            measured_p95=taken.get("p95_ms"),
            simulated=profile.latency_ms if profile is not None and goal.info.kind == "simulated" else None,
            kind=goal.info.kind,
        ),
        accuracy=AccuracyOutcome(fp32=score(fp32.matrix, "accuracy"), int8=score(int8.matrix, "accuracy")),
        test=_test_outcome(job, int8),
        size_bytes=SizeOutcome(
            fp32=len(context.store.get(finished.files.fp32)), int8=len(context.store.get(finished.files.int8))
        ),
        budget=goal.outcome,
        removed=tuple(RemovedValue(**asdict(one)) for one in goal.removed),
    )


def _test_outcome(job: "Job", int8: Scores) -> TestOutcome:
    classes = (
        ClassOutcome(name=row["class"], images=row["images"], precision=row["precision"], recall=row["recall"])
        for row in per_class(int8.matrix, job.data.classes)
    )
    return TestOutcome(
        metric=job.spec.metric,
        value=int8.value,
        accuracy=score(int8.matrix, "accuracy"),
        balanced_accuracy=score(int8.matrix, "balanced_accuracy"),
        macro_f1=score(int8.matrix, "macro_f1"),
        classes=tuple(classes),
        confusion=tuple(tuple(row) for row in int8.to_json()),
    )


def _receipt(
    context: Context, job: "Job", goal: Goal, delivered: Delivered, supernet: Supernet | None, outcome: ModelOutcome
) -> dict[str, Any]:
    finished, latency = delivered.finished, delivered.latency
    files, network = finished.files, finished.finalist.network
    test = {"part": "test", "images": job.data.images["test"]}
    validation = {"part": "val", "images": job.data.images["val"]}
    assert outcome.test is not None
    details = outcome.test.model_dump(exclude={"metric", "value", "accuracy"})
    return receipt(
        info=goal.info,
        scheme=goal.scheme,
        space={"name": goal.space.name, "removed": [one.model_dump() for one in outcome.removed]},
        network=network,
        prediction=goal.table.predict(network),
        profile=finished.finalist.profile,
        card=goal.table.card,
        latency=_latencies(goal, latency, outcome),
        accuracy={
            "fp32": measured(outcome.accuracy.fp32, **test),
            "int8": measured(outcome.accuracy.int8, **test),
            "int8_validation": measured(score(files.validation.matrix, "accuracy"), **validation),
            "metric": {
                "name": job.spec.metric,
                "int8": measured(outcome.test.value, **test),
                "int8_validation": measured(
                    files.validation.value, standard_error=files.validation.error, **validation
                ),
            },
            "int8_test_part": {"kind": "measured", **details},
        },
        size_bytes=outcome.size_bytes.model_dump(),
        hashes={
            "data": job.data.content_hash,
            "latency_table": goal.table_hash,
            **({} if supernet is None else {"supernet": supernet.hash}),
            "weights": finished.weights,
            "model.int8.onnx": files.int8,
            "model.fp32.onnx": files.fp32,
        },
        seeds={"search": job.spec.seed},
        threads=job.threads,
        training={
            "work": job.work.model_dump(mode="json"),
            "images_seen": finished.images,
            "int8_retrained": files.retrained,
            "supernet": supernet is not None,
            "augment": asdict(job.augment),
            "class_weights": job.spec.class_weights,
        },
        warnings=context.warnings_for(goal.info.id),
    )


def _latencies(goal: Goal, latency: dict[str, Any] | None, outcome: ModelOutcome) -> dict[str, Any]:
    """The latencies of a receipt, each with how it came about."""
    budget = {"value": goal.budget_ms, "kind": "requested", "held_against": goal.budget_on}
    numbers: dict[str, Any] = {"budget": {**budget, "verdict": outcome.latency_ms.verdict}}
    if outcome.latency_ms.simulated is not None:
        numbers["simulated"] = {"value": outcome.latency_ms.simulated, "kind": "simulated"}
    if latency is not None:
        numbers["measured"] = measured(latency["latency_ms"], statistic="least of the rounds' lower quartiles")
        numbers["measured_p50"] = measured(latency["p50_ms"])
        numbers["measured_p95"] = measured(latency["p95_ms"])
        numbers["noise"] = measured(latency["noise"], note="median excess of the rounds over the statistic, a fraction")
    return numbers
