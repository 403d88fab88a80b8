"""`hwnas study export RUN`: the evaluations of a finished run, for other tools."""

from pathlib import Path
from typing import Annotated, Final

import typer

from nas.cli.answer import Answer, Json
from nas.cli.guard import Commands

FILE: Final = "study.db"

study = typer.Typer(
    name="study", cls=Commands, help="The evaluations of a finished run, for other tools.", no_args_is_help=True
)


@study.command("export")
def export_study(
    run: Annotated[str, typer.Argument(help="Name of the run, or its folder.", metavar="RUN")],
    out: Annotated[
        str | None,
        typer.Option(
            "--out",
            "-o",
            help=f"SQLite file; {FILE} in the run's folder when absent. Other studies in it stay.",
            metavar="FILE.db",
        ),
    ] = None,
    target: Annotated[str | None, typer.Option(help="One of the run's targets; all of them when absent.")] = None,
    runs: Annotated[str, typer.Option("--runs", help="Folder of runs.", metavar="DIR")] = "runs",
    json: Json = False,
) -> Answer:
    """Write every evaluation of a run as a trial of an Optuna study, one study for each target.

    `optuna-dashboard sqlite:///FILE.db` displays it.
    """
    from nas.evaluations import of_target, read_evaluations
    from nas.runs import run_folder
    from nas.study_export import export_study as export

    folder = run_folder(run, Path(runs))
    found = read_evaluations(folder)
    if target is not None:
        found = {target: of_target(found, target)}
    path = Path(out) if out is not None else folder / FILE
    written = export(folder.name, found, path)
    url = f"sqlite:///{path.resolve()}"
    document = {"file": str(path), "url": url, "studies": [{"name": n, "trials": t} for n, t in written.items()]}
    lines = [f"{name}: {trials} trials" for name, trials in written.items()]
    return Answer(
        document,
        lambda console: console.print("\n".join((*lines, f"optuna-dashboard {url}")), soft_wrap=True, markup=False),
    )
