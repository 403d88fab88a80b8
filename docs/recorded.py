"""Tables of recorded results: one real search (`example/`) and the benchmarks. Every number in them is from a run.

Not here: the pages around them, or how numbers are obtained (`docs/numbers.md`).
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
    """The final model of the recorded search, as a table."""
    result, receipt = example("result"), example("receipt")
    if result is None or receipt is None:
        return "No run is recorded yet: `make demo` shows this table for your machine."
    model = next(iter(result["models"].values()))
    latency, metric, size, budget = (model[k] for k in ("latency_ms", "metric", "size_bytes", "budget"))
    low, high = budget["reachable_ms"]
    rows = [
        ("latency budget", f"{latency['budget']:.4f} ms", "requested"),
        ("reachable in the space", f"{low:.4f} to {high:.4f} ms", "predicted"),
        ("latency", f"{latency['predicted']:.4f} ms ± {latency['predicted_error']:.1%}", "predicted"),
        ("latency", f"{latency['measured']:.4f} ms", "measured"),
        ("median, 95th percentile", f"{latency['measured_p50']:.4f}, {latency['measured_p95']:.4f} ms", "measured"),
        *(
            (
                f"{precision.upper()} {metric[precision]['name']}, test set",
                f"{metric[precision]['value']:.2%}",
                "measured",
            )
            for precision in ("int8", "fp32")
        ),
        ("size, INT8 and FP32", f"{size['int8']:,} and {size['fp32']:,} bytes", "measured"),
        (
            "architectures in the budget",
            f"{int(budget['architectures_within']):.2e} of {int(budget['architectures']):.2e}",
            "predicted, counted exactly",
        ),
    ]
    if result["seconds"].get("training", 0) > 0:  # not where stages were cached
        rows.append(("whole run", f"{sum(result['seconds'].values()):.0f} s", "measured"))
    lines = ["| | value | source |", "| --- | --- | --- |", *(f"| {a} | {b} | {c} |" for a, b, c in rows)]
    target = receipt["target"]
    lines += ["", f"Recorded {receipt['created'][:10]} on {target['device']}, {target['runtime']}, batch 1."]
    return "\n".join(lines)


def example_picture() -> str:
    """The picture of the recorded search for the README, with its caption."""
    if example("result") is None:
        return ""
    return (
        "![Evaluated architectures and the Pareto front of the recorded search](docs/images/front.png)\n\n"
        "Grey: evaluated architectures, at predicted latencies. Blue: the Pareto front of trained networks. Red: the final\n"
        "model, at its measured latency. Table and picture come from one run of `make demo`, recorded in\n"
        "[docs/example](docs/example/result.json). The digits are a smoke test: one test image is 0.3 points of accuracy."
    )


def example_front() -> str:
    """The front of the recorded search, as a table."""
    result = example("result")
    if result is None:
        return "No run is recorded yet."
    selected = {model["architecture_id"] for model in result["models"].values()}
    lines = [
        f"| architecture | {result['metric']} (INT8, validation) | latency | source |",
        "| --- | --- | --- | --- |",
    ]
    for point in result["front"]:
        mark = " (final model)" if point["architecture_id"] in selected else ""
        latency = f"{point['latency_ms']:.4f} ms | {point.get('kind', 'predicted')}"
        lines.append(f"| `{point['architecture_id']}`{mark} | {point['metric']['value']:.2%} | {latency} |")
    return "\n".join(lines)


def baselines() -> str:
    """The speed-up of found networks over known ones at equal accuracy, with intervals."""
    document = json.loads((RESULTS / "against_baselines.json").read_text())
    settings, rows = document["settings"], [row for row in document["rows"] if not row["found"]]
    lines = [
        f"{settings['data']}, {settings['epochs']:g} epoch{'s' * (settings['epochs'] != 1)} of training, {settings['seeds']} seeds:",
        "",
        "| baseline, at equal accuracy | speed-up | 95 % confidence interval |",
        "| --- | --- | --- |",
    ]
    for row in rows:
        times, half = row["speedup_at_equal_accuracy"], row["speedup_interval"]
        speedup, interval = ("not reached", "-") if times is None else (f"{times:.1f}", _interval(times, half))
        lines.append(f"| {row['name']} | {speedup} | {interval} |")
    return "\n".join(lines)


def photographs() -> str:
    """What a search from a trained network gives, beside that network alone: one row for each recorded set, network and budget."""
    lines = [
        "| data, pixels | network | INT8, test set | latency | core-seconds |",
        "| --- | --- | --- | --- | --- |",
    ]
    for path in sorted(RESULTS.glob("trained_start_*.json")):
        document = json.loads(path.read_text())
        settings = document["settings"]
        metric = "" if settings["metric"] == "accuracy" else f", {settings['metric'].replace('_', ' ')}"
        title = f"{settings['data']}, {settings['resolution']}{metric}"
        for row in document["rows"]:
            budget = f", budget {row['budget']}" if row["budget"] else ""
            name = f"hwnas, {row['row']}{budget}" if budget else f"{settings['start']}, {row['row']}"
            mark = "**" if budget else ""
            lines.append(
                f"| {title} | {mark}{name}{mark} | {row['accuracy']:.1%} | {row['latency_ms']:.3f} ms | {row['core_seconds']:.0f} |"
            )
    return "\n".join(lines)


def _interval(mean: float, half: float | None) -> str:
    if half is None:
        return "-"
    return f"{mean - half:.1f} to {mean + half:.1f}{', which includes 1: no significant difference' if mean - half <= 1 else ''}"


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
