"""Files as responses: whole or in part, with their hash as `ETag`. Not here: which files there are."""

import base64
import re
from typing import Annotated, Any, Final

from fastapi import Path, Request, Response
from starlette.datastructures import Headers
from starlette.responses import FileResponse
from starlette.types import Message, Receive, Scope, Send

from api.errors import RangeNotSatisfiable
from api.models.service import StoredFile
from api.problems import problem_response
from search_spaces.errors import HwnasError

ArtifactName = Annotated[str, Path(pattern=r"^[A-Za-z0-9][A-Za-z0-9._\-]{0,119}$")]

_PART: Final = r"[ \t]*(\d{1,99}-\d{0,99}|-\d{1,99})[ \t]*"
_RANGE: Final = re.compile(f"bytes={_PART}(,{_PART})*", re.IGNORECASE | re.ASCII)
_BOUNDS: Final = re.compile(r"(\d+)-(\d+)", re.ASCII)

CONTENT: Final[dict[int | str, dict[str, Any]]] = {
    200: {"description": "the file", "content": {"application/octet-stream": {"schema": {"type": "string"}}}},
    206: {"description": "the part that `Range` asks for"},
    304: {"description": "the file is the one that `If-None-Match` names"},
}
"""What a route that sends a file answers besides problems."""


def download(file: StoredFile, request: Request) -> Response:
    """A file, whole or in part (`Range`, `If-Range`). Its `ETag` is the hash of its content."""
    headers = {
        "ETag": f'"sha256-{file.sha256}"',
        "Repr-Digest": f"sha-256=:{base64.b64encode(bytes.fromhex(file.sha256)).decode()}:",
        "Cache-Control": "private, max-age=31536000, immutable",
    }
    if _matches(request.headers.get("if-none-match", ""), headers["ETag"]):
        return Response(status_code=304, headers=headers)
    return _Download(file, headers)


def _matches(if_none_match: str, etag: str) -> bool:
    tags = {tag.strip().removeprefix("W/") for tag in if_none_match.split(",")}
    return etag in tags or "*" in tags


def _is_byte_range(value: str) -> bool:
    """Whether a `Range` is well-formed and of bytes (RFC 9110, 14.1.2); any other is ignored."""
    bounds = _BOUNDS.findall(value)
    return _RANGE.fullmatch(value) is not None and all(int(first) <= int(last) for first, last in bounds)


class _Download(FileResponse):
    """A file whose range errors are problem documents, like all others."""

    def __init__(self, file: StoredFile, headers: dict[str, str]) -> None:
        super().__init__(file.path, headers=headers, media_type=file.media_type, filename=file.name)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if not _is_byte_range(Headers(scope=scope).get("range", "")):
            scope = {**scope, "headers": [field for field in scope["headers"] if field[0] != b"range"]}
        error: HwnasError | None = None
        content_range = ""

        async def checked(message: Message) -> None:
            nonlocal error, content_range
            if message["type"] == "http.response.start" and message["status"] == 416:
                found = dict(message["headers"])
                content_range = found.get(b"content-range", b"").decode()
                error = RangeNotSatisfiable("The file is shorter than the range.", fix="HEAD it for its length.")
            if error is None:
                await send(message)

        await super().__call__(scope, receive, checked)
        if error is not None:
            headers = {"Content-Range": content_range} if content_range else {}
            await problem_response(error, scope, headers=headers)(scope, receive, send)
