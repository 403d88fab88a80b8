"""Migrates a database to the schema of this program with Alembic, one process at a time, or says why it cannot."""

import contextlib
from collections.abc import Iterator
from functools import cache
from pathlib import Path
from typing import Final

from alembic import command
from alembic.config import Config
from alembic.runtime.migration import MigrationContext
from alembic.script import ScriptDirectory
from filelock import FileLock
from sqlalchemy import Connection, Engine, inspect
from sqlalchemy.exc import DBAPIError

from api.errors import DatabaseVersion, UnusableDatabase

MIGRATIONS: Final = Path(__file__).parent / "migrations"

_LOCK: Final = 0x68776E6173
"""Number of the lock under which PostgreSQL lets one process migrate: `hwnas` in ASCII."""


@cache
def head() -> str:
    """The revision that this program works with."""
    found = ScriptDirectory(str(MIGRATIONS)).get_current_head()
    assert found is not None
    return found


def revision(connection: Connection) -> str | None:
    """The revision of a database; None of an empty one."""
    return MigrationContext.configure(connection).get_current_revision()


def migrate(engine: Engine) -> None:
    """Migrates a database to `head`; nothing happens when it is there.

    Raises:
        DatabaseVersion: another version of the program made it.
        UnusableDatabase: it cannot be opened.
    """
    try:
        with _migration_lock(engine), engine.connect() as connection:
            if revision(connection) == head():
                return
            check(connection, allow_older=True)
            connection.rollback()
            command.upgrade(_config(connection), "head")
    except DBAPIError as error:
        raise UnusableDatabase(
            f"The database cannot be opened: {error.orig}.",
            fix="Check its address, its permissions and the disk; restore it from a backup, or choose another.",
        ) from error


def check(connection: Connection, *, allow_older: bool = False) -> None:
    """Checks that a database has the schema of this program or, with `allow_older`, one that can be migrated to it.

    Raises:
        DatabaseVersion: it has another.
    """
    found = revision(connection)
    known = {step.revision for step in ScriptDirectory(str(MIGRATIONS)).walk_revisions()}
    # A kill before the first step may leave Alembic's own table allow_older.
    empty = found is None and set(inspect(connection).get_table_names()) <= {"alembic_version"}
    if found == head() or (allow_older and (found in known or empty)):
        return
    if empty or found in known:
        raise DatabaseVersion(
            f"The database {f'has the older schema {found}' if found else 'is empty'}, this program works with {head()}.",
            fix="Start hwnas serve on it first: it makes the tables.",
        )
    raise DatabaseVersion(
        f"The database has schema {found or 'of another program'}, this program knows {head()}.",
        fix="Start the program that made it, or choose another database (--home or --database).",
    )


def _config(connection: Connection) -> Config:
    config = Config()
    config.set_main_option("script_location", str(MIGRATIONS).replace("%", "%%"))
    config.attributes["connection"] = connection
    return config


@contextlib.contextmanager
def _migration_lock(engine: Engine) -> Iterator[None]:
    """Lets one process migrate at a time; the others wait and then have nothing to do."""
    if engine.dialect.name == "sqlite":
        file = engine.url.database
        with FileLock(f"{file}.migrating") if file else contextlib.nullcontext():
            yield
        return
    with engine.connect().execution_options(isolation_level="AUTOCOMMIT") as holder:
        holder.exec_driver_sql(f"SELECT pg_advisory_lock({_LOCK})")
        try:
            yield
        finally:
            holder.exec_driver_sql(f"SELECT pg_advisory_unlock({_LOCK})")
