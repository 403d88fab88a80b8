"""The contract of a store on a file system of fsspec's. Subclass it for a store elsewhere than in a folder:

    import uuid

    import pytest

    from nas.files import Files
    from nas.testing.store import StoreContract


    class TestMyBucket(StoreContract):
        @pytest.fixture
        def files(self) -> Files:
            return Files.at(f"s3://my-bucket/{uuid.uuid4().hex}")

The root must be empty for each test.
"""

import time

import pytest

from nas.errors import StoreCorrupt
from nas.files import Files
from nas.store import StageKey, Store
from nas.testing.files import FilesContract

KEY = StageKey("train", 1, {"data": "abc", "seed": 0})
HELLO = "2cf24dba5fb0a30e26e83b2ac5b9e29e1b161e5c1fa7425e73043362938b9824"
RECORD = f"stages/train/{KEY.hash}.json"


class StoreContract(FilesContract):
    """What holds for `nas.store.Store` on every file system, and what it needs of that."""

    @pytest.fixture
    def store(self, files: Files) -> Store:
        """A store of no namespace."""
        return Store(files)

    def test_blobs_are_named_by_content(self, store: Store, files: Files) -> None:
        assert store.put(b"hello") == store.put(b"hello") == HELLO
        assert store.get(HELLO) == b"hello"
        assert files.read(f"blobs/2c/{HELLO}") == b"hello"

    def test_a_changed_blob_is_rejected(self, store: Store, files: Files) -> None:
        store.put(b"hello")
        files.write(f"blobs/2c/{HELLO}", b"hullo")
        with pytest.raises(StoreCorrupt, match="has been changed") as caught:
            store.get(HELLO)
        assert store.path_of(HELLO) in caught.value.fix

    def test_a_missing_blob_is_rejected(self, store: Store) -> None:
        with pytest.raises(StoreCorrupt, match="lacks the blob"):
            store.get("0" * 64)

    @pytest.mark.parametrize("left", [b"", b"hell"])
    def test_a_blob_that_was_cut_off_is_written_again(self, store: Store, files: Files, left: bytes) -> None:
        files.write(f"blobs/2c/{HELLO}", left)
        store.put(b"hello")
        assert store.get(HELLO) == b"hello"

    def test_a_finished_stage_is_found_again(self, store: Store, files: Files) -> None:
        store.finish(KEY, {"bank": b"weights"}, seconds=2.0, facts={"steps": 3})
        found = Store(files).find(StageKey("train", 1, {"seed": 0, "data": "abc"}))  # in whatever order
        assert found is not None
        assert (found.inputs, found.facts, found.seconds) == (KEY.inputs, {"steps": 3}, 2.0)
        assert store.get(found.outputs["bank"]) == b"weights"

    @pytest.mark.parametrize(
        "other",
        [
            StageKey("train", 2, KEY.inputs),
            StageKey("tune", 1, KEY.inputs),
            StageKey("train", 1, {**KEY.inputs, "seed": 1}),
        ],
    )
    def test_another_input_or_version_is_another_stage(self, store: Store, other: StageKey) -> None:
        store.finish(KEY, {}, seconds=0.0)
        assert store.find(other) is None

    @pytest.mark.parametrize("left", [None, b"", b"weight", b"weights and more"])
    def test_a_stage_whose_blob_is_not_whole_runs_again(self, store: Store, files: Files, left: bytes | None) -> None:
        digest = store.finish(KEY, {"bank": b"weights"}, seconds=0.0).outputs["bank"]
        blob = f"blobs/{digest[:2]}/{digest}"
        files.remove(blob) if left is None else files.write(blob, left)
        assert store.find(KEY) is None
        store.finish(KEY, {"bank": b"weights"}, seconds=0.0)
        assert store.find(KEY) is not None
        assert store.get(digest) == b"weights"

    def test_a_record_that_was_cut_off_is_not_believed(self, store: Store, files: Files) -> None:
        store.finish(KEY, {}, seconds=0.0, facts={"name": "ä"})
        whole = files.read(RECORD)
        for left in range(len(whole)):
            files.write(RECORD, whole[:left])
            assert store.find(KEY) is None, left

    @pytest.mark.parametrize("text", ["[]", "null", "7", '{"outputs": {}, "facts": {}, "seconds": 0.0}', "\x00" * 9])
    def test_what_is_no_record_is_not_believed(self, store: Store, files: Files, text: str) -> None:
        files.write(RECORD, text.encode())
        assert store.find(KEY) is None
        assert store.finished("train") == []

    def test_a_record_of_which_a_figure_was_changed_is_not_believed(self, store: Store, files: Files) -> None:
        store.finish(KEY, {}, seconds=0.0, facts={"steps": 3})
        files.write(RECORD, files.read(RECORD).replace(b'"steps": 3', b'"steps": 4'))
        assert store.find(KEY) is None

    def test_finished_stages_of_a_name_come_newest_first(self, store: Store, monkeypatch: pytest.MonkeyPatch) -> None:
        for number, second in enumerate((20.0, 30.0, 10.0)):
            monkeypatch.setattr(time, "time", lambda second=second: second)
            store.finish(StageKey("train", 1, {"n": number}), {}, seconds=0.0)
        assert [record.inputs["n"] for record in store.finished("train")] == [1, 0, 2]
        assert store.finished("tune") == []

    def test_finishing_drops_checkpoint_and_journal(self, store: Store) -> None:
        store.save_checkpoint(KEY, b"half")
        store.save_checkpoint(KEY, b"three quarters")
        store.journal(KEY).append(1)
        assert store.load_checkpoint(KEY) == b"three quarters"
        store.finish(KEY, {"bank": b"whole"}, seconds=0.0)
        assert (store.load_checkpoint(KEY), store.journal(KEY).read()) == (None, [])

    def test_what_a_namespace_computes_no_other_finds(self, store: Store, files: Files) -> None:
        mine, theirs = Store(files, namespace="ten_a"), Store(files, namespace="ten_b")
        mine.finish(KEY, {"bank": b"weights"}, seconds=0.0)
        mine.save_checkpoint(KEY, b"half")
        mine.journal(KEY).append(1)
        for other in (theirs, store):
            assert (other.find(KEY), other.finished("train")) == (None, [])
            assert (other.load_checkpoint(KEY), other.journal(KEY).read()) == (None, [])
        assert Store(files, namespace="ten_a").find(KEY) is not None

    def test_finishing_leaves_what_others_have_not_finished(self, files: Files) -> None:
        mine, theirs = Store(files, namespace="ten_a"), Store(files, namespace="ten_b")
        theirs.save_checkpoint(KEY, b"half")
        mine.finish(KEY, {}, seconds=0.0)
        assert theirs.load_checkpoint(KEY) == b"half"

    def test_a_content_is_stored_once_for_all(self, files: Files) -> None:
        records = [Store(files, namespace=n).finish(KEY, {"bank": b"hello"}, seconds=0.0) for n in ("", "a", "b")]
        assert {record.outputs["bank"] for record in records} == {HELLO}
        assert ((files / "blobs").names(), files.names()) == (["2c"], ["blobs", "namespaces", "stages"])

    def test_stages_are_shared_by_name_and_on_purpose(self, files: Files) -> None:
        mine, theirs = Store(files, namespace="a"), Store(files, namespace="b")
        secret = StageKey("prepare", 1, {})
        mine.finish(KEY, {"bank": b"hello"}, seconds=3.0)
        mine.finish(secret, {}, seconds=0.0)
        mine.share("train", theirs)
        found = theirs.find(KEY)
        assert found is not None and theirs.get(found.outputs["bank"]) == b"hello"
        assert theirs.find(secret) is None
