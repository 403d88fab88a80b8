"""Fingerprints change with whatever changes the data set; blobs give it back bit for bit."""

import os
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

from nas.data import load
from nas.data.prepared import pack, source_fingerprint, summary, unpack
from nas.errors import InvalidData, StoreCorrupt


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


def test_a_blob_gives_the_data_set_back() -> None:
    data = load("digits", resolution=12, seed=3)
    blob = pack(data)
    again = unpack(blob)
    assert pack(again) == blob
    assert summary(again) == summary(data)
    for ours, theirs in ((again.train, data.train), (again.val, data.val), (again.test, data.test)):
        assert (ours.images == theirs.images).all()
        assert (ours.labels == theirs.labels).all()
        assert ours.images.flags.writeable


def test_a_summary_counts() -> None:
    about = summary(load("digits"))
    assert about["images"] == {"train": 1169, "val": 269, "test": 359}
    assert sum(about["per_class"]["test"]) == 359
    assert (about["resolution"], about["channels"], about["skipped"], about["warnings"]) == (8, 1, [], [])


def test_what_is_no_blob_is_refused() -> None:
    from safetensors.numpy import save

    blob = pack(load("digits"))
    for broken in (b"", b"0123456789", blob[:-5], save({"about": np.frombuffer(b"{}", np.uint8).copy()})):
        with pytest.raises(StoreCorrupt):
            unpack(broken)


def test_reading_data_needs_no_torch() -> None:
    code = (
        "import sys; from nas.data import load; import nas.data.prepared as p; p.pack(load('digits', resolution=16)); "
        "sys.exit('torch' in sys.modules or 'sklearn' in sys.modules)"
    )
    assert subprocess.run([sys.executable, "-c", code], cwd=Path(__file__).parents[3], check=False).returncode == 0
