"""The store: what is kept, what a kill leaves behind, what a full disk says."""

import errno
from pathlib import Path

import pytest

from nas.errors import OutOfSpace, StoreCorrupt
from nas.store import Journal, StageKey, Store, write_atomically

KEY = StageKey("train", 1, {"data": "abc", "seed": 0})


def test_blobs_are_named_by_content(tmp_path: Path) -> None:
    store = Store(tmp_path)
    digest = store.put(b"hello")
    assert digest == "2cf24dba5fb0a30e26e83b2ac5b9e29e1b161e5c1fa7425e73043362938b9824"
    assert store.get(digest) == b"hello"


def test_a_changed_blob_is_refused(tmp_path: Path) -> None:
    store = Store(tmp_path)
    digest = store.put(b"hello")
    store.path_of(digest).write_bytes(b"hullo")
    with pytest.raises(StoreCorrupt, match="has been changed"):
        store.get(digest)


def test_a_missing_blob_is_refused(tmp_path: Path) -> None:
    with pytest.raises(StoreCorrupt, match="lacks the blob"):
        Store(tmp_path).get("0" * 64)


def test_a_finished_stage_is_found_again(tmp_path: Path) -> None:
    Store(tmp_path).finish(KEY, {"bank": b"weights"}, seconds=2.0, facts={"steps": 3})
    found = Store(tmp_path).find(
        StageKey("train", 1, {"seed": 0, "data": "abc"})
    )  # the order of inputs does not matter
    assert found is not None
    assert (found.facts, found.seconds) == ({"steps": 3}, 2.0)
    assert Store(tmp_path).get(found.outputs["bank"]) == b"weights"


@pytest.mark.parametrize(
    "other",
    [
        StageKey("train", 2, KEY.inputs),
        StageKey("tune", 1, KEY.inputs),
        StageKey("train", 1, {**KEY.inputs, "seed": 1}),
    ],
)
def test_another_input_or_version_is_another_stage(tmp_path: Path, other: StageKey) -> None:
    store = Store(tmp_path)
    store.finish(KEY, {}, seconds=0.0)
    assert store.find(other) is None


def test_a_stage_whose_blob_is_gone_runs_again(tmp_path: Path) -> None:
    store = Store(tmp_path)
    record = store.finish(KEY, {"bank": b"weights"}, seconds=0.0)
    store.path_of(record.outputs["bank"]).unlink()
    assert store.find(KEY) is None


def test_finishing_drops_the_checkpoint(tmp_path: Path) -> None:
    store = Store(tmp_path)
    store.save_checkpoint(KEY, b"half")
    store.save_checkpoint(KEY, b"three quarters")
    assert store.load_checkpoint(KEY) == b"three quarters"
    store.finish(KEY, {"bank": b"whole"}, seconds=0.0)
    assert store.load_checkpoint(KEY) is None


def test_journal_drops_a_line_that_a_kill_cut_off(tmp_path: Path) -> None:
    journal = Journal(tmp_path / "journal")
    journal.append({"n": 1})
    with (tmp_path / "journal").open("a") as file:
        file.write('{"n": 2')
    assert journal.read() == [{"n": 1}]
    journal.append({"n": 3})
    assert journal.read() == [{"n": 1}, {"n": 3}]


def test_journal_of_nothing_but_a_torn_line(tmp_path: Path) -> None:
    (tmp_path / "journal").write_text('{"n"')
    journal = Journal(tmp_path / "journal")
    journal.append(7)
    assert journal.read() == [7]


def test_a_full_disk_is_typed_and_keeps_what_was_there(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = tmp_path / "file"
    write_atomically(path, b"old")

    def full(_: int) -> None:
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr("nas.store.os.fsync", full)
    with pytest.raises(OutOfSpace, match="run the same command again"):
        write_atomically(path, b"new")
    assert path.read_bytes() == b"old"
    assert list(tmp_path.iterdir()) == [path]
