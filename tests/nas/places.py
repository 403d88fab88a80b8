"""Places for a store to be tested in: a folder and fsspec's memory, also ones that die in the middle of what they do."""

import os
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest
from fsspec.implementations.memory import MemoryFileSystem

from nas.files import Files, FileSystem

KINDS = ("folder", "memory")


def place(kind: str, folder: Path) -> Files:
    """Empty files of a kind. A memory without a rename, of its own."""
    if kind == "folder":
        return Files.at(folder)
    return Files(MemoryFileSystem(global_store=False, skip_instance_cache=True), "/store")


class Killed(BaseException):
    """The process is dead; nothing but this test goes on."""


class Mortal:
    """A file system that dies at one of its writes and removals, after a part of it."""

    def __init__(self, system: FileSystem, lives: int, part: float) -> None:
        self.system, self.lives, self.part = system, lives, part

    @classmethod
    def among(cls, files: Files, lives: int, part: float, patch: pytest.MonkeyPatch) -> Files:
        """The same files, for one who dies at the write or removal of number `lives`, counted from 0."""
        mortal = cls(files.system, lives, part)
        replace = os.replace

        def replace_or_die(temporary: str, path: Path) -> None:
            if mortal.dies():
                if part < 1:
                    Path(f"{temporary}-left").write_bytes(Path(temporary).read_bytes())
                else:
                    replace(temporary, path)
                raise Killed
            replace(temporary, path)

        patch.setattr("nas.files.os.replace", replace_or_die)
        return Files(mortal, files.root, files.folder)

    def dies(self) -> bool:
        """Whether this is the last thing it does."""
        self.lives -= 1
        return self.lives == -1

    def pipe_file(self, path: str, value: bytes, /) -> None:
        """Writes a file, or the beginning of one."""
        if self.dies():
            self.system.pipe_file(path, value[: int(len(value) * self.part)])
            raise Killed
        self.system.pipe_file(path, value)

    def rm(self, path: str, /, *, recursive: bool) -> None:
        """Removes all, or some of it."""
        if self.dies():
            names = sorted(self.system.find(path))  # type: ignore[attr-defined]
            for name in names[: int(len(names) * self.part)]:
                self.system.rm(name, recursive=False)
            raise Killed
        self.system.rm(path, recursive=recursive)

    def cat_file(self, path: str, /) -> bytes:
        """The content of a file."""
        return self.system.cat_file(path)

    def info(self, path: str, /) -> Mapping[str, Any]:
        """What is at a path."""
        return self.system.info(path)

    def ls(self, path: str, /, *, detail: bool) -> list[str]:
        """The paths in a folder."""
        return self.system.ls(path, detail=detail)

    def makedirs(self, path: str, /, *, exist_ok: bool) -> None:
        """Makes a folder."""
        self.system.makedirs(path, exist_ok=exist_ok)

    def invalidate_cache(self) -> None:
        """Has none."""
