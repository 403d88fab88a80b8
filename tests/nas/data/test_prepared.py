"""Blobs give a data set back bit for bit; summaries count it."""

import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

from nas.data import load
from nas.data.prepared import pack, summary, unpack
from nas.errors import StoreCorrupt


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


def test_what_is_no_blob_is_rejected() -> None:
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
