"""The database itself: its schema on both engines, how it gets there, and SQLite's write-ahead log."""

import threading
from pathlib import Path

import pytest
from alembic import command
from alembic.autogenerate import compare_metadata
from alembic.runtime.migration import MigrationContext
from sqlalchemy import func, insert, select

from api import schema
from api.database import Database, file_of, has_wal_reset_bug, utc_ms
from api.errors import DatabaseVersion, UnusableDatabase
from api.tables import fronts, job_needs, metadata, workers
from api.testing import postgres as postgres_server
from tests.api.conftest import both_engines


@both_engines
def test_the_steps_lead_to_the_tables(database: Database) -> None:
    with database.read() as connection:
        context = MigrationContext.configure(connection, opts={"compare_type": True})
        assert compare_metadata(context, metadata) == []
        assert schema.revision(connection) == schema.head()
    database.create()
    database.check()


@both_engines
def test_each_step_leads_back(database: Database) -> None:
    engine = database._writer
    try:
        with engine.connect() as connection:
            command.downgrade(schema._config(connection), "base")
        with database.read() as connection:
            assert schema.revision(connection) is None
        with pytest.raises(DatabaseVersion, match=r"is empty.* Start hwnas serve") as empty:
            database.check()
        assert schema.head() in empty.value.detail
    finally:
        database.create()


@both_engines
def test_a_job_of_the_first_schema_comes_along(database: Database) -> None:
    with database._writer.connect() as connection:
        command.downgrade(schema._config(connection), "v0001")
    with pytest.raises(DatabaseVersion, match=r"older schema v0001.* Start hwnas serve"):
        database.check()
    with database.write() as connection:
        connection.exec_driver_sql("INSERT INTO tenants (id, name, limits, created_at) VALUES ('ten', 'ten', '{}', 0)")
        connection.exec_driver_sql(
            "INSERT INTO jobs (id, tenant_id, kind, spec, spec_version, labels, state, max_attempts, max_duration_ms, created_at)"
            " VALUES ('job', 'ten', 'search', '{}', 1, '{}', 'queued', 1, 1, 0)"
        )
        connection.exec_driver_sql("INSERT INTO fronts (job_id, target, data) VALUES ('job', 'cpu', 'old')")
        connection.exec_driver_sql("INSERT INTO job_needs (job_id, target) VALUES ('job', 'cpu')")
        connection.exec_driver_sql(
            "INSERT INTO workers (id, host, version, targets, started_at, seen_at) VALUES ('w', 'h', '1', '{}', 0, 0)"
        )
    database.create()
    with database.read() as connection:
        assert connection.execute(select(job_needs)).all() == [("job", "cpu", None)]
        assert connection.scalar(select(workers.c.devices)) == {}
        assert connection.execute(select(fronts)).all() == [("job", "cpu", "candidates", "old")]
    with database.write() as connection:
        connection.execute(insert(fronts).values(job_id="job", target="cpu", of="finished", data="new"))
    with database._writer.connect() as connection:
        command.downgrade(schema._config(connection), "v0003")
    with database.read() as connection:
        assert connection.exec_driver_sql("SELECT * FROM fronts").all() == [("job", "cpu", "old")]
    database.create()


def test_several_processes_may_migrate_at_once(postgres: postgres_server.Postgres, tmp_path: Path) -> None:
    for url in (f"sqlite:///{tmp_path / 'new.sqlite3'}", postgres.url(postgres.empty())):
        databases = [Database(url) for _ in range(4)]
        wrong: list[BaseException] = []

        def create(database: Database, wrong: list[BaseException] = wrong) -> None:
            try:
                database.create()
            except BaseException as error:  # noqa: BLE001 - told below
                wrong.append(error)

        threads = [threading.Thread(target=create, args=(database,)) for database in databases]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        for database in databases:
            database.close()
        assert wrong == []


def test_a_database_of_something_else_is_refused(tmp_path: Path) -> None:
    import sqlite3

    file = tmp_path / "other.sqlite3"
    other = sqlite3.connect(file)
    other.execute("CREATE TABLE mine (a)")
    other.close()
    database = Database(f"sqlite:///{file}")
    with pytest.raises(DatabaseVersion, match="of another program"):
        database.create()
    database.close()


@pytest.mark.parametrize("url", ["mysql://a/b", "nonsense", "postgresql+nodriver://a/b"])
def test_an_address_of_no_known_database(url: str) -> None:
    with pytest.raises(UnusableDatabase):
        Database(url)


def test_times_are_the_databases_own(database: Database) -> None:
    with database.read() as connection:
        now = connection.scalar(select(utc_ms()))
    assert now is not None and 1_700_000_000_000 < now < 4_000_000_000_000
    assert database.version().startswith("sqlite 3.")
    assert file_of("postgresql://a/b") is None


@pytest.mark.parametrize(
    ("version", "affected"),
    [
        ((3, 6, 23), False),
        ((3, 7, 0), True),
        ((3, 40, 1), True),
        ((3, 51, 2), True),
        ((3, 51, 3), False),
        ((3, 53, 0), False),
    ],
)
def test_which_versions_have_the_wal_reset_bug(version: tuple[int, int, int], affected: bool) -> None:
    assert has_wal_reset_bug(version) is affected


def test_only_the_owner_moves_the_log(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("api.database.has_wal_reset_bug", lambda: True)
    file = tmp_path / "test.sqlite3"
    database = Database(f"sqlite:///{file}")
    database.create()
    log = Path(f"{file}-wal")
    for number in range(100):
        with database.write() as connection:
            connection.execute(
                insert(workers),
                [
                    {
                        "id": f"{number}/{n}",
                        "host": "h" * 90,
                        "version": "1",
                        "targets": {},
                        "started_at": 0,
                        "seen_at": 0,
                    }
                    for n in range(200)
                ],
            )
    assert log.stat().st_size > 4 * 1000 * 4096 // 4  # past the 1000 pages at which SQLite would move it by itself
    with database.read() as connection:
        assert connection.exec_driver_sql("PRAGMA wal_autocheckpoint").scalar() == 0
        assert connection.scalar(select(func.count()).select_from(workers)) == 20_000
    assert database.truncate_wal()
    assert log.stat().st_size == 0
    with database.read() as connection:
        assert connection.scalar(select(func.count()).select_from(workers)) == 20_000
    assert database.damage() == ""
    database.close()


def test_a_fixed_sqlite_moves_its_log_itself(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("api.database.has_wal_reset_bug", lambda: False)
    database = Database(f"sqlite:///{tmp_path / 'test.sqlite3'}")
    with database.read() as connection:
        assert connection.exec_driver_sql("PRAGMA wal_autocheckpoint").scalar() == 1000
    database.close()
