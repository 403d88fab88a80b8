"""Serves the built dashboard: its page at the address of every view, and the files that the page loads.

An address is looked up among the names of the files and never becomes a path.
"""

import re
from collections.abc import Mapping
from typing import Final

from fastapi import APIRouter, Request
from starlette.responses import Response

from api.dashboard_files import DashboardFile
from api.errors import NotFound
from api.routes.plain_pages import page_without_dashboard

router = APIRouter(include_in_schema=False)

INDEX: Final = "/index.html"
VIEWS: Final = ("/", "/new", "/new/batch", "/jobs/{rest:path}", "/models", "/models/{rest:path}")
FILES: Final = ("/assets/{name}", "/icon.svg", "/theme.js")

_IMMUTABLE: Final = "public, max-age=31536000, immutable"
"""Files under `/assets` have a hash of their content in their names."""


async def view(request: Request) -> Response:
    """The page, which shows the view that its address names."""
    index = _files(request).get(INDEX)
    return page_without_dashboard() if index is None else _file_response(index, request, "no-cache")


async def file(request: Request) -> Response:
    """A file that the page loads."""
    address = request.url.path
    found = _files(request).get(address)
    if found is None:
        raise NotFound("There is no such file.", fix="Load the page again; the service may have been updated.")
    return _file_response(found, request, _IMMUTABLE if address.startswith("/assets/") else "no-cache")


for _path in VIEWS:
    router.add_api_route(_path, view, methods=["GET", "HEAD"], response_class=Response)
for _path in FILES:
    router.add_api_route(_path, file, methods=["GET", "HEAD"], response_class=Response)


def _files(request: Request) -> Mapping[str, DashboardFile]:
    files: Mapping[str, DashboardFile] = request.app.state.dashboard
    return files


def _file_response(found: DashboardFile, request: Request, cache_control: str) -> Response:
    gzip_accepted = (
        re.search(r"\bgzip\b(?!\s*;\s*q=0(\.0*)?\s*(,|$))", request.headers.get("accept-encoding", "")) is not None
    )
    etag = f'"{found.etag}-gzip"' if gzip_accepted else f'"{found.etag}"'
    headers = {"Cache-Control": cache_control, "ETag": etag, "Vary": "Accept-Encoding"}
    if etag in {one.strip().removeprefix("W/") for one in request.headers.get("if-none-match", "").split(",")}:
        return Response(status_code=304, headers=headers)
    if gzip_accepted:
        headers["Content-Encoding"] = "gzip"
    content = found.gzipped if gzip_accepted else found.content
    headers |= {"Content-Type": found.media_type, "Content-Length": str(len(content))}
    return Response(b"" if request.method == "HEAD" else content, headers=headers)
