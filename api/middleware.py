"""Middleware of every request: an id, checks of `Host` and `Origin`, a limit on the body, security headers, one line of log.

Plain ASGI, so that event streams pass through without being buffered.
"""

import asyncio
import logging
import re
import time
from collections.abc import Iterable
from typing import Final
from urllib.parse import urlsplit
from uuid import uuid4

from sqlalchemy.exc import OperationalError
from sqlalchemy.exc import TimeoutError as DatabaseTimeout
from starlette.datastructures import Headers, MutableHeaders
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from api.errors import BodyTimeout, BodyTooLarge, CrossOrigin, HostNotAllowed, InternalError, ServiceUnavailable
from api.home_errors import home_forbidden, home_full
from api.problems import problem_response
from api.settings import Settings
from search_spaces.errors import HwnasError

SECURITY_HEADERS: Final = {
    # blob: is for pictures of charts that the dashboard draws and offers for download.
    "Content-Security-Policy": "default-src 'self'; img-src 'self' blob:; frame-ancestors 'none'; base-uri 'none'; form-action 'self'",
    "X-Content-Type-Options": "nosniff",
    "Referrer-Policy": "same-origin",
    "Cross-Origin-Resource-Policy": "same-origin",
    "Cross-Origin-Opener-Policy": "same-origin",
}

log = logging.getLogger("hwnas.api")

_UNLOGGED: Final = ("/livez", "/readyz")
_STREAMED_BODIES: Final = re.compile(r"/v1/datasets/?")
"""Routes that read their body piece by piece, with limits of their own."""


def allowed_hosts(names: Iterable[str], port: int) -> frozenset[str]:
    """The `Host` headers of a server on a port."""
    return frozenset(name if port == 80 else f"{name}:{port}" for name in names)


class RequestGuard:
    """The outermost layer of the application."""

    def __init__(self, app: ASGIApp, *, settings: Settings, hosts: frozenset[str]) -> None:
        self._app = app
        self._settings = settings
        self._hosts = hosts

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """One request."""
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        request_id, started, status, clock = str(uuid4()), False, 0, time.perf_counter()
        scope.setdefault("state", {})["request_id"] = request_id

        async def send_with_headers(message: Message) -> None:
            nonlocal started, status
            if message["type"] == "http.response.start":
                status = message["status"]
                headers = MutableHeaders(scope=message)
                headers["X-Request-ID"] = request_id
                for name, value in scope["state"].get("rate", {}).items():
                    headers[name] = value
                for name, value in SECURITY_HEADERS.items():
                    headers.setdefault(name, value)
                headers.setdefault("Cache-Control", "no-store")
                started = True
            await send(message)

        try:
            headers = Headers(scope=scope)
            self._check_host(headers)
            if not _STREAMED_BODIES.fullmatch(scope["path"]):
                receive = await self._read_body(headers, receive)
        except HwnasError as error:
            await problem_response(error, scope, headers={"Connection": "close"})(scope, receive, send_with_headers)
            return
        try:
            await self._app(scope, receive, send_with_headers)
        except Exception as error:
            log.error("a request failed", exc_info=error, extra={"request_id": request_id, "path": scope["path"]})
            if not started:
                await problem_response(_unexpected_error(error), scope)(scope, receive, send_with_headers)
        finally:
            _log_request(scope, status, time.perf_counter() - clock)

    def _check_host(self, headers: Headers) -> None:
        host = headers.get("host", "").lower()
        if host not in self._hosts:
            raise HostNotAllowed(
                f"This server is not {host[:100] or 'a host without a name'!r}.",
                fix=f"Use http://{min(self._hosts)}, or start it with --allow-host.",
            )
        origin = headers.get("origin")
        if origin is not None and urlsplit(origin).netloc.lower() not in self._hosts:
            raise CrossOrigin(
                f"Pages of {origin[:100]!r} may not use this server.", fix="Use a page of this server, or a program."
            )

    async def _read_body(self, headers: Headers, receive: Receive) -> Receive:
        """Reads the whole body, if there is one, and passes it to the application in one piece."""
        limit = self._settings.max_body_bytes
        length = headers.get("content-length", "0")
        if "transfer-encoding" not in headers and length == "0":
            return receive
        body = bytearray()
        if length.isdigit() and int(length) > limit:
            raise _too_large(limit)
        more = True
        while more:
            try:
                message = await asyncio.wait_for(receive(), self._settings.body_timeout_s)
            except TimeoutError:
                raise BodyTimeout("The body stopped before its end.", fix="Send it again.") from None
            if message["type"] == "http.disconnect":
                raise BodyTimeout("The client left before the end of its body.", fix="Send it again.")
            body += message.get("body", b"")
            if len(body) > limit:
                raise _too_large(limit)
            more = message.get("more_body", False)
        return _BufferedBody(bytes(body), receive)


class _BufferedBody:
    """Returns a body that was read already, then passes on what the server sends."""

    def __init__(self, body: bytes, receive: Receive) -> None:
        self._body: bytes | None = body
        self._receive = receive

    async def __call__(self) -> Message:
        if self._body is not None:
            body, self._body = self._body, None
            return {"type": "http.request", "body": body, "more_body": False}
        return await self._receive()


def _log_request(scope: Scope, status: int, seconds: float) -> None:
    """Logs one line for a request, without its query and headers."""
    if scope["path"] not in _UNLOGGED:
        fields = {
            "request_id": scope["state"]["request_id"], "key_id": scope["state"].get("key_id"), "method": scope["method"],
            "path": scope["path"], "status": status, "ms": round(seconds * 1000, 1),
        }  # fmt: skip
        log.info("request", extra=fields)


def _unexpected_error(error: Exception) -> HwnasError:
    """The error that a client gets for an unhandled exception, without its details."""
    if isinstance(error, OperationalError) and "disk is full" in str(error.orig):
        return home_full()
    if isinstance(error, OperationalError) and "readonly database" in str(error.orig):
        return home_forbidden()
    if isinstance(error, OperationalError | DatabaseTimeout):
        return ServiceUnavailable("The database does not answer.", fix="Try again in a moment; see the server's log.")
    return InternalError(
        "The service had an internal error.", fix="See its log under this id, and report it if it persists."
    )


def _too_large(limit_bytes: int) -> BodyTooLarge:
    return BodyTooLarge(
        f"The body is larger than {limit_bytes} bytes.", fix="Send less.", facts={"limit_bytes": limit_bytes}
    )
