"""Tables of what was recorded: one real search (`example/`), and the benchmarks' results. Every number in them is from a run.

Not here: the pages around them, or how numbers come about (`docs/numbers.md`).
"""

import json
from pathlib import Path
from typing import Any, Final

EXAMPLE: Final = Path(__file__).parent / "example"
RESULTS: Final = Path(__file__).parents[1] / "benchmarks" / "results"


def example(name: str) -> dict[str, Any] | None:
    """A document of the recorded search (`result`, `receipt`, `candidates`); None before one was recorded."""
    path = EXAMPLE / f"{name}.json"
    document: dict[str, Any] | None = json.loads(path.read_text()) if path.exists() else None
    return document


def example_model() -> str:
    """The delivered model of the recorded search, as a table."""
    result, receipt = example("result"), example("receipt")
    if result is None or receipt is None:
        return "No run is recorded yet: `make demo` shows this table for your machine."
    model = next(iter(result["models"].values()))
    latency, accuracy, size, budget = (model[k] for k in ("latency_ms", "accuracy", "size_bytes", "budget"))
    low, high = budget["reachable_ms"]
    rows = [
        ("latency budget", f"{latency['budget']:.4f} ms", "asked for"),
        ("reachable in the space", f"{low:.4f} to {high:.4f} ms", "predicted"),
        ("latency", f"{latency['predicted']:.4f} ms ± {latency['predicted_error']:.1%}", "predicted"),
        ("latency", f"{latency['measured']:.4f} ms", "measured"),
        ("median, 95th percentile", f"{latency['measured_p50']:.4f}, {latency['measured_p95']:.4f} ms", "measured"),
        ("INT8 accuracy, test set", f"{accuracy['int8']:.2%}", "measured"),
        ("FP32 accuracy, test set", f"{accuracy['fp32']:.2%}", "measured"),
        ("size, INT8 and FP32", f"{size['int8']:,} and {size['fp32']:,} bytes", "measured"),
        (
            "architectures in the budget",
            f"{int(budget['architectures_within']):.2e} of {int(budget['architectures']):.2e}",
            "predicted, counted exactly",
        ),
    ]
    if result["seconds"].get("training", 0) > 0:  # not where stages came from the store
        rows.append(("whole run", f"{sum(result['seconds'].values()):.0f} s", "measured"))
    lines = ["| | value | kind |", "| --- | --- | --- |", *(f"| {a} | {b} | {c} |" for a, b, c in rows)]
    target = receipt["target"]
    lines += ["", f"Recorded {receipt['created'][:10]} on {target['device']}, {target['runtime']}, batch 1."]
    return "\n".join(lines)


def example_picture() -> str:
    """The recorded search's picture for the README, with what it shows."""
    if example("result") is None:
        return ""
    return (
        "![Estimates and the front of finished networks of the recorded search](docs/images/front.png)\n\n"
        "Grey: what the search estimated, at predicted latencies. Blue: the front. Red: the delivered model, at the latency that was\n"
        "measured on the device. Table and picture come from one run of `make demo`, kept in\n"
        "[docs/example](docs/example/result.json). The digits are a smoke test: one test image is 0.3 points of accuracy."
    )


def example_front() -> str:
    """The front of the recorded search, as a table."""
    result = example("result")
    if result is None:
        return "No run is recorded yet."
    chosen = {model["architecture_id"] for model in result["models"].values()}
    lines = ["| architecture | accuracy (INT8, validation) | latency | kind |", "| --- | --- | --- | --- |"]
    for point in result["front"]:
        mark = " (delivered)" if point["architecture_id"] in chosen else ""
        latency = f"{point['latency_ms']:.4f} ms | {point.get('kind', 'predicted')}"
        lines.append(f"| `{point['architecture_id']}`{mark} | {point['metric']['value']:.2%} | {latency} |")
    return "\n".join(lines)


def baselines() -> str:
    """How many times as fast as known networks those found are, each with its interval."""
    document = json.loads((RESULTS / "against_baselines.json").read_text())
    settings, rows = document["settings"], [row for row in document["rows"] if not row["found"]]
    lines = [
        f"{settings['data']}, {settings['epochs']:g} epoch{'s' * (settings['epochs'] != 1)} of training, {settings['seeds']} seeds:",
        "",
        "| compared with, at equal accuracy | times as fast | 95 % interval |",
        "| --- | --- | --- |",
    ]
    for row in rows:
        times, half = row["speedup_at_equal_accuracy"], row["speedup_interval"]
        told = ("not reached", "-") if times is None else (f"{times:.1f}", _interval(times, half))
        lines.append(f"| {row['name']} | {told[0]} | {told[1]} |")
    return "\n".join(lines)


def _interval(mean: float, half: float | None) -> str:
    if half is None:
        return "-"
    return (
        f"{mean - half:.1f} to {mean + half:.1f}{', which includes 1: not shown to differ' if mean - half <= 1 else ''}"
    )


def benchmarks() -> str:
    """One section to each recorded benchmark: its settings, machine and summary, and its rows where they are few."""
    parts = [_benchmark(json.loads(path.read_text())) for path in sorted(RESULTS.glob("*.json"))]
    return "\n\n".join(parts) or "No result is recorded yet."


def _benchmark(document: dict[str, Any]) -> str:
    machine = document["machine"]
    settings = ", ".join(f"{name} {_cell(value)}" for name, value in document["settings"].items() if value is not None)
    versions = ", ".join(f"{name} {value}" for name, value in machine["versions"].items())
    date = f" {document['date']}." if "date" in document else ""
    lines = [
        f"### {document['benchmark']}",
        "",
        f"Settings: {settings}. Took {document['seconds']:.0f} s.{date}",
        f"Machine: {machine['cpu']}, {machine['cores']} cores; {versions}.",
        "",
        "| number | value |",
        "| --- | --- |",
        *(f"| `{name}` | {_cell(value)} |" for name, value in document["summary"].items()),
    ]
    rows = document["rows"]
    if 0 < len(rows) <= MOST_ROWS:
        columns = [c for c in rows[0] if all(len(_cell(row.get(c))) <= MOST_CHARACTERS for row in rows)]
        lines += ["", "| " + " | ".join(columns) + " |", "|" + " --- |" * len(columns)]
        lines += ["| " + " | ".join(_cell(row.get(c)) for c in columns) + " |" for row in rows]
    return "\n".join(lines)


MOST_ROWS: Final = 60
MOST_CHARACTERS: Final = 40


def _cell(value: object) -> str:
    if value is None:
        return "-"
    if isinstance(value, float):
        return f"{value:.4g}"
    return str(value).replace("|", "\\|")
