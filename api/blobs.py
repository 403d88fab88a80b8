"""A store of delivered files, by the SHA-256 of their content. Not the engine's store of stages (`nas.store`)."""

import hashlib
import os
import tempfile
import time
from dataclasses import dataclass
from pathlib import Path
from typing import Final

_CHUNK: Final = 1 << 20


@dataclass(frozen=True, slots=True)
class Blob:
    """What identifies a stored file."""

    sha256: str
    size_bytes: int


class BlobStore:
    """A folder of files named by their hashes."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder

    def add(self, path: Path) -> Blob:
        """Copies a file in; it gets its name once it is complete and on the disk, so that a reader never sees a part of it."""
        digest, size = hashlib.sha256(), 0
        handle, name = tempfile.mkstemp(dir=self._folder, prefix="incoming-")
        copy = Path(name)
        try:
            with os.fdopen(handle, "wb") as sink, path.open("rb") as source:
                while chunk := source.read(_CHUNK):
                    sink.write(chunk)
                    digest.update(chunk)
                    size += len(chunk)
                sink.flush()
                os.fsync(sink.fileno())
            target = self.path(digest.hexdigest())
            target.parent.mkdir(exist_ok=True, mode=0o700)
            copy.replace(target)
        finally:
            copy.unlink(missing_ok=True)
        return Blob(digest.hexdigest(), size)

    def path(self, sha256: str) -> Path:
        """Where the file of a hash lies."""
        return self._folder / sha256[:2] / sha256

    def older_than(self, age_s: float) -> list[str]:
        """Hashes of the files that were stored longer ago."""
        before = time.time() - age_s
        return [f.name for f in self._folder.glob("??/*") if f.stat().st_mtime < before]

    def remove(self, sha256: str) -> None:
        """Removes a file, if it is there."""
        self.path(sha256).unlink(missing_ok=True)
