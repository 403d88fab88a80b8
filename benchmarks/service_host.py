"""A service in a process of its own on either database, for the benchmarks that load it or kill parts of it.

Not here: what is measured. It starts the same way as the tests' servers do.
"""

import contextlib
import os
import shutil
import signal
import tempfile
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import httpx2

from api.database import Database
from api.settings import Settings
from api.testing import postgres
from api.testing.server import Server


@dataclass
class Host:
    """A service that runs.

    Attributes:
        server: its process; start it again after a kill.
        database: a connection of our own to its database.
        settings: what it was started with.
        server_of_database: PostgreSQL, where it is used.
        http: a client with the first key.
    """

    server: Server
    database: Database
    settings: Settings
    server_of_database: postgres.Postgres | None
    http: httpx2.Client

    def kill(self, victim: str) -> None:
        """Kills a part as a power cut would, and starts it again as a service manager would."""
        if victim == "worker":
            for pid in self.server.workers():
                with contextlib.suppress(ProcessLookupError):
                    os.kill(pid, signal.SIGKILL)
        elif victim == "api":
            self.server.kill()
            self.http = self.server.start()
        elif self.server_of_database is not None:
            self.server_of_database.kill()
            self.server_of_database.start()

    def victims(self) -> tuple[str, ...]:
        """The parts that can be killed."""
        return ("worker", "api") if self.server_of_database is None else ("worker", "api", "database")

    def memory_bytes(self) -> int:
        """Resident memory of the server's process, without its worker's."""
        pages = Path(f"/proc/{self.server.process.pid}/statm").read_text().split()[1]
        return int(pages) * os.sysconf("SC_PAGE_SIZE")


@contextlib.contextmanager
def hosted(engine: str, changes: Mapping[str, Any]) -> Iterator[Host]:
    """A service that runs until the end of the block, in a folder that is removed then.

    Args:
        engine: `sqlite` or `postgresql`.
        changes: settings other than the defaults.
    """
    with contextlib.ExitStack() as stack:
        home = Path(tempfile.mkdtemp(prefix="hwnas-benchmark-"))
        stack.callback(shutil.rmtree, home, ignore_errors=True)
        found = stack.enter_context(postgres.running()) if engine == "postgresql" else None
        url = found.fresh() if found is not None else None
        settings = Settings.model_validate({"home": home / "home", "database": url, "port": 0, **changes})
        server = Server(settings)
        stack.callback(server.kill)
        http = server.start()
        database = Database(settings.database_url)
        stack.callback(database.close)
        yield Host(server, database, settings, found, http)
