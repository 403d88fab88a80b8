"""The fake engine in the real one's place, and a way to run a command line."""

import json
from collections.abc import Callable
from typing import Any

import pytest
from typer.testing import CliRunner, Result

from nas.cli import app
from tests.nas.cli.fakes import Engine

Invoke = Callable[..., Result]


@pytest.fixture
def engine(monkeypatch: pytest.MonkeyPatch) -> Engine:
    """A fake engine; its `failure` may be set."""
    import nas
    import nas.pipeline
    import nas.preflight

    fake = Engine()
    monkeypatch.setattr(nas, "pipeline", fake)
    monkeypatch.setattr(nas, "preflight", fake)
    return fake


@pytest.fixture
def invoke(monkeypatch: pytest.MonkeyPatch) -> Invoke:
    """Runs a command line at 80 columns; stdout and stderr apart."""
    monkeypatch.setenv("COLUMNS", "80")

    def run(*words: str, typed: str | None = None) -> Result:
        return CliRunner().invoke(app, list(words), input=typed, prog_name="hwnas")

    return run


@pytest.fixture
def answer(invoke: Invoke) -> Callable[..., tuple[int, dict[str, Any]]]:
    """Runs a command line with `--json`: its exit code, and the one document on stdout."""

    def run(*words: str) -> tuple[int, dict[str, Any]]:
        result = invoke(*words, "--json")
        document = json.loads(result.stdout)  # fails if anything else is there
        assert isinstance(document, dict)
        return result.exit_code, document

    return run
