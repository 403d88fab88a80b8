"""Latency tables on the wire."""

from datetime import datetime
from typing import Any, Final

from pydantic import Field

from api.ids import id_pattern
from api.jobs.schemas import ProfilingAnswer
from api.wire import WireModel, examples

_EXAMPLE: Final[dict[str, Any]] = {
    "id": "lat_01jd3z6g4m8x2c5v7b9n1q3r5t", "job_id": None, "created_at": "2026-01-31T12:00:00Z",
    "summary": {
        "target": "cpu", "device": "a processor", "runtime": "onnxruntime", "fingerprint": "abc", "space": "mobilenet",
        "resolution": 8, "keys": 120, "architectures": "8503056000", "reachable_ms": [0.04, 0.31],
        "table_sha256": "0" * 64, "seconds": 20.5, "warnings": [],
        "accuracy_report": {
            "mape": 0.01, "rmspe": 0.013, "within_5": 1.0, "within_10": 1.0, "kendall_tau": 0.97,
            "kendall_tau_fastest_tenth": None, "noise_mape": 0.01, "fitted": 40, "tested": 10, "method": "held_out",
        },
    },
}  # fmt: skip


class LatencyTableDocument(WireModel):
    """A latency table that a profiling job measured."""

    model_config = examples(_EXAMPLE)

    id: str = Field(pattern=id_pattern("lat"))
    job_id: str | None = Field(pattern=id_pattern("job"), description="null when the job was deleted")
    summary: ProfilingAnswer
    created_at: datetime


class LatencyTablePage(WireModel):
    """Some latency tables, newest first."""

    model_config = examples({"items": [_EXAMPLE], "next_page_token": None})

    items: tuple[LatencyTableDocument, ...]
    next_page_token: str | None = Field(description="for the next page; null on the last")
