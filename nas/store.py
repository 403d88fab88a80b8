"""Where everything computed is kept: a stage index over blobs named by the hash of their content, in one folder.

    blobs/ab/abcd…       content, named by its SHA-256
    stages/NAME/KEY.json which blobs a finished stage made, keyed by a hash of its inputs
    partial/KEY/…        checkpoints and journals of stages that have not finished

One rule gives resume, reuse and provenance: a stage whose key is in the index is not run again. A blob is renamed into
place before the index names it, so a kill at any instant leaves only valid entries. Not here: what the stages do.
"""

import errno
import hashlib
import json
import os
import shutil
import tempfile
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

from filelock import FileLock, Timeout

from hw_targets.stopping import stop_if_asked
from nas.errors import OutOfSpace, StoreCorrupt

SCHEMA = 1
LOCK_POLL_S = 0.5
"""How often one who waits for another's stage asks whether to stop."""


@dataclass(frozen=True)
class StageKey:
    """What a stage's result depends on: its name, the version of its code and schema, and its inputs (JSON values)."""

    name: str
    version: int
    inputs: Mapping[str, Any]

    @cached_property
    def hash(self) -> str:
        """SHA-256 over all of it, hexadecimal."""
        document = json.dumps([SCHEMA, self.name, self.version, dict(self.inputs)], sort_keys=True)
        return hashlib.sha256(document.encode()).hexdigest()


@dataclass(frozen=True, slots=True)
class StageRecord:
    """A finished stage: its blobs by name, small facts beside them, and how long it took."""

    outputs: Mapping[str, str]
    facts: Mapping[str, Any]
    seconds: float


class Store:
    """A content-addressed store in a folder, made when first written to."""

    def __init__(self, root: Path) -> None:
        self.root = root

    def put(self, data: bytes) -> str:
        """Stores a blob and returns its SHA-256.

        Raises:
            OutOfSpace: the disk is full; nothing stored before is lost.
        """
        digest = hashlib.sha256(data).hexdigest()
        path = self._blob(digest)
        if not path.exists():
            write_atomically(path, data)
        return digest

    def get(self, digest: str) -> bytes:
        """The blob of a hash.

        Raises:
            StoreCorrupt: it is missing, or its content is not what its name promises.
        """
        path = self._blob(digest)
        try:
            data = path.read_bytes()
        except FileNotFoundError as error:
            raise StoreCorrupt(f"The store lacks the blob {digest}.", fix=self._mend()) from error
        if hashlib.sha256(data).hexdigest() != digest:
            raise StoreCorrupt(f"The blob {digest} has been changed.", fix=self._mend())
        return data

    def path_of(self, digest: str) -> Path:
        """The file of a blob, for people and for other tools to read; never write to it."""
        return self._blob(digest)

    def _mend(self) -> str:
        return f"Delete {self.root / 'stages'} and run again; checkpoints of unfinished stages are kept."

    def _blob(self, digest: str) -> Path:
        return self.root / "blobs" / digest[:2] / digest

    def _record(self, key: StageKey) -> Path:
        return self.root / "stages" / key.name / f"{key.hash}.json"

    def find(self, key: StageKey) -> StageRecord | None:
        """The finished stage of a key, if it is here with all of its blobs."""
        try:
            document = json.loads(self._record(key).read_text())
        except (FileNotFoundError, json.JSONDecodeError):
            return None
        record = StageRecord(document["outputs"], document["facts"], document["seconds"])
        return record if all(self._blob(digest).exists() for digest in record.outputs.values()) else None

    def finish(
        self, key: StageKey, outputs: Mapping[str, bytes], *, seconds: float, facts: Mapping[str, Any] | None = None
    ) -> StageRecord:
        """Stores a stage's results, names them in the index, and drops its checkpoints.

        Raises:
            OutOfSpace: the disk is full; the checkpoints are kept.
        """
        digests = {name: self.put(data) for name, data in outputs.items()}
        document: dict[str, Any] = {
            "stage": key.name, "version": key.version, "inputs": dict(key.inputs), "outputs": digests,
            "facts": dict(facts or {}), "seconds": seconds,
        }  # fmt: skip
        write_atomically(self._record(key), json.dumps(document, indent=1, sort_keys=True).encode())
        shutil.rmtree(self._partial(key), ignore_errors=True)
        return StageRecord(digests, document["facts"], seconds)

    def _partial(self, key: StageKey) -> Path:
        return self.root / "partial" / key.hash

    def save_checkpoint(self, key: StageKey, data: bytes) -> None:
        """Replaces the checkpoint of an unfinished stage.

        Raises:
            OutOfSpace: the disk is full; the checkpoint before it is kept.
        """
        write_atomically(self._partial(key) / "checkpoint", data)

    def load_checkpoint(self, key: StageKey) -> bytes | None:
        """The checkpoint of an unfinished stage, if there is one."""
        try:
            return (self._partial(key) / "checkpoint").read_bytes()
        except FileNotFoundError:
            return None

    def journal(self, key: StageKey) -> "Journal":
        """The append-only list of JSON values of an unfinished stage."""
        return Journal(self._partial(key) / "journal.jsonl")

    @contextmanager
    def lock(self, key: StageKey) -> Iterator[None]:
        """Lets one process at a time work on a stage; another that wants the same waits and then finds it finished."""
        path = self.root / "locks" / f"{key.hash}.lock"
        with full_disk_is_typed():
            path.parent.mkdir(parents=True, exist_ok=True)
        lock = FileLock(path)
        while not lock.is_locked:
            stop_if_asked()
            with suppress(Timeout):
                lock.acquire(timeout=LOCK_POLL_S)
        try:
            yield
        finally:
            lock.release()


class Journal:
    """JSON values, one a line, each on disk before `append` returns. A line cut off by a kill is dropped when read."""

    def __init__(self, path: Path) -> None:
        self._path = path

    def read(self) -> list[Any]:
        """All whole values, in order."""
        try:
            lines = self._path.read_bytes().split(b"\n")
        except FileNotFoundError:
            return []
        return [json.loads(line) for line in lines[:-1]]

    def append(self, value: Any) -> None:
        """Adds one value.

        Raises:
            OutOfSpace: the disk is full; earlier values are kept.
        """
        data = json.dumps(value).encode() + b"\n"
        with full_disk_is_typed():
            self._path.parent.mkdir(parents=True, exist_ok=True)
            with self._path.open("ab+") as file:
                self._drop_torn_line(file)
                file.write(data)
                file.flush()
                os.fsync(file.fileno())

    @staticmethod
    def _drop_torn_line(file: Any) -> None:
        end = file.seek(0, os.SEEK_END)
        if end:
            file.seek(end - 1)
            if file.read(1) != b"\n":
                file.seek(0)
                file.truncate(file.read().rfind(b"\n") + 1)
                file.seek(0, os.SEEK_END)


def write_atomically(path: Path, data: bytes) -> None:
    """Writes a file so that it is either whole or not there, also after a kill.

    Raises:
        OutOfSpace: the disk is full; the file that was there before is kept.
    """
    with full_disk_is_typed():
        path.parent.mkdir(parents=True, exist_ok=True)
        handle, temporary = tempfile.mkstemp(dir=path.parent, prefix=".writing-")
        try:
            with os.fdopen(handle, "wb") as file:
                file.write(data)
                file.flush()
                os.fsync(file.fileno())
            os.replace(temporary, path)
        except BaseException:
            Path(temporary).unlink(missing_ok=True)
            raise


@contextmanager
def full_disk_is_typed() -> Iterator[None]:
    """Turns the operating system's word for a full or read-only disk into `OutOfSpace`."""
    try:
        yield
    except OSError as error:
        if error.errno not in (errno.ENOSPC, errno.EDQUOT, errno.EROFS, errno.EACCES, errno.EFBIG):
            raise
        raise OutOfSpace(
            f"Cannot write: {error.strerror or error}{f' ({error.filename})' if error.filename else ''}.",
            fix="Free some space (or choose another folder with --out) and run the same command again: it continues.",
        ) from error
