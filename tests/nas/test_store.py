"""The store, in a folder and in memory: what is kept, for whom, and what a kill at any moment leaves behind."""

import json
import tempfile
import threading
import time
from dataclasses import dataclass
from pathlib import Path

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from nas.errors import StoreCorrupt
from nas.files import Files
from nas.store import StageKey, Store
from tests.nas.places import KINDS, Killed, Mortal, place

KEY = StageKey("train", 1, {"data": "abc", "seed": 0})
HELLO = "2cf24dba5fb0a30e26e83b2ac5b9e29e1b161e5c1fa7425e73043362938b9824"
RECORD = f"stages/train/{KEY.hash}.json"


@pytest.fixture(params=KINDS)
def files(request: pytest.FixtureRequest, tmp_path: Path) -> Files:
    return place(request.param, tmp_path / "store")


@pytest.fixture
def store(files: Files) -> Store:
    return Store(files)


class TestContract:
    """What holds on any file system."""

    def test_blobs_are_named_by_content(self, store: Store, files: Files) -> None:
        assert store.put(b"hello") == store.put(b"hello") == HELLO
        assert store.get(HELLO) == b"hello"
        assert files.read(f"blobs/2c/{HELLO}") == b"hello"

    def test_a_changed_blob_is_refused(self, store: Store, files: Files) -> None:
        store.put(b"hello")
        files.write(f"blobs/2c/{HELLO}", b"hullo")
        with pytest.raises(StoreCorrupt, match="has been changed") as caught:
            store.get(HELLO)
        assert store.path_of(HELLO) in caught.value.fix

    def test_a_missing_blob_is_refused(self, store: Store) -> None:
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

    def test_a_store_of_the_first_layout_is_passed_over(self, store: Store, files: Files) -> None:
        old = {"stage": "train", "version": 1, "inputs": dict(KEY.inputs), "outputs": {}, "facts": {}, "seconds": 0.0}
        files.write(RECORD, json.dumps(old).encode())
        files.write(f"partial/{KEY.hash}/checkpoint", b"half")
        files.write(f"partial/{KEY.hash}/journal.jsonl", b'{"n": 1}\n')
        assert (store.find(KEY), store.load_checkpoint(KEY), store.journal(KEY).read()) == (None, None, [])
        store.save_checkpoint(KEY, b"new")
        store.journal(KEY).append(2)
        assert (store.load_checkpoint(KEY), store.journal(KEY).read()) == (b"new", [2])
        store.finish(KEY, {}, seconds=0.0)
        assert store.find(KEY) is not None


@pytest.mark.parametrize("namespace", ["../other", "a/b", ".", "a b", "ä"])
def test_a_namespace_stays_inside_its_folder(tmp_path: Path, namespace: str) -> None:
    with pytest.raises(ValueError, match="not made of"):
        Store(tmp_path, namespace=namespace)


def test_a_store_is_given_as_a_folder_a_url_or_itself(tmp_path: Path) -> None:
    store = Store(tmp_path)
    assert Store.of(store) is store
    store.put(b"hello")
    for same in (tmp_path, str(tmp_path), f"file://{tmp_path}"):
        assert Store.of(same).get(HELLO) == b"hello"


def test_in_a_folder_one_at_a_time_works_on_a_stage(tmp_path: Path) -> None:
    told: list[str] = []

    def second() -> None:
        with Store(tmp_path).lock(KEY):
            told.append("second")

    with (
        Store(tmp_path).lock(KEY),
        Store(tmp_path, namespace="other").lock(KEY),
    ):  # no two namespaces wait for each other
        thread = threading.Thread(target=second)
        thread.start()
        time.sleep(0.05)
        told.append("first")
    thread.join()
    assert told == ["first", "second"]


def test_elsewhere_nobody_waits() -> None:
    store = Store(place("memory", Path()))
    with store.lock(KEY), store.lock(KEY):
        pass


# --- A kill at any moment

STEPS = 4
WEIGHTS = b"weights of a step"
OUTPUTS = {"values": b"[0, 1, 2, 3]", "bank": WEIGHTS * STEPS, "empty": b""}
"""What the stage makes, however often it was interrupted."""


@dataclass
class Acknowledged:
    """What a stage was told is kept: how many values of its journal, and of how many steps the newest checkpoint is."""

    values: int = 0
    steps: int = 0


def _work(store: Store, acknowledged: Acknowledged) -> None:
    """A stage with a journal and checkpoints, each of which goes on where it was."""
    with store.lock(KEY):
        if store.find(KEY) is not None:
            return
        journal, bank = store.journal(KEY), store.load_checkpoint(KEY) or b""
        values: list[int] = journal.read()
        for step in range(STEPS):
            if len(values) == step:
                journal.append(step)
                values.append(step)
                acknowledged.values = step + 1
            if len(bank) == step * len(WEIGHTS):
                bank += WEIGHTS
                store.save_checkpoint(KEY, bank)
                acknowledged.steps = step + 1
        store.finish(KEY, {"values": json.dumps(values).encode(), "bank": bank, "empty": b""}, seconds=1.0)


def _after(store: Store, acknowledged: Acknowledged) -> Acknowledged:
    """What is kept: all that was acknowledged, at most one more that was being written, and nothing that is not whole."""
    found = store.find(KEY)
    if found is not None:
        assert {name: store.get(digest) for name, digest in found.outputs.items()} == OUTPUTS
        return Acknowledged(STEPS, STEPS)
    values, bank = store.journal(KEY).read(), store.load_checkpoint(KEY) or b""
    assert values == list(range(len(values)))
    assert acknowledged.values <= len(values) <= acknowledged.values + 1
    steps = len(bank) // len(WEIGHTS)
    assert bank == WEIGHTS * steps
    assert acknowledged.steps <= steps <= acknowledged.steps + 1
    return Acknowledged(len(values), steps)


def _live(kind: str, kills: list[tuple[int, float]]) -> int:
    """Dies as often as told, once in each life; what is true after each death and at the end. How often it did die."""
    died = 0
    with tempfile.TemporaryDirectory() as folder:
        files = place(kind, Path(folder))
        kept = Acknowledged()
        for lives, part in kills:
            with pytest.MonkeyPatch.context() as patch:
                patch.setattr("nas.journal.SEGMENT_BYTES", 3)  # two values a segment
                try:
                    _work(Store(Mortal.among(files, lives, part, patch)), kept)
                except Killed:
                    died += 1
            kept = _after(Store(files), kept)
        _work(Store(files), kept)
        assert Store(files).find(KEY) is not None
        _after(Store(files), kept)
    return died


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("part", [0.0, 0.5, 1.0])
def test_a_kill_at_each_write_and_removal(kind: str, part: float) -> None:
    at = 0
    while _live(kind, [(at, part)]):
        at += 1
    assert at > 15


@pytest.mark.parametrize("kind", KINDS)
@settings(max_examples=40)
@given(kills=st.lists(st.tuples(st.integers(0, 12), st.sampled_from([0.0, 0.3, 0.9, 1.0])), max_size=6))
@example(kills=[(1, 0.9), (0, 0.9)])  # two lives end at the first checkpoint
@example(kills=[(2, 0.0), (0, 0.0), (1, 0.9), (0, 1.0)])
def test_several_kills_one_after_the_other(kind: str, kills: list[tuple[int, float]]) -> None:
    _live(kind, kills)
