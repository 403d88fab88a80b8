"""An engine that answers in a moment: real events, a small bundle, and switches in the seed for what tests need.

The worker imports it by name, in place of `nas.pipeline:search`.
"""

import json
import os
import signal
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

from hw_targets.registry import target as find_target
from latency_models.accuracy_report import AccuracyReport
from nas.errors import Cancelled, InfeasibleBudget
from nas.events import (
    CandidateEvent,
    EventSink,
    FinalistEvent,
    FrontEvent,
    FrontPoint,
    LogEvent,
    MeasurementEvent,
    MetricEvent,
    PhaseEvent,
    PlanEvent,
    ProgressEvent,
)
from nas.execution.executor import Executor
from nas.metric import MetricValue
from nas.preflight import JobEstimate, Pretrained
from nas.result import (
    BudgetOutcome,
    ClassOutcome,
    CommonOutcome,
    CommonTarget,
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
from nas.search_report import SearchCost, TrustScore
from nas.spec import SearchSpec
from nas.stages.context import DeviceClaim
from nas.store import StageKey, Store

PLAIN, INFEASIBLE, SLOW, DEAF, DEFECT, KILL_ONCE, KILL_ALWAYS, GREEDY, ALONE = range(9)
"""What a seed asks for; `ALONE` is a search without a supernet. From `LONG` on, a seed is the number of steps, each of which tells
something of its own."""


def as_accuracy(value: float) -> MetricValue:
    """An accuracy, 0-1."""
    return MetricValue(name="accuracy", value=value)


LONG = 100
STEPS = 5
TRAINED = FrontPoint(
    architecture="resolution=8", architecture_id="a1", metric=as_accuracy(0.985), latency_ms=0.1, kind="measured"
)
TEST = TestOutcome(
    metrics=(
        as_accuracy(0.75),
        MetricValue(name="balanced_accuracy", value=0.75),
        MetricValue(name="macro_f1", value=11 / 15),
    ),
    classes=(
        ClassOutcome(name="crack", images=2, precision=1.0, recall=0.5),
        ClassOutcome(name="whole", images=2, precision=2 / 3, recall=1.0),
    ),
    confusion=((1, 1), (0, 2)),
)
COST = SearchCost(
    evaluations=5, images=500, core_seconds=60.0, parts={"training": 50.0, "searching": 10.0}, training_core_seconds=20.0,
    trainings=3.0,
)  # fmt: skip
TRUST = TrustScore(
    verdict="too few",
    note="1 network was compared; at least 5 are needed to say whether the search's scores can be trusted.",
)
FILES = ("README.md", "architecture.json", "classify.py", "model.fp32.onnx", "model.int8.onnx", "receipt.json")


def search(
    spec: SearchSpec,
    *,
    out: Path,
    store: Store,
    on_event: EventSink,
    cancelled: Callable[[], bool],
    claim: DeviceClaim,
    executor: Executor,
) -> SearchResult:
    """Acts as the spec's seed asks."""
    if spec.seed == INFEASIBLE:
        raise InfeasibleBudget(
            "No network is as fast as 0.001 ms.", fix="Allow 0.2 ms.", facts={"reachable_ms": [0.2, 1.5]}
        )
    if spec.seed == DEFECT:
        raise ZeroDivisionError("a mistake")
    if spec.seed == ALONE:
        return _alone(spec, out, on_event)
    on_event(PlanEvent(resolution=8, supernet=True, note="2 networks are fine-tuned."))
    on_event(PhaseEvent(phase="searching", status="started", target=None, seconds=None))
    point = FrontPoint(architecture="resolution=8", architecture_id="a1", metric=as_accuracy(0.98), latency_ms=0.1)
    for step in range(100_000 if spec.seed in (SLOW, DEAF) else spec.seed if spec.seed >= LONG else STEPS):
        on_event(ProgressEvent(phase="searching", done=step, total=STEPS, unit="candidates", eta_s=0.1))
        if spec.seed >= LONG:
            _tell_of(step, on_event)
        else:
            on_event(candidate("a1", step))
        if step == STEPS - 2:
            kill(spec.seed, store)
        time.sleep(0.02)
        if cancelled() and spec.seed != DEAF:
            raise Cancelled("Stopped.", fix="Run it again.")
    names = [budget.target for budget in spec.targets]
    for name in names:
        on_event(FrontEvent(target=name, budget_ms=0.2, evaluations=STEPS, points=(point,)))
        on_event(_finalist(name, point.architecture_id))
        on_event(FrontEvent(of="trained", target=name, budget_ms=0.2, evaluations=1, points=(TRAINED,)))
    on_event(LogEvent(level="info", message=f"data {spec.data}"))
    on_event(PhaseEvent(phase="searching", status="finished", target=None, seconds=0.1))
    return SearchResult(
        run=out.name,
        metric=spec.metric,
        front=(TRAINED,),
        fronts=dict.fromkeys(names, (TRAINED,)),
        estimates=dict.fromkeys(names, (point,)),
        models={name: model(out, name).model_copy(update={"cost": COST, "trust": TRUST}) for name in names},
        common=_common(names) if len(names) > 1 else None,
        seconds={"searching": 0.1},
    )


def _common(names: list[str]) -> CommonOutcome:
    """The network that every target has for itself."""
    one = CommonTarget(metric=as_accuracy(0.985), latency_ms=0.1, kind="measured", regret=0.0)
    return CommonOutcome(
        architecture=TRAINED.architecture,
        architecture_id=TRAINED.architecture_id,
        targets=dict.fromkeys(names, one),
        compared=1,
    )


def _finalist(target: str, architecture_id: str, **more: Any) -> FinalistEvent:
    common: dict[str, Any] = {
        "architecture": "resolution=8", "round": 0, "rounds": 1, "images": 1000, "metric": as_accuracy(0.985), "standard_error": 0.01,
        "latency_ms": 0.1, "kind": "measured",
    }  # fmt: skip
    return FinalistEvent(target=target, architecture_id=architecture_id, **common | more)


def _alone(spec: SearchSpec, out: Path, on_event: EventSink) -> SearchResult:
    """Two networks are trained, of which `a1` goes on for another round; both are candidates in the end."""

    def metric(value: float) -> MetricValue:
        return MetricValue(name=spec.metric, value=value)

    trained = TRAINED.model_copy(update={"metric": metric(0.985)})
    on_event(PlanEvent(resolution=8, supernet=False, note="2 networks are trained instead of a supernet."))
    on_event(PhaseEvent(phase="fine_tuning", status="started", target="cpu", seconds=None))
    on_event(_finalist("cpu", "a1", rounds=2, metric=metric(0.9)))
    on_event(_finalist("cpu", "b2", rounds=2, metric=metric(0.7), latency_ms=0.15))
    on_event(_finalist("cpu", "a1", rounds=2, round=1, images=2000, metric=metric(0.985)))
    for number, (architecture_id, value) in enumerate((("a1", 0.985), ("b2", 0.7))):
        on_event(candidate(architecture_id, number, metric=metric(value)))
    on_event(FrontEvent(of="trained", target="cpu", budget_ms=0.2, evaluations=2, points=(trained,)))
    return SearchResult(
        run=out.name, metric=spec.metric, front=(trained,), fronts={"cpu": (trained,)}, models={"cpu": model(out, "cpu")},
        seconds={"fine_tuning": 0.1},
    )  # fmt: skip


def candidate(architecture_id: str, step: int, **more: Any) -> CandidateEvent:
    """A candidate of a number."""
    common: dict[str, Any] = {"architecture": "resolution=8", "metric": as_accuracy(0.98), "latency_ms": {"cpu": 0.1}}
    return CandidateEvent(number=step, architecture_id=architecture_id, feasible={"cpu": True}, **common | more)


def _tell_of(step: int, on_event: EventSink) -> None:
    """Each candidate differs; every tenth has a point of a curve beside it, and every fiftieth a measurement and a front."""
    name, latency_ms, accuracy = f"a{step}", 0.1 + 0.001 * (step % 90), 0.5 + 0.005 * (step % 97)
    facts: dict[str, Any] = {"choices": {"resolution": 8, "width": 0.25 * (1 + step % 4)}, "macs": 10_000 + step}
    sizes = {"params": 1000 + step, "weight_bytes": 1100 + step, "peak_memory_bytes": 4096}
    on_event(candidate(name, step, metric=as_accuracy(accuracy), latency_ms={"cpu": latency_ms}, **facts, **sizes))
    if step % 10 == 0:
        on_event(MetricEvent(phase="searching", name="accuracy", step=step, value=accuracy))
    if step % 50 == 0:
        took = {"latency_ms": latency_ms, "p50_ms": latency_ms, "p95_ms": latency_ms, "noise": 0.01}
        on_event(MeasurementEvent(target="cpu", architecture_id=name, of="candidate", kind="measured", **took))
        point = FrontPoint(
            architecture="resolution=8", architecture_id=name, metric=as_accuracy(accuracy), latency_ms=latency_ms
        )
        on_event(
            FrontEvent(
                target="cpu", budget_ms=0.2, evaluations=step + 1, points=(point,), hypervolume=0.05 + step * 1e-5
            )
        )


def kill(seed: int, store: Store) -> None:
    """Kills the worker as the system would, once in a store or always, if the seed asks for it."""
    time.sleep(0.1)
    mark = StageKey("killed", 1, {})
    if seed == KILL_ALWAYS or (seed == KILL_ONCE and store.find(mark) is None):
        store.finish(mark, {}, seconds=0.0)
        os.kill(os.getpid(), signal.SIGKILL)


def model(out: Path, target: str) -> ModelOutcome:
    """A model with its bundle in a folder of a run."""
    bundle = out / f"bundle-{target.replace(':', '-')}"
    bundle.mkdir(parents=True, exist_ok=True)
    for name in FILES:
        (bundle / name).write_bytes(json.dumps({"file": name, "target": target}).encode())
    return ModelOutcome(
        bundle=str(bundle),
        architecture="resolution=8",
        architecture_id="a1",
        latency_ms=LatencyOutcome(
            budget=0.2,
            predicted=0.1,
            predicted_error=0.01,
            measured=0.1,
            measured_p50=0.11,
            measured_p95=0.12,
            kind="measured",
        ),
        metric=PrecisionMetrics(fp32=as_accuracy(0.985), int8=as_accuracy(0.98)),
        test=TEST,
        size_bytes=SizeOutcome(fp32=4000, int8=1000),
        budget=BudgetOutcome(reachable_ms=(0.05, 1.5), architectures="100", architectures_within="40", active=True),
    )


def export(
    spec: SearchSpec,
    architecture: str,
    target: str,
    *,
    out: Path,
    store: Store,
    on_event: EventSink,
    cancelled: Callable[[], bool],
    claim: DeviceClaim,
    executor: Executor,
) -> ExportResult:
    """Delivers what was asked for; with the seed `SLOW` it waits to be cancelled."""
    on_event(PhaseEvent(phase="fine_tuning", status="started", target=target, seconds=None))
    while spec.seed == SLOW:
        time.sleep(0.02)
        if cancelled():
            raise Cancelled("Stopped.", fix="Run it again.")
    assert target in [budget.target for budget in spec.targets]
    on_event(LogEvent(level="info", message=f"{architecture} of {spec.data}"))
    delivered = model(out, target).model_copy(update={"architecture": architecture})
    late = (f"The budget on {target} is missed.",)
    return ExportResult(
        run=out.name, target=target, model=delivered, within_budget=False, seconds={"fine_tuning": 0.1}, warnings=late
    )


def estimate_job(spec: SearchSpec, *, store: Store) -> JobEstimate:
    """Knows everything at once, but for seeds that ask for too much."""
    if spec.seed == SLOW:
        time.sleep(60)
    if spec.seed == GREEDY:
        bytes(10 * 2**30)
    if spec.seed == KILL_ALWAYS:
        os.kill(os.getpid(), signal.SIGKILL)
    if spec.seed == INFEASIBLE:
        raise InfeasibleBudget("No network is as fast.", fix="Allow more.", facts={"reachable_ms": [0.2, 1.5]})
    seconds = {"profiling": 1.0, "training": 2.0, "searching": 3.0, "fine_tuning": 4.0}
    note = "2 networks are trained at 8 x 8 pixels."
    plan = Plan(seconds=seconds, memory_bytes=10**9, resolution=8, supernet=False, note=note)
    reachable = {budget.target: (0.2, 1.5) for budget in spec.targets}
    return JobEstimate(architectures="9" * 26, reachable_ms=reachable, plan=plan, warnings=("busy",))


def profile(
    target: str,
    space: str,
    *,
    resolution: int,
    out: Path,
    store: Store,
    on_event: EventSink,
    claim: DeviceClaim,
    **_rest: object,
) -> ProfileResult:
    """Holds the device, and measures nothing."""
    with claim(find_target(target)):
        pass
    on_event(PhaseEvent(phase="profiling", status="finished", target=target, seconds=1.0))
    accuracy_report = AccuracyReport(0.01, 0.01, 1.0, 1.0, 0.9, None, 0.01, 30, 10, "held_out")
    return ProfileResult(
        target=target, device="abacus", runtime="beads", fingerprint="f1", space=space, resolution=resolution,
        accuracy_report=accuracy_report,
        keys=3, architectures="100", reachable_ms=(0.2, 1.5), table=store.path_of("ab" * 32), seconds=1.0,
    )  # fmt: skip


def pretrain(
    spec: SearchSpec, *, store: Store, on_event: EventSink, cancelled: Callable[[], bool], executor: Executor
) -> Pretrained:
    """Trains nothing."""
    on_event(PhaseEvent(phase="training", status="finished", target=None, seconds=1.0))
    return Pretrained(space=str(spec.space), resolution=8, supernet_sha256="ab" * 32, seconds=1.0, warnings=())
