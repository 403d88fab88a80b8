"""A search engine that answers at once, and the values it answers with."""

import dataclasses
from pathlib import Path
from typing import Any

from latency_models.accuracy_report import AccuracyReport
from nas.events import (
    CandidateEvent,
    EventSink,
    FinalistEvent,
    FrontEvent,
    FrontPoint,
    LogEvent,
    MetricEvent,
    PhaseEvent,
    PlanEvent,
    ProgressEvent,
)
from nas.execution.executor import Executor
from nas.metric import MetricValue
from nas.result import (
    BudgetOutcome,
    ClassOutcome,
    ExportResult,
    LatencyOutcome,
    ModelOutcome,
    Plan,
    PrecisionMetrics,
    ProfileResult,
    SearchResult,
    SizeOutcome,
    TestOutcome,
)
from nas.spec import SearchSpec
from tests.metrics import as_accuracy

ARCHITECTURE = (
    "resolution=24 s1.depth=2 s1.width=16 s1.se=true s1.b0.kernel=7 s1.b0.expansion=4.0 s1.b1.kernel=5 s1.b1.expansion=4.0 "
    "s2.depth=2 s2.width=32 s2.se=false s2.b0.kernel=7 s2.b0.expansion=3.0 s2.b1.kernel=5 s2.b1.expansion=3.0 "
    "s3.depth=1 s3.width=80 s3.se=false s3.b0.kernel=5 s3.b0.expansion=0.75 head.width=128"
)

FRONT = tuple(
    FrontPoint(
        architecture=ARCHITECTURE,
        architecture_id=f"{i:x}5a279017720",
        metric=as_accuracy(0.9 + i / 100),
        latency_ms=0.05 + i / 100,
        kind="measured" if i else "predicted",
    )
    for i in range(6)
)
"""Of trained networks; the fastest was not measured."""

ESTIMATES = tuple(point.model_copy(update={"metric": as_accuracy(0.8), "kind": "predicted"}) for point in FRONT[:4])

TEST = TestOutcome(
    metrics=(
        as_accuracy(0.95),
        MetricValue(name="balanced_accuracy", value=0.9361),
        MetricValue(name="macro_f1", value=0.9121),
    ),
    classes=(
        ClassOutcome(name="cat", images=120, precision=115 / 116, recall=115 / 120),
        ClassOutcome(name="dog", images=20, precision=18 / 21, recall=18 / 20),
        ClassOutcome(name="[red]fox", images=20, precision=19 / 23, recall=19 / 20),
    ),
    confusion=((115, 3, 2), (0, 18, 2), (1, 0, 19)),
)  # fmt: skip
"""152 of 160 images are answered right; the largest class has six times the images of the smallest."""

REPORT = AccuracyReport(0.011, 0.014, 0.97, 1.0, 0.96, None, 0.012, 100, 30, "held_out")


def model(
    bundle: str = "runs/x/cpu", *, measured: float | None = 0.0812, active: bool = True, test: TestOutcome | None = TEST
) -> ModelOutcome:
    """The third point of the front, exported."""
    spread = (None, None) if measured is None else (measured + 0.0003, measured + 0.01)
    return ModelOutcome(
        bundle=bundle,
        architecture=ARCHITECTURE,
        architecture_id=FRONT[3].architecture_id,
        latency_ms=LatencyOutcome(
            budget=0.09, predicted=0.0801, predicted_error=0.011, measured=measured, measured_p50=spread[0],
            measured_p95=spread[1], kind="measured" if measured else "simulated",
        ),
        metric=PrecisionMetrics(fp32=as_accuracy(0.9563), int8=as_accuracy(0.95)),
        test=test,
        size_bytes=SizeOutcome(fp32=1_261_500, int8=328_000),
        budget=BudgetOutcome(
            reachable_ms=(0.03, 0.4), architectures="123456789012345678901234567", architectures_within="1234567", active=active
        ),
    )  # fmt: skip


def result(targets: tuple[str, ...] = ("cpu",)) -> SearchResult:
    """What a search answers."""
    return SearchResult(
        run="digits-mobilenet-1",
        front=FRONT,
        fronts=dict.fromkeys(targets, FRONT),
        estimates=dict.fromkeys(targets, ESTIMATES),
        models={name: model(f"runs/digits-mobilenet-1/{name}") for name in targets},
        seconds={"preparing": 0.2, "profiling:cpu": 0.0, "training": 75.3},
        warnings=("2 images could not be read.",),
    )


def events() -> list[Any]:
    """What a search emits: a cached stage, a training with a curve and a warning, a search."""
    emitted: list[Any] = [PhaseEvent(phase="profiling", status="reused", target="cpu", seconds=None)]
    emitted.append(PhaseEvent(phase="training", status="started", target=None, seconds=None))
    for step in range(0, 2000, 500):
        emitted.append(ProgressEvent(phase="training", done=step, total=2000, unit="steps", eta_s=(2000 - step) / 25))
        emitted.append(MetricEvent(phase="training", name="loss_largest", step=step, value=2.25 / (step + 1)))
        emitted.append(MetricEvent(phase="training", name="images_per_second", step=step, value=400.0))
    emitted.append(LogEvent(level="warning", message="2 images could [not] be read"))
    emitted.append(PhaseEvent(phase="training", status="finished", target=None, seconds=80.2))
    emitted.append(PhaseEvent(phase="searching", status="started", target=None, seconds=None))
    for number, feasible in enumerate((False, True, True)):
        emitted.append(
            CandidateEvent(
                number=number, architecture="a", architecture_id="1", metric=as_accuracy(0.97 - number / 100),
                latency_ms={"cpu": 0.0834}, feasible={"cpu": feasible},
            )
        )  # fmt: skip
        emitted.append(ProgressEvent(phase="searching", done=number + 1, total=3, unit="candidates", eta_s=None))
    emitted.append(PhaseEvent(phase="searching", status="finished", target=None, seconds=1.0))
    return emitted


def tournament() -> list[Any]:
    """Two rounds among three networks; the best of the first does not stay the best. The front is emitted again when it is over."""

    def finalist(network: str, number: int, accuracy: float, latency_ms: float) -> list[Any]:
        phase: dict[str, Any] = {"phase": "fine_tuning", "target": "cpu"}
        return [
            PhaseEvent(status="started", **phase),
            MetricEvent(name="tune_loss", step=0, value=0.5, **phase),
            MetricEvent(name="tune_images_per_second", step=0, value=400.0, **phase),
            ProgressEvent(done=10, total=10, unit="steps", **phase),
            PhaseEvent(status="finished", seconds=2.0, **phase),
            FinalistEvent(
                target="cpu", architecture=network, architecture_id=network, round=number, rounds=2, images=10,
                metric=as_accuracy(accuracy), standard_error=0.01, latency_ms=latency_ms, kind="measured",
            ),
        ]  # fmt: skip

    front = FrontEvent(of="trained", target="cpu", budget_ms=0.1, evaluations=3, points=FRONT[:2])
    first = [*finalist("a", 0, 0.95, 0.08), *finalist("b", 0, 0.96, 0.09), *finalist("c", 0, 0.96, 0.07), front]
    return [*first, *finalist("c", 1, 0.955, 0.07), *finalist("b", 1, 0.97, 0.09), front, front]


@dataclasses.dataclass
class Engine:
    """Replaces `nas.pipeline`; records its calls, and fails on request."""

    failure: BaseException | None = None
    seconds: dict[str, float] = dataclasses.field(
        default_factory=lambda: {"profiling": 40.0, "training": 95.0, "searching": 0.0}
    )
    calls: list[tuple[str, dict[str, Any]]] = dataclasses.field(default_factory=list)

    def search(
        self,
        spec: SearchSpec,
        *,
        out: Path,
        store: str | None,
        on_event: EventSink,
        executor: Executor,
        training_workers: int | None,
    ) -> SearchResult:
        """As `nas.pipeline.search`."""
        how = {"executor": executor.name, "training_workers": training_workers}
        self.calls.append(("search", {"spec": spec, "out": out, "store": store, **how}))
        on_event(PlanEvent(resolution=28, supernet=True, note="A supernet is trained."))
        for event in events():
            on_event(event)
        print("a library that prints")  # noqa: T201
        self._fail()
        return result(tuple(t.target for t in spec.targets))

    def export(
        self,
        spec: SearchSpec,
        architecture: str,
        target: str | None,
        *,
        out: Path,
        store: str | None,
        on_event: EventSink,
        executor: Executor,
    ) -> ExportResult:
        """As `nas.pipeline.export`."""
        given = {"spec": spec, "architecture": architecture, "target": target, "out": out, "store": store}
        self.calls.append(("export", {**given, "executor": executor.name}))
        for event in events():
            on_event(event)
        self._fail()
        return ExportResult(
            run="digits-mobilenet-1", target="cpu", model=model(measured=0.0952), within_budget=False,
            seconds={"training": 0.0, "fine_tuning:cpu": 12.0}, warnings=("The budget is missed.",),
        )  # fmt: skip

    def plan(self, spec: SearchSpec, *, out: Path, store: str | None) -> Plan:
        """As `nas.preflight.plan`."""
        self.calls.append(("plan", {"spec": spec, "out": out, "store": store}))
        return Plan(seconds=self.seconds, memory_bytes=412_000_000, resolution=28, note="A supernet is trained.")

    def profile(self, target: str, space: str, *, on_event: EventSink, **options: Any) -> ProfileResult:
        """As `nas.pipeline.profile`."""
        self.calls.append(("profile", {"target": target, "space": space, **options}))
        self._fail()
        return ProfileResult(
            target=target, device="a processor", runtime="onnxruntime 1", fingerprint="ab", space=space, resolution=28,
            accuracy_report=REPORT, keys=321, architectures="1024", reachable_ms=(0.03, 0.4),
            table="runs/store/blobs/ab/abcd", seconds=41.0,
        )  # fmt: skip

    def show(self, run: str, *, out: Path) -> SearchResult:
        """As `nas.pipeline.show`."""
        self.calls.append(("show", {"run": run, "out": out}))
        self._fail()
        return result()

    def _fail(self) -> None:
        if self.failure is not None:
            raise self.failure
