"""Binds a socket, locks the home, and runs the application on uvicorn until it is stopped."""

import contextlib
import errno
import ipaddress
import socket
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Final

import uvicorn
from filelock import FileLock, Timeout

from api import logs
from api.app import create_app
from api.database import Database, sqlite_file
from api.errors import HomeInUse, PortForbidden, PortInUse, UnknownHost
from api.keys.service import Keys
from api.settings import Settings
from search_spaces.errors import HwnasError

_BACKLOG: Final = 512


@dataclass(frozen=True, slots=True)
class ServerInfo:
    """A server that answers requests.

    Attributes:
        url: its address.
        first_key: the secret of the first key, when this start made it; it cannot be shown again.
    """

    url: str
    first_key: str | None


def serve(settings: Settings, on_ready: Callable[[ServerInfo], None]) -> None:
    """Serves until SIGINT or SIGTERM.

    Args:
        settings: port 0 takes any free port.
        on_ready: called once requests are answered.

    Raises:
        UnknownHost: the host is no address of this machine.
        PortInUse: another program listens there.
        PortForbidden: this user may not listen there.
        HomeInUse: another server uses the home.
        DatabaseVersion, UnusableDatabase, UnusablePepper: what is wrong with its database, or the file beside it.
    """
    family, address = resolve_host(settings.host)
    settings.make_folders()
    with _home_lock(settings), _bind(family, address, settings.port) as listener:
        settings = settings.model_copy(update={"port": listener.getsockname()[1]})
        first_key = prepare(settings)
        logs.log_to_stderr()
        app = create_app(settings)
        config = uvicorn.Config(
            app,
            log_config=None,
            access_log=False,
            server_header=False,
            lifespan="on",
            ws="none",
            proxy_headers=False,
            timeout_graceful_shutdown=max(1, round(settings.shutdown_s)),
        )
        host = f"[{settings.host}]" if ":" in settings.host else settings.host
        ready = ServerInfo(f"http://{host}:{settings.port}", first_key)
        server = _Server(config, app.state.stopping.set, lambda: on_ready(ready))
        with contextlib.suppress(KeyboardInterrupt):
            server.run(sockets=[listener])


def resolve_host(host: str) -> tuple[socket.AddressFamily, str]:
    """The family and address of a host to listen on.

    Raises:
        UnknownHost: it is none.
    """
    address = "127.0.0.1" if host == "localhost" else host
    try:
        parsed = ipaddress.ip_address(address)
    except ValueError:
        raise UnknownHost(
            f"{host!r} is no address to listen on.", fix="Use 127.0.0.1, 0.0.0.0 or another address of this machine."
        ) from None
    return (socket.AF_INET6 if parsed.version == 6 else socket.AF_INET), address


class _Server(uvicorn.Server):
    """Calls back when it is ready and when it stops, so that event streams end and do not delay it."""

    def __init__(self, config: uvicorn.Config, stopping: Callable[[], None], ready: Callable[[], None]) -> None:
        super().__init__(config)
        self._stopping = stopping
        self._ready = ready

    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        await super().startup(sockets)
        if self.started:
            self._ready()

    async def shutdown(self, sockets: list[socket.socket] | None = None) -> None:
        self._stopping()
        await super().shutdown(sockets)


def prepare(settings: Settings) -> str | None:
    """Migrates the database and creates the first key, so that errors are reported before the server starts.

    Returns:
        The secret of the first key, when it was made now.
    """
    database = Database(settings.database_url)
    try:
        database.migrate()
        return Keys.open(database, settings.pepper).create_first()
    finally:
        database.close()


@contextlib.contextmanager
def _home_lock(settings: Settings) -> Iterator[None]:
    """Locks the home for one server; a home whose database is PostgreSQL may be shared by any number."""
    if sqlite_file(settings.database_url) is None:
        yield
        return
    lock = FileLock(settings.home / "server.lock")
    try:
        lock.acquire(timeout=0)
    except Timeout:
        raise HomeInUse(f"Another server uses {settings.home}.", fix="Stop it, or choose another --home.") from None
    try:
        yield
    finally:
        lock.release()


def _bind(family: socket.AddressFamily, address: str, port: int) -> socket.socket:
    # asyncio turns Nagle's delay (40 ms an answer) off only for sockets that name their protocol.
    listener = socket.socket(family, socket.SOCK_STREAM, socket.IPPROTO_TCP)
    try:
        listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        listener.bind((address, port))
        listener.listen(_BACKLOG)
    except OSError as error:
        listener.close()
        raise _listen_error(error, address, port) from error
    return listener


def _listen_error(error: OSError, address: str, port: int) -> HwnasError:
    """The typed error of a socket that cannot be opened."""
    wrong = f"Cannot listen on port {port} of {address}: {error.strerror}."
    if error.errno == errno.EADDRINUSE:
        return PortInUse(wrong, fix="Choose another --port.")
    if error.errno in (errno.EACCES, errno.EPERM):
        return PortForbidden(wrong, fix="Choose a --port from 1024 on.")
    return UnknownHost(wrong, fix="Choose an address of this machine as --host.")
