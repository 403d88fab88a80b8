"""Services to test against: inside the test's process without and with a worker, and as a real server process."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from starlette.testclient import TestClient

from api.app import create_app
from api.settings import Settings
from tests.api.server import Server, fast_settings

ORIGIN = "http://localhost:8000"


@pytest.fixture
def settings(tmp_path: Path) -> Settings:
    """Settings with a home of the test's own, the fake engine and no worker."""
    return fast_settings(tmp_path / "home", worker=False)


@pytest.fixture
def client(settings: Settings) -> Iterator[TestClient]:
    """A service whose jobs stay queued."""
    with TestClient(create_app(settings), base_url=ORIGIN) as started:
        yield started


@pytest.fixture(scope="session")
def busy(tmp_path_factory: pytest.TempPathFactory) -> Iterator[TestClient]:
    """A service whose worker runs jobs with the fake engine. Tests share it and must leave no job behind."""
    settings = fast_settings(tmp_path_factory.mktemp("busy") / "home", worker=True, max_attempts=2)
    with TestClient(create_app(settings), base_url=ORIGIN) as started:
        yield started


@pytest.fixture
def server(tmp_path: Path) -> Iterator[Server]:
    """A server in a process of its own, to be started and killed by the test."""
    made = Server(fast_settings(tmp_path / "home", worker=True))
    try:
        yield made
    finally:
        made.kill()


@pytest.fixture
def search() -> dict[str, Any]:
    """The body of a search that succeeds."""
    return body()


def body(**changes: Any) -> dict[str, Any]:
    """The body of a search, with changes to its spec."""
    spec = {"kind": "search", "data": "digits", "targets": [{"target": "cpu", "latency_ms": "40%"}], "effort": "quick"}
    return {"spec": {**spec, **changes}}
