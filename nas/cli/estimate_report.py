"""The cost of an ONNX model on a console: its layers, or the groups of a simulation, then the total.

Not here: the costing (`nas/estimate.py`).
"""

import re
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

from rich.console import Console
from rich.text import Text

from nas.cli.drawing import BOUND_TITLES, bare, size, table, warn
from nas.cli.progress import milliseconds

if TYPE_CHECKING:
    from nas.estimate import Estimate
    from nas.file_estimate import FileEstimate


def render_estimate(console: Console, result: "Estimate") -> None:
    """The layers (of a simulation: the groups that run as one), then the total."""
    if result.simulation is not None:
        _render_simulation(console, result, result.simulation)
        return
    built = table("layer", "what", "MACs", "ms", "share", right=(2, 3, 4))
    built.columns[0].max_width = 20
    for column in built.columns[2:]:
        column.no_wrap = True
    total = sum(layer.latency_ms or 0.0 for layer in result.layers)
    for layer in result.layers:
        known = layer.latency_ms is not None
        built.add_row(
            layer.name,
            _brief(layer.key),
            size(layer.macs, ("", "k", "M", "G", "T")) if layer.macs else "",
            f"{layer.latency_ms:.4f}" if known else "fused",
            f"{(layer.latency_ms or 0.0) / total:.1%}" if known and total else "",
        )
    console.print(built)
    if result.file is not None:
        _render_file(console, result.file, result.target)
    error = "" if result.error is None else f" ± {result.error:.1%}"
    spread = "" if result.p50_ms is None else f", p50 {bare(result.p50_ms)}, p95 {bare(result.p95_ms)}"
    console.print(Text.assemble((milliseconds(result.latency_ms), "bold"), f" {result.kind}{error}{spread}"))
    console.print(f"  as hwnas re-lowers it to {result.precision.upper()}, batch {result.batch}, on {result.target}")
    for line in result.file.advice if result.file is not None else ():
        console.print(Text(f"→ {line}", style="cyan"))
    as_int8 = "" if result.precision == "int8" else " (in INT8)"
    console.print(
        f"{_macs(result)}, {size(result.params, ('', 'k', 'M', 'G'))} parameters, "
        f"{size(result.weight_bytes)} of weights, {size(result.peak_memory_bytes)} of live activations{as_int8}, "
        f"input {'x'.join(map(str, result.input_shape))}",
    )
    if result.kind == "measured":
        console.print(
            Text("Layers: as measured under the runtime's profiler, which adds a cost to every kernel.", style="dim")
        )
    warn(console, result.warnings)


def _render_file(console: Console, file: "FileEstimate", target: str) -> None:
    """The INT8 file as it is, on the line above the network as hwnas lowers it."""
    spread = f"± {file.error:.1%}, p50 {bare(file.p50_ms)}, p95 {bare(file.p95_ms)}"
    console.print(Text.assemble((milliseconds(file.latency_ms), "bold"), f" measured {spread}"))
    console.print(f"  the INT8 file as it is, batch {file.batch}, on {target}")


def _macs(result: "Estimate") -> str:
    count = f"{size(result.macs, ('', 'k', 'M', 'G', 'T'))} MACs"
    return f"at least {count} (not counted: {', '.join(result.uncounted)})" if result.uncounted else count


def _render_simulation(console: Console, result: "Estimate", simulation: Mapping[str, Any]) -> None:
    """The cost of each group and what binds it, then the whole: one request, the board, traffic, roofline."""
    built = table("group", "bound by", "cycles", "share", "array", "MACs", "memory", right=range(2, 7))
    built.columns[0].max_width, built.columns[1].min_width = 20, 14
    for column in built.columns[1:]:
        column.no_wrap = True
    total = simulation["cycles"]
    for group in simulation["groups"]:
        moved = group["load_bytes"] + group["save_bytes"] + group["weight_bytes"]
        built.add_row(
            group["name"],
            BOUND_TITLES.get(cause := group["bound_by"], cause).removeprefix("instruction ").removesuffix(" engine"),
            f"{group['cycles']:,.0f}",
            f"{group['cycles'] / total:.1%}",
            "" if group["utilisation"] is None else f"{group['utilisation']:.0%}",
            size(group["macs"], ("", "k", "M", "G", "T")) if group["macs"] else "",
            size(moved) if moved else "",
        )
    console.print(built)
    console.print(
        Text.assemble((milliseconds(result.latency_ms), "bold"), f" simulated for one request, INT8, on {result.target}; ",
                      (f"{simulation['images_per_s']:,.0f} images/s", "bold"), " of the whole board")
    )  # fmt: skip
    console.print(
        f"{_macs(result)}, {total:,.0f} cycles an image and engine, the array used {simulation['utilisation']:.0%}; "
        f"{size(simulation['load_bytes'])} of feature maps in, {size(simulation['save_bytes'])} out, "
        f"{size(simulation['weight_bytes'])} of weights; at most {size(simulation['on_chip_bytes'])} of "
        f"{size(simulation['on_chip_room_bytes'])} on chip"
    )
    console.print(
        f"roofline: {simulation['achieved_tops']:.3g} of {simulation['attainable_tops']:.3g} tera-operations/s attainable at "
        f"{simulation['operations_per_byte']:,.0f} operations/byte (arithmetic intensity)"
    )
    if simulation["host"]:
        console.print(
            f"left to the host: {', '.join(simulation['host'][:8])}{' …' if len(simulation['host']) > 8 else ''}"
        )
    _render_tenants(console, simulation.get("tenants", ()))
    if "what_if" in simulation:
        _render_what_if(console, simulation["what_if"])
    warn(console, result.warnings)


def _render_tenants(console: Console, tenants: Sequence[Mapping[str, Any]]) -> None:
    if tenants:
        built = table("tenant", "does", "engines", "images/s", "ms", right=(2, 3, 4))
        for one in tenants:
            engines = "+".join(map(str, one["kernels"]))
            does = " ".join((one["what"], *([f"({one['label']})"] if one["label"] else [])))
            built.add_row(one["network"], does, engines, f"{one['images_per_s']:,.0f}", f"{one['latency_ms']:.4g}")
        console.print(built)


def _render_what_if(console: Console, found: Mapping[str, Any]) -> None:
    built = table("what if", "cycles", "images/s", "", right=(1, 2))
    for one in found["variants"]:
        built.add_row(one["what"], f"{one['cycles']:,.0f}", f"{one['images_per_s']:,.0f}", one["label"])
    console.print(built)
    if "energy" in found:
        energy = found["energy"]
        console.print(
            f"{energy['millijoules']:.3g} mJ an image ({energy['low']:.3g} to {energy['high']:.3g}; {energy['label']})"
        )


def _brief(key: str) -> str:
    """A layer key in short form: an equal padding on all sides is one number, or left out if zero."""
    return re.sub(r" p(\d+),\1,\1,\1(?!,)", lambda m: "" if m[1] == "0" else f" p{m[1]}", key)
