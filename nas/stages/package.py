"""The last stage: the outcome and the receipt of a final model, and its bundle. Not here: how the bundle is written."""

from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any, cast

from latency_models.limits import cost_of
from nas.bundle.receipt import measured, receipt
from nas.bundle.writer import write_bundle
from nas.events import PhaseEvent
from nas.job import Job
from nas.metrics import Scores, per_class
from nas.result import (
    ClassOutcome,
    CostName,
    LatencyOutcome,
    LimitOutcome,
    ModelOutcome,
    PrecisionMetrics,
    RemovedValue,
    SizeOutcome,
    SourceOutcome,
    TestOutcome,
)
from nas.search_report import SearchCost, TrustScore
from nas.source import Source
from nas.spec import METRIC_NAMES
from nas.stages.finalist import TrainedFinalist
from nas.stages.quantize import tested
from nas.stages.source_rows import source_rows
from nas.stages.target_run import TargetRun
from nas.stages.verify import FileLatency
from nas.target_plan import TargetPlan
from search_spaces.network import Network


@dataclass(frozen=True, slots=True)
class Delivered:
    """A trained network whose file was measured.

    Attributes:
        latency: of the file; none where it is simulated.
    """

    trained: TrainedFinalist
    latency: FileLatency | None

    def budgeted_ms(self, target_plan: TargetPlan) -> float:
        """The latency that is compared with the budget: the file's, or else the network's, or else its prediction."""
        if self.latency is None:
            return self.trained.finalist.budgeted_ms(target_plan)
        return target_plan.budgeted_ms(self.latency.latency_ms, self.latency.p50_ms, self.latency.p95_ms)


def package(
    run: TargetRun,
    delivered: Delivered,
    folder: Path,
    *,
    cost: SearchCost | None = None,
    trust: TrustScore | None = None,
) -> ModelOutcome:
    """Writes the bundle of a final model; `cost` and `trust` are of the search that selected it."""
    context, job, trained = run.context, run.job, delivered.trained
    int8, fp32 = tested(context, job, trained.finalist.network, trained.files)
    outcome = _outcome(run, delivered, int8, fp32, folder).model_copy(update={"cost": cost, "trust": trust})
    context.on_event(PhaseEvent(phase="delivering", status="started", target=run.id, seconds=None))
    context.check_cancelled()
    write_bundle(
        folder,
        data=job.data.name,
        classes=job.data.classes,
        input_spec=job.data.input_spec(),
        architecture=trained.finalist.architecture,
        network=trained.finalist.network,
        outcome=outcome,
        receipt=_receipt(run, delivered, outcome),
        int8=context.store.get(trained.files.int8),
        fp32=context.store.get(trained.files.fp32),
    )
    context.on_event(PhaseEvent(phase="delivering", status="finished", target=run.id, seconds=0.0))
    return outcome


def _outcome(run: TargetRun, delivered: Delivered, int8: Scores, fp32: Scores, folder: Path) -> ModelOutcome:
    target_plan, trained, file = run.target_plan, delivered.trained, delivered.latency
    finalist, store = trained.finalist, run.context.store
    simulated = (
        finalist.profile.latency_ms if finalist.profile is not None and target_plan.info.kind == "simulated" else None
    )
    return ModelOutcome(
        bundle=str(folder.resolve()),
        architecture=str(finalist.architecture),
        architecture_id=finalist.architecture.id,
        latency_ms=LatencyOutcome(
            budget=target_plan.budget_ms,
            budget_on=target_plan.budget_on,
            predicted=finalist.prediction.latency_ms,
            predicted_error=finalist.prediction.error,
            measured=None if file is None else file.latency_ms,
            measured_p50=None if file is None else file.p50_ms,
            measured_p95=None if file is None else file.p95_ms,
            simulated=simulated,
            kind=target_plan.info.kind,
        ),
        metric=PrecisionMetrics(fp32=fp32.reported, int8=int8.reported),
        test=_test_outcome(run.job, int8),
        size_bytes=SizeOutcome(fp32=len(store.get(trained.files.fp32)), int8=len(store.get(trained.files.int8))),
        budget=target_plan.outcome,
        limits=limit_outcomes(target_plan, finalist.network),
        removed=tuple(RemovedValue(**asdict(one)) for one in target_plan.removed),
        sources=source_rows(run),
    )


def limit_outcomes(target_plan: TargetPlan, network: Network) -> tuple[LimitOutcome, ...]:
    """The limits on other costs than latency, with what a network has of each."""
    compiled = target_plan.region.compiled
    found = []
    for number, limit in enumerate(compiled.limits):
        value = cost_of(limit.cost, network)
        found.append(
            LimitOutcome(
                cost=cast(CostName, limit.cost),
                most=limit.most,
                value=value,
                met=value <= limit.most,
                reachable=compiled.ends(number),
                active=compiled.active(number),
            )
        )
    return tuple(found)


def _test_outcome(job: Job, int8: Scores) -> TestOutcome:
    classes = (
        ClassOutcome(name=row["class"], images=row["images"], precision=row["precision"], recall=row["recall"])
        for row in per_class(int8.matrix, job.data.classes)
    )
    others = (Scores(int8.matrix, name) for name in METRIC_NAMES if name != int8.metric)
    return TestOutcome(
        metrics=(int8.reported, *(one.reported for one in others)),
        classes=tuple(classes),
        confusion=tuple(tuple(row) for row in int8.to_json()),
    )


def _receipt(run: TargetRun, delivered: Delivered, outcome: ModelOutcome) -> dict[str, Any]:
    context, job, target_plan = run.context, run.job, run.target_plan
    trained, finalist = delivered.trained, delivered.trained.finalist
    files = trained.files
    test = {"split": "test", "images": job.data.images["test"]}
    validation = {"split": "val", "images": job.data.images["val"]}
    assert outcome.test is not None
    details = outcome.test.model_dump(mode="json")
    return receipt(
        info=target_plan.info,
        scheme=target_plan.scheme,
        space={"name": target_plan.space.name, "removed": [one.model_dump() for one in outcome.removed]},
        network=finalist.network,
        prediction=finalist.prediction,
        profile=finalist.profile,
        accuracy_report=target_plan.table.accuracy_report,
        latency=_latencies(target_plan, delivered.latency, outcome),
        limits=outcome.limits,
        metric={
            **outcome.metric.int8.model_dump(exclude={"value"}),
            "fp32": measured(outcome.metric.fp32.value, **test),
            "int8": measured(outcome.metric.int8.value, **test),
            "int8_validation": measured(files.validation.value, standard_error=files.validation.error, **validation),
        },
        test={"kind": "measured", "precision": "int8", **details},
        size_bytes=outcome.size_bytes.model_dump(),
        hashes={
            "data": job.data.content_hash,
            "latency_table": target_plan.table_hash,
            **({} if run.adapted is None else {"adapted_source": run.adapted.supernet.hash}),
            **({"supernet": run.supernet.hash} if run.supernet is not None and job.work.supernet_images else {}),
            "weights": trained.weights,
            "model.int8.onnx": files.int8,
            "model.fp32.onnx": files.fp32,
        },
        seeds={"search": job.spec.seed},
        threads=job.compute.threads,
        training={
            "work": job.work.model_dump(mode="json"),
            "images_seen": trained.images,
            "int8_retrained": files.retrained,
            "source": None if job.source is None else _provenance(job.source),
            "source_alone": [_alone(one) for one in outcome.sources],
            "supernet": job.work.supernet_images > 0,
            "augment": asdict(job.augment),
            "class_weights": job.spec.class_weights,
        },
        search=_search(outcome),
        warnings=context.warnings_for(run.id),
    )


def _search(outcome: ModelOutcome) -> dict[str, Any]:
    """Cost and trust score of the search; null where the user selected the network."""
    cost, trust = outcome.cost, outcome.trust
    return {
        "cost": None if cost is None else {"kind": "measured", **cost.model_dump(mode="json")},
        "trust": None if trust is None else {"kind": "measured", **trust.model_dump(mode="json")},
    }


def _alone(source: SourceOutcome) -> dict[str, Any]:
    """What the source gives without a search."""
    return {
        "name": source.source,
        "architecture": source.architecture,
        "metric": measured(source.metric.value, name=source.metric.name, split="test"),
        "latency_ms": {"value": source.latency_ms, "kind": source.kind},
        "images_seen": source.images,
    }


def _provenance(source: Source) -> dict[str, str]:
    """Where the weights that a model started from come from."""
    return {
        "name": source.name,
        "trained_on": source.trained_on,
        "licence": source.licence,
        "origin": source.origin,
        "sha256": source.sha256,
    }


def _latencies(target_plan: TargetPlan, latency: FileLatency | None, outcome: ModelOutcome) -> dict[str, Any]:
    """The latencies of a receipt, each with its source."""
    budget = {"value": target_plan.budget_ms, "kind": "requested", "budget_on": target_plan.budget_on}
    numbers: dict[str, Any] = {"budget": {**budget, "verdict": outcome.latency_ms.verdict}}
    if outcome.latency_ms.simulated is not None:
        numbers["simulated"] = {"value": outcome.latency_ms.simulated, "kind": "simulated"}
    if latency is not None:
        numbers["measured"] = measured(latency.latency_ms, statistic="minimum over rounds of the 25th percentile")
        numbers["measured_p50"] = measured(latency.p50_ms)
        numbers["measured_p95"] = measured(latency.p95_ms)
        numbers["noise"] = measured(latency.noise, note="median excess of the rounds over the statistic, a fraction")
    return numbers
