"""Binds a socket, takes the home for itself, and runs the application on uvicorn until it is told to stop."""

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
from api.database import Database, file_of
from api.errors import HomeInUse, PortForbidden, PortInUse, UnknownHost
from api.keys.service import Keys
from api.settings import Settings
from search_spaces.errors import HwnasError

_BACKLOG: Final = 512


@dataclass(frozen=True, slots=True)
class Serving:
    """What whoever started a server is told once it answers.

    Attributes:
        url: its address.
        first_key: the secret of the first key, when this start made it; it is not shown again.
    """

    url: str
    first_key: str | None


def serve(settings: Settings, on_ready: Callable[[Serving], None]) -> None:
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
    family, address = resolved(settings.host)
    settings.make_folders()
    with _alone(settings), _bound(family, address, settings.port) as listener:
        settings = settings.model_copy(update={"port": listener.getsockname()[1]})
        first_key = prepare(settings)
        logs.to_stderr()
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
        ready = Serving(f"http://{host}:{settings.port}", first_key)
        server = _Server(config, app.state.stopping.set, lambda: on_ready(ready))
        with contextlib.suppress(KeyboardInterrupt):
            server.run(sockets=[listener])


def resolved(host: str) -> tuple[socket.AddressFamily, str]:
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
    """Tells when it is ready, and event streams when it stops, so that none of them holds it up."""

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
    """Brings the database to its schema and makes the first key, so that what is wrong is told before the server starts.

    Returns:
        The secret of the first key, when it was made now.
    """
    database = Database(settings.database_url)
    try:
        database.create()
        return Keys.of(database, settings.pepper).first()
    finally:
        database.close()


@contextlib.contextmanager
def _alone(settings: Settings) -> Iterator[None]:
    """One server a home; but for a home whose database is PostgreSQL, which any number may share."""
    if file_of(settings.database_url) is None:
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


def _bound(family: socket.AddressFamily, address: str, port: int) -> socket.socket:
    # asyncio turns Nagle's delay (40 ms an answer) off only for sockets that name their protocol.
    listener = socket.socket(family, socket.SOCK_STREAM, socket.IPPROTO_TCP)
    try:
        listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        listener.bind((address, port))
        listener.listen(_BACKLOG)
    except OSError as error:
        listener.close()
        raise _refused(error, address, port) from error
    return listener


def _refused(error: OSError, address: str, port: int) -> HwnasError:
    """Why there can be no socket."""
    wrong = f"Cannot listen on port {port} of {address}: {error.strerror}."
    if error.errno == errno.EADDRINUSE:
        return PortInUse(wrong, fix="Choose another --port.")
    if error.errno in (errno.EACCES, errno.EPERM):
        return PortForbidden(wrong, fix="Choose a --port from 1024 on.")
    return UnknownHost(wrong, fix="Choose an address of this machine as --host.")
