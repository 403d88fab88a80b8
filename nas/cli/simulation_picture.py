"""Plots a simulation: its groups under the roofline, and what each engine does when. Needs matplotlib."""

from pathlib import Path
from typing import Any

from nas.cli.drawing import BOUND_TITLES
from nas.errors import InvalidSpec
from nas.estimate import Estimate

COLOURS = {
    "arithmetic": "#1f5fa8", "depthwise engine": "#7a3e9d", "pools and sums": "#2b8a6b", "weights": "#b5651d",
    "maps in": "#c0392b", "maps out": "#d98880", "instruction overhead": "#7f8c8d",
}  # fmt: skip
"""By what binds a group."""


def draw(result: Estimate, path: Path) -> None:
    """Both pictures into one file, .png or .svg.

    Raises:
        InvalidSpec: the file is of another kind.
    """
    simulation = result.simulation
    assert simulation is not None
    if path.suffix not in (".png", ".svg"):
        raise InvalidSpec(f"{path.name!r} is no .png or .svg file.", fix="End the file's name in .png or .svg.")
    import matplotlib

    matplotlib.use("Agg")
    from matplotlib import pyplot

    figure, (roofline, timeline) = pyplot.subplots(1, 2, figsize=(13, 4.8), width_ratios=(1, 1.5))
    _roofline(roofline, result, simulation)
    _timeline(timeline, simulation, result.latency_ms / simulation["cycles"])
    figure.suptitle(
        f"{result.model} on {result.target}: {result.latency_ms:.4g} ms, simulated, INT8, batch 1", fontsize=10
    )
    figure.tight_layout()
    figure.savefig(path, dpi=150)
    pyplot.close(figure)


def _roofline(axes: Any, result: Estimate, simulation: dict[str, Any]) -> None:
    """Per group: arithmetic intensity against operations a second if it ran alone; and the whole network as it runs."""
    peak, slope = simulation["peak_tops"], simulation["memory_gb_per_s"] / 1e3
    engines = sum(simulation["kernels"]) / len(simulation["kernels"])  # of a kernel; they share its weights
    points = []
    for group in simulation["groups"]:
        moved = group["load_bytes"] + group["save_bytes"] + group["weight_bytes"] / engines
        if group["macs"] and moved:
            alone = max(group["demands"].values())
            rate = group["macs"] / (alone * simulation["macs_per_cycle"]) * peak
            points.append((2 * group["macs"] / moved, rate, group["bound_by"]))
    for cause in dict.fromkeys(cause for *_, cause in points):
        selected = [p for p in points if p[2] == cause]
        axes.scatter(
            [p[0] for p in selected],
            [p[1] for p in selected],
            s=14,
            color=COLOURS[cause],
            label=BOUND_TITLES.get(cause, cause),
        )
    whole = (simulation["operations_per_byte"], simulation["achieved_tops"])
    axes.scatter(*zip(whole, strict=True), marker="*", s=120, color="black", label="whole network")
    spread = [x for x, *_ in points] + [whole[0], peak / slope]
    low, high = min(spread) / 2, max(spread) * 2
    axes.plot([low, peak / slope, high], [low * slope, peak, peak], color="black", linewidth=1)
    axes.set(
        xscale="log",
        yscale="log",
        xlabel="arithmetic intensity, operations/byte",
        ylabel="tera-operations/s, whole board",
    )
    axes.set_title("roofline; groups by what binds them", fontsize=9)
    axes.legend(fontsize=7)


def _timeline(axes: Any, simulation: dict[str, Any], ms_per_cycle: float) -> None:
    engines = list(dict.fromkeys(engine for engine, *_ in simulation["intervals"]))
    causes = [group["bound_by"] for group in simulation["groups"]]
    for row, engine in enumerate(engines):
        for name, group, start, end in simulation["intervals"]:
            if name == engine:
                axes.broken_barh([(start * ms_per_cycle, (end - start) * ms_per_cycle)], (row - 0.4, 0.8),
                                 color=COLOURS[causes[group]])  # fmt: skip
    axes.set_yticks(range(len(engines)), engines, fontsize=8)
    axes.set(xlabel="ms")
    axes.set_title("what one engine of the board does when", fontsize=9)
