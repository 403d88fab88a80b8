"""Plots a finished search: front, hypervolume, importance of choices, parallel coordinates. Needs matplotlib.

Not here: the statistics (`nas/search/`), and pictures of a simulation (`simulation_picture.py`).
"""

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any, Final

from nas.errors import InvalidSpec
from nas.evaluations import TargetEvaluations
from nas.search.choice_importance import LEAST, METHOD, best_share, choice_importance
from nas.search.front import hypervolume, pareto
from nas.spec import METRIC_NAMES

KINDS: Final = (".png", ".svg")
MOST: Final = 10
"""Choices of the parallel coordinates; with the most important ones the lines stay legible."""
BARS: Final = 15
"""Choices whose importance is drawn."""
FINAL, ESTIMATE, LIMIT = "#1f5fa8", "#aab4bd", "#666666"
OFF: Final = "off"
"""The value of a choice that is inactive in an architecture."""


def draw(one: TargetEvaluations, run: str, path: Path) -> list[Path]:
    """Draws all pictures into one file, .png or .svg, or each into a .png file of a folder; returns the files.

    Raises:
        InvalidSpec: the file is of another kind.
    """
    if path.suffix and path.suffix not in KINDS and not path.is_dir():
        raise InvalidSpec(
            f"{path.name!r} is no .png or .svg file.", fix="End the file's name in .png or .svg, or name a folder."
        )
    import matplotlib

    matplotlib.use("Agg")
    from matplotlib import pyplot

    importance = choice_importance(one)
    parts: dict[str, tuple[tuple[float, float], Callable[[Any], None]]] = {
        "front": ((7, 4.5), lambda axes: _front(axes, one)),
        "hypervolume": ((6, 4.5), lambda axes: _hypervolume(axes, one)),
        "importance": ((6, 4.5), lambda axes: _importance(axes, one, importance)),
        "parallel": ((15, 5), lambda axes: _parallel(axes, one, importance)),
    }
    title = f"{run} on {one.target}: {len(one.evaluations)} evaluations by {one.searcher}, seed {one.seed}"
    if path.suffix in KINDS and not path.is_dir():
        figure, axes = pyplot.subplot_mosaic(
            [["front", "hypervolume", "importance"], ["parallel"] * 3],
            figsize=(16, 10.5), height_ratios=(1, 1.1), layout="constrained",
        )  # fmt: skip
        for name, (_, plot) in parts.items():
            plot(axes[name])
        return [_save(figure, title, path)]
    path.mkdir(parents=True, exist_ok=True)
    files = []
    for name, (size, plot) in parts.items():
        figure, alone = pyplot.subplots(figsize=size, layout="constrained")
        plot(alone)
        files.append(_save(figure, title, path / f"{name}.png"))
    return files


def _save(figure: Any, title: str, path: Path) -> Path:
    from matplotlib import pyplot

    figure.suptitle(title, fontsize=10)
    figure.savefig(path, dpi=130)
    pyplot.close(figure)
    return path


def _front(axes: Any, one: TargetEvaluations) -> None:
    """Trained networks with their front; what the supernet estimated is fainter."""
    if one.supernet:
        axes.plot(
            [each.latency_ms for each in one.evaluations], _percent(each.value for each in one.evaluations),
            "o", color=ESTIMATE, markersize=3.5, alpha=0.7, label="estimates of the supernet, predicted latency",
        )  # fmt: skip
    values, times = [each.metric.value for each in one.finalists], [each.latency_ms for each in one.finalists]
    best = pareto(values, times)
    reach = [*(times[i] for i in best), max(one.budget_ms, *times)]
    steps = [*(values[i] for i in best), values[best[-1]]]
    axes.plot(times, _percent(values), "o", color=FINAL, markersize=6, label=f"trained networks, {_kinds(one)} latency")
    axes.plot(reach, _percent(steps), color=FINAL, linewidth=1.3, drawstyle="steps-post", label="their front")
    axes.axvline(one.budget_ms, color=LIMIT, linestyle="--", linewidth=1, label=f"budget, {one.budget_ms:.4g} ms")
    axes.set(xlabel="latency, ms (INT8, batch 1)", ylabel=_metric(one))
    axes.set_title("Front", fontsize=10)
    axes.legend(fontsize=8, framealpha=0.8, edgecolor="none")
    _plain(axes)


def _kinds(one: TargetEvaluations) -> str:
    return " or ".join(sorted({each.kind for each in one.finalists}))


def _hypervolume(axes: Any, one: TargetEvaluations) -> None:
    """Of the evaluations so far, as a share of the budget at a metric of 1."""
    shares, values, times = list[float](), list[float](), list[float]()
    for each in one.evaluations:
        values.append(each.value)
        times.append(each.latency_ms)
        shares.append(100 * hypervolume(values, times, limit=one.budget_ms) / one.budget_ms)
    axes.step(range(1, len(shares) + 1), shares, where="post", color=FINAL, linewidth=1.5)
    axes.set(xlabel="evaluations", ylabel="hypervolume, % of budget x metric 1")
    axes.set_title(f"Hypervolume of the {'estimates' if one.supernet else 'trained networks'}", fontsize=10)
    _plain(axes)


def _importance(axes: Any, one: TargetEvaluations, importance: dict[str, float]) -> None:
    among = f": to be among the best {best_share(len(one.evaluations)):.0%}" if importance else ""
    axes.set_title(f"Importance of choices ({METHOD}{among})", fontsize=10)
    if not importance:
        axes.text(0.5, 0.5, f"unknown: it takes {LEAST} evaluations that differ", ha="center", transform=axes.transAxes)
        axes.set_axis_off()
        return
    displayed = list(importance.items())[:BARS]
    rest = len(importance) - len(displayed)
    names, values = [name for name, _ in displayed], [value for _, value in displayed]
    if rest:
        names.append(f"{rest} others")
        values.append(1 - sum(values))
    colours = [FINAL] * len(displayed) + [ESTIMATE] * (len(names) - len(displayed))
    axes.barh(range(len(names)), _percent(values), color=colours)
    axes.set_yticks(range(len(names)), names, fontsize=8)
    axes.invert_yaxis()
    axes.set(xlabel="importance, % of all")
    _plain(axes)


def _parallel(axes: Any, one: TargetEvaluations, importance: dict[str, float]) -> None:
    """A line for each evaluation through its choices, latency and metric; the lines of the front are drawn on top."""
    from matplotlib import colormaps, colors
    from matplotlib.cm import ScalarMappable

    free = [name for name, offered in one.options.items() if len(offered) > 1]
    names = (list(importance) or free)[:MOST]
    scales = [
        *(_of_choice(one, name) for name in names),
        _of_numbers([e.latency_ms for e in one.evaluations], "{:.3g}"),
    ]
    scales.append(_of_numbers(_percent(e.value for e in one.evaluations), "{:.1f}"))
    values = [e.value for e in one.evaluations]
    norm = colors.Normalize(100 * min(values), 100 * max(values) or 1.0)
    best = set(pareto(values, [e.latency_ms for e in one.evaluations]))
    for number in sorted(range(len(values)), key=lambda i: (i in best, values[i])):
        heights = [scale[0][number] for scale in scales]
        emphasis = {"linewidth": 2.0, "alpha": 1.0} if number in best else {"linewidth": 0.8, "alpha": 0.35}
        axes.plot(range(len(scales)), heights, color=colormaps["viridis"](norm(100 * values[number])), **emphasis)
    for place, (_, ticks) in enumerate(scales):
        axes.axvline(place, color="black", linewidth=0.8)
        for height, text in ticks:
            axes.text(
                place, height, f" {text}", fontsize=8, va="center",
                bbox={"facecolor": "white", "alpha": 0.75, "edgecolor": "none", "pad": 0.6},
            )  # fmt: skip
    titles = [*names, "latency, ms\n(predicted)", f"{METRIC_NAMES[one.metric]}, %"]
    axes.set_xticks(range(len(scales)), titles, fontsize=8)
    axes.set(xlim=(-0.1, len(scales) - 0.75), ylim=(-0.06, 1.06), yticks=[])
    axes.spines[["top", "right", "left", "bottom"]].set_visible(False)
    some = (
        f"the {len(names)} most important of {len(free)} choices"
        if importance
        else f"{len(names)} of {len(free)} choices"
    )
    axes.set_title(f"Parallel coordinates: {some}; the front in bold; {OFF}: an inactive choice", fontsize=10)
    axes.figure.colorbar(ScalarMappable(norm, "viridis"), ax=axes, label=_metric(one), pad=0.01, fraction=0.03)


Scale = tuple[list[float], list[tuple[float, str]]]
"""The heights of all evaluations on an axis, 0 to 1, and its ticks."""


def _of_choice(one: TargetEvaluations, name: str) -> Scale:
    """Levels of the options, an inactive choice below them; lines of one level spread a little, so that they can be told apart."""
    texts = [_text(value) for value in one.options[name]]
    given = [_text(each.choices[name]) if name in each.choices else OFF for each in one.evaluations]
    levels = ([OFF] if OFF in given else []) + texts
    step = 1 / max(1, len(levels) - 1)
    spread = min(0.06, step / 4)
    count = max(1, len(given) - 1)
    heights = [levels.index(text) * step + spread * (number / count - 0.5) for number, text in enumerate(given)]
    return heights, [(level * step, text) for level, text in enumerate(levels)]


def _of_numbers(numbers: Sequence[float], form: str) -> Scale:
    low, high = min(numbers), max(numbers)
    span = (high - low) or 1.0
    ticks = [(share, form.format(low + share * span)) for share in (0.0, 0.25, 0.5, 0.75, 1.0)]
    return [(number - low) / span for number in numbers], ticks if high > low else ticks[:1]


def _text(value: object) -> str:
    return {True: "yes", False: "no"}[value] if isinstance(value, bool) else f"{value}"


def _metric(one: TargetEvaluations) -> str:
    return f"INT8 {METRIC_NAMES[one.metric]}, validation set, %"


def _percent(shares: "Sequence[float] | Any") -> list[float]:
    return [100 * share for share in shares]


def _plain(axes: Any) -> None:
    axes.grid(visible=True, color="#dddddd", linewidth=0.6)
    axes.set_axisbelow(True)
    axes.spines[["top", "right"]].set_visible(False)
