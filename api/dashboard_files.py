"""The files of the built dashboard, read once when the server starts. Their routes are in `routes/dashboard.py`.

Not here: the dashboard itself (`api/dashboard/`, TypeScript), which uses the public interface alone.
"""

import gzip
import hashlib
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Final

DIST: Final = Path(__file__).parent / "dashboard" / "dist"
"""Where `make dashboard` puts the build; a wheel has it there."""

_MEDIA_TYPES: Final = {
    ".html": "text/html; charset=utf-8",
    ".css": "text/css; charset=utf-8",
    ".js": "text/javascript; charset=utf-8",
    ".svg": "image/svg+xml",
}
_DEFAULT_MEDIA_TYPE: Final = "application/octet-stream"


@dataclass(frozen=True, slots=True)
class DashboardFile:
    """A file as it is sent, as it is and compressed."""

    media_type: str
    content: bytes
    gzipped: bytes
    etag: str


def read_dashboard(folder: Path) -> Mapping[str, DashboardFile]:
    """The files of a build by their addresses; none where nothing was built."""
    return {f"/{path.relative_to(folder).as_posix()}": _read(path) for path in folder.rglob("*") if path.is_file()}


def _read(path: Path) -> DashboardFile:
    content = path.read_bytes()
    tag = hashlib.blake2b(content, digest_size=12).hexdigest()
    return DashboardFile(
        _MEDIA_TYPES.get(path.suffix, _DEFAULT_MEDIA_TYPE), content, gzip.compress(content, mtime=0), tag
    )
