"""Binds a loopback socket, takes the home for itself, and runs the application on uvicorn until it is told to stop."""

import contextlib
import ipaddress
import logging
import socket
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Final

import uvicorn
from filelock import FileLock, Timeout

from api.app import create_app
from api.database import Database
from api.errors import HomeInUse, NotLoopback, PortInUse
from api.settings import Settings

_BACKLOG: Final = 512


def serve(settings: Settings, on_ready: Callable[[str], None]) -> None:
    """Serves until SIGINT or SIGTERM.

    Args:
        settings: port 0 takes any free port.
        on_ready: called with the address once requests are answered.

    Raises:
        NotLoopback: the host is not one of this machine alone.
        PortInUse: another program listens there.
        HomeInUse: another server uses the home.
        DatabaseVersion, UnusableDatabase: what is wrong with its database.
    """
    family, address = loopback(settings.host)
    settings.make_folders()
    with _alone(settings.home), _bound(family, address, settings.port) as listener:
        settings = settings.model_copy(update={"port": listener.getsockname()[1]})
        _try_database(settings)
        app = create_app(settings)
        logging.basicConfig(
            level=logging.INFO, stream=sys.stderr, format="%(asctime)s %(levelname)s %(name)s %(message)s"
        )
        config = uvicorn.Config(
            app,
            log_config=None,
            access_log=False,
            server_header=False,
            lifespan="on",
            ws="none",
            timeout_graceful_shutdown=max(1, round(settings.shutdown_s)),
        )
        host = f"[{settings.host}]" if ":" in settings.host else settings.host
        server = _Server(config, app.state.stopping.set, lambda: on_ready(f"http://{host}:{settings.port}"))
        with contextlib.suppress(KeyboardInterrupt):
            server.run(sockets=[listener])


def loopback(host: str) -> tuple[socket.AddressFamily, str]:
    """The family and address of a loopback host.

    Raises:
        NotLoopback: it is any other.
    """
    address = "127.0.0.1" if host == "localhost" else host
    try:
        parsed = ipaddress.ip_address(address)
    except ValueError:
        parsed = None
    if parsed is None or not parsed.is_loopback:
        raise NotLoopback(
            f"The service does not listen on {host!r}: it has no keys yet, so everyone there could use it.",
            fix="Use --host 127.0.0.1, and reach it from elsewhere through an SSH tunnel (ssh -L 8000:localhost:8000).",
        )
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


def _try_database(settings: Settings) -> None:
    """Makes the database, so that what is wrong with it is told before the server starts."""
    database = Database(settings.database_url)
    try:
        database.create()
    finally:
        database.close()


@contextlib.contextmanager
def _alone(home: Path) -> Iterator[None]:
    lock = FileLock(home / "server.lock")
    try:
        lock.acquire(timeout=0)
    except Timeout:
        raise HomeInUse(f"Another server uses {home}.", fix="Stop it, or choose another --home.") from None
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
        raise PortInUse(f"Cannot listen on port {port}: {error.strerror}.", fix="Choose another --port.") from error
    return listener
