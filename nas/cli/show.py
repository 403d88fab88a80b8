"""`hwnas show RUN`: the result of a finished run or batch again, and pictures of a search."""

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from nas.cli.answer import Answer, Json, Out

if TYPE_CHECKING:
    from rich.console import Console


def show(
    run: Annotated[str, typer.Argument(help="Name of the run or batch, or its folder.", metavar="RUN")],
    plot: Annotated[
        str | None,
        typer.Option(
            help="Plot the search: front, hypervolume, importance of choices and parallel coordinates, into a .png or .svg file or "
            "a folder.",
            metavar="FILE|DIR",
        ),
    ] = None,
    target: Annotated[
        str | None, typer.Option(help="Target of the pictures; not needed when the run has but one.")
    ] = None,
    out: Out = "runs",
    json: Json = False,
) -> Answer:
    """Show the front, the models and the receipts of a finished run, with the cost of its search and its trust score; or a batch."""
    from nas import pipeline
    from nas.batch.report import JSON
    from nas.cli.drawing import folder as name_folder
    from nas.cli.report import render_result
    from nas.runs import run_folder

    if target is not None and plot is None:
        raise typer.BadParameter("It selects the target of pictures; add --plot.", param_hint="--target")
    folder = run_folder(run, Path(out))
    if plot is None and (folder / JSON).is_file():
        return _batch(folder)
    result = pipeline.show(folder.name, out=folder.parent)
    document: dict[str, Any] = result.model_dump(mode="json")
    files = [] if plot is None else _pictures(folder, target, Path(plot))
    if files:
        document["pictures"] = [str(file) for file in files]

    def render(console: "Console") -> None:
        render_result(console, result)
        for file in files:
            name_folder(console, "picture", str(file))

    return Answer(document, render)


def _batch(folder: Path) -> Answer:
    """The report of a batch."""
    from nas.batch.report import FILES, read_report
    from nas.cli.batch_report import render_batch

    result = read_report(folder)
    files = [str(folder / name) for name in FILES]
    document = {**result.model_dump(mode="json"), "files": files}
    return Answer(document, lambda console: render_batch(console, result, files))


def _pictures(folder: Path, target: str | None, path: Path) -> list[Path]:
    from nas.cli.search_picture import draw
    from nas.evaluations import of_target, read_evaluations

    return draw(of_target(read_evaluations(folder), target), folder.name, path)
