"""What both clients do with files: pieces of an upload, and a download that goes on from what is there. No network here."""

import hashlib
from collections.abc import Iterator
from pathlib import Path
from typing import Final

from api.client.calls import Tries
from api.errors import WrongContent
from api.models.schemas import Artifact

PIECE: Final = 1 << 20


def pieces(path: Path) -> Iterator[bytes]:
    """A file, a mebibyte at a time."""
    with path.open("rb") as file:
        while piece := file.read(PIECE):
            yield piece


def whole(path: Path, artifact: Artifact) -> bool:
    """Whether a file is there and is the artifact."""
    return path.is_file() and sha256_of(path) == artifact.sha256


def place_of(artifact: Artifact, folder: Path) -> Path:
    """Where a file of a bundle goes, whatever its name says."""
    return folder / Path(artifact.name).name


class Download:
    """One file on its way to the disk, over any number of connections; `NAME.part` holds what is there of it.

    Args:
        artifact: what is downloaded.
        path: where the whole file goes.
    """

    def __init__(self, artifact: Artifact, path: Path) -> None:
        self.tries = Tries()
        self._artifact = artifact
        self._path = path
        self._part = path.with_name(f"{path.name}.part")

    @property
    def url(self) -> str:
        """Where it comes from."""
        return self._artifact.url

    def missing(self) -> dict[str, str] | None:
        """Headers of a request for what is missing; None when nothing is."""
        have = self._part.stat().st_size if self._part.exists() else 0
        if have >= self._artifact.size_bytes:
            return None
        return {"Range": f"bytes={have}-", "If-Range": f'"sha256-{self._artifact.sha256}"'} if have else {}

    def begin(self, status: int) -> None:
        """An answer begins: with 206 what is missing, else the whole file."""
        self._part.open("ab" if status == 206 else "wb").close()

    def take(self, piece: bytes) -> None:
        """Appends a piece."""
        with self._part.open("ab") as file:
            file.write(piece)
        self.tries.went_on()

    def finish(self) -> None:
        """Checks the whole file and puts it in its place.

        Raises:
            WrongContent: the hash is another; what was downloaded is removed.
        """
        self._part.touch()
        if not whole(self._part, self._artifact):
            self._part.unlink()
            raise WrongContent(f"{self._artifact.name} is not what the service said.", fix="Download it again.")
        self._part.replace(self._path)


def sha256_of(path: Path) -> str:
    """The hash of a file's content, in hexadecimal."""
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()
