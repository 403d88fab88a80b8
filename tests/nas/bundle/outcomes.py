"""An outcome and a receipt with made-up numbers, for tests of what is shown of them."""

from typing import Any

from nas.result import AccuracyOutcome, BudgetOutcome, LatencyOutcome, ModelOutcome, SizeOutcome


def outcome() -> ModelOutcome:
    """A delivered model."""
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
        accuracy=AccuracyOutcome(fp32=0.99, int8=0.98),
        size_bytes=SizeOutcome(fp32=4000, int8=1000),
        budget=BudgetOutcome(reachable_ms=(0.01, 1.0), architectures="100", architectures_within="7", binds=True),
    )


def receipt_document() -> dict[str, Any]:
    """The parts of a receipt that a card shows."""
    return {"target": {"id": "cpu", "device": "a processor", "runtime": "onnxruntime 1.0"}}
