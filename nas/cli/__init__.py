"""The engine's commands. `app` is a typer application that others may add commands to (a service adds `serve`).

A command turns options into a typed value, calls the engine, and returns an `Answer`; output
and errors are printed in one place (`guard.py`). Not here: any logic of a search.
"""

from nas.cli.app import app

__all__ = ["app"]
