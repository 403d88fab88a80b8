"""A PostgreSQL server of the tests' own: started from Debian's binaries in a fresh folder, as the user `postgres` when we are root.

PostgreSQL refuses to run as root. The server listens on a socket in its folder alone and writes nothing through to the disk.
"""

import os
import pwd
import shutil
import signal
import subprocess
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any
from uuid import uuid4

from sqlalchemy import create_engine, text
from sqlalchemy.exc import OperationalError

from api.database import Database
from api.tables import metadata

BINARIES = tuple(sorted(Path("/usr/lib/postgresql").glob("*/bin"), reverse=True))


class Postgres:
    """One server; it can be killed and started again."""

    def __init__(self, folder: Path, binaries: Path) -> None:
        self._folder = folder
        self._binaries = binaries
        self._user: dict[str, Any] = {}
        if os.getuid() == 0:
            postgres = pwd.getpwnam("postgres")
            os.chown(folder, postgres.pw_uid, postgres.pw_gid)
            self._user = {"user": postgres.pw_uid, "group": postgres.pw_gid, "extra_groups": []}
        self._name = str(self._user and "postgres") or pwd.getpwuid(os.getuid()).pw_name
        self._process: subprocess.Popen[bytes] | None = None
        self._template: str | None = None
        self._shared: str | None = None
        made = self._popen("initdb", "--no-sync", "--auth=trust", "--encoding=UTF8", "--no-locale", "-D", self._data)
        assert made.wait(120) == 0

    @property
    def _data(self) -> str:
        return str(self._folder / "data")

    def _popen(self, program: str, *arguments: str) -> "subprocess.Popen[bytes]":
        return subprocess.Popen(
            [str(self._binaries / program), *arguments],
            cwd=self._folder,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
            start_new_session=True,
            **self._user,
        )

    def start(self) -> None:
        """Starts the server and waits until it answers."""
        options = ("fsync=off", "full_page_writes=off", "max_connections=200", "shared_buffers=32MB")
        words = [word for option in options for word in ("-c", option)]
        self._process = self._popen("postgres", "-D", self._data, "-k", str(self._folder), "-h", "", *words)
        until = time.monotonic() + 60
        while True:
            try:
                self._run("SELECT 1")
            except OperationalError:
                assert time.monotonic() < until
                time.sleep(0.05)
            else:
                return

    def kill(self) -> None:
        """Kills the server and all of its processes, as a power cut would."""
        assert self._process is not None
        os.killpg(self._process.pid, signal.SIGKILL)
        self._process.wait()
        (self._folder / "data" / "postmaster.pid").unlink(missing_ok=True)

    def stop(self) -> None:
        """Stops it."""
        if self._process is not None and self._process.poll() is None:
            self._process.send_signal(signal.SIGQUIT)
            try:
                self._process.wait(20)
            except subprocess.TimeoutExpired:
                self.kill()

    def url(self, name: str = "postgres") -> str:
        """The address of a database."""
        return f"postgresql://{self._name}@/{name}?host={self._folder}"

    def fresh(self) -> str:
        """The address of a new database with the schema of the program."""
        if self._template is None:
            self._template = self.empty()
            made = Database(self.url(self._template))
            made.migrate()
            made.close()
        name = f"test_{uuid4().hex}"
        self._run(f"CREATE DATABASE {name} TEMPLATE {self._template}")
        return self.url(name)

    def cleared(self) -> str:
        """The address of one database that tests share in turn, emptied. A copy for each would be 300 files to remove."""
        if self._shared is None:
            self._shared = self.fresh()
        names = ", ".join(table.name for table in metadata.sorted_tables)
        self._run(f"TRUNCATE {names} CASCADE", self._shared)
        return self._shared

    def empty(self) -> str:
        """The name of a new database with nothing in it."""
        name = f"test_{uuid4().hex}"
        self._run(f"CREATE DATABASE {name}")
        return name

    def _run(self, statement: str, url: str | None = None) -> None:
        address = (url or self.url()).replace("postgresql:", "postgresql+psycopg:")
        engine = create_engine(address, isolation_level="AUTOCOMMIT")
        try:
            with engine.connect() as connection:
                connection.execute(text(statement))
        finally:
            engine.dispose()


@contextmanager
def running() -> Iterator[Postgres]:
    """A server that runs, for as long as it is needed."""
    folder = Path(tempfile.mkdtemp(prefix="hwnas-postgres-"))
    try:
        made = Postgres(folder, BINARIES[0])
        made.start()
        try:
            yield made
        finally:
            made.stop()
    finally:
        shutil.rmtree(folder, ignore_errors=True)
