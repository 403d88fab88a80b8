"""Files under one root, on a local disk or on any other file system that fsspec knows: all that the store needs of storage.

A file is written as a whole, never appended to and never renamed. On a local disk it is whole or not there, also after a kill or a
power cut. Elsewhere a kill may leave it cut off, so readers check it. Not here: what is kept, and the checks (`nas.store`).
"""

import errno
import os
import tempfile
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Protocol

from nas.errors import OutOfSpace, UnusableStore, UnwritableFolder

_TEMPORARY = ".writing-"
_FULL = (errno.ENOSPC, errno.EDQUOT, errno.EFBIG)
_FORBIDDEN = (errno.EACCES, errno.EPERM, errno.EROFS)


class FileSystem(Protocol):
    """The few methods of fsspec's `AbstractFileSystem` that are used; any of its implementations works."""

    def cat_file(self, path: str, /) -> bytes:
        """The content of a file."""

    def pipe_file(self, path: str, value: bytes, /) -> None:
        """Writes a file."""

    def info(self, path: str, /) -> Mapping[str, Any]:
        """`type` and `size` at a path."""

    def ls(self, path: str, /, *, detail: bool) -> list[str]:
        """The paths in a folder."""

    def rm(self, path: str, /, *, recursive: bool) -> None:
        """Removes a file or a folder."""

    def makedirs(self, path: str, /, *, exist_ok: bool) -> None:
        """Creates a folder, where the file system has folders."""

    def invalidate_cache(self) -> None:
        """Drops cached folder listings."""


@dataclass(frozen=True)
class Files:
    """The files under a root.

    Attributes:
        system: where they are.
        root: path of the root in it.
        folder: the root as a local folder; None where it is none.
    """

    system: FileSystem
    root: str
    folder: Path | None = None

    @classmethod
    def at(cls, place: Path | str) -> "Files":
        """The files in a local folder, or at an fsspec URL such as `memory://store`.

        Raises:
            UnusableStore: no installed file system opens such a URL.
        """
        from fsspec.core import url_to_fs
        from fsspec.implementations.local import LocalFileSystem

        if isinstance(place, Path) or "://" not in place:
            return cls(LocalFileSystem(), str(Path(place).absolute()), Path(place))
        try:
            system, root = url_to_fs(place, use_listings_cache=False)
        except (ImportError, ValueError) as error:
            raise UnusableStore(
                f"There is no file system for {place!r}: {error}.",
                fix="Give a folder, or install what fsspec needs.",
            ) from error
        return cls(system, root, Path(root) if isinstance(system, LocalFileSystem) else None)

    def __truediv__(self, name: str) -> "Files":
        """The files in a folder of this one."""
        return Files(self.system, f"{self.root}/{name}", self.folder / name if self.folder else None)

    def path(self, name: str) -> str:
        """Where a file is: a path of this machine as it was given, or a URL."""
        if self.folder is not None:
            return str(self.folder / name)
        protocol = getattr(self.system, "protocol", "")
        return f"{protocol if isinstance(protocol, str) else protocol[0]}://{self.root.lstrip('/')}/{name}"

    def read(self, name: str) -> bytes:
        """The content of a file.

        Raises:
            FileNotFoundError: there is none.
        """
        return self.system.cat_file(f"{self.root}/{name}")

    def size(self, name: str) -> int | None:
        """How many bytes a file has; None where there is none."""
        self.system.invalidate_cache()
        try:
            found = self.system.info(f"{self.root}/{name}")
        except FileNotFoundError:
            return None
        return int(found["size"]) if found["type"] == "file" else None

    def names(self) -> list[str]:
        """The names of the files and folders right under the root, sorted; files that are being written are left out."""
        self.system.invalidate_cache()
        try:
            paths = self.system.ls(self.root, detail=False)
        except (FileNotFoundError, NotADirectoryError):
            return []
        names = (path.rstrip("/").rpartition("/")[2] for path in paths)
        return sorted(name for name in names if not name.startswith(_TEMPORARY))

    def write(self, name: str, data: bytes) -> None:
        """Writes a file, or replaces it.

        Raises:
            OutOfSpace: there is no room.
            UnwritableFolder: there is no right to write.
        """
        path = f"{self.root}/{name}"
        if self.folder is not None:
            write_atomically(Path(path), data)
            return
        with writing_is_typed():
            self.system.makedirs(path.rpartition("/")[0], exist_ok=True)
            self.system.pipe_file(path, data)

    def remove(self, name: str) -> None:
        """Removes a file or a folder with all that is in it, if it is there."""
        with suppress(FileNotFoundError):
            self.system.rm(f"{self.root}/{name}", recursive=True)


def write_atomically(path: Path, data: bytes) -> None:
    """Writes a local file so that it is either whole or not there, also after a kill, and is on disk once this returns.

    Raises:
        OutOfSpace: the disk is full; the file that was there before is kept.
        UnwritableFolder: the folder may not be written to.
    """
    with writing_is_typed():
        path.parent.mkdir(parents=True, exist_ok=True)
        handle, temporary = tempfile.mkstemp(dir=path.parent, prefix=_TEMPORARY)
        try:
            with os.fdopen(handle, "wb") as file:
                file.write(data)
                file.flush()
                os.fsync(file.fileno())
            os.replace(temporary, path)
        except BaseException:
            Path(temporary).unlink(missing_ok=True)
            raise
        _synchronise(path.parent)


def _synchronise(folder: Path) -> None:
    """Puts the names in a folder on disk: a file without a name after a power cut is lost."""
    handle = os.open(folder, os.O_RDONLY | os.O_DIRECTORY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)


@contextmanager
def writing_is_typed() -> Iterator[None]:
    """Turns the operating system's errors of a rejected write into `write_error`."""
    try:
        yield
    except OSError as error:
        found = write_error(error)
        if found is None:
            raise
        raise found from error


def write_error(error: OSError) -> OutOfSpace | UnwritableFolder | None:
    """The typed error of a full disk, or of a folder that may not be written to; None of anything else."""
    message = f"Cannot write: {error.strerror or error}{f' ({error.filename})' if error.filename else ''}."
    if error.errno in _FULL:
        return OutOfSpace(
            message,
            fix="Free some space (or choose another folder with --out) and run the same command again: it continues.",
        )
    if error.errno in _FORBIDDEN:
        return UnwritableFolder(
            message,
            fix="Give the user that runs hwnas the right to write there, or choose another folder with --out or --store.",
        )
    return None
