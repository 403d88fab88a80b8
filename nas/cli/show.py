"""`hwnas show RUN`: the result of a finished run again."""

from pathlib import Path
from typing import Annotated

import typer

from nas.cli.answer import Answer, Json, Out


def show(
    run: Annotated[str, typer.Argument(help="Name of the run, or its folder.", metavar="RUN")],
    out: Out = "runs",
    json: Json = False,
) -> Answer:
    """Show the front, the models and the receipts of a finished run."""
    from nas import pipeline
    from nas.cli.report import render_result
    from nas.runs import run_folder

    folder = run_folder(run, Path(out))
    result = pipeline.show(folder.name, out=folder.parent)
    return Answer(result.model_dump(mode="json"), lambda console: render_result(console, result))
