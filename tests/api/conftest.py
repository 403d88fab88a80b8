"""Services to test against, on both database engines: inside the test's process without and with a worker, and as a process."""

import re
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest
from starlette.testclient import TestClient

from api.app import create_app
from api.database import Database
from api.keys.schemas import ApiKeyCreate
from api.settings import Settings
from api.tenancy import Subject
from api.testing import postgres as postgres_server
from api.testing.server import Server, fast_settings

ORIGIN = "http://localhost:8000"

both_engines = pytest.mark.parametrize("engine", ["sqlite", "postgresql"], indirect=True)
"""Marks tests that run on SQLite and on PostgreSQL; others run on SQLite."""


@pytest.fixture(scope="session")
def postgres() -> Iterator[postgres_server.Postgres]:
    """A PostgreSQL server; the test is skipped where its binaries are absent."""
    if not postgres_server.BINARIES:
        pytest.skip("no PostgreSQL under /usr/lib/postgresql; on Debian: apt-get install postgresql")
    with postgres_server.running() as made:
        yield made


@pytest.fixture
def engine(request: pytest.FixtureRequest) -> str:
    """The database engine of the test."""
    return str(getattr(request, "param", "sqlite"))


@pytest.fixture
def database_url(engine: str, tmp_path: Path, request: pytest.FixtureRequest) -> str:
    """A database of the test's own."""
    if engine == "sqlite":
        return f"sqlite:///{tmp_path / 'test.sqlite3'}"
    server: postgres_server.Postgres = request.getfixturevalue("postgres")
    return server.cleared()


@pytest.fixture
def database(database_url: str) -> Iterator[Database]:
    """An empty database with its schema."""
    made = Database(database_url)
    made.migrate()
    yield made
    made.close()


@pytest.fixture
def settings(tmp_path: Path, database_url: str) -> Settings:
    """Settings with a home of the test's own, the fake engine and no worker."""
    return fast_settings(tmp_path / "home", worker=False, database=database_url)


@pytest.fixture
def client(settings: Settings) -> Iterator[TestClient]:
    """A service whose jobs stay queued, with the first key."""
    with serving(settings) as started:
        yield started


@pytest.fixture(scope="session", params=["sqlite", "postgresql"])
def busy(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[TestClient]:
    """A service whose worker runs jobs with the fake engine. Tests share it and must leave no job behind."""
    home = tmp_path_factory.mktemp("busy") / "home"
    url = request.getfixturevalue("postgres").fresh() if request.param == "postgresql" else None
    with serving(fast_settings(home, worker=True, max_attempts=2, database=url)) as started:
        yield started


@pytest.fixture
def server(tmp_path: Path, engine: str, request: pytest.FixtureRequest) -> Iterator[Server]:
    """A server in a process of its own, to be started and killed by the test."""
    url = request.getfixturevalue("postgres").fresh() if engine == "postgresql" else None
    made = Server(fast_settings(tmp_path / "home", worker=True, database=url))
    try:
        yield made
    finally:
        made.kill()


@pytest.fixture
def search() -> dict[str, Any]:
    """The body of a search that succeeds."""
    return body()


@contextmanager
def serving(settings: Settings, **options: Any) -> Iterator[TestClient]:
    """A service inside this process, and a client with its first key."""
    with TestClient(create_app(settings), base_url=ORIGIN, **options) as client:
        client.headers["Authorization"] = f"Bearer {client.app.state.keys.create_first() or other_key(client)}"  # type: ignore[attr-defined]
        yield client


def other_key(client: TestClient, tenant: str = "default", *scopes: str) -> str:
    """A fresh key of a tenant: with all scopes but `admin`, or with those that are named."""
    from api.tenancy import SCOPES

    wanted = ApiKeyCreate.model_validate({"name": "key", "scopes": scopes or [s for s in SCOPES if s != "admin"]})
    made: str = client.app.state.keys.create_for(tenant, wanted).secret  # type: ignore[attr-defined]
    return made


def subject_of(client: TestClient) -> Subject:
    """Who the client is."""
    secret = re.sub("^Bearer ", "", client.headers["Authorization"])
    found: Subject = client.app.state.keys.authenticate_key(secret)  # type: ignore[attr-defined]
    return found


def body(**changes: Any) -> dict[str, Any]:
    """The body of a search, with changes to its spec."""
    spec = {"kind": "search", "data": "digits", "targets": [{"target": "cpu", "latency_ms": "40%"}], "effort": "quick"}
    return {"spec": {**spec, **changes}}
