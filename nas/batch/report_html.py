"""The report of a batch as one page that stands alone: no script, no network; light and dark; every plot's numbers are in a table.

Not here: what the figures are (`summary.py`, `cross_table.py`), and the plots (`report_plots.py`).
"""

from collections.abc import Iterable, Sequence
from html import escape
from pathlib import Path
from typing import Final

from nas.batch.report_plots import savings_plot, scatter
from nas.batch.result import BatchResult, CellResult, CellState, CrossLatency
from nas.spec import METRIC_NAMES

STYLE: Final = Path(__file__).with_name("report.css")
STATES: Final[tuple[CellState, ...]] = ("succeeded", "infeasible", "failed", "cancelled", "pending")


def page(result: BatchResult) -> str:
    """The whole page."""
    title = f"Batch {result.name}"
    counts = ", ".join(f"{result.count(state)} {state}" for state in STATES if result.count(state))
    parts = [
        f"<h1>{escape(title)}</h1>",
        f"<p>{len(result.cells)} cells: {escape(counts)}. Latencies are milliseconds at batch 1 in INT8, with their source.</p>",
        _best(result),
        "".join(scatter(result)),
        _cells(result),
        _cross(result),
        _shared(result),
        _warnings(result),
    ]
    return (
        '<!DOCTYPE html>\n<html lang="en">\n<head>\n<meta charset="utf-8">\n'
        '<meta name="viewport" content="width=device-width, initial-scale=1">\n'
        f"<title>{escape(title)}</title>\n<style>\n{STYLE.read_text()}</style>\n</head>\n<body>\n<main>\n"
        + "\n".join(part for part in parts if part)
        + "\n</main>\n</body>\n</html>\n"
    )


def _best(result: BatchResult) -> str:
    cells = {cell.id: cell for cell in result.cells}
    rows = []
    for one in result.best:
        cell = cells.get(one.cell or "")
        if cell is None:
            rows.append([_text(one.data), _text(one.target), *["-"] * 5])
        else:
            rows.append([
                _text(one.data), _text(one.target), _text(cell.space), _text(cell.latency_ms), *_metrics(cell), _latency(cell)
            ])  # fmt: skip
    heads = ["Data", "Target", "Space", "Budget", "Validation", "Test, INT8", "Latency"]
    note = (
        "By the metric on the validation set, of equals the fastest, among the networks that meet their budget and limits. Data "
        "sets without a validation set of their own are split by the seed, so that cells of other seeds are compared on other images."
    )
    return _section(
        "best", "Best network of each data set and target", note, _table("Best networks", heads, rows, {4, 5, 6})
    )


def _cells(result: BatchResult) -> str:
    rows = []
    for cell in result.cells:
        what = [_text(cell.data), _text(cell.space), _text(cell.target), _text(cell.latency_ms), _text(cell.seed)]
        state = f'<span class="state {cell.state}">{cell.state}</span>'
        if cell.model is None:
            why = "" if cell.error is None else f"{cell.error.detail} {cell.error.fix}"
            rows.append([*what, state, "-", "-", "-", "-", _text(why)])
        else:
            model = cell.model
            size = f"{model.size_bytes.int8 / 1000:,.0f}"
            name = f"{model.architecture_id} ({model.latency_ms.verdict})"
            rows.append([*what, state, *_metrics(cell), _latency(cell), size, _text(name)])
    heads = [
        "Data", "Space", "Target", "Budget", "Seed", "State", "Validation", "Test, INT8", "Latency", "INT8, kB", "Network or reason",
    ]  # fmt: skip
    note = f"Compared by {', '.join(sorted({METRIC_NAMES[cell.metric] for cell in result.cells}))}."
    return _section("cells", "All cells", note, _table("Cells", heads, rows, {4, 6, 7, 8, 9}))


def _cross(result: BatchResult) -> str:
    cells = {cell.id: cell for cell in result.cells}
    rows = []
    for row in result.cross:
        cell = cells[row.cell]
        found_for = f"{cell.data}, {cell.space}, {cell.target}, {cell.latency_ms}, seed {cell.seed}"
        rows.append([_text(found_for), *(_on(one) for one in row.latencies)])
    if not rows:
        return ""
    note = (
        "What each network costs on every target. Bold: the target that it was found for. Measured and simulated latencies are of the "
        "network itself; predicted ones come from the target's latency table, with their expected error; estimated ones have layers "
        "that the table never measured."
    )
    table = _table("Cross table", ["Network found for", *result.targets], rows, set(range(1, 1 + len(result.targets))))
    return _section("cross", "Every network on every target", note, table)


def _on(one: CrossLatency) -> str:
    if one.latency_ms is None or one.kind is None:
        return (
            f'<span class="blank" title="{escape(one.reason)}">-<span class="reason">{escape(one.reason)}</span></span>'
        )
    error = "" if one.error is None else f" ±{one.error:.1%}"
    number = f"{_ms(one.latency_ms)} <small>{one.kind}{error}</small>"
    return f"<strong>{number}</strong>" if one.own else number


def _shared(result: BatchResult) -> str:
    saved = result.savings
    if saved is None:
        return ""
    unknown = f" {saved.uncounted} stages are left out, since their time is unknown." if saved.uncounted else ""
    note = (
        f"{saved.supernets} supernets serve {saved.supernet_uses} cells, and {saved.tables} latency tables {saved.table_uses}. All "
        f"stages took {saved.spent_core_seconds:,.1f} core-seconds; each cell by itself would have taken "
        f"{saved.separate_core_seconds:,.1f} in all, {saved.saved_core_seconds:,.1f} more.{unknown}"
    )
    rows = [
        [
            one.kind,
            _text(one.phase.replace("_", "-")),
            _text(one.target or "all"),
            str(len(one.cells)),
            _seconds(one.core_seconds),
            "-" if one.core_seconds is None else f"{one.saved_core_seconds:,.1f}",
            f"<code>{escape(one.id[:12])}</code>",
        ]
        for one in result.shared
        if one.kind != "other" or (one.core_seconds or 0.0) >= 1.0
    ]
    heads = ["Kind", "Stage", "Target", "Cells", "Core-seconds", "Saved", "Id"]
    body = savings_plot(saved) + _table("Shared work", heads, rows, {3, 4, 5})
    return _section("shared", "What was shared", note, body)


def _warnings(result: BatchResult) -> str:
    if not result.warnings:
        return ""
    lines = "".join(f"<li>{escape(one)}</li>" for one in result.warnings)
    return _section("warnings", "Warnings", "", f"<ul>{lines}</ul>")


def _section(name: str, title: str, note: str, body: str) -> str:
    said = f"<p>{escape(note)}</p>" if note else ""
    return f'<section aria-labelledby="{name}">\n<h2 id="{name}">{escape(title)}</h2>\n{said}\n{body}\n</section>'


def _table(caption: str, heads: Sequence[str], rows: Iterable[Sequence[str]], numeric: set[int]) -> str:
    """A table whose cells are HTML already; the first cell of a row is its header."""

    def kind(index: int) -> str:
        return ' class="number"' if index in numeric else ""

    head = "".join(f'<th scope="col"{kind(n)}>{escape(one)}</th>' for n, one in enumerate(heads))
    body = "\n".join(
        f'<tr><th scope="row">{row[0]}</th>'
        + "".join(f"<td{kind(n)}>{cell}</td>" for n, cell in enumerate(row[1:], start=1))
        + "</tr>"
        for row in rows
    )
    label = escape(caption)
    return (
        f'<div class="wide" role="region" aria-label="{label}" tabindex="0"><table>\n<caption>{label}</caption>\n'
        f"<thead><tr>{head}</tr></thead>\n<tbody>\n{body}\n</tbody>\n</table></div>"
    )


def _metrics(cell: CellResult) -> tuple[str, str]:
    assert cell.model is not None
    validation = "-" if cell.validation is None else f"{cell.validation:.2%}"
    return validation, f"{cell.model.metric.int8.value:.2%}"


def _latency(cell: CellResult) -> str:
    assert cell.model is not None
    latency = cell.model.latency_ms
    known = latency.measured is not None or latency.simulated is not None
    return f"{_ms(latency.final_ms)} <small>{latency.kind if known else 'predicted'}</small>"


def _ms(value: float) -> str:
    return f"{value:.4g}"


def _seconds(value: float | None) -> str:
    return "-" if value is None else f"{value:,.1f}"


def _text(value: object) -> str:
    return escape(f"{value:g} ms" if isinstance(value, float) else str(value))
