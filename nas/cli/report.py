"""The closing tables and panels: fronts, models with their receipts, report cards, estimates, plans, errors.

Every number keeps its kind: measured, simulated, predicted (with its error) or estimated. Drawn to fit 80 columns. Not
here: what goes into `--json`, which is the engine's own document.
"""

import re
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from rich import box
from rich.console import Console, Group
from rich.panel import Panel
from rich.table import Table
from rich.text import Text

from nas.cli.progress import duration, milliseconds

if TYPE_CHECKING:
    from latency_models.report import ReportCard
    from nas.estimate import Estimate
    from nas.file_estimate import FileEstimate
    from nas.result import ExportResult, ModelOutcome, Plan, ProfileResult, SearchResult

ARCHITECTURE_WIDTH: Final = 96
"""Characters of an abbreviated architecture: two lines of a table at 80 columns."""

ROWS: Final = 15
"""Of a front; the rest is in the JSON document."""

FEW: Final = 8
"""Networks of a report card: with fewer its figures are rough, and it says so."""

_MOST: Final = 50
"""Entries of a list that a panel shows: more than there are things to look at in an installation."""

_WELL_KNOWN: Final = {"error", "code", "detail", "fix"}


def table(*columns: str, right: Sequence[int] = ()) -> Table:
    """An empty table in the house style; columns by their headings, those in `right` aligned to the right."""
    drawn = Table(box=box.SIMPLE_HEAD, pad_edge=False, header_style="bold")
    for index, heading in enumerate(columns):
        drawn.add_column(heading, justify="right" if index in right else "left", overflow="fold")
    return drawn


def size(count: float, units: Sequence[str] = ("B", "kB", "MB", "GB", "TB"), base: float = 1000) -> str:
    """A number with three significant digits and a unit: `328 kB`, `1.24 MB`."""
    unit = 0
    while count >= base * 0.9995 and unit < len(units) - 1:
        count, unit = count / base, unit + 1
    text = f"{count:.0f}" if unit == 0 or count >= 99.95 else f"{count:.1f}" if count >= 9.995 else f"{count:.2f}"
    return f"{text} {units[unit]}".rstrip()


def many(text: str) -> str:
    """A count that may be astronomical: `1,024`, `3.2e+14`."""
    return f"{int(text):,}" if len(text) <= 9 else f"{int(text):.2e}"


def abbreviate(architecture: str, width: int = ARCHITECTURE_WIDTH) -> str:
    """An architecture in a few characters: each choice by its first letter, stage by stage; cut to a width.

    Example:
        >>> abbreviate("resolution=24 s1.depth=1 s1.width=16 s1.se=true s1.b0.kernel=7 s1.b0.expansion=4.0")
        'r24 · w16 se k7e4'
    """
    tokens = [token.partition("=") for token in architecture.split()]
    counted = {
        path.split(".")[0] for path, _, _ in tokens if path.count(".") > 1
    }  # stages whose blocks tell their depth
    stages: dict[str, list[str]] = {}
    blocks: dict[tuple[str, ...], int] = {}
    for path, equals, value in tokens:
        *parents, choice = path.split(".")
        if choice == "depth" and parents and parents[0] in counted:
            continue
        stage = stages.setdefault(parents[0] if parents else "", [])
        short = (
            choice
            if not equals or value == "true"
            else ""
            if value == "false"
            else choice[:1] + re.sub(r"\.0$", "", value)
        )
        if len(parents) > 1 and short:
            key = tuple(parents)
            if key in blocks:
                stage[blocks[key]] += short
            else:
                blocks[key] = len(stage)
                stage.append(short)
        elif short:
            stage.append(short)
    text = " · ".join(" ".join(words) for words in stages.values() if words)
    return text if len(text) <= width else text[: width - 1].rstrip(" ·") + "…"


def render_result(console: Console, result: "SearchResult") -> None:
    """The fronts, the chosen models with their receipts, the time taken, and the warnings."""
    for target, model in result.models.items():
        console.print(_front(target, result, model))
        console.print(_receipt(target, model))
        _folder(console, "bundle", model.bundle)
    _taken(console, result)


def render_export(console: Console, result: "ExportResult") -> None:
    """The model with its receipt, the time taken, and the warnings."""
    console.print(_receipt(result.target, result.model))
    _folder(console, "bundle", result.model.bundle)
    _taken(console, result)


def _taken(console: Console, result: "SearchResult | ExportResult") -> None:
    stages = [f"{name.replace(':', ' ')} {duration(s) if s else 'stored'}" for name, s in result.seconds.items()]
    console.print(Text(f"run {result.run}: " + ", ".join(stages), style="dim"))
    _warn(console, result.warnings)


def _front(target: str, result: "SearchResult", model: "ModelOutcome") -> Group:
    points = result.fronts.get(target, ())
    drawn = table("", "architecture", "accuracy", "latency", right=(2, 3))
    for column in drawn.columns[2:]:
        column.no_wrap = True
    shown = list(points)
    if len(shown) > ROWS:
        step = (len(shown) - 1) / (ROWS - 1)
        shown = [shown[round(i * step)] for i in range(ROWS)]
        shown += [p for p in points if p.architecture_id == model.architecture_id and p not in shown]
        shown.sort(key=lambda p: p.latency_ms)
    for point in shown:
        chosen = point.architecture_id == model.architecture_id
        drawn.add_row(
            "▶" if chosen else "", abbreviate(point.architecture), f"{point.accuracy:.2%}", milliseconds(point.latency_ms),
            style="bold green" if chosen else None,
        )  # fmt: skip
    some = f" ({len(shown)} of its {len(points)} points)" if len(shown) < len(points) else ""
    note = "accuracy: INT8 on the validation part; latency: predicted, batch 1"
    return Group(Text(f"Pareto front on {target}{some}", style="bold"), drawn, Text(note, style="dim"))


def _receipt(target: str, model: "ModelOutcome") -> Panel:
    latency, budget = model.latency_ms, model.budget
    drawn = Table(box=None, pad_edge=False, show_header=False, padding=(0, 2, 0, 0))
    drawn.add_column(no_wrap=True, style="bold")
    drawn.add_column(overflow="fold")
    drawn.add_column(no_wrap=True, style="dim")
    drawn.add_row("latency", milliseconds(latency.predicted), f"predicted ± {latency.predicted_error:.1%}")
    drawn.add_row("", *_final_latency(model))
    drawn.add_row("budget", _budget(model), "kept" if _kept(model) else "missed")
    drawn.add_row("accuracy", f"INT8 {model.accuracy.int8:.2%}, FP32 {model.accuracy.fp32:.2%}", "measured, test part")
    drawn.add_row("size", f"INT8 {size(model.size_bytes.int8)}, FP32 {size(model.size_bytes.fp32)}", "measured")
    within = f"{many(budget.architectures_within)} of {many(budget.architectures)} architectures"
    drawn.add_row(
        "space", f"{within} keep the budget" + ("" if budget.binds else ": it does not bind"), "predicted, exact"
    )
    if model.removed:
        reasons = "; ".join(dict.fromkeys(one.reason for one in model.removed))
        drawn.add_row("narrowed", f"{len(model.removed)} values of choices were not searched: {reasons}", "")
    drawn.add_row("chosen", abbreviate(model.architecture), model.architecture_id)
    return Panel(drawn, title=f"model for {target}", title_align="left", border_style="green")


def _final_latency(model: "ModelOutcome") -> tuple[str, str]:
    latency = model.latency_ms
    if latency.measured is None:
        return "not measured" if latency.simulated is None else milliseconds(latency.simulated), latency.kind
    spread = [f"p50 {_bare(latency.measured_p50)}", f"p95 {_bare(latency.measured_p95)}"]
    return f"{milliseconds(latency.measured)} ({', '.join(spread)})", latency.kind


def _bare(value: float | None) -> str:
    return "-" if value is None else milliseconds(value).removesuffix(" ms")


def _kept(model: "ModelOutcome") -> bool:
    return model.latency_ms.final_ms <= model.latency_ms.budget


def _budget(model: "ModelOutcome") -> str:
    fastest, slowest = model.budget.reachable_ms
    return f"{milliseconds(model.latency_ms.budget)} (reachable: {_bare(fastest)} to {_bare(slowest)})"


def _folder(console: Console, name: str, path: str) -> None:
    """A path on a line of its own that is never broken, so that it can be copied."""
    console.print(Text.assemble((f"{name} ", "bold"), (_short(path), "cyan")), soft_wrap=True)


def _short(path: str) -> str:
    """A path relative to the working folder where that is shorter."""
    try:
        return str(Path(path).resolve().relative_to(Path.cwd()))
    except ValueError:
        return path


def render_plan(plan: "Plan") -> Text:
    """What a search will take, in a line or two."""
    parts = [
        f"{name.replace(':', ' ')} {duration(seconds) if seconds else 'stored'}"
        for name, seconds in plan.seconds.items()
    ]
    total = duration(sum(plan.seconds.values()))
    return Text(f"About {total} and {size(plan.memory_bytes)} of memory (estimated): {', '.join(parts)}.", style="dim")


def render_profile(console: Console, profile: "ProfileResult") -> None:
    """A latency table's report card, with the reach of the space on the target."""
    card = profile.card
    drawn = table("report card", _judged_by(card))
    drawn.add_row("mean error (MAPE)", f"{card.mape:.2%}, where the noise of measuring is {card.noise_mape:.2%}")
    drawn.add_row("within ±5 %, ±10 %", f"{card.within_5:.0%}, {card.within_10:.0%} of the networks")
    tau = "undefined" if card.kendall_tau is None else f"{card.kendall_tau:.3f}"
    drawn.add_row("order (Kendall tau)", tau)
    drawn.add_row("fitted on", f"{_networks(card.fitted)}, {profile.keys:,} layer keys")
    fastest, slowest = profile.reachable_ms
    reach = (
        f"{milliseconds(fastest)} to {milliseconds(slowest)} (predicted), {many(profile.architectures)} architectures"
    )
    drawn.add_row("reachable", reach)
    title = f"{profile.target} for {profile.space} at {profile.resolution} px: {profile.device}, {profile.runtime}"
    console.print(Text(title, style="bold"))
    console.print(drawn)
    _folder(console, "table", profile.table)
    _warn(console, profile.warnings)


def _judged_by(card: "ReportCard") -> str:
    """Which networks the table was compared with, and when they are few."""
    if card.method == "fitted":
        return f"{_networks(card.tested)}, the same that were fitted: the space has none to spare"
    how = "not fitted" if card.method == "held_out" else "each predicted by a table fitted without it"
    return f"{_networks(card.tested)}, {how}{'; that is few' if card.tested < FEW else ''}"


def _networks(count: int) -> str:
    return f"{count} network{'' if count == 1 else 's'}"


def render_estimate(console: Console, result: "Estimate") -> None:
    """The layers (of a simulation: the groups that run as one), then the total."""
    if result.simulation is not None:
        _render_simulation(console, result, result.simulation)
        return
    drawn = table("layer", "what", "MACs", "ms", "share", right=(2, 3, 4))
    drawn.columns[0].max_width = 20
    for column in drawn.columns[2:]:
        column.no_wrap = True
    total = sum(layer.latency_ms or 0.0 for layer in result.layers)
    for layer in result.layers:
        known = layer.latency_ms is not None
        drawn.add_row(
            layer.name,
            _brief(layer.key),
            size(layer.macs, ("", "k", "M", "G", "T")) if layer.macs else "",
            f"{layer.latency_ms:.4f}" if known else "fused",
            f"{(layer.latency_ms or 0.0) / total:.1%}" if known and total else "",
        )
    console.print(drawn)
    if result.file is not None:
        _render_file(console, result.file, result.target)
    error = "" if result.error is None else f" ± {result.error:.1%}"
    spread = "" if result.p50_ms is None else f", p50 {_bare(result.p50_ms)}, p95 {_bare(result.p95_ms)}"
    console.print(Text.assemble((milliseconds(result.latency_ms), "bold"), f" {result.kind}{error}{spread}"))
    console.print(f"  as hwnas re-lowers it to INT8, batch 1, on {result.target}")
    for line in result.file.advice if result.file is not None else ():
        console.print(Text(f"→ {line}", style="cyan"))
    console.print(
        f"{_macs(result)}, {size(result.params, ('', 'k', 'M', 'G'))} parameters, "
        f"{size(result.weight_bytes)} of weights, {size(result.peak_memory_bytes)} of live activations, "
        f"input {'x'.join(map(str, result.input_shape))}",
    )
    if result.kind == "measured":
        console.print(
            Text("Layers: as the runtime's profiler sees them, which adds a cost to every kernel.", style="dim")
        )
    _warn(console, result.warnings)


def _render_file(console: Console, file: "FileEstimate", target: str) -> None:
    """The INT8 file as it is, on the line above the network as hwnas lowers it."""
    spread = f"± {file.error:.1%}, p50 {_bare(file.p50_ms)}, p95 {_bare(file.p95_ms)}"
    console.print(Text.assemble((milliseconds(file.latency_ms), "bold"), f" measured {spread}"))
    console.print(f"  the INT8 file as it is, batch {file.batch}, on {target}")


def _macs(result: "Estimate") -> str:
    count = f"{size(result.macs, ('', 'k', 'M', 'G', 'T'))} MACs"
    return f"at least {count} (not counted: {', '.join(result.uncounted)})" if result.uncounted else count


def _render_simulation(console: Console, result: "Estimate", simulation: Mapping[str, Any]) -> None:
    """What each group takes and what binds it, then the whole: one request, the card, traffic, roofline."""
    drawn = table("group", "bound by", "cycles", "share", "array", "MACs", "memory", right=range(2, 7))
    drawn.columns[0].max_width, drawn.columns[1].min_width = 20, 14
    for column in drawn.columns[1:]:
        column.no_wrap = True
    total = simulation["cycles"]
    for group in simulation["groups"]:
        moved = group["load_bytes"] + group["save_bytes"] + group["weight_bytes"]
        drawn.add_row(
            group["name"],
            group["bound_by"].removeprefix("instruction ").removesuffix(" engine"),
            f"{group['cycles']:,.0f}",
            f"{group['cycles'] / total:.1%}",
            "" if group["utilisation"] is None else f"{group['utilisation']:.0%}",
            size(group["macs"], ("", "k", "M", "G", "T")) if group["macs"] else "",
            size(moved) if moved else "",
        )
    console.print(drawn)
    console.print(
        Text.assemble((milliseconds(result.latency_ms), "bold"), f" simulated for one request, INT8, on {result.target}; ",
                      (f"{simulation['images_per_s']:,.0f} images/s", "bold"), " of the whole card")
    )  # fmt: skip
    console.print(
        f"{_macs(result)}, {total:,.0f} cycles an image and engine, the array used {simulation['utilisation']:.0%}; "
        f"{size(simulation['load_bytes'])} of maps in, {size(simulation['save_bytes'])} out, "
        f"{size(simulation['weight_bytes'])} of weights; at most {size(simulation['on_chip_bytes'])} of "
        f"{size(simulation['on_chip_room_bytes'])} on chip"
    )
    console.print(
        f"roofline: {simulation['achieved_tops']:.3g} of {simulation['attainable_tops']:.3g} tera-operations/s attainable at "
        f"{simulation['operations_per_byte']:,.0f} operations a byte"
    )
    if simulation["host"]:
        console.print(
            f"left to the host: {', '.join(simulation['host'][:8])}{' …' if len(simulation['host']) > 8 else ''}"
        )
    _render_tenants(console, simulation.get("tenants", ()))
    if "what_if" in simulation:
        _render_what_if(console, simulation["what_if"])
    _warn(console, result.warnings)


def _render_tenants(console: Console, tenants: Sequence[Mapping[str, Any]]) -> None:
    if tenants:
        drawn = table("tenant", "does", "engines", "images/s", "ms", right=(2, 3, 4))
        for one in tenants:
            engines = "+".join(map(str, one["kernels"]))
            does = " ".join((one["what"], *([f"({one['label']})"] if one["label"] else [])))
            drawn.add_row(one["network"], does, engines, f"{one['images_per_s']:,.0f}", f"{one['latency_ms']:.4g}")
        console.print(drawn)


def _render_what_if(console: Console, found: Mapping[str, Any]) -> None:
    drawn = table("what if", "cycles", "images/s", "", right=(1, 2))
    for one in found["variants"]:
        drawn.add_row(one["what"], f"{one['cycles']:,.0f}", f"{one['images_per_s']:,.0f}", one["label"])
    console.print(drawn)
    if "energy" in found:
        energy = found["energy"]
        console.print(
            f"{energy['millijoules']:.3g} mJ an image ({energy['low']:.3g} to {energy['high']:.3g}; {energy['label']})"
        )


def _brief(key: str) -> str:
    """A layer key without what goes without saying: a padding alike on all sides is one number, or left out if zero."""
    return re.sub(r" p(\d+),\1,\1,\1(?!,)", lambda m: "" if m[1] == "0" else f" p{m[1]}", key)


def _warn(console: Console, warnings: Sequence[str]) -> None:
    for warning in warnings:
        console.print(Text(f"! {warning}", style="yellow"))


def error_panel(document: Mapping[str, Any]) -> Panel:
    """What is wrong, how to mend it, and the facts beside it."""
    body = Text(str(document["detail"]))
    body.append("\n\nFix: ", style="bold")
    body.append(str(document["fix"]))
    facts = [f"{key}: {_fact(value)}" for key, value in document.items() if key not in _WELL_KNOWN]
    if facts:
        body.append("\n\n" + "\n".join(facts), style="dim")
    return Panel(body, title=f"error: {document['code']}", title_align="left", border_style="red")


def _fact(value: Any) -> str:
    if isinstance(value, list):
        more = f"\n  and {len(value) - _MOST} more, which --json shows" if len(value) > _MOST else ""
        return "".join(f"\n  {_fact(item)}" for item in value[:_MOST]) + more
    if isinstance(value, Mapping):
        return ", ".join(f"{key} {item}" for key, item in value.items())
    return f"{value:g}" if isinstance(value, float) else str(value)
