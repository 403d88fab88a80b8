"""The store of all results: a stage index over blobs named by the hash of their content.

    blobs/ab/abcd…       content, named by its SHA-256
    stages/NAME/KEY.json the blobs of a finished stage, by a hash of its inputs
    partial/KEY/…        checkpoints and journals of stages that have not finished

A store is a folder, or lies on any file system of fsspec's. Its blobs are common to all users; everything else belongs
to a namespace, such as a tenant, and lies under `namespaces/NAME/` for one that has a name. A blob is found through an index only,
so a namespace never sees another's results.

One rule gives resume, reuse and provenance: a stage whose key is in the index is not run again. A blob is stored before the index
names it, and incomplete content is ignored: a kill at any instant leaves only valid content. Not here: the stages; how files
are written (`nas.files`), and how unfinished stages are kept (`nas.journal`).
"""

import hashlib
import json
import re
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

from filelock import FileLock, Timeout

from hw_targets.stopping import check_cancelled
from nas.core_seconds import StageClock
from nas.errors import StoreCorrupt
from nas.files import Files, writing_is_typed
from nas.journal import Checkpoints, Journal

SCHEMA = 1
LOCK_POLL_S = 0.5
"""How often a process that waits for another's stage checks for a stop."""


@dataclass(frozen=True)
class StageKey:
    """What a stage's result depends on: its name, the version of its code and schema, and its inputs (JSON values)."""

    name: str
    version: int
    inputs: Mapping[str, Any]

    @cached_property
    def hash(self) -> str:
        """SHA-256 over all of it, hexadecimal."""
        return _digest([SCHEMA, self.name, self.version, dict(self.inputs)])


@dataclass(frozen=True, slots=True)
class StageRecord:
    """A finished stage: its inputs, its blobs by name, small facts, its time, and its processor time where it was counted."""

    inputs: Mapping[str, Any]
    outputs: Mapping[str, str]
    facts: Mapping[str, Any]
    seconds: float
    core_seconds: float | None = None


class Store:
    """A content-addressed store as one namespace sees it. Its folder is created at the first write."""

    def __init__(self, place: Path | str | Files, *, namespace: str = "") -> None:
        """A store in a folder, at an fsspec URL, or among given files; `namespace` separates users, not contents."""
        if not re.fullmatch(r"[\w-]*", namespace, re.ASCII):
            raise ValueError(f"{namespace!r} does not consist of letters, digits, - and _")
        self.files, self.namespace = place if isinstance(place, Files) else Files.at(place), namespace
        self._blobs = self.files / "blobs"
        self._own = self.files / "namespaces" / namespace if namespace else self.files

    @classmethod
    def of(cls, place: "Store | Path | str") -> "Store":
        """The store itself, or the one in a folder or at an fsspec URL."""
        return place if isinstance(place, Store) else cls(place)

    def put(self, data: bytes) -> str:
        """Stores a blob and returns its SHA-256.

        Raises:
            OutOfSpace: the disk is full; nothing stored before is lost.
        """
        digest = hashlib.sha256(data).hexdigest()
        if self._blobs.size(_name(digest)) != len(data):
            self._blobs.write(_name(digest), data)
        return digest

    def get(self, digest: str) -> bytes:
        """The blob of a hash.

        Raises:
            StoreCorrupt: it is missing, or its content does not match its name.
        """
        try:
            data = self._blobs.read(_name(digest))
        except FileNotFoundError as error:
            raise StoreCorrupt(
                f"The store lacks the blob {digest}.", fix="Run again: its stage is then run again."
            ) from error
        if hashlib.sha256(data).hexdigest() != digest:
            raise StoreCorrupt(
                f"The blob {digest} has been changed.",
                fix=f"Delete {self.path_of(digest)} and run again: its stage is then run again.",
            )
        return data

    def path_of(self, digest: str) -> str:
        """Where a blob is, as a path or a URL, for users and other tools to read; never write to it."""
        return self._blobs.path(_name(digest))

    def find(self, key: StageKey) -> StageRecord | None:
        """The finished stage of a key, if it is here with all of its blobs."""
        document = self._document(key.name, f"{key.hash}.json")
        if document is None:
            return None
        outputs, sizes = document["outputs"], document["sizes"]
        there = all(self._blobs.size(_name(digest)) == sizes[name] for name, digest in outputs.items())
        return _record(document) if there else None

    def finished(self, name: str) -> list[StageRecord]:
        """All finished stages of a name, the newest first. Their blobs may be missing."""
        documents = [self._document(name, file) for file in (self._own / "stages" / name).names()]
        whole = [document for document in documents if document is not None]
        return [_record(document) for document in sorted(whole, key=lambda d: -d["finished_unix_s"])]

    def finish(
        self,
        key: StageKey,
        outputs: Mapping[str, bytes],
        *,
        seconds: float,
        facts: Mapping[str, Any] | None = None,
        core_seconds: float | None = None,
    ) -> StageRecord:
        """Stores a stage's results, names them in the index, and drops its checkpoints.

        Raises:
            OutOfSpace: the disk is full; the checkpoints are kept.
        """
        document: dict[str, Any] = {
            "stage": key.name, "version": key.version, "inputs": dict(key.inputs), "facts": dict(facts or {}),
            "outputs": {name: self.put(data) for name, data in outputs.items()},
            "sizes": {name: len(data) for name, data in outputs.items()},
            "seconds": seconds, "core_seconds": core_seconds, "finished_unix_s": time.time(),
        }  # fmt: skip
        text = json.dumps({**document, "sha256": _digest(document)}, indent=1, sort_keys=True)
        self._own.write(f"stages/{key.name}/{key.hash}.json", text.encode())
        with suppress(OSError):  # a leftover is never read once the stage is found
            self._own.remove(f"partial/{key.hash}")
        return _record(document)

    def share(self, name: str, other: "Store") -> None:
        """Lets another namespace of this store find the finished stages of a name: the only way between namespaces."""
        for file in (self._own / "stages" / name).names():
            if self._document(name, file) is not None:
                other._own.write(f"stages/{name}/{file}", self._own.read(f"stages/{name}/{file}"))

    def save_checkpoint(self, key: StageKey, data: bytes) -> None:
        """Replaces the checkpoint of an unfinished stage.

        Raises:
            OutOfSpace: the disk is full; the checkpoint before it is kept.
        """
        Checkpoints(self._partial(key) / "checkpoints").save(data)

    def load_checkpoint(self, key: StageKey) -> bytes | None:
        """The newest checkpoint of an unfinished stage that is whole, if there is one."""
        return Checkpoints(self._partial(key) / "checkpoints").load()

    def journal(self, key: StageKey) -> Journal:
        """The growing list of JSON values of an unfinished stage."""
        return Journal(self._partial(key) / "journal")

    def clock(self, key: StageKey) -> StageClock:
        """Starts to count the core-seconds of an unfinished stage, after those of earlier attempts."""
        partial = self._partial(key)
        resumed = bool((partial / "journal").names() or (partial / "checkpoints").names())
        return StageClock(Journal(partial / "clock"), resumed=resumed)

    @contextmanager
    def lock(self, key: StageKey, waiting: Callable[[], None] = lambda: None) -> Iterator[None]:
        """Lets one process at a time work on a stage; another one waits and then finds the stage finished.

        Calls `waiting` repeatedly meanwhile. Cancelling the wait is in `hw_targets.stopping`.

        In a folder only. Elsewhere two may do the same work, which costs time but does no harm: their blobs do not conflict,
        and the record of either is valid for both.
        """
        if self._own.folder is None:
            yield
            return
        path = self._own.folder / "locks" / f"{key.hash}.lock"
        with writing_is_typed():
            path.parent.mkdir(parents=True, exist_ok=True)
        lock = FileLock(path)
        while not lock.is_locked:
            check_cancelled()
            try:
                with writing_is_typed():
                    lock.acquire(timeout=LOCK_POLL_S)
            except Timeout:
                waiting()
        try:
            yield
        finally:
            lock.release()

    def _partial(self, key: StageKey) -> Files:
        return self._own / "partial" / key.hash

    def _document(self, name: str, file: str) -> dict[str, Any] | None:
        """A record of the index, if it is whole."""
        try:
            document = json.loads(self._own.read(f"stages/{name}/{file}"))
        except (FileNotFoundError, ValueError):
            return None
        if not isinstance(document, dict) or document.pop("sha256", None) != _digest(document):
            return None
        return document


def _name(digest: str) -> str:
    return f"{digest[:2]}/{digest}"


def _digest(value: Any) -> str:
    """SHA-256 of a JSON value, whatever the order of its keys."""
    return hashlib.sha256(json.dumps(value, sort_keys=True).encode()).hexdigest()


def _record(document: Mapping[str, Any]) -> StageRecord:
    return StageRecord(
        document["inputs"],
        document["outputs"],
        document["facts"],
        document["seconds"],
        document.get("core_seconds"),
    )
