"""An outcome and a receipt with made-up numbers, for tests of their display."""

from collections.abc import Sequence
from dataclasses import asdict
from typing import Any

from nas.data.augment import NO_AUGMENT
from nas.metric import MetricValue
from nas.result import (
    BudgetOutcome,
    ClassOutcome,
    LatencyOutcome,
    ModelOutcome,
    PrecisionMetrics,
    SizeOutcome,
    TestOutcome,
)
from tests.metrics import as_accuracy


def answered(names: Sequence[str] = ("a", "b|c", "d")) -> TestOutcome:
    """Ten images of each class; one of each but the first is taken for the first."""
    others = len(names) - 1
    right = [10] + [9] * others
    rows = [tuple(right[k] if k == j else int(j == 0 < k) for j in range(len(names))) for k in range(len(names))]
    classes = tuple(
        ClassOutcome(name=name, images=10, precision=1.0 if k else 10 / (10 + others), recall=right[k] / 10)
        for k, name in enumerate(names)
    )
    accuracy = sum(right) / (10 * len(names))
    return TestOutcome(
        metrics=(
            as_accuracy(accuracy),
            MetricValue(name="balanced_accuracy", value=accuracy),
            MetricValue(name="macro_f1", value=0.5),
        ),
        classes=classes,
        confusion=tuple(rows),
    )  # fmt: skip


def outcome(test: TestOutcome | None = None) -> ModelOutcome:
    """An exported model."""
    return ModelOutcome(
        bundle="runs/x/cpu",
        architecture="resolution=8",
        architecture_id="abc",
        latency_ms=LatencyOutcome(
            budget=0.1,
            predicted=0.09,
            predicted_error=0.02,
            measured=0.091,
            measured_p50=0.092,
            measured_p95=0.1,
            kind="measured",
        ),
        metric=PrecisionMetrics(fp32=as_accuracy(0.99), int8=as_accuracy(0.98)),
        test=test or answered(),
        size_bytes=SizeOutcome(fp32=4000, int8=1000),
        budget=BudgetOutcome(reachable_ms=(0.01, 1.0), architectures="100", architectures_within="7", active=True),
    )


def receipt_document() -> dict[str, Any]:
    """The parts of a receipt that a card shows."""
    return {
        "target": {"id": "cpu", "device": "a processor", "runtime": "onnxruntime 1.0"},
        "training": {
            "work": {"supernet_images": 60_000}, "images_seen": 4_000, "int8_retrained": True, "supernet": True, "source": None,
            "augment": asdict(NO_AUGMENT), "class_weights": "auto",
        },
    }  # fmt: skip
