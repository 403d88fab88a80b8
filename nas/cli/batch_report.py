"""The closing tables of a batch on the terminal, and its price before it runs. Not here: its files (`nas/batch/report.py`)."""

from collections.abc import Sequence
from typing import TYPE_CHECKING

from rich.console import Console
from rich.table import Table
from rich.text import Text

from nas.cli.drawing import folder, size, table, warn
from nas.cli.progress import duration, milliseconds, stage_name

if TYPE_CHECKING:
    from nas.batch.result import BatchPlan, BatchResult, CellResult


def plan_text(plan: "BatchPlan") -> Text:
    """The price of a batch in words."""
    parts = [f"{stage_name(name)} {duration(seconds)}" for name, seconds in plan.seconds.items() if seconds]
    cells = f"{plan.cells:,} cells: {plan.finished:,} in the store, {plan.runnable:,} to run"
    cells += f", {len(plan.problems):,} cannot" if plan.problems else ""
    if not plan.runnable:
        return Text(f"{cells}.", style="dim")
    shared = f"supernets: {plan.supernets:,}; latency tables: {plan.tables:,}"
    total = f"About {duration(plan.total_s)} one after the other, and {size(plan.memory_bytes)} of memory (estimated)"
    return Text(f"{cells}; {shared}. {total}: {', '.join(parts)}.", style="dim")


def render_plan(console: Console, plan: "BatchPlan") -> None:
    """The price of a batch, and why cells cannot run."""
    console.print(plan_text(plan))
    for cell, problem in plan.problems.items():
        console.print(Text(f"! {cell}: {problem.detail} {problem.fix}", style="yellow"))


def render_batch(console: Console, result: "BatchResult", files: Sequence[str]) -> None:
    """All cells, the best network of each data set and target, what was shared, the warnings, and the files of the report."""
    cells = {cell.id: cell for cell in result.cells}
    names, rows = _asked(result.cells)
    console.print(_networks("cells", names, [(rows[cell.id], cell) for cell in result.cells]))
    best = [((one.data, one.target), cells[one.cell]) for one in result.best if one.cell is not None]
    if 1 < len(best) < len(cells):
        console.print(_networks("best", ["data", "target"], best))
    if result.savings is not None:
        saved = result.savings
        console.print(
            f"Supernets: {saved.supernets} for {saved.supernet_uses} cells; latency tables: {saved.tables} for {saved.table_uses}. "
            f"{saved.spent_core_seconds:,.0f} core-seconds in place of {saved.separate_core_seconds:,.0f}.",
            soft_wrap=True,
        )
    warn(console, result.warnings)
    for file in files:
        folder(console, "report", file)


def _asked(cells: Sequence["CellResult"]) -> tuple[list[str], dict[str, tuple[str, ...]]]:
    """What cells ask for: the names of what differs among them, and its values by cell."""
    every = {
        "data": [cell.data for cell in cells],
        "space": [cell.space for cell in cells],
        "target": [cell.target for cell in cells],
        "budget": [str(cell.latency_ms) for cell in cells],
        "seed": [str(cell.seed) for cell in cells],
    }
    names = [name for name, values in every.items() if len(set(values)) > 1] or ["target", "budget"]
    return names, {cell.id: tuple(every[name][number] for name in names) for number, cell in enumerate(cells)}


def _networks(title: str, names: Sequence[str], rows: Sequence[tuple[Sequence[str], "CellResult"]]) -> Table:
    """Cells with their networks' metric on the validation and the test set and their latency, or with their state."""
    last = len(names)
    built = table(*names, "validation", "test", "latency", right=(last, last + 1, last + 2))
    built.title, built.title_justify = title, "left"
    for asked, cell in rows:
        if cell.model is None:
            built.add_row(*asked, "", "", Text(cell.state, style="yellow"))
            continue
        latency = cell.model.latency_ms
        validation = "-" if cell.validation is None else f"{cell.validation:.1%}"
        took = f"{milliseconds(latency.final_ms)}, {latency.kind}"
        built.add_row(*asked, validation, f"{cell.model.metric.int8.value:.1%}", took)
    return built
