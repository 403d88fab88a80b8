"""The closing tables and panels of searches, exports and profiles: fronts, models with their receipts, accuracy reports, plans.

Every number keeps its kind: measured, simulated, predicted (with its error) or estimated. Fits 80 columns. Not here:
the document of `--json`, which is the engine's own; the cost of an ONNX model (`estimate_report.py`).
"""

from collections.abc import Sequence
from typing import TYPE_CHECKING, Final

from rich.console import Console, Group
from rich.panel import Panel
from rich.table import Table
from rich.text import Text

from nas.cli.class_report import render_classes
from nas.cli.drawing import abbreviate, bare, folder, many, size, table, warn
from nas.cli.progress import duration, milliseconds, stage_name
from nas.cli.search_rows import cost_row
from nas.spec import METRIC_NAMES, metric_title

if TYPE_CHECKING:
    from latency_models.accuracy_report import AccuracyReport
    from nas.events import FrontPoint
    from nas.result import CommonOutcome, ExportResult, ModelOutcome, Plan, ProfileResult, SearchResult, TestOutcome

ROWS: Final = 15
"""Points of a front; the rest is in the JSON document."""

FEW: Final = 8
"""Networks of an accuracy report: with fewer its figures are rough, which is noted."""

SHORTEST_ID: Final = 6
"""Characters of an architecture's id, where they are unambiguous."""


def render_result(console: Console, result: "SearchResult") -> None:
    """The fronts, the selected models with their receipts and their classes, one network for all, the time taken, and the warnings."""
    for target, model in result.models.items():
        console.print(_front(target, result, model))
        _model(console, target, model)
    if result.common is not None:
        console.print(_common(result.common))
    _taken(console, result)


def render_export(console: Console, result: "ExportResult") -> None:
    """The model with its receipt and its classes, the time taken, and the warnings."""
    _model(console, result.target, result.model)
    _taken(console, result)


def _model(console: Console, target: str, model: "ModelOutcome") -> None:
    console.print(_receipt(target, model))
    if model.test is not None:
        render_classes(console, model.test)
    folder(console, "bundle", model.bundle)


def _taken(console: Console, result: "SearchResult | ExportResult") -> None:
    stages = [f"{stage_name(name)} {duration(s) if s else 'cached'}" for name, s in result.seconds.items()]
    console.print(Text(f"run {result.run}: " + ", ".join(stages), style="dim"))
    warn(console, result.warnings)


def _front(target: str, result: "SearchResult", model: "ModelOutcome") -> Group:
    """The trained networks, fastest first, the exported one marked; estimates are counted below."""
    points, estimates = result.fronts.get(target, ()), result.estimates.get(target, ())
    displayed = _thinned(points, model.architecture_id)
    built = table("", "id", "architecture", METRIC_NAMES[result.metric], "latency", "", right=(3, 4))
    for number in (1, 4, 5):
        built.columns[number].no_wrap = True
    letters = _id_letters([*points, *estimates])
    for point in displayed:
        selected = point.architecture_id == model.architecture_id
        built.add_row(
            "▶" if selected else "", point.architecture_id[:letters], abbreviate(point.architecture), f"{point.metric.value:.2%}",
            milliseconds(point.latency_ms), point.kind, style="bold green" if selected else None,
        )  # fmt: skip
    some = f" ({len(displayed)} of its {len(points)} points)" if len(displayed) < len(points) else ""
    notes = ["trained, in INT8 on the validation set; latency of the network, batch 1"]
    if not any(point.architecture_id == model.architecture_id for point in points):
        notes.append("the exported model is not on this front")
    if estimates:
        notes.append(f"{len(estimates)} estimates before fine-tuning (--json lists them): hwnas export trains any")
    title = Text(f"Front of trained networks on {target}{some}", style="bold")
    return Group(title, built, *(Text(note, style="dim") for note in notes))


def _thinned(points: "Sequence[FrontPoint]", delivered: str) -> "list[FrontPoint]":
    """As many points as are displayed, the ends and the exported one among them."""
    if len(points) <= ROWS:
        return list(points)
    step = (len(points) - 1) / (ROWS - 1)
    displayed = [points[round(i * step)] for i in range(ROWS)]
    displayed += [p for p in points if p.architecture_id == delivered and p not in displayed]
    return sorted(displayed, key=lambda p: p.latency_ms)


def _id_letters(points: "Sequence[FrontPoint]") -> int:
    """How many letters of the ids distinguish all of these architectures."""
    ids = {point.architecture_id for point in points}
    most = max(map(len, ids), default=SHORTEST_ID)
    return next((n for n in range(SHORTEST_ID, most) if len({one[:n] for one in ids}) == len(ids)), most)


def _receipt(target: str, model: "ModelOutcome") -> Panel:
    latency, budget = model.latency_ms, model.budget
    built = Table(box=None, pad_edge=False, show_header=False, padding=(0, 2, 0, 0))
    built.add_column(no_wrap=True, style="bold")
    built.add_column(overflow="fold")
    built.add_column(no_wrap=True, style="dim")
    built.add_row("latency", milliseconds(latency.predicted), f"predicted ± {latency.predicted_error:.1%}")
    built.add_row("", *_final_latency(model))
    built.add_row("budget", _budget(model), _verdict(model))
    fp32, int8 = model.metric.fp32, model.metric.int8
    built.add_row(metric_title(int8), f"INT8 {int8.value:.2%}, FP32 {fp32.value:.2%}", "measured, test set")
    if model.test is not None and _has_other_metrics(model.test):
        built.add_row("", _other_metrics(model.test), "measured, test set")
    built.add_row("size", f"INT8 {size(model.size_bytes.int8)}, FP32 {size(model.size_bytes.fp32)}", "measured")
    within = f"{many(budget.architectures_within)} of {many(budget.architectures)} architectures"
    built.add_row(
        "space",
        f"{within} meet the budget" + ("" if budget.active else ": the constraint is inactive"),
        "predicted, exact",
    )
    _limits(built, model)
    for number, one in enumerate(model.sources):
        name = one.source if one.whole else f"{one.source}, fewer stages"
        built.add_row(
            "" if number else "no search",
            f"{name}: INT8 {one.metric.value:.2%}, {milliseconds(one.latency_ms)}",
            one.kind,
        )
    if model.cost is not None:
        built.add_row("search", *cost_row(model.cost))
    if model.trust is not None:
        built.add_row("trust", model.trust.note, "measured" if model.trust.scores else "")
    if model.removed:
        reasons = "; ".join(dict.fromkeys(one.reason for one in model.removed))
        built.add_row("removed", f"{len(model.removed)} unsupported options: {reasons}", "")
    built.add_row("selected", abbreviate(model.architecture), model.architecture_id)
    return Panel(built, title=f"model for {target}", title_align="left", border_style="green")


def _common(common: "CommonOutcome") -> Panel:
    """The one network for all targets, beside what each target has for itself."""
    built = Table(box=None, pad_edge=False, show_header=False, padding=(0, 2, 0, 0))
    built.add_column(no_wrap=True, style="bold")
    built.add_column(overflow="fold")
    built.add_column(no_wrap=True, style="dim")
    for target, one in common.targets.items():
        reached = f"INT8 {one.metric.value:.2%}, {milliseconds(one.latency_ms)} {one.kind}"
        built.add_row(target, reached, f"{100 * one.regret:+.2f} points of regret")
    built.add_row("selected", abbreviate(common.architecture), common.architecture_id)
    built.add_row("", f"the best of {common.compared} within all budgets; hwnas export delivers it", "")
    return Panel(built, title="one network for all targets", title_align="left", border_style="cyan")


def _limits(built: Table, model: "ModelOutcome") -> None:
    """The limits on other costs, and how many architectures meet all."""
    count = model.budget.within_limits
    if count is not None:
        spread = "" if count.kind == "exact" else f" ({many(count.low)} to {many(count.high)})"
        built.add_row("", f"{many(count.value)}{spread} meet the limits, too", f"predicted, {count.kind}")
    for number, limit in enumerate(model.limits):
        built.add_row(
            "" if number else "limits",
            f"{limit.cost}: {limit.value:,} of at most {limit.most:,}",
            ("met" if limit.met else "exceeded") + ("" if limit.active else ", inactive"),
        )


def _final_latency(model: "ModelOutcome") -> tuple[str, str]:
    latency = model.latency_ms
    if latency.measured is None:
        return "not measured" if latency.simulated is None else milliseconds(latency.simulated), latency.kind
    spread = [f"p50 {bare(latency.measured_p50)}", f"p95 {bare(latency.measured_p95)}"]
    return f"{milliseconds(latency.measured)} ({', '.join(spread)})", latency.kind


def _verdict(model: "ModelOutcome") -> str:
    """Whether the budget is met, and by which statistic of the latency."""
    latency = model.latency_ms
    return latency.verdict if latency.verdict == "met when quiet" else f"{latency.verdict} ({latency.budget_on})"


def _budget(model: "ModelOutcome") -> str:
    """The budget with the reachable range of the space, whose latencies are of a quiet machine."""
    latency, (fastest, slowest) = model.latency_ms, model.budget.reachable_ms
    quiet = "" if latency.budget_on == "quiet" else " when quiet"
    over = f"; p50 exceeds it: {bare(latency.measured_p50)}" if latency.verdict == "met when quiet" else ""
    return f"{milliseconds(latency.budget)} (reachable{quiet}: {bare(fastest)} to {bare(slowest)}){over}"


def _has_other_metrics(test: "TestOutcome") -> bool:
    """Whether plain accuracy hides something: another metric was requested, or classes are uneven."""
    from nas.data.checks import UNEVEN

    images = [one.images for one in test.classes if one.images]
    return test.metrics[0].name != "accuracy" or max(images) > UNEVEN * min(images)


def _other_metrics(test: "TestOutcome") -> str:
    return "INT8 " + ", ".join(f"{metric_title(one)} {one.value:.2%}" for one in test.metrics[1:])


def render_plan(plan: "Plan") -> Text:
    """The estimated cost of a search, stage by stage."""
    parts = [
        f"{stage_name(name)} {duration(seconds) if seconds else 'cached'}"
        for name, seconds in plan.seconds.items()
        if seconds or _can_be_cached(name, plan)
    ]
    total = duration(sum(plan.seconds.values()))
    summary = f"About {total} and {size(plan.memory_bytes)} of memory (estimated): {', '.join(parts)}."
    return Text(f"{summary} {plan.note}".rstrip(), style="dim")


def _can_be_cached(stage: str, plan: "Plan") -> bool:
    """Whether a stage without time is cached, rather than not part of the search."""
    return stage == "profiling" or (stage == "training" and plan.supernet)


def render_profile(console: Console, profile: "ProfileResult") -> None:
    """A latency table's accuracy report, with the reachable range of the space on the target."""
    accuracy_report = profile.accuracy_report
    built = table("accuracy report", _tested_on(accuracy_report))
    built.add_row(
        "mean error (MAPE)",
        f"{accuracy_report.mape:.2%}, where the measurement noise is {accuracy_report.noise_mape:.2%}",
    )
    built.add_row(
        "within ±5 %, ±10 %", f"{accuracy_report.within_5:.0%}, {accuracy_report.within_10:.0%} of the networks"
    )
    tau = "undefined" if accuracy_report.kendall_tau is None else f"{accuracy_report.kendall_tau:.3f}"
    built.add_row("order (Kendall tau)", tau)
    built.add_row("fitted on", f"{_networks(accuracy_report.fitted)}, {profile.keys:,} layer keys")
    fastest, slowest = profile.reachable_ms
    reach = (
        f"{milliseconds(fastest)} to {milliseconds(slowest)} (predicted), {many(profile.architectures)} architectures"
    )
    built.add_row("reachable", reach)
    of = f"{profile.precision.upper()}, batch {profile.batch}"
    title = (
        f"{profile.target} for {profile.space} at {profile.resolution} px: {of}, {profile.device}, {profile.runtime}"
    )
    console.print(Text(title, style="bold"))
    console.print(built)
    folder(console, "table", profile.table)
    warn(console, profile.warnings)


def _tested_on(accuracy_report: "AccuracyReport") -> str:
    """The networks that the table was compared with, and whether they are few."""
    if accuracy_report.method == "fitted":
        return f"{_networks(accuracy_report.tested)}, the same that were fitted: the space has none to spare"
    how = "not fitted" if accuracy_report.method == "held_out" else "each predicted by a table fitted without it"
    return f"{_networks(accuracy_report.tested)}, {how}{'; that is few' if accuracy_report.tested < FEW else ''}"


def _networks(count: int) -> str:
    return f"{count} network{'' if count == 1 else 's'}"
