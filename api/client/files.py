"""The files of a download: what is there, what is missing, and the check of the whole. No network here (`exchange.py`)."""

import hashlib
from pathlib import Path

from api.client.calls import Retries
from api.errors import WrongContent
from api.models.schemas import Artifact


def is_complete(path: Path, artifact: Artifact) -> bool:
    """Whether a file exists and is the artifact."""
    return path.is_file() and sha256_of(path) == artifact.sha256


def path_of(artifact: Artifact, folder: Path) -> Path:
    """The path of an artifact in a folder; an artifact's name never leads out of it."""
    return folder / Path(artifact.name).name


class Download:
    """A download to a file over any number of connections; `NAME.part` has what has arrived.

    Args:
        artifact: what is downloaded.
        path: where the whole file goes.
    """

    def __init__(self, artifact: Artifact, path: Path) -> None:
        self.retries = Retries()
        self._artifact = artifact
        self._path = path
        self._part = path.with_name(f"{path.name}.part")

    @property
    def url(self) -> str:
        """Its address."""
        return self._artifact.url

    def missing(self) -> dict[str, str] | None:
        """Headers of a request for the missing bytes; None when there are none."""
        present = self._part.stat().st_size if self._part.exists() else 0
        if present >= self._artifact.size_bytes:
            return None
        return {"Range": f"bytes={present}-", "If-Range": f'"sha256-{self._artifact.sha256}"'} if present else {}

    def begin(self, status: int) -> None:
        """A response begins: with status 206 the missing bytes, else the whole file."""
        self._part.open("ab" if status == 206 else "wb").close()

    def write(self, chunk: bytes) -> None:
        """Appends a chunk."""
        with self._part.open("ab") as file:
            file.write(chunk)
        self.retries.reset()

    def finish(self) -> None:
        """Checks the whole file and moves it to its path.

        Raises:
            WrongContent: the hash is another; what was downloaded is removed.
        """
        self._part.touch()
        if not is_complete(self._part, self._artifact):
            self._part.unlink()
            raise WrongContent(f"{self._artifact.name} is not what the service said.", fix="Download it again.")
        self._part.replace(self._path)


def sha256_of(path: Path) -> str:
    """The hash of a file's content, in hexadecimal."""
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()
