"""The store's files for nodes that do not see its folder: an actor beside the driver serves them over the cluster.

Blobs are kept on the node that read them, since they never change. Only what is in the folder is served. Not here: the store itself.
"""

import hashlib
import os
import re
import tempfile
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Final

from nas.errors import UnreachableStore
from nas.execution.cluster_errors import object_store_full
from nas.files import write_atomically

ANSWER_S: Final = 120.0
BLOB: Final = re.compile(r"/?blobs/[0-9a-f]{2}/([0-9a-f]{64})")
KEPT_BYTES: Final = 4 * 2**30
"""Of blobs on a node; the longest unused are removed first."""


class StoreServer:
    """The methods of `nas.files.FileSystem`, under one folder."""

    def __init__(self, folder: str) -> None:
        self._root = Path(folder).resolve()

    def _path(self, path: str) -> Path:
        """A file of the folder.

        Raises:
            PermissionError: it is none.
        """
        found = (self._root / path.lstrip("/")).resolve()
        if found != self._root and self._root not in found.parents:
            raise PermissionError(f"{path} is not in the store")
        return found

    def cat_file(self, path: str) -> bytes:
        """The content of a file."""
        return self._path(path).read_bytes()

    def pipe_file(self, path: str, value: bytes) -> None:
        """Writes a file."""
        write_atomically(self._path(path), value)

    def info(self, path: str) -> dict[str, Any]:
        """`type` and `size` at a path."""
        found = self._path(path)
        return {"type": "directory" if found.is_dir() else "file", "size": found.stat().st_size}

    def ls(self, path: str) -> list[str]:
        """The paths in a folder."""
        return [f"{path.rstrip('/')}/{one.name}" for one in self._path(path).iterdir()]

    def rm(self, path: str) -> None:
        """Removes a file, or a folder with all that is in it."""
        import shutil

        found = self._path(path)
        if found == self._root:
            raise PermissionError("the store itself is not removed")
        if found.is_dir():
            shutil.rmtree(found)
        else:
            found.unlink()


class ServedFiles:
    """A `FileSystem` whose files an actor of `StoreServer` has; it can be sent to any worker of the cluster."""

    protocol = "cluster"

    def __init__(self, folder: str, server: Any, *, cache: Path | None = None) -> None:
        self.folder, self._server, self._cache = folder, server, cache

    def _call(self, method: str, *arguments: object) -> Any:
        """What a method of the server returns.

        Raises:
            OSError, HwnasError: what the server raised.
            UnreachableStore: it does not answer.
            ObjectStoreFull: there is no room to send.
        """
        import ray
        from ray import exceptions

        try:
            return ray.get(getattr(self._server, method).remote(*arguments), timeout=ANSWER_S)
        except exceptions.RayTaskError as error:
            raise error.cause from error
        except (exceptions.ObjectStoreFullError, exceptions.OutOfDiskError) as error:
            raise object_store_full(str(error)) from error
        except exceptions.RayError as error:
            raise UnreachableStore(
                f"The store in {self.folder} does not answer over the cluster: {str(error).strip().splitlines()[0]}.",
                fix="Check the driver's machine and the network, or give --store a URL that every node can open.",
                facts={"store": self.folder},
            ) from error

    def cat_file(self, path: str, /) -> bytes:
        """The content of a file; a blob that is kept here has not to be sent."""
        blob = BLOB.fullmatch(path)
        kept = None if blob is None else self._kept() / blob[1]
        if kept is not None and kept.is_file() and _whole(here := kept.read_bytes(), kept):
            kept.touch()
            return here
        data: bytes = self._call("cat_file", path)
        if kept is not None and _whole(data, kept):
            _keep(kept, data)
        return data

    def pipe_file(self, path: str, value: bytes, /) -> None:
        """Writes a file."""
        self._call("pipe_file", path, value)

    def info(self, path: str, /) -> Mapping[str, Any]:
        """`type` and `size` at a path."""
        found: dict[str, Any] = self._call("info", path)
        return found

    def ls(self, path: str, /, *, detail: bool) -> list[str]:
        """The paths in a folder."""
        found: list[str] = self._call("ls", path)
        return found

    def rm(self, path: str, /, *, recursive: bool) -> None:
        """Removes a file or a folder."""
        self._call("rm", path)

    def makedirs(self, path: str, /, *, exist_ok: bool) -> None:
        """Nothing: the server creates folders with their files."""

    def invalidate_cache(self) -> None:
        """Nothing: folders are not cached."""

    def _kept(self) -> Path:
        return self._cache or Path(tempfile.gettempdir()) / f"hwnas-blobs-{os.getuid()}"


def _whole(data: bytes, path: Path) -> bool:
    """Whether a blob has the content that its name states."""
    return hashlib.sha256(data).hexdigest() == path.name


def _keep(path: Path, data: bytes) -> None:
    """Keeps a blob, in place of those that were not used for longest; a node without room keeps none."""
    from nas.errors import OutOfSpace, UnwritableFolder

    try:
        path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        others = sorted((one for one in path.parent.iterdir() if one.is_file()), key=lambda one: -one.stat().st_mtime)
        total = len(data)
        for one in others:
            total += one.stat().st_size
            if total > KEPT_BYTES:
                one.unlink(missing_ok=True)
        write_atomically(path, data)
    except (OSError, OutOfSpace, UnwritableFolder):
        return
