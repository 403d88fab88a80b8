"""How the clients send requests: one protocol of coroutines, with an implementation for ordinary code and one for an event loop.

What is common to both (`exchange.py`) is written once, over `Transport`. The coroutines of `SyncTransport` block and never suspend,
so that `completed` and `iterated` run them without an event loop.
"""

import asyncio
import time
from collections.abc import AsyncGenerator, AsyncIterator, Callable, Coroutine, Iterator, Mapping
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from pathlib import Path
from typing import Any, Final, Protocol, TypeVar

import httpx2

from api.client.calls import Call

T = TypeVar("T")

CHUNK_BYTES: Final = 1 << 20


class Stream(Protocol):
    """A response whose body is read piece by piece."""

    @property
    def status(self) -> int: ...  # noqa: D102

    @property
    def headers(self) -> Mapping[str, str]: ...  # noqa: D102

    async def read(self) -> bytes: ...  # noqa: D102

    def lines(self) -> AsyncIterator[str]: ...  # noqa: D102

    def chunks(self) -> AsyncIterator[bytes]: ...  # noqa: D102


class Transport(Protocol):
    """Sends requests to one service; `httpx2.TransportError` when it does not answer."""

    async def send(self, call: Call[Any]) -> httpx2.Response: ...  # noqa: D102

    def stream(self, path: str, headers: Mapping[str, str]) -> AbstractAsyncContextManager[Stream]: ...  # noqa: D102

    async def sleep(self, seconds: float) -> None: ...  # noqa: D102

    async def run_blocking(self, function: Callable[[], T]) -> T:
        """Runs a function that reads or writes files."""
        ...


class SyncTransport:
    """A transport for ordinary code."""

    def __init__(self, http: httpx2.Client) -> None:
        self._http = http

    async def send(self, call: Call[Any]) -> httpx2.Response:
        """Sends a request and reads the whole response."""
        content = None if call.file is None else file_chunks(call.file)
        return self._http.request(call.method, call.path, content=content, **_arguments(call))

    @asynccontextmanager
    async def stream(self, path: str, headers: Mapping[str, str]) -> AsyncIterator[Stream]:
        """Opens a response for reading."""
        with self._http.stream("GET", path, headers=dict(headers)) as response:
            yield _SyncStream(response)

    async def sleep(self, seconds: float) -> None:
        """Waits."""
        time.sleep(seconds)  # noqa: ASYNC251 (it blocks on purpose)

    async def run_blocking(self, function: Callable[[], T]) -> T:
        """Calls the function."""
        return function()


class AsyncTransport:
    """A transport for an event loop."""

    def __init__(self, http: httpx2.AsyncClient) -> None:
        self._http = http

    async def send(self, call: Call[Any]) -> httpx2.Response:
        """Sends a request and reads the whole response."""
        content = None if call.file is None else _async_file_chunks(call.file)
        return await self._http.request(call.method, call.path, content=content, **_arguments(call))

    @asynccontextmanager
    async def stream(self, path: str, headers: Mapping[str, str]) -> AsyncIterator[Stream]:
        """Opens a response for reading."""
        async with self._http.stream("GET", path, headers=dict(headers)) as response:
            yield _AsyncStream(response)

    async def sleep(self, seconds: float) -> None:
        """Waits."""
        await asyncio.sleep(seconds)

    async def run_blocking(self, function: Callable[[], T]) -> T:
        """Calls the function in a thread."""
        return await asyncio.to_thread(function)


class _SyncStream:
    def __init__(self, response: httpx2.Response) -> None:
        self._response = response
        self.status = response.status_code
        self.headers: Mapping[str, str] = response.headers

    async def read(self) -> bytes:
        return self._response.read()

    async def lines(self) -> AsyncIterator[str]:
        for line in self._response.iter_lines():
            yield line

    async def chunks(self) -> AsyncIterator[bytes]:
        for chunk in self._response.iter_bytes():
            yield chunk


class _AsyncStream:
    def __init__(self, response: httpx2.Response) -> None:
        self._response = response
        self.status = response.status_code
        self.headers: Mapping[str, str] = response.headers

    async def read(self) -> bytes:
        return await self._response.aread()

    def lines(self) -> AsyncIterator[str]:
        return self._response.aiter_lines()

    def chunks(self) -> AsyncIterator[bytes]:
        return self._response.aiter_bytes()


def completed(coroutine: Coroutine[Any, Any, T]) -> T:
    """The result of a coroutine that never suspends, such as one over `SyncTransport`."""
    try:
        coroutine.send(None)
    except StopIteration as end:
        result: T = end.value
        return result
    coroutine.close()
    raise RuntimeError("a coroutine over a blocking transport was suspended")


def iterated(items: AsyncGenerator[T, None]) -> Iterator[T]:
    """The items of an asynchronous generator that never suspends; closing this closes it."""
    try:
        while True:
            try:
                item = completed(_next(items))
            except StopAsyncIteration:
                return
            yield item
    finally:
        completed(items.aclose())


async def _next(items: AsyncGenerator[T, None]) -> T:
    return await anext(items)


def file_chunks(path: Path) -> Iterator[bytes]:
    """The content of a file, a mebibyte at a time."""
    with path.open("rb") as file:
        while chunk := file.read(CHUNK_BYTES):
            yield chunk


async def _async_file_chunks(path: Path) -> AsyncIterator[bytes]:
    chunks = file_chunks(path)
    while (chunk := await asyncio.to_thread(next, chunks, None)) is not None:
        yield chunk


def _arguments(call: Call[Any]) -> dict[str, Any]:
    """What `httpx2` is passed for a request; an upload has no timeout."""
    arguments: dict[str, Any] = {"json": call.body, "params": dict(call.params), "headers": dict(call.headers)}
    return arguments if call.file is None else {**arguments, "timeout": None}
