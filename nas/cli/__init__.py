"""The engine's commands. `app` is a typer application that others may add commands to (a service adds `serve`).

A command turns options into a typed value, calls the engine, and returns an `Answer`; what is printed, and how errors
look, is decided in one place (`guard.py`). Not here: any logic of a search.
"""

from nas.cli.app import app

__all__ = ["app"]
