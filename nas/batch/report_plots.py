"""The plots of a batch's report, as inline SVG that follows the page's colours. Every number of them is in a table of the page, too."""

from collections.abc import Iterator, Sequence
from html import escape
from math import ceil, floor, log10
from typing import Final

from nas.batch.result import BatchResult, CellResult, Savings
from nas.spec import METRIC_NAMES

WIDTH, HEIGHT = 460, 280
LEFT, RIGHT, TOP, BOTTOM = 62, 24, 12, 44
SERIES: Final = 6
"""Colours; further spaces repeat them with another mark."""


def scatter(result: BatchResult) -> Iterator[str]:
    """For each data set, one plot for each target: latency and validation metric of the cells' networks, coloured by space."""
    spaces = list(dict.fromkeys(cell.space for cell in result.cells))
    for data in dict.fromkeys(cell.data for cell in result.cells):
        cells = [cell for cell in result.cells if cell.data == data and cell.model is not None]
        targets = dict.fromkeys(cell.target for cell in cells)
        if not targets:
            continue
        metric = METRIC_NAMES[cells[0].metric]
        plots = "".join(_plot([one for one in cells if one.target == t], spaces, t, metric) for t in targets)
        legend = "".join(
            f'<li><svg width="14" height="14" aria-hidden="true">{_mark(7, 7, n)}</svg> {escape(space)}</li>'
            for n, space in enumerate(spaces)
        )
        yield (
            f'<section><h2>Networks for {escape(data)}</h2>\n<ul class="legend">{legend}</ul>\n'
            f'<div class="plots">{plots}</div></section>\n'
        )


def _plot(cells: Sequence[CellResult], spaces: Sequence[str], target: str, metric: str) -> str:
    points = [(one, _x(one), 100 * _y(one)) for one in cells]
    xs, ys = _ticks([x for _, x, _ in points]), _ticks([y for _, _, y in points])
    across, up = (xs[0], xs[-1]), (ys[0], ys[-1])

    def place(x: float, y: float) -> tuple[float, float]:
        return (
            LEFT + (x - across[0]) / (across[1] - across[0]) * (WIDTH - LEFT - RIGHT),
            HEIGHT - BOTTOM - (y - up[0]) / (up[1] - up[0]) * (HEIGHT - TOP - BOTTOM),
        )

    grid = ""
    for y in ys:
        _, py = place(across[0], y)
        grid += f'<line class="grid" x1="{LEFT}" x2="{WIDTH - RIGHT}" y1="{py:.1f}" y2="{py:.1f}"/>'
        grid += f'<text x="{LEFT - 6}" y="{py + 4:.1f}" text-anchor="end">{y:g}</text>'
    for x in xs:
        px, _ = place(x, up[0])
        grid += f'<text x="{px:.1f}" y="{HEIGHT - BOTTOM + 16}" text-anchor="middle">{x:g}</text>'
    marks = ""
    for cell, x, y in points:
        said = f"{cell.space}, budget {cell.latency_ms}, seed {cell.seed}: {x:.4g} ms, {y:.2f} %"
        marks += _mark(*place(x, y), spaces.index(cell.space), said)
    title = f"Networks for {target}: latency and {metric} on the validation set"
    axis = f'<text x="{(LEFT + WIDTH) / 2:.0f}" y="{HEIGHT - 8}" text-anchor="middle">latency on {escape(target)}, ms</text>'
    axis += f'<text transform="translate(14 {HEIGHT / 2 - 10:.0f}) rotate(-90)" text-anchor="middle">{escape(metric)}, %</text>'
    return _svg(title, WIDTH, HEIGHT, grid + marks + axis)


def _x(cell: CellResult) -> float:
    assert cell.model is not None
    return cell.model.latency_ms.final_ms


def _y(cell: CellResult) -> float:
    assert cell.model is not None
    return cell.validation if cell.validation is not None else cell.model.metric.int8.value


def savings_plot(saved: Savings) -> str:
    """Core-seconds that were spent, beside those of every cell by itself."""
    most = max(saved.separate_core_seconds, 1e-9)
    rows = (("spent", saved.spent_core_seconds), ("each cell by itself", saved.separate_core_seconds))
    bars = ""
    for number, (name, seconds) in enumerate(rows):
        y, long = 8 + 30 * number, 1 + (WIDTH - 240) * seconds / most
        bars += f'<text x="128" y="{y + 15}" text-anchor="end">{name}</text>'
        bars += f'<rect class="series-{number + 1}" x="136" y="{y}" width="{long:.1f}" height="20"/>'
        bars += f'<text x="{142 + long:.1f}" y="{y + 15}">{seconds:,.1f}</text>'
    return _svg("Core-seconds spent, and of every cell by itself", WIDTH, 72, bars)


def _mark(x: float, y: float, number: int, said: str = "") -> str:
    """A mark of one space: its colour, and another shape after all colours are used."""
    title = f"<title>{escape(said)}</title>" if said else ""
    kind = f'class="series-{number % SERIES + 1}"'
    if number // SERIES % 2:
        return f'<rect {kind} x="{x - 4:.1f}" y="{y - 4:.1f}" width="8" height="8">{title}</rect>'
    return f'<circle {kind} cx="{x:.1f}" cy="{y:.1f}" r="4.5">{title}</circle>'


def _ticks(values: Sequence[float], count: int = 5) -> list[float]:
    """Round numbers that enclose values, at least two.

    >>> _ticks([0.12, 0.31])
    [0.1, 0.15, 0.2, 0.25, 0.3, 0.35]
    >>> _ticks([100.0])
    [95, 100]
    """
    low, high = min(values), max(values)
    span = high - low or abs(high) * 0.2 or 1.0
    unit = 10 ** floor(log10(span / count))
    step = unit * next(factor for factor in (1, 2, 2.5, 5, 10) if span / (unit * factor) <= count)
    last = ceil(round(high / step, 9))
    first = min(floor(round(low / step, 9)), last - 1)
    return [round(number * step, 12) for number in range(first, last + 1)]


def _svg(title: str, width: int, height: int, body: str) -> str:
    label = escape(title)
    return (
        f'<svg role="img" aria-label="{label}" viewBox="0 0 {width} {height}" width="{width}" height="{height}">'
        f"<title>{label}</title>{body}</svg>"
    )
