"""The console script: the engine's commands, and those of the service. The web framework loads only when one of these runs."""

import json as json_module
import os
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from nas.cli import app
from nas.cli.answer import Answer, Json
from nas.cli.app import EPILOG, Version
from nas.cli.guard import Commands

if TYPE_CHECKING:
    from api.serve import Serving
    from api.settings import Settings

_HOME_VARIABLE = "HWNAS_HOME"
_DATABASE_VARIABLE = "HWNAS_DATABASE"
_SERVER_VARIABLE = "HWNAS_SERVER"
_OF_A_SERVER = ("search", "run", "export")
"""The commands that a service can do in the place of this machine."""
_OF_A_MACHINE = ("show", "estimate", "profile", "targets")
"""The commands of which one could take this machine's answer for a service's."""

Home = Annotated[
    Path | None,
    typer.Option(
        help=f"Folder of the database, data sets and models; ${_HOME_VARIABLE} or your data folder.", metavar="DIR"
    ),
]
DatabaseUrl = Annotated[
    str | None,
    typer.Option(
        help=f"postgresql://... instead of SQLite in the home; ${_DATABASE_VARIABLE}, or in the file ${_DATABASE_VARIABLE}_FILE.",
        metavar="URL",
    ),
]
PepperFile = Annotated[
    Path | None, typer.Option(help="File of the secret that stored keys are mixed with; in the home when absent.")
]


@app.callback(epilog=EPILOG)
def hwnas(
    context: typer.Context,
    version: Version = False,
    server: Annotated[
        str | None,
        typer.Option(
            help=f"Address of a service that `search`, `run` and `export` use instead of this machine; ${_SERVER_VARIABLE}.",
            metavar="URL",
        ),
    ] = None,
) -> None:
    """Finds the most accurate INT8 network that keeps a latency budget on your hardware, trains it, and measures it."""
    command = str(context.invoked_subcommand)
    url = server or os.environ.get(_SERVER_VARIABLE)
    if command not in _OF_A_SERVER:
        if server:
            raise typer.BadParameter(
                f"`hwnas {command}` works on this machine only; a service does {', '.join(_OF_A_SERVER)}.",
                param_hint="--server",
            )
        if url and command in _OF_A_MACHINE:
            typer.echo(f"hwnas {command} works on this machine, not on the service of {_SERVER_VARIABLE}.", err=True)
    elif url:
        from api.client.search import elsewhere, export_elsewhere
        from nas.cli import export, search

        search.ELSEWHERE.set(elsewhere(url))
        export.ELSEWHERE.set(export_elsewhere(url))


keys_app = typer.Typer(
    name="keys",
    cls=Commands,
    help="Make, list and revoke keys of the service, with the rights of whoever owns its home.",
)
app.add_typer(keys_app)


@app.command()
def serve(
    host: Annotated[str, typer.Option(help="Address to listen on.")] = "127.0.0.1",
    port: Annotated[int, typer.Option(min=0, max=65535, help="Port to listen on; 0 takes a free one.")] = 8000,
    allow_host: Annotated[
        list[str] | None,
        typer.Option(help="A further name by which clients call this server, with its port if any. Repeatable."),
    ] = None,
    home: Home = None,
    database: DatabaseUrl = None,
    pepper_file: PepperFile = None,
    worker: Annotated[bool, typer.Option("--worker/--no-worker", help="Run jobs, or only answer requests.")] = True,
    json: Json = False,
) -> None:
    """Serve the dashboard and the REST interface, and run the jobs queued there. The first start shows the first key."""
    from api.serve import serve as run

    settings = _settings(
        home, database, pepper_file, host=host, port=port, allowed_hosts=tuple(allow_host or ()), worker=worker
    )

    def ready(serving: "Serving") -> None:
        _tell(serving, settings, as_json=json)

    run(settings, ready)


@app.command()
def worker(home: Home = None, database: DatabaseUrl = None) -> None:
    """Run jobs of a service whose home and database this machine can reach, until SIGTERM; then hand back the job."""
    from api.worker.process import alone

    alone(_settings(home, database, None))


@app.command()
def doctor(home: Home = None, database: DatabaseUrl = None, json: Json = False) -> Answer:
    """Look over an installation: database, disk, targets, workers, versions. Changes nothing; exits 1 if something is wrong."""
    from api.doctor import answer, examine

    return answer(examine(_settings(home, database, None)))


@keys_app.command("create")
def create_key(
    name: Annotated[str, typer.Option(help="For people.")] = "key",
    tenant: Annotated[str, typer.Option(help="Whose key it is; made when there is none of that name.")] = "default",
    scope: Annotated[
        list[str] | None, typer.Option(help="What it may do; all but admin when absent. Repeatable.")
    ] = None,
    days: Annotated[int | None, typer.Option(min=1, max=3650, help="Days until it ends; never when absent.")] = None,
    home: Home = None,
    database: DatabaseUrl = None,
    pepper_file: PepperFile = None,
    json: Json = False,
) -> Answer:
    """Make a key and show it this once."""
    from api.keys.command import create

    return create(_settings(home, database, pepper_file), name=name, tenant=tenant, scopes=scope, days=days)


@keys_app.command("list")
def list_keys(home: Home = None, database: DatabaseUrl = None, json: Json = False) -> Answer:
    """List the keys of all tenants, without their secrets."""
    from api.keys.command import listed

    return listed(_settings(home, database, None))


@keys_app.command("revoke")
def revoke_key(
    key: Annotated[str, typer.Argument(help="Id of the key.", metavar="KEY")],
    home: Home = None,
    database: DatabaseUrl = None,
    json: Json = False,
) -> Answer:
    """End a key for good; running servers know within two seconds."""
    from api.keys.command import revoke

    return revoke(_settings(home, database, None), key)


def default_home() -> Path:
    """The folder of the service's state: `HWNAS_HOME`, else the user's data folder."""
    chosen = os.environ.get(_HOME_VARIABLE)
    if chosen:
        return Path(chosen)
    base = os.environ.get("XDG_DATA_HOME") or Path.home() / ".local" / "share"
    return Path(base) / "hwnas"


def _settings(home: Path | None, database: str | None, pepper_file: Path | None, **others: object) -> "Settings":
    from api.settings import Settings

    url = database or os.environ.get(_DATABASE_VARIABLE)
    secret = os.environ.get(f"{_DATABASE_VARIABLE}_FILE")
    if not url and secret:
        url = Path(secret).read_text().strip()
    place = (home or default_home()).expanduser().resolve()
    return Settings.model_validate({"home": place, "database": url, "pepper_file": pepper_file, **others})


def _tell(serving: "Serving", settings: "Settings", *, as_json: bool) -> None:
    """One line when the server answers; the first key on the terminal, or in a file when there is none. Never in a log."""
    from api.version import program_version

    stdout = sys.__stdout__ or sys.stdout
    on_terminal = stdout.isatty() and not as_json
    place = None
    if serving.first_key is not None and not on_terminal:
        place = settings.home / "first-key"
        handle = os.open(place, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
        with os.fdopen(handle, "w") as file:
            file.write(serving.first_key + "\n")
    if as_json:
        about = {"url": serving.url, "home": str(settings.home), "pid": os.getpid(), "version": program_version()}
        if place is not None:
            about["first_key_file"] = str(place)
        stdout.write(json_module.dumps(about) + "\n")
    else:
        stdout.write(f"hwnas serves at {serving.url} (state in {settings.home}; stop with Ctrl-C)\n")
        if place is not None:
            stdout.write(f"The first key is in {place}; delete that file once you have it.\n")
        elif serving.first_key is not None:
            stdout.write(f"The first key, shown this once: {serving.first_key}\n")
    stdout.flush()


def main() -> None:
    """What `hwnas` runs."""
    app(prog_name="hwnas")


if __name__ == "__main__":
    main()
