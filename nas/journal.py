"""The state of an unfinished stage: a journal of JSON values, and the newest checkpoint. Neither appends to nor replaces a file.

Each file carries the hash of its content in its name, and a longer or newer one is written before the one that it replaces is removed.
So a file that a kill cut off is recognised and skipped, and the one before it still counts. Once `append` or `save` has returned, the
value is kept. The two are independent: after kills a journal may be any number of values ahead of the checkpoint, so a stage with both
resumes each separately. Not here: their place (`nas.store`).
"""

import hashlib
import json
import re
import secrets
from collections import defaultdict
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any, Final

from nas.files import Files

SEGMENT_BYTES: Final = 16 * 1024
"""A journal's segment is closed at this size: a trade-off between bytes written again for each value and the number of files."""

_TRIES: Final = 5
_SEGMENT: Final = re.compile(r"(\d{8,})-([0-9a-f]{8})-(\d{6})-([0-9a-f]{64})")
_CHECKPOINT: Final = re.compile(r"(\d{8,})-([0-9a-f]{64})")


@dataclass(frozen=True, slots=True)
class Segment:
    """Successive values of one writer, one a line. A journal that grows gets a longer segment in place of its last one.

    Attributes:
        first: how many values the writer found before these.
    """

    first: int
    writer: str
    count: int = 0
    content: bytes = b""

    @property
    def name(self) -> str:
        """The name of its file."""
        return f"{self.first:08d}-{self.writer}-{self.count:06d}-{_digest(self.content)}"

    def then(self, line: bytes) -> "Segment":
        """The segment with one more line; a new one where this one is long enough."""
        if len(self.content) >= SEGMENT_BYTES:
            return Segment(self.first + self.count, self.writer).then(line)
        return Segment(self.first, self.writer, self.count + 1, self.content + line)


class Journal:
    """JSON values, each stored before `append` returns."""

    def __init__(self, files: Files) -> None:
        self._files = files
        self._writer = secrets.token_hex(4)
        self._last: Segment | None = None

    def read(self) -> list[Any]:
        """All values, in order. Where two writers wrote at once, the one whose segment begins first counts."""
        values: dict[int, Any] = {}
        for segment in self._segments():
            for place, value in enumerate(_values(segment), start=segment.first):
                values.setdefault(place, value)
        count = next(place for place in range(len(values) + 1) if place not in values)
        return [values[place] for place in range(count)]

    def read_all(self) -> list[Any]:
        """The values of all writers, for what is a set rather than a sequence."""
        return [value for segment in self._segments() for value in _values(segment)]

    def append(self, value: Any) -> None:
        """Adds one value.

        Raises:
            OutOfSpace: the disk is full; earlier values are kept.
        """
        before = self._last or Segment(len(self.read()), self._writer)
        longer = before.then(json.dumps(value).encode() + b"\n")
        self._files.write(longer.name, longer.content)
        self._last = longer
        if before.count and longer.first == before.first:
            self._files.remove(before.name)

    def _segments(self) -> list[Segment]:
        """The longest whole segment of each writer at each place, in order."""
        for _ in range(_TRIES):
            try:
                return list(self._listed(gone_is_torn=False))
            except FileNotFoundError:  # its writer replaced it after it was listed
                continue
        return list(self._listed(gone_is_torn=True))

    def _listed(self, *, gone_is_torn: bool) -> Iterable[Segment]:
        found: dict[tuple[int, str], list[tuple[int, str, str]]] = defaultdict(list)
        for name in self._files.names():
            if matched := _SEGMENT.fullmatch(name):
                first, writer, count, digest = matched.groups()
                found[int(first), writer].append((int(count), digest, name))
        for (first, writer), versions in sorted(found.items()):
            for count, digest, name in sorted(versions, reverse=True):
                content = _whole(self._files, name, digest, gone_is_torn=gone_is_torn)
                if content is not None:
                    yield Segment(first, writer, count, content)
                    break


class Checkpoints:
    """Numbered versions of one blob, of which the newest whole one counts."""

    def __init__(self, files: Files) -> None:
        self._files = files

    def save(self, data: bytes) -> None:
        """Adds a version, then removes those before it.

        Raises:
            OutOfSpace: the disk is full; the version before it is kept.
        """
        before = self._versions()
        number = before[0][0] + 1 if before else 0
        self._files.write(f"{number:08d}-{_digest(data)}", data)
        for _, _, name in before:
            self._files.remove(name)

    def load(self) -> bytes | None:
        """The newest whole version, if there is one."""
        contents = (_whole(self._files, name, digest, gone_is_torn=True) for _, digest, name in self._versions())
        return next((content for content in contents if content is not None), None)

    def _versions(self) -> list[tuple[int, str, str]]:
        """Number, hash and name of each, the newest first."""
        matches = filter(None, map(_CHECKPOINT.fullmatch, self._files.names()))
        return sorted(((int(m[1]), m[2], m[0]) for m in matches), reverse=True)


def _digest(content: bytes) -> str:
    return hashlib.sha256(content).hexdigest()


def _values(segment: Segment) -> list[Any]:
    return [json.loads(line) for line in segment.content.splitlines()]


def _whole(files: Files, name: str, digest: str, *, gone_is_torn: bool) -> bytes | None:
    """The content of a file if it matches its name."""
    try:
        content = files.read(name)
    except FileNotFoundError:
        if gone_is_torn:
            return None
        raise
    return content if _digest(content) == digest else None
