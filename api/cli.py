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
    from api.serve import ServerInfo
    from api.settings import Settings

_HOME_VARIABLE = "HWNAS_HOME"
_DATABASE_VARIABLE = "HWNAS_DATABASE"
_STORE_VARIABLE = "HWNAS_STORE"
_EXECUTOR_VARIABLE = "HWNAS_EXECUTOR"
_SERVER_VARIABLE = "HWNAS_SERVER"
_REMOTE_COMMANDS = ("search", "run", "export", "batch")
"""The commands that a service can run instead of this machine."""
_FORMS = {
    "store_url": ("--store", "a URL such as s3://hwnas"),
    "executor": ("--executor", "local, processes, processes:N, ray or ray:ADDRESS"),
}
_LOCAL_COMMANDS = ("show", "estimate", "profile", "targets")
"""The commands whose answer could be mistaken for a service's."""

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
StoreUrl = Annotated[
    str | None,
    typer.Option(
        help=f"Where results of stages are kept, as s3://BUCKET or another fsspec URL; ${_STORE_VARIABLE}, or a folder of the home.",
        metavar="URL",
    ),
]
ExecutorName = Annotated[
    str | None,
    typer.Option(
        help=f"Where jobs compute: local, processes, processes:N, ray or ray:ADDRESS; ${_EXECUTOR_VARIABLE}, or local.",
        metavar="NAME",
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
            help=f"Address of a service that `search`, `run`, `export` and `batch` use instead of this machine; ${_SERVER_VARIABLE}.",
            metavar="URL",
        ),
    ] = None,
) -> None:
    """Finds the most accurate INT8 network that keeps a latency budget on your hardware, trains it, and measures it."""
    command = str(context.invoked_subcommand)
    url = server or os.environ.get(_SERVER_VARIABLE)
    if command not in _REMOTE_COMMANDS:
        if server:
            raise typer.BadParameter(
                f"`hwnas {command}` works on this machine only; a service does {', '.join(_REMOTE_COMMANDS)}.",
                param_hint="--server",
            )
        if url and command in _LOCAL_COMMANDS:
            typer.echo(f"hwnas {command} works on this machine, not on the service of {_SERVER_VARIABLE}.", err=True)
    elif url:
        from api.client.batch import remote_batch
        from api.client.search import remote_export, remote_search
        from nas.cli import batch, export, search

        search.ELSEWHERE.set(remote_search(url))
        export.ELSEWHERE.set(remote_export(url))
        batch.ELSEWHERE.set(remote_batch(url))


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
    store: StoreUrl = None,
    executor: ExecutorName = None,
    pepper_file: PepperFile = None,
    worker: Annotated[bool, typer.Option("--worker/--no-worker", help="Run jobs, or only answer requests.")] = True,
    json: Json = False,
) -> None:
    """Serve the dashboard and the REST interface, and run the jobs queued there. The first start shows the first key."""
    from api.serve import serve as run

    served = {"host": host, "port": port, "allowed_hosts": tuple(allow_host or ()), "worker": worker}
    settings = _settings(home, database, pepper_file, store=store, executor=executor, **served)

    def ready(server_info: "ServerInfo") -> None:
        _announce(server_info, settings, as_json=json)

    run(settings, ready)


@app.command()
def worker(
    home: Home = None, database: DatabaseUrl = None, store: StoreUrl = None, executor: ExecutorName = None
) -> None:
    """Run jobs of a service whose home and database this machine can reach, until SIGTERM; then return the job to the queue."""
    from api.worker.process import run_standalone

    run_standalone(_settings(home, database, None, store=store, executor=executor))


@app.command()
def doctor(
    home: Home = None,
    database: DatabaseUrl = None,
    store: StoreUrl = None,
    executor: ExecutorName = None,
    json: Json = False,
) -> Answer:
    """Check an installation: database, store, disk, targets, workers, versions. Changes nothing; exits 1 if something is wrong."""
    from api.doctor import answer, run_checks

    return answer(run_checks(_settings(home, database, None, store=store, executor=executor)))


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
    """Make a key and show it only once."""
    from api.keys.command import create

    return create(_settings(home, database, pepper_file), name=name, tenant=tenant, scopes=scope, days=days)


@keys_app.command("list")
def list_keys(home: Home = None, database: DatabaseUrl = None, json: Json = False) -> Answer:
    """List the keys of all tenants, without their secrets."""
    from api.keys.command import list_all

    return list_all(_settings(home, database, None))


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
    configured = os.environ.get(_HOME_VARIABLE)
    if configured:
        return Path(configured)
    base = os.environ.get("XDG_DATA_HOME") or Path.home() / ".local" / "share"
    return Path(base) / "hwnas"


def _settings(
    home: Path | None,
    database: str | None,
    pepper_file: Path | None,
    *,
    store: str | None = None,
    executor: str | None = None,
    **others: object,
) -> "Settings":
    from pydantic import ValidationError

    from api.settings import Settings

    url = database or os.environ.get(_DATABASE_VARIABLE)
    secret = os.environ.get(f"{_DATABASE_VARIABLE}_FILE")
    if not url and secret:
        url = Path(secret).read_text().strip()
    folder = (home or default_home()).expanduser().resolve()
    given = {
        "store_url": store or os.environ.get(_STORE_VARIABLE),
        "executor": executor or os.environ.get(_EXECUTOR_VARIABLE),
    }
    fields = {"home": folder, "database": url, "pepper_file": pepper_file, **others}
    try:
        return Settings.model_validate({**fields, **{name: value for name, value in given.items() if value}})
    except ValidationError as error:
        wrong = [str(one["loc"][0]) for one in error.errors()]
        if not set(wrong) <= set(given):
            raise
        option, form = _FORMS[wrong[0]]
        raise typer.BadParameter(f"{given[wrong[0]]!r} is none; use {form}.", param_hint=option) from None


def _announce(server_info: "ServerInfo", settings: "Settings", *, as_json: bool) -> None:
    """Prints one line when the server answers, with the first key on a terminal, else in a file. Never in a log."""
    from api.version import program_version

    stdout = sys.__stdout__ or sys.stdout
    on_terminal = stdout.isatty() and not as_json
    key_file = None
    if server_info.first_key is not None and not on_terminal:
        key_file = settings.home / "first-key"
        handle = os.open(key_file, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
        with os.fdopen(handle, "w") as file:
            file.write(server_info.first_key + "\n")
    if as_json:
        about = {"url": server_info.url, "home": str(settings.home), "pid": os.getpid(), "version": program_version()}
        if key_file is not None:
            about["first_key_file"] = str(key_file)
        stdout.write(json_module.dumps(about) + "\n")
    else:
        stdout.write(f"hwnas serves at {server_info.url} (state in {settings.home}; stop with Ctrl-C)\n")
        if key_file is not None:
            stdout.write(f"The first key is in {key_file}; delete that file once you have it.\n")
        elif server_info.first_key is not None:
            stdout.write(f"The first key, shown only once: {server_info.first_key}\n")
    stdout.flush()


def main() -> None:
    """What `hwnas` runs."""
    app(prog_name="hwnas")


if __name__ == "__main__":
    main()
