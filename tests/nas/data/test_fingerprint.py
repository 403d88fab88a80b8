"""Fingerprints change with whatever changes the data set, and with nothing else."""

import os
from pathlib import Path

import pytest

from nas.data import load, source_fingerprint
from nas.errors import InvalidData


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    for index, name in enumerate(("a", "b", "a/deeper")):
        (tmp_path / name).mkdir()
        (tmp_path / name / "x.png").write_bytes(bytes(index + 1))
    return tmp_path


def fingerprint(source: Path | str, resolution: int | None = None, seed: int = 0) -> str:
    return source_fingerprint(str(source), resolution=resolution, seed=seed)


def test_a_fingerprint_repeats_until_something_changes(folder: Path) -> None:
    first = fingerprint(folder)
    assert first == fingerprint(folder) == fingerprint(f"{folder}/.")
    (folder / ".hidden").write_bytes(b"?")
    assert fingerprint(folder) == first
    seen = {first, fingerprint(folder, 8), fingerprint(folder, seed=1)}
    os.utime(folder / "b" / "x.png", (1, 1))
    seen.add(fingerprint(folder))
    (folder / "a" / "deeper" / "x.png").write_bytes(bytes(9))
    seen.add(fingerprint(folder))
    (folder / "b" / "x.png").rename(folder / "b" / "y.png")
    seen.add(fingerprint(folder))
    assert len(seen) == 6


def test_digits_and_archives_have_fingerprints(tmp_path: Path) -> None:
    (tmp_path / "d.npz").write_bytes(b"12")
    seen = {fingerprint("digits"), fingerprint("digits", 16), fingerprint(tmp_path / "d.npz")}
    (tmp_path / "d.npz").write_bytes(b"123")
    seen.add(fingerprint(tmp_path / "d.npz"))
    assert len(seen) == 4


@pytest.mark.parametrize("source", ["nothing/here", "a\0b", "~no-such-user/x", "x" * 5000])
def test_a_missing_source_is_the_same_error_as_in_load(source: str) -> None:
    for read in (lambda: fingerprint(source), lambda: load(source)):
        with pytest.raises(InvalidData, match="There is no data set"):
            read()
