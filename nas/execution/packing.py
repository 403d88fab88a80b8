"""Items, stores and errors as bytes that another process reads. Not here: how the bytes get there."""

import json
import pickle
import secrets
import sys
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import dataclass, replace
from functools import lru_cache
from importlib import import_module
from pathlib import Path
from typing import Any, Final

from nas.errors import UnreachableStore, UnsendableWork
from nas.execution.work import WorkItem
from nas.files import Files, FileSystem
from nas.store import Store
from search_spaces.errors import HwnasError

MOST_BYTES: Final = 8 * 2**20
"""Larger items are rejected: what is large belongs into the store, once, and not into every item."""


def pack_item(item: WorkItem, *, by_value: bool = False) -> bytes:
    """An item as bytes.

    Code of a file that no worker could import, such as a search space of a user's Python file, goes along by value.

    Args:
        item: to pack.
        by_value: whether code of all modules that are not installed goes along, for workers with other files.

    Raises:
        UnsendableWork: it holds something that belongs to this process (an open file, a lock), or it is too large.
    """
    import cloudpickle

    try:
        packed: bytes = cloudpickle.dumps(item)
        if by_value:
            packed = _with_code(item, packed)
    except Exception as error:
        raise UnsendableWork(
            f"{item.name} cannot be sent to a worker: {type(error).__name__}: {error}.",
            fix="Let it hold plain values only, or use --executor local.",
            facts={"item": item.name},
        ) from error
    if len(packed) > MOST_BYTES:
        raise UnsendableWork(
            f"{item.name} takes {len(packed):,} bytes, more than the {MOST_BYTES:,} that are sent with one item.",
            fix="Put what is large into the store, and name it by its hash.",
            facts={"item": item.name, "bytes": len(packed)},
        )
    return packed


def _with_code(item: WorkItem, packed: bytes) -> bytes:
    """An item packed again with the code of those modules that are not installed and that it names, and that these name."""
    import cloudpickle

    added: list[str] = []
    try:
        while new := [name for name in _own_modules(len(sys.modules)) if name not in added and name.encode() in packed]:
            for name in new:
                cloudpickle.register_pickle_by_value(sys.modules[name])
            added += new
            packed = cloudpickle.dumps(item)
    finally:
        for name in added:
            cloudpickle.unregister_pickle_by_value(sys.modules[name])
    return packed


@lru_cache(maxsize=1)
def _own_modules(_loaded: int) -> list[str]:
    """Modules of files that are neither installed nor of Python or of hwnas; looked up again once another number of modules is loaded."""
    installed = [str(Path(path)) for path in (sys.prefix, sys.base_prefix)]
    ours = str(Path(__file__).parents[2])
    packages = ("search_spaces", "hw_targets", "latency_models", "nas", "api")
    names = []
    for name, module in list(sys.modules.items()):
        file = getattr(module, "__file__", None) or ""
        known = not file or file.startswith(tuple(installed)) or "site-packages" in file
        if known or (file.startswith(ours) and name.partition(".")[0] in packages):
            continue
        names.append(name)
    return names


def unpack_item(packed: bytes) -> WorkItem:
    """The item of `pack_item`.

    Raises:
        UnsendableWork: this worker lacks a module that the item needs.
    """
    import cloudpickle

    try:
        item: WorkItem = cloudpickle.loads(packed)
    except Exception as error:
        raise UnsendableWork(
            f"A worker cannot read an item: {type(error).__name__}: {error}.",
            fix="Install the same packages where the workers run.",
        ) from error
    return item


@dataclass(frozen=True, slots=True)
class PackedStore:
    """A store as another process opens it.

    Attributes:
        files: pickled `Files` of its root.
        namespace: of the store.
        probe: a file that is in it; a worker that lacks the file sees another store.
        place: of the store, for messages.
    """

    files: bytes
    namespace: str
    probe: str
    place: str

    def open(self, served: FileSystem | None = None) -> Store:
        """The store; over `served`, another way to the same files, where they are not seen from here.

        Raises:
            UnreachableStore: this process does not see the store that was packed.
        """
        try:
            files: Files = pickle.loads(self.files)  # noqa: S301 (of the process that started this one)
            if served is not None and not self._seen(files):
                files = Files(served, "")
            seen = self._seen(files)
        except HwnasError:
            raise
        except Exception as error:
            raise self._unreachable(f"{type(error).__name__}: {error}") from error
        if not seen:
            raise self._unreachable("its files are not there")
        return Store(files, namespace=self.namespace)

    def _seen(self, files: Files) -> bool:
        return files.size(self.probe) is not None

    def _unreachable(self, reason: str) -> UnreachableStore:
        return UnreachableStore(
            f"A worker cannot reach the store {self.place}: {reason}.",
            fix="Give --store a folder that every worker sees, or a URL that they can open, such as s3://bucket/store.",
            facts={"store": self.place},
        )


@contextmanager
def packed_store(store: Store) -> Iterator[PackedStore]:
    """A store for other processes, meanwhile: a probe file is in it.

    Raises:
        UnsendableWork: its file system cannot be sent.
        OutOfSpace, UnwritableFolder: the probe cannot be written.
    """
    files = store.files
    if files.folder is not None:
        files = replace(files, folder=files.folder.absolute())
    place = files.path("").rstrip("/")
    try:
        packed = pickle.dumps(files)
    except Exception as error:
        raise UnsendableWork(
            f"The store {place} cannot be sent to a worker: {type(error).__name__}: {error}.",
            fix="Give --store a folder or an fsspec URL.",
            facts={"store": place},
        ) from error
    probe = f"probes/{secrets.token_hex(8)}"
    files.write(probe, b"")
    try:
        yield PackedStore(packed, store.namespace, probe, place)
    finally:
        with suppress(OSError):  # a leftover is of no consequence
            files.remove(probe)


def error_document(error: HwnasError) -> dict[str, Any]:
    """An error as a JSON object from which `restored_error` makes an equal one."""
    return {
        "class": f"{type(error).__module__}:{type(error).__qualname__}", "code": error.code, "status": error.status,
        "detail": error.detail, "fix": error.fix, "facts": json.loads(json.dumps(error.facts, default=str)),
    }  # fmt: skip


def restored_error(document: Mapping[str, Any]) -> HwnasError:
    """The error of a document: of its own class where that can be imported here, else of one with the same code and status."""
    module, _, name = document["class"].partition(":")
    kind: Any = None
    try:
        kind = getattr(import_module(module), name, None)
    except ImportError:
        kind = None
    if not (isinstance(kind, type) and issubclass(kind, HwnasError)):
        kind = type(name, (HwnasError,), {"code": document["code"], "status": document["status"]})
    error: HwnasError = kind.__new__(kind)
    HwnasError.__init__(error, document["detail"], fix=document["fix"], facts=document["facts"])
    return error
