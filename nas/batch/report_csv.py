"""The cells of a batch as CSV: one row for each cell, with its network's latency on every target. Not here: what the figures are."""

import csv
import io
from typing import Any

from nas.batch.result import BatchResult, CellResult

MODEL = (
    "architecture_id", "metric", "metric_validation", "metric_test_fp32", "metric_test_int8", "budget_ms", "latency_ms",
    "latency_kind", "latency_predicted_ms", "verdict", "int8_bytes", "fp32_bytes",
)  # fmt: skip
"""Columns of the exported network; empty where a cell has none."""


def csv_text(result: BatchResult) -> str:
    """The table, with a header, RFC 4180; a target's latency on another cell's network is followed by its kind."""
    stream = io.StringIO()
    cross = [column for target in result.targets for column in (f"{target} ms", f"{target} kind")]
    asked = ["cell", "data", "space", "target", "budget", "seed"]
    writer = csv.DictWriter(stream, [*asked, "state", "error", *MODEL, *cross, "found", "shared_stages"])
    writer.writeheader()
    rows = {row.cell: row for row in result.cross}
    for cell in result.cells:
        values = {**_asked(cell), **_model(cell), "found": cell.found, "shared_stages": len(cell.shared)}
        for one in rows[cell.id].latencies if cell.id in rows else ():
            values[f"{one.target} ms"], values[f"{one.target} kind"] = one.latency_ms, one.kind
        writer.writerow({name: _plain(value) for name, value in values.items()})
    return stream.getvalue()


def _asked(cell: CellResult) -> dict[str, Any]:
    return {
        "cell": cell.id, "data": cell.data, "space": cell.space, "target": cell.target, "budget": cell.latency_ms,
        "seed": cell.seed, "state": cell.state, "error": None if cell.error is None else cell.error.code,
    }  # fmt: skip


def _model(cell: CellResult) -> dict[str, Any]:
    model = cell.model
    if model is None:
        return {}
    latency = model.latency_ms
    return {
        "architecture_id": model.architecture_id, "metric": cell.metric, "metric_validation": cell.validation,
        "metric_test_fp32": model.metric.fp32.value, "metric_test_int8": model.metric.int8.value,
        "budget_ms": latency.budget, "latency_ms": latency.final_ms, "latency_kind": latency.kind,
        "latency_predicted_ms": latency.predicted, "verdict": latency.verdict, "int8_bytes": model.size_bytes.int8,
        "fp32_bytes": model.size_bytes.fp32,
    }  # fmt: skip


def _plain(value: Any) -> Any:
    """A value that no spreadsheet takes for a formula."""
    return f"'{value}" if isinstance(value, str) and value[:1] in "=+-@\t\r" else value
