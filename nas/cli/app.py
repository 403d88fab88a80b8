"""The application: one line for each command. Commands import the engine when they run, so that help is quick."""

from typing import Annotated, Final

import typer

from nas.cli import batch, cluster, data, estimate, export, profile, run, search, show, spaces, study, targets
from nas.cli.guard import Commands


def _version(requested: bool) -> None:
    if requested:
        from importlib.metadata import PackageNotFoundError, version

        try:
            typer.echo(f"hwnas {version('hwnas')}")
        except PackageNotFoundError:
            typer.echo("hwnas (not installed)")
        raise typer.Exit


Version = Annotated[bool, typer.Option("--version", callback=_version, is_eager=True, help="Print the version.")]

EPILOG: Final = "Exit codes: 0 success, 2 a wrong request, 3 a request that cannot be met, 130 interrupted, 1 others."


def _hwnas(version: Version = False) -> None:
    """Finds the most accurate INT8 network that meets a latency budget on your hardware, trains it, and measures it."""


app = typer.Typer(
    name="hwnas", cls=Commands, add_completion=False, pretty_exceptions_enable=False, rich_markup_mode="rich"
)
app.callback(epilog=EPILOG)(_hwnas)
app.command("search")(search.search)
app.command("run")(run.run)
app.command("batch")(batch.batch)
app.command("show")(show.show)
app.command("export")(export.export)
app.add_typer(study.study)
app.add_typer(cluster.cluster)
app.add_typer(data.data)
app.command("estimate")(estimate.estimate)
app.command("profile")(profile.profile)
app.command("targets")(targets.targets)
app.command("spaces")(spaces.spaces)
