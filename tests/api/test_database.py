"""The database itself: its schema on both engines, how it gets there, and SQLite's write-ahead log."""

import json
import threading
from pathlib import Path
from typing import Any

import pytest
from alembic import command
from alembic.autogenerate import compare_metadata
from alembic.runtime.migration import MigrationContext
from sqlalchemy import func, insert, select, text

from api import schema
from api.database import Database, has_wal_reset_bug, sqlite_file, utc_ms
from api.errors import DatabaseVersion, UnusableDatabase
from api.migrations.versions import v0006, v0007
from api.tables import fronts, job_events, job_needs, jobs, metadata, models, workers
from api.testing import postgres as postgres_server
from tests.api.conftest import both_engines


@both_engines
def test_the_steps_lead_to_the_tables(database: Database) -> None:
    with database.read() as connection:
        context = MigrationContext.configure(connection, opts={"compare_type": True})
        assert compare_metadata(context, metadata) == []
        assert schema.revision(connection) == schema.head()
    database.migrate()
    database.check_schema()


@both_engines
def test_each_step_leads_back(database: Database) -> None:
    engine = database._writer
    try:
        with engine.connect() as connection:
            command.downgrade(schema._config(connection), "base")
        with database.read() as connection:
            assert schema.revision(connection) is None
        with pytest.raises(DatabaseVersion, match=r"is empty.* Start hwnas serve") as empty:
            database.check_schema()
        assert schema.head() in empty.value.detail
    finally:
        database.migrate()


TEST_BEFORE = {
    "metric": "macro_f1", "value": 0.5, "accuracy": 0.9, "balanced_accuracy": 0.7, "macro_f1": 0.5, "classes": [],
    "confusion": [],
}  # fmt: skip
TEST_AFTER = {
    "classes": [],
    "confusion": [],
    "metrics": [
        {"name": "macro_f1", "value": 0.5, "higher_is_better": True},
        {"name": "accuracy", "value": 0.9, "higher_is_better": True},
        {"name": "balanced_accuracy", "value": 0.7, "higher_is_better": True},
    ],
}
POINT = {"architecture_id": "a1", "accuracy": 0.5, "latency_ms": 1.0}
RENEWED_POINT = {
    "architecture_id": "a1", "latency_ms": 1.0, "metric": {"name": "macro_f1", "value": 0.5, "higher_is_better": True},
}  # fmt: skip


@pytest.mark.parametrize(
    ("before", "after"),
    [
        (POINT, RENEWED_POINT),
        ({"type": "front", "queries": 3, "points": [POINT]}, {"type": "front", "evaluations": 3, "points": [RENEWED_POINT]}),
        ({"type": "phase", "phase": "finalising"}, {"type": "phase", "phase": "fine_tuning"}),
        ({"type": "metric", "name": "accuracy_largest"}, {"type": "metric", "name": "accuracy_largest"}),
        (
            {"accuracy": {"fp32": 0.9, "int8": 0.8}, "test": TEST_BEFORE},
            {
                "metric": {
                    "fp32": {"name": "accuracy", "value": 0.9, "higher_is_better": True},
                    "int8": {"name": "accuracy", "value": 0.8, "higher_is_better": True},
                },
                "test": TEST_AFTER,
            },
        ),
        ({"seconds": {"finalising": 2.0}, "card": {"mape": 0.1}}, {"seconds": {"fine_tuning": 2.0}, "accuracy_report": {"mape": 0.1}}),
        ({"seconds": {"finalising:kv260:isa0": 2.0}}, {"seconds": {"fine_tuning:kv260:isa0": 2.0}}),
        ({"choices": {"card": 3, "queries": 5}}, {"choices": {"card": 3, "queries": 5}}),  # names of a user
        (None, None),
    ],
)  # fmt: skip
def test_stored_documents_are_put_into_other_words_and_back(before: Any, after: Any) -> None:
    assert v0006.renewed(before, "macro_f1") == after
    assert v0006.former(after, "macro_f1") == before


@both_engines
def test_the_events_of_a_job_are_rewritten_with_the_name_of_its_metric(database: Database) -> None:
    with database._writer.connect() as connection:
        command.downgrade(schema._config(connection), "v0005")
    spec = json.dumps({"kind": "search", "metric": "macro_f1"})
    with database.write() as connection:
        connection.exec_driver_sql("INSERT INTO tenants (id, name, limits, created_at) VALUES ('ten', 'ten', '{}', 0)")
        connection.exec_driver_sql(
            "INSERT INTO jobs (id, tenant_id, kind, spec, spec_version, labels, state, phase, max_attempts, max_duration_ms, created_at)"
            f" VALUES ('job', 'ten', 'search', '{spec}', 1, '{{}}', 'running', 'finalising', 1, 1, 0)"
        )
        event = {"type": "finalist", **POINT}
        connection.execute(
            insert(job_events).values(job_id="job", seq=1, epoch=1, at=0, type="finalist", data=json.dumps(event))
        )
    database.migrate()
    with database.read() as connection:
        assert json.loads(connection.scalar(select(job_events.c.data)) or "") == {"type": "finalist", **RENEWED_POINT}
        assert connection.scalar(select(jobs.c.phase)) == "fine_tuning"


BUDGET_BEFORE = {"architectures": "9", "binds": True}
BUDGET_AFTER = {"architectures": "9", "active": True}


@pytest.mark.parametrize(
    ("before", "after"),
    [
        ({"models": {"cpu": {"budget": BUDGET_BEFORE}}}, {"models": {"cpu": {"budget": BUDGET_AFTER}}}),  # of a search
        ({"model": {"budget": BUDGET_BEFORE}}, {"model": {"budget": BUDGET_AFTER}}),  # of an export
        ({"models": {"binds": {"budget": {}}}}, {"models": {"binds": {"budget": {}}}}),  # a user's name of a target
        ({"supernet_sha256": "ab"}, {"supernet_sha256": "ab"}),
    ],
)
def test_the_budgets_of_results_are_put_into_other_words_and_back(before: Any, after: Any) -> None:
    assert v0007.result_with(before, "binds", "active") == after
    assert v0007.result_with(after, "active", "binds") == before


@both_engines
def test_trained_fronts_and_active_budgets_are_rewritten_and_back(database: Database) -> None:
    front: dict[str, Any] = {"type": "front", "of": "finished", "target": "finished", "points": []}
    estimates: dict[str, Any] = {"type": "front", "of": "candidates", "target": "finished", "points": []}
    phase: dict[str, Any] = {"type": "phase", "phase": "training", "status": "finished"}
    result = {"models": {"finished": {"budget": BUDGET_BEFORE}}}

    def stored() -> tuple[Any, ...]:
        with database.read() as connection:
            return (
                [json.loads(data) for data in connection.scalars(select(job_events.c.data).order_by(job_events.c.seq))],
                [(of, json.loads(data)) for of, data in connection.execute(select(fronts.c.of, fronts.c.data).order_by("of"))],
                connection.scalar(select(jobs.c.result)),
                connection.scalar(select(models.c.outcome)),
            )  # fmt: skip

    with database._writer.connect() as connection:
        command.downgrade(schema._config(connection), "v0006")
    with database.write() as connection:
        connection.exec_driver_sql("INSERT INTO tenants (id, name, limits, created_at) VALUES ('ten', 'ten', '{}', 0)")
        job = {"tenant_id": "ten", "kind": "search", "spec": {}, "spec_version": 1, "labels": {}, "state": "succeeded"}
        limits = {"max_attempts": 1, "max_duration_ms": 1, "created_at": 0}
        connection.execute(insert(jobs), [{**job, **limits, "id": "job", "result": result}])
        connection.execute(
            insert(models).values(
                id="mdl", tenant_id="ten", job_id="job", target="cpu", outcome={"budget": BUDGET_BEFORE}, created_at=0
            )
        )
        for seq, event in enumerate((estimates, front, phase), 1):
            values = {"job_id": "job", "seq": seq, "epoch": 1, "at": 0, "type": event["type"]}
            connection.execute(insert(job_events).values(**values, data=json.dumps(event)))
        for event in (estimates, front):
            connection.execute(
                insert(fronts).values(job_id="job", target="finished", of=event["of"], data=json.dumps(event))
            )
    before = stored()
    database.migrate()
    trained = {**front, "of": "trained"}
    assert stored() == (
        [estimates, trained, phase],
        [("candidates", estimates), ("trained", trained)],
        {"models": {"finished": {"budget": BUDGET_AFTER}}},
        {"budget": BUDGET_AFTER},
    )
    with database._writer.connect() as connection:
        command.downgrade(schema._config(connection), "v0006")
    assert stored() == before
    database.migrate()


@both_engines
def test_a_schema_without_batches_keeps_one_model_of_each_target(database: Database) -> None:
    """The older schema has one model of a job's target; models of jobs that are deleted all stay."""

    def stored() -> list[str]:
        with database.read() as connection:
            return list(connection.execute(text("SELECT id FROM models ORDER BY id")).scalars())

    with database.write() as connection:
        connection.exec_driver_sql("INSERT INTO tenants (id, name, limits, created_at) VALUES ('ten', 'ten', '{}', 0)")
        job = {"tenant_id": "ten", "kind": "batch", "spec": {}, "spec_version": 1, "labels": {}, "state": "succeeded"}
        limits = {"max_attempts": 1, "max_duration_ms": 1, "created_at": 0, "searches": 3}
        connection.execute(insert(jobs), [{**job, **limits, "id": "job"}])
        rows = [
            ("a", "job", "one", "cpu"),
            ("b", "job", "two", "cpu"),
            ("c", "job", "two", "dpu"),
            ("d", None, "one", "cpu"),
            ("e", None, "two", "cpu"),
        ]
        for name, job_id, cell, target in rows:
            values = {"id": name, "tenant_id": "ten", "job_id": job_id, "cell": cell, "target": target}
            connection.execute(insert(models).values(**values, outcome={}, created_at=0))
    with database._writer.connect() as connection:
        command.downgrade(schema._config(connection), "v0008")
    assert stored() == ["a", "c", "d", "e"]
    database.migrate()
    with database.read() as connection:
        assert connection.scalar(select(jobs.c.searches)) == 1
        assert set(connection.scalars(select(models.c.cell))) == {""}


@both_engines
def test_a_job_of_the_first_schema_comes_along(database: Database) -> None:
    with database._writer.connect() as connection:
        command.downgrade(schema._config(connection), "v0001")
    with pytest.raises(DatabaseVersion, match=r"older schema v0001.* Start hwnas serve"):
        database.check_schema()
    with database.write() as connection:
        connection.exec_driver_sql("INSERT INTO tenants (id, name, limits, created_at) VALUES ('ten', 'ten', '{}', 0)")
        connection.exec_driver_sql(
            "INSERT INTO jobs (id, tenant_id, kind, spec, spec_version, labels, state, max_attempts, max_duration_ms, created_at)"
            " VALUES ('job', 'ten', 'search', '{}', 1, '{}', 'queued', 1, 1, 0)"
        )
        connection.exec_driver_sql("INSERT INTO fronts (job_id, target, data) VALUES ('job', 'cpu', '{\"queries\":3}')")
        connection.exec_driver_sql("INSERT INTO job_needs (job_id, target) VALUES ('job', 'cpu')")
        connection.exec_driver_sql(
            "INSERT INTO workers (id, host, version, targets, started_at, seen_at) VALUES ('w', 'h', '1', '{}', 0, 0)"
        )
    database.migrate()
    with database.read() as connection:
        assert connection.execute(select(job_needs)).all() == [("job", "cpu", None)]
        assert connection.scalar(select(workers.c.devices)) == {}
        assert connection.execute(select(fronts)).all() == [("job", "cpu", "candidates", '{"evaluations":3}')]
    with database.write() as connection:
        connection.execute(insert(fronts).values(job_id="job", target="cpu", of="trained", data="{}"))
    with database._writer.connect() as connection:
        command.downgrade(schema._config(connection), "v0003")
    with database.read() as connection:
        assert connection.exec_driver_sql("SELECT * FROM fronts").all() == [("job", "cpu", '{"queries":3}')]
    database.migrate()


def test_several_processes_may_migrate_at_once(postgres: postgres_server.Postgres, tmp_path: Path) -> None:
    for url in (f"sqlite:///{tmp_path / 'new.sqlite3'}", postgres.url(postgres.empty())):
        databases = [Database(url) for _ in range(4)]
        wrong: list[BaseException] = []

        def create(database: Database, wrong: list[BaseException] = wrong) -> None:
            try:
                database.migrate()
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
        database.migrate()
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
    assert sqlite_file("postgresql://a/b") is None


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
    database.migrate()
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
    assert database.integrity_error() == ""
    database.close()


def test_a_fixed_sqlite_moves_its_log_itself(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("api.database.has_wal_reset_bug", lambda: False)
    database = Database(f"sqlite:///{tmp_path / 'test.sqlite3'}")
    with database.read() as connection:
        assert connection.exec_driver_sql("PRAGMA wal_autocheckpoint").scalar() == 1000
    database.close()
