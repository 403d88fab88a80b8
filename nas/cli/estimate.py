"""`hwnas estimate MODEL.onnx --target T`: the cost of any ONNX model on a target, layer by layer."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from nas.cli.answer import Answer, Json, Out, StoreFolder

if TYPE_CHECKING:
    from rich.console import Console

    from nas.estimate import Estimate


def estimate(
    model: Annotated[str, typer.Argument(help="ONNX file, float or INT8.", metavar="MODEL.onnx")],
    target: Annotated[
        list[str] | None, typer.Option(help="Target to cost it on, such as cpu:threads=2; cpu when absent. Repeatable.")
    ] = None,
    input_size: Annotated[
        str | None, typer.Option(help="HEIGHTxWIDTH (or one number) for a model that leaves its input size open.")
    ] = None,
    measure: Annotated[
        bool | None,
        typer.Option(
            "--measure/--predict",
            help="Measure it now, or use the stored latency table; by default whichever is more exact.",
        ),
    ] = None,
    host: Annotated[
        bool,
        typer.Option("--host", help="Price layers that a simulated target does not run as a fall-back to its host."),
    ] = False,
    beside: Annotated[
        list[str] | None,
        typer.Option(
            help="Network of the next tenant of the board, with :tenants=N in the target. Repeatable.",
            metavar="MODEL.onnx",
        ),
    ] = None,
    retrain: Annotated[
        list[str] | None,
        typer.Option(
            help="The same, for a tenant that trains it; MODEL.onnx@0.1 with a tenth of the weights left. Repeatable.",
            metavar="MODEL.onnx",
        ),
    ] = None,
    what_if: Annotated[
        bool, typer.Option("--what-if", help="Also unvalidated estimates: energy, INT16, sparse weights, training.")
    ] = False,
    plot: Annotated[
        str | None,
        typer.Option(help="Draw a simulation's roofline and timeline into a .png or .svg file.", metavar="FILE"),
    ] = None,
    out: Out = "runs",
    store: StoreFolder = None,
    json: Json = False,
) -> Answer:
    """Cost an ONNX model in INT8 at batch 1 on a target: latency of the whole and of each layer, as hwnas lowers it.

    An INT8 file is also measured as it is, with advice where it is slower. With several targets, `--json` has one
    document for each in `estimates`.
    """
    targets = list(dict.fromkeys(target or ["cpu"]))
    if plot is not None and len(targets) > 1:
        raise typer.BadParameter("A picture is of one target; name one.", param_hint="--plot")
    tenants = [*((path, None) for path in beside or ()), *map(_density, retrain or ())]
    simulator_options = {"allow_host": host, "trace": plot is not None, "what_if": what_if}
    results = _costed(
        Path(model), targets, input_size, measure, tenants, simulator_options, store or Path(out) / "store"
    )
    if plot is not None:
        from nas.cli.simulation_picture import draw

        draw(results[0], Path(plot))

    def render(console: "Console") -> None:
        from nas.cli.estimate_report import render_estimate

        for result in results:
            if len(results) > 1:
                console.print(result.target, style="bold")
            render_estimate(console, result)

    documents = [result.model_dump(mode="json") for result in results]
    return Answer(documents[0] if len(documents) == 1 else {"estimates": documents}, render)


def _costed(
    model: Path,
    targets: Sequence[str],
    input_size: str | None,
    measure: bool | None,
    tenants: Sequence[tuple[str, float | None]],
    simulator_options: Mapping[str, Any],
    store: str | Path,
) -> "list[Estimate]":
    """The model on each target; `simulator_options` and the further tenants of a board, by path and density, are for simulated targets."""
    from hw_targets.registry import target as find_target
    from hw_targets.target import Simulator
    from nas.estimate import estimate, stored_tables
    from nas.store import Store
    from search_spaces.onnx_reader import read_onnx

    network = read_onnx(model, input_size=_size(input_size))
    beside = [(read_onnx(Path(path)), density) for path, density in tenants]
    found = [find_target(name) for name in targets]
    simulated = [
        one for one in found if isinstance(one, Simulator)
    ] or found  # of several targets, those that the options are for
    results = []
    for one in found:
        options: dict[str, Any] = {**simulator_options, "beside": beside} if one in simulated else {}
        tables = stored_tables(Store(store), one.info)
        results.append(estimate(network, one, tables=tables, measure=measure, file=model, **options))
    return results


def _size(text: str | None) -> tuple[int, int] | None:
    if text is None:
        return None
    height, _, width = text.lower().partition("x")
    try:
        return int(height), int(width or height)
    except ValueError as error:
        raise typer.BadParameter(f"{text!r} is not HEIGHTxWIDTH, such as 224x224.") from error


def _density(text: str) -> tuple[str, float]:
    """`MODEL.onnx@0.1` as path and density of the weights; all of them where none is given."""
    path, at, density = text.rpartition("@")
    if not at or path == "" or density.endswith(".onnx"):
        return text, 1.0
    try:
        return path, float(density)
    except ValueError as error:
        raise typer.BadParameter(f"{text!r} is not MODEL.onnx@DENSITY, such as model.onnx@0.1.") from error
