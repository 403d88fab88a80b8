"""The database: one code path for SQLite (the default) and PostgreSQL, in short transactions on plain connections.

All times are integers: milliseconds since 1970 UTC by the database's own clock, so that leases do not depend on a worker's.
Tables are in `tables.py`, statements in each resource's `repository.py`, the migrations in `schema.py`.

**SQLite's WAL-reset bug.** Versions 3.7.0 to 3.51.2 can, very rarely, damage a database in WAL mode when one connection
checkpoints while another commits. On these no connection checkpoints by itself; one owner (the server, `maintenance.py`) does so
with TRUNCATE, which holds the writer's lock meanwhile.
"""

import sqlite3
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, Final

from sqlalchemy import BigInteger, Connection, Engine, create_engine, event, make_url
from sqlalchemy.engine.interfaces import DBAPIConnection
from sqlalchemy.exc import ArgumentError, NoSuchModuleError
from sqlalchemy.ext.compiler import compiles
from sqlalchemy.sql.functions import FunctionElement

from api import schema
from api.errors import UnusableDatabase

WAL_RESET_FIXED: Final = (3, 51, 3)
"""The first version without the WAL-reset bug."""

_WRITE: Final = "hwnas_write"
_PRAGMAS: Final = ("busy_timeout=30000", "journal_mode=WAL", "synchronous=NORMAL", "foreign_keys=ON")
# A process that is frozen in the middle of a transaction keeps its locks for a few seconds at most.
_POSTGRESQL: Final = "-c timezone=UTC -c statement_timeout=60000 -c idle_in_transaction_session_timeout=5000"


class utc_ms(FunctionElement[int]):  # noqa: N801 (it reads as the SQL function that it is)
    """Milliseconds since 1970 UTC by the database's clock."""

    type = BigInteger()
    inherit_cache = True


@compiles(utc_ms, "sqlite")
def _sqlite_ms(_element: Any, _compiler: Any, **_options: Any) -> str:
    return "CAST((julianday('now') - 2440587.5) * 86400000 AS INTEGER)"


@compiles(utc_ms, "postgresql")
def _postgresql_ms(_element: Any, _compiler: Any, **_options: Any) -> str:
    return "CAST(EXTRACT(EPOCH FROM clock_timestamp()) * 1000 AS BIGINT)"


def to_datetime(milliseconds: int) -> datetime:
    """A stored time as a datetime in UTC."""
    return datetime.fromtimestamp(milliseconds / 1000, UTC)


def has_wal_reset_bug(version: tuple[int, ...] = sqlite3.sqlite_version_info) -> bool:
    """Whether an SQLite can damage a database in WAL mode."""
    return (3, 7, 0) <= version < WAL_RESET_FIXED


class Database:
    """Connections to one database; safe to share between threads."""

    def __init__(self, url: str) -> None:
        self._engine = _engine(url)
        self._writer = self._engine.execution_options(**{_WRITE: True})

    @property
    def kind(self) -> str:
        """`sqlite` or `postgresql`."""
        return self._engine.dialect.name

    @contextmanager
    def read(self) -> Iterator[Connection]:
        """A transaction that only reads."""
        with self._engine.begin() as connection:
            yield connection

    @contextmanager
    def write(self) -> Iterator[Connection]:
        """A transaction that writes; commits at the end, or rolls back when it is left by an error.

        SQLite takes the writer lock at the start (BEGIN IMMEDIATE), so that reading before writing is safe.
        """
        with self._writer.begin() as connection:
            yield connection

    def migrate(self) -> None:
        """Migrates the database to this program's schema.

        Raises:
            DatabaseVersion: another version of the program made this database.
            UnusableDatabase: it cannot be opened, or is damaged.
        """
        schema.migrate(self._writer)
        damage = self.integrity_error()
        if damage:
            raise UnusableDatabase(f"The database is damaged: {damage}.", fix="Restore it from a backup.")

    def check_schema(self) -> None:
        """Checks that the schema is this program's.

        Raises:
            DatabaseVersion: it is another.
        """
        with self.read() as connection:
            schema.check(connection)

    def integrity_error(self) -> str:
        """What SQLite's integrity check reports; empty when it passes, and for PostgreSQL."""
        if self.kind != "sqlite":
            return ""
        with self.read() as connection:
            found = str(connection.exec_driver_sql("PRAGMA integrity_check(1)").scalar())
        return "" if found == "ok" else found

    def version(self) -> str:
        """Kind and version of the database."""
        if self.kind == "sqlite":
            return f"sqlite {sqlite3.sqlite_version}"
        with self.read() as connection:
            return f"postgresql {connection.exec_driver_sql('SHOW server_version').scalar()}"

    def truncate_wal(self) -> bool:
        """Checkpoints SQLite's write-ahead log and truncates it, under the writer's lock.

        Returns:
            False when a reader blocked it; the next call tries again. True on PostgreSQL.
        """
        if self.kind != "sqlite":
            return True
        with self._engine.connect() as connection:
            driver: Any = connection.connection.dbapi_connection  # outside of any transaction
            cursor = driver.execute("PRAGMA wal_checkpoint(TRUNCATE)")
            busy, _written, _moved = cursor.fetchone()
            cursor.close()
        return not busy

    def close(self) -> None:
        """Closes all connections."""
        self._engine.dispose()


def _engine(url: str) -> Engine:
    try:
        parsed = make_url(url)
        if parsed.drivername in ("postgresql", "postgres"):
            parsed = parsed.set(drivername="postgresql+psycopg")
        if parsed.get_backend_name() == "sqlite":
            engine = create_engine(parsed, pool_size=20, max_overflow=20, pool_timeout=30)
            _prepare_sqlite(engine)
            return engine
        if parsed.drivername == "postgresql+psycopg":
            # The pool tests each connection before its use: the server may have restarted.
            return create_engine(
                parsed, pool_size=10, max_overflow=20, pool_timeout=30, pool_pre_ping=True,
                connect_args={"connect_timeout": 10, "options": _POSTGRESQL},
            )  # fmt: skip
    except (ArgumentError, NoSuchModuleError, ModuleNotFoundError) as error:
        raise UnusableDatabase(
            f"The database cannot be used: {error}.",
            fix="Give sqlite:///FILE, or postgresql://USER@HOST/NAME after pip install 'hwnas[postgresql]'.",
        ) from error
    raise UnusableDatabase(
        f"hwnas does not work with {parsed.get_backend_name()!r}.",
        fix="Give sqlite:///FILE or postgresql://USER@HOST/NAME.",
    )


def sqlite_file(url: str) -> Path | None:
    """The file of an SQLite database; None of another."""
    parsed = make_url(url)
    return Path(parsed.database) if parsed.get_backend_name() == "sqlite" and parsed.database else None


def _prepare_sqlite(engine: Engine) -> None:
    pragmas = [*_PRAGMAS, *(["wal_autocheckpoint=0"] if has_wal_reset_bug() else [])]

    @event.listens_for(engine, "connect")
    def _connect(connection: DBAPIConnection, _record: object) -> None:
        connection.isolation_level = None  # transactions begin below, not in the driver
        cursor = connection.cursor()
        for pragma in pragmas:
            cursor.execute(f"PRAGMA {pragma}")
        cursor.close()

    @event.listens_for(engine, "begin")
    def _begin(connection: Connection) -> None:
        writes = connection.get_execution_options().get(_WRITE, False)
        connection.exec_driver_sql("BEGIN IMMEDIATE" if writes else "BEGIN")
