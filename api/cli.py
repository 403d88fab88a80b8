"""The console script: the engine's commands, and `serve`. The web framework loads only when it serves."""

import json as json_module
import os
import sys
from pathlib import Path
from typing import Annotated

import typer

from nas.cli import app
from nas.cli.answer import Json

_HOME_VARIABLE = "HWNAS_HOME"


@app.command()
def serve(
    host: Annotated[str, typer.Option(help="Address to listen on; loopback only.")] = "127.0.0.1",
    port: Annotated[int, typer.Option(min=0, max=65535, help="Port to listen on; 0 takes a free one.")] = 8000,
    home: Annotated[
        Path | None,
        typer.Option(
            help=f"Folder of the database, data sets and models; ${_HOME_VARIABLE} or your data folder.", metavar="DIR"
        ),
    ] = None,
    worker: Annotated[bool, typer.Option("--worker/--no-worker", help="Run jobs, or only answer requests.")] = True,
    json: Json = False,
) -> None:
    """Serve the REST interface and a status page on this machine, and run the jobs queued there."""
    from api.health import program_version
    from api.serve import serve as run
    from api.settings import Settings

    settings = Settings(home=(home or default_home()).expanduser().resolve(), host=host, port=port, worker=worker)

    def ready(url: str) -> None:
        stdout = sys.__stdout__ or sys.stdout
        if json:
            about = {"url": url, "home": str(settings.home), "pid": os.getpid(), "version": program_version()}
            stdout.write(json_module.dumps(about) + "\n")
        else:
            stdout.write(f"hwnas serves at {url} (state in {settings.home}; stop with Ctrl-C)\n")
        stdout.flush()

    run(settings, ready)


def default_home() -> Path:
    """The folder of the service's state: `HWNAS_HOME`, else the user's data folder."""
    chosen = os.environ.get(_HOME_VARIABLE)
    if chosen:
        return Path(chosen)
    base = os.environ.get("XDG_DATA_HOME") or Path.home() / ".local" / "share"
    return Path(base) / "hwnas"


def main() -> None:
    """What `hwnas` runs."""
    app(prog_name="hwnas")


if __name__ == "__main__":
    main()
