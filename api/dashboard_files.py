"""Hands out the built dashboard: its page under every address that a view has, and the files that the page loads.

Not here: the dashboard itself (`api/dashboard/`, TypeScript), which uses the public interface alone. The files are read once, when the
server starts; an address is looked up among their names and never becomes a path.
"""

import gzip
import hashlib
import re
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from fastapi import APIRouter, Request
from starlette.responses import Response

from api.errors import NotFound
from api.plain_pages import page_without_dashboard

router = APIRouter(include_in_schema=False)

DIST: Final = Path(__file__).parent / "dashboard" / "dist"
"""Where `make dashboard` puts the build; a wheel has it there."""

INDEX: Final = "/index.html"
VIEWS: Final = ("/", "/new", "/jobs/{rest:path}", "/models", "/models/{rest:path}")
FILES: Final = ("/assets/{name}", "/icon.svg", "/theme.js")

_MEDIA_TYPES: Final = {
    ".html": "text/html; charset=utf-8",
    ".css": "text/css; charset=utf-8",
    ".js": "text/javascript; charset=utf-8",
    ".svg": "image/svg+xml",
}
_OTHER: Final = "application/octet-stream"
_FOREVER: Final = "public, max-age=31536000, immutable"
"""Files under `/assets` have a hash of their content in their names."""


@dataclass(frozen=True, slots=True)
class DashboardFile:
    """A file as it is sent, plain and compressed."""

    media_type: str
    plain: bytes
    zipped: bytes
    tag: str


def read_dashboard(folder: Path) -> Mapping[str, DashboardFile]:
    """The files of a build by their addresses; none where nothing was built."""
    return {f"/{path.relative_to(folder).as_posix()}": _read(path) for path in folder.rglob("*") if path.is_file()}


def _read(path: Path) -> DashboardFile:
    content = path.read_bytes()
    tag = hashlib.blake2b(content, digest_size=12).hexdigest()
    return DashboardFile(_MEDIA_TYPES.get(path.suffix, _OTHER), content, gzip.compress(content, mtime=0), tag)


async def view(request: Request) -> Response:
    """The page, which shows the view that its address names."""
    index = _files(request).get(INDEX)
    return page_without_dashboard() if index is None else _answer(index, request, "no-cache")


async def file(request: Request) -> Response:
    """A file that the page loads."""
    address = request.url.path
    found = _files(request).get(address)
    if found is None:
        raise NotFound("There is no such file.", fix="Load the page again; the service may have been updated.")
    return _answer(found, request, _FOREVER if address.startswith("/assets/") else "no-cache")


for _path in VIEWS:
    router.add_api_route(_path, view, methods=["GET", "HEAD"], response_class=Response)
for _path in FILES:
    router.add_api_route(_path, file, methods=["GET", "HEAD"], response_class=Response)


def _files(request: Request) -> Mapping[str, DashboardFile]:
    files: Mapping[str, DashboardFile] = request.app.state.dashboard
    return files


def _answer(found: DashboardFile, request: Request, caching: str) -> Response:
    zipped = re.search(r"\bgzip\b(?!\s*;\s*q=0(\.0*)?\s*(,|$))", request.headers.get("accept-encoding", "")) is not None
    tag = f'"{found.tag}-gzip"' if zipped else f'"{found.tag}"'
    headers = {"Cache-Control": caching, "ETag": tag, "Vary": "Accept-Encoding"}
    if tag in {one.strip().removeprefix("W/") for one in request.headers.get("if-none-match", "").split(",")}:
        return Response(status_code=304, headers=headers)
    if zipped:
        headers["Content-Encoding"] = "gzip"
    content = found.zipped if zipped else found.plain
    headers |= {"Content-Type": found.media_type, "Content-Length": str(len(content))}
    return Response(b"" if request.method == "HEAD" else content, headers=headers)
