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

from nas.files import Files
from nas.store import Store
from nas.testing.store import HELLO, KEY, RECORD, StoreContract
from tests.nas.places import KINDS, Killed, Mortal, place


class TestFolder(StoreContract):
    @pytest.fixture
    def files(self, tmp_path: Path) -> Files:
        return place("folder", tmp_path / "store")


class TestMemory(StoreContract):
    @pytest.fixture
    def files(self, tmp_path: Path) -> Files:
        return place("memory", tmp_path)


@pytest.mark.parametrize("kind", KINDS)
def test_a_store_of_the_first_layout_is_passed_over(kind: str, tmp_path: Path) -> None:
    files = place(kind, tmp_path / "store")
    store = Store(files)
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
    with pytest.raises(ValueError, match="not consist of"):
        Store(tmp_path, namespace=namespace)


def test_a_store_is_given_as_a_folder_a_url_or_itself(tmp_path: Path) -> None:
    store = Store(tmp_path)
    assert Store.of(store) is store
    store.put(b"hello")
    for same in (tmp_path, str(tmp_path), f"file://{tmp_path}"):
        assert Store.of(same).get(HELLO) == b"hello"


def test_in_a_folder_one_at_a_time_works_on_a_stage(tmp_path: Path) -> None:
    order: list[str] = []

    def second() -> None:
        with Store(tmp_path).lock(KEY):
            order.append("second")

    with (
        Store(tmp_path).lock(KEY),
        Store(tmp_path, namespace="other").lock(KEY),
    ):  # no two namespaces wait for each other
        thread = threading.Thread(target=second)
        thread.start()
        time.sleep(0.05)
        order.append("first")
    thread.join()
    assert order == ["first", "second"]


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
    """What a stage was promised is kept: how many values of its journal, and of how many steps the newest checkpoint is."""

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
    """Dies a given number of times, once in each life; what is true after each death and at the end. How often it did die."""
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
