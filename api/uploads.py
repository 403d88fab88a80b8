"""Uploads on their way to the disk: streamed, counted, hashed. Not here: what is checked of them (`datasets/`, `networks/`)."""

import asyncio
import hashlib
import shutil
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO, Final, TypeVar

from fastapi import Request
from starlette.concurrency import run_in_threadpool
from starlette.requests import ClientDisconnect

from api.errors import BodyTimeout, BodyTooLarge, UnsupportedMediaType
from api.home_errors import home_error
from api.idempotency import Idempotent
from api.ids import new_id
from api.settings import Settings
from api.tenancy import Subject
from nas.errors import InvalidData

T = TypeVar("T")

FILE: Final = "upload"
"""Name of the file in its folder."""
_BUFFER: Final = 1 << 20


@dataclass(frozen=True, slots=True)
class UploadMetadata:
    """What a client sends beside an upload.

    Attributes:
        name: for people.
        idempotency_key: its `Idempotency-Key`, if there is one.
    """

    name: str
    idempotency_key: str | None = None

    def idempotent(self, operation: str, sha256: str) -> Idempotent | None:
        """The request by its key; its name and its content must be the same when it is sent again."""
        if self.idempotency_key is None:
            return None
        return Idempotent.from_body(operation, self.idempotency_key, f"{sha256} {self.name}".encode())


class Upload:
    """One upload on its way to the disk, with its running hash. Not thread-safe; call `discard` in any case at the end."""

    def __init__(self, settings: Settings, prefix: str, max_bytes: int, wanted: str) -> None:
        """With an id of a prefix.

        Args:
            settings: has the folder of uploads.
            prefix: of the id.
            max_bytes: that it may have.
            wanted: what is to be sent, for the error of an empty one.
        """
        self.id = new_id(prefix)
        self.folder = settings.incoming / self.id
        self._max_bytes, self._wanted = max_bytes, wanted
        self._hash = hashlib.sha256()
        self._size = 0
        self._file: BinaryIO | None = None

    def write(self, chunk: bytes) -> None:
        """Appends a piece.

        Raises:
            BodyTooLarge: with it the upload is larger than allowed.
            OutOfSpace, UnwritableFolder: the disk is full, or the home may not be written to.
        """
        self._size += len(chunk)
        if self._size > self._max_bytes:
            raise body_too_large(self._max_bytes)
        try:
            if self._file is None:
                self.folder.mkdir(mode=0o700)
                self._file = (self.folder / FILE).open("xb")
            self._file.write(chunk)
        except OSError as error:
            raise home_error(error) or error from error
        self._hash.update(chunk)

    def finish(self) -> tuple[Path, str, int]:
        """The complete file, its SHA-256 and its size.

        Raises:
            InvalidData: nothing was sent.
        """
        if self._file is None or self._size == 0:
            raise InvalidData("The upload is empty.", fix=f"Send {self._wanted} as the body of the request.")
        try:
            self._file.close()
        except OSError as error:
            raise home_error(error) or error from error
        return self.folder / FILE, self._hash.hexdigest(), self._size

    def discard(self) -> None:
        """Closes the file and removes what is left of the upload."""
        if self._file is not None:
            self._file.close()
        shutil.rmtree(self.folder, ignore_errors=True)


async def receive(
    request: Request, subject: Subject, upload: Upload, body_timeout_s: float, accept: Callable[[Upload], T]
) -> T:
    """Streams a request's body into an upload and hands that to `accept`, when it is the tenant's turn; nothing of it is left behind.

    Raises:
        BodyTimeout: the client stopped sending.
        Others: as `Upload.write` and `accept`.
    """
    stream = request.stream().__aiter__()
    buffer = bytearray()
    try:
        while True:
            try:
                chunk = await asyncio.wait_for(anext(stream, None), body_timeout_s)
            except (TimeoutError, ClientDisconnect):
                raise BodyTimeout("The upload stopped before its end.", fix="Send it again.") from None
            if chunk is not None:
                buffer += chunk
            if buffer and (chunk is None or len(buffer) >= _BUFFER):
                await run_in_threadpool(upload.write, bytes(buffer))
                buffer.clear()
            if chunk is None:
                break
        async with request.app.state.upload_limiter.slot(subject.tenant_id, request):
            return await run_in_threadpool(accept, upload)
    finally:
        await run_in_threadpool(upload.discard)


def check_headers(request: Request, what: str, media_types: tuple[str, ...], max_bytes: int) -> None:
    """Rejects a body by what its headers say, before any of it is read.

    Raises:
        UnsupportedMediaType: it is of another type.
        BodyTooLarge: it is larger than allowed.
    """
    kind = request.headers.get("content-type", "").partition(";")[0].strip().lower()
    if kind not in media_types:
        raise UnsupportedMediaType(
            f"{what} cannot be sent as {kind or 'nothing'!r}.", fix=f"Send it with Content-Type: {media_types[0]}."
        )
    length = request.headers.get("content-length", "")
    if length.isdigit() and int(length) > max_bytes:
        raise body_too_large(max_bytes)


def body_too_large(limit_bytes: int) -> BodyTooLarge:
    """The error for a body above the limit."""
    return BodyTooLarge(
        f"The body is larger than {limit_bytes} bytes.", fix="Send less.", facts={"limit_bytes": limit_bytes}
    )
