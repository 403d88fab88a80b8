"""The database: one code path for SQLite (the default) and PostgreSQL, in short transactions on plain connections.

All times are integers: milliseconds since 1970 UTC by the database's own clock, so that leases do not depend on a worker's.
Tables are in `tables.py`, statements in each resource's `repository.py`.
"""

from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from typing import Any, Final

from sqlalchemy import BigInteger, Connection, Engine, create_engine, event, insert, select
from sqlalchemy.engine.interfaces import DBAPIConnection
from sqlalchemy.exc import DBAPIError
from sqlalchemy.ext.compiler import compiles
from sqlalchemy.sql.functions import FunctionElement

from api.errors import DatabaseVersion, UnusableDatabase
from api.tables import SCHEMA_VERSION, meta, metadata

_WRITE: Final = "hwnas_write"


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


def as_time(milliseconds: int) -> datetime:
    """A stored time as a datetime in UTC."""
    return datetime.fromtimestamp(milliseconds / 1000, UTC)


class Database:
    """Connections to one database; safe to share between threads."""

    def __init__(self, url: str) -> None:
        self._engine = create_engine(url, pool_size=20, max_overflow=20, pool_timeout=30)
        if self._engine.dialect.name == "sqlite":
            _prepare_sqlite(self._engine)
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

    def create(self) -> None:
        """Creates missing tables and checks the schema's version.

        Raises:
            DatabaseVersion: another version of the program made this database.
            UnusableDatabase: it cannot be opened.
        """
        try:
            with self.write() as connection:
                metadata.create_all(connection)
                found = connection.scalar(select(meta.c.value).where(meta.c.key == "schema_version"))
                if found is None:
                    connection.execute(insert(meta).values(key="schema_version", value=str(SCHEMA_VERSION)))
                    return
        except DBAPIError as error:
            raise UnusableDatabase(
                f"The database cannot be opened: {error.orig}.",
                fix="Check its permissions and the disk; restore it from a backup, or choose another --home.",
            ) from error
        if int(found) != SCHEMA_VERSION:
            raise DatabaseVersion(
                f"The database has schema version {found}, this program knows {SCHEMA_VERSION}.",
                fix="Start the program that made it, or choose another --home.",
            )

    def close(self) -> None:
        """Closes all connections."""
        self._engine.dispose()


def _prepare_sqlite(engine: Engine) -> None:
    @event.listens_for(engine, "connect")
    def _connect(connection: DBAPIConnection, _record: object) -> None:
        connection.isolation_level = None  # transactions begin below, not in the driver
        cursor = connection.cursor()
        for pragma in ("busy_timeout=30000", "journal_mode=WAL", "synchronous=NORMAL", "foreign_keys=ON"):
            cursor.execute(f"PRAGMA {pragma}")
        cursor.close()

    @event.listens_for(engine, "begin")
    def _begin(connection: Connection) -> None:
        writes = connection.get_execution_options().get(_WRITE, False)
        connection.exec_driver_sql("BEGIN IMMEDIATE" if writes else "BEGIN")
