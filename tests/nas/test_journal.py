"""Journals and checkpoints, in a folder and in memory: their order, what a kill cut off, several writers at once."""

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from nas.files import Files
from nas.journal import Checkpoints, Journal
from tests.nas.places import KINDS, place

VALUES = st.lists(st.one_of(st.integers(), st.text(), st.dictionaries(st.text(), st.floats(allow_nan=False))))


@pytest.fixture(params=KINDS)
def files(request: pytest.FixtureRequest, tmp_path: Path) -> Files:
    return place(request.param, tmp_path / "store")


def filled(files: Files, values: Sequence[Any]) -> Journal:
    journal = Journal(files)
    for value in values:
        journal.append(value)
    return journal


class TestContract:
    """What holds on any file system."""

    def test_a_journal_of_nothing(self, files: Files) -> None:
        assert Journal(files).read() == Journal(files).read_all() == []

    def test_values_come_back_in_order_from_one_small_file(self, files: Files) -> None:
        assert filled(files, [{"n": n} for n in range(20)]).read() == [{"n": n} for n in range(20)]
        assert Journal(files).read() == [{"n": n} for n in range(20)]
        assert len(files.names()) == 1

    def test_files_stay_small_and_few(self, files: Files, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setattr("nas.journal.SEGMENT_BYTES", 100)
        line = "x" * 22  # 25 bytes with its quotes and its end: 4 a segment
        assert filled(files, [line] * 10).read() == [line] * 10
        assert [files.size(name) for name in files.names()] == [100, 100, 50]

    @settings(max_examples=15, suppress_health_check=[HealthCheck.function_scoped_fixture])
    @given(lives=st.lists(VALUES, max_size=3))
    def test_each_process_continues_where_the_one_before_it_ended(self, files: Files, lives: list[list[Any]]) -> None:
        files.remove("j")
        for life in lives:
            filled(files / "j", life)
        assert Journal(files / "j").read() == [value for life in lives for value in life]

    @pytest.mark.parametrize("left", [0, 3, 11])
    def test_a_last_value_that_a_kill_cut_off_is_dropped(self, files: Files, left: int) -> None:
        filled(files, [1])
        filled(files, [2222222222])
        (last,) = [name for name in files.names() if name.startswith("00000001")]
        files.write(last, b"2222222222\n"[:left])
        assert Journal(files).read() == ([1, 2222222222] if left == 11 else [1])
        assert filled(files, [3]).read()[-1] == 3
        assert Journal(files).read() == ([1, 2222222222, 3] if left == 11 else [1, 3])

    def test_a_longer_segment_that_was_cut_off_leaves_the_one_before_it(self, files: Files) -> None:
        filled(files, [1])
        (name,) = files.names()
        files.write(name.replace("-000001-", "-000002-"), b"1\n2")
        assert Journal(files).read() == [1]

    def test_one_who_was_killed_before_removing_counts_once(self, files: Files) -> None:
        journal = filled(files, [1])
        (name,) = files.names()
        journal.append(2)
        files.write(name, b"1\n")
        assert Journal(files).read() == Journal(files).read_all() == [1, 2]

    def test_two_writers_at_once_lose_nothing_of_a_set(self, files: Files) -> None:
        one, other = Journal(files), Journal(files)
        for n in range(5):
            one.append(f"one {n}")
            other.append(f"other {n}")
        assert sorted(Journal(files).read_all()) == [f"{who} {n}" for who in ("one", "other") for n in range(5)]

    def test_two_writers_at_once_make_one_sequence(self, files: Files) -> None:
        one, other = Journal(files), Journal(files)
        one.append(0)
        other.append(1)
        one.append("one")  # both write at place 1: the segment that begins first counts
        other.append(2)
        assert Journal(files).read() == [0, "one", 2]

    def test_a_segment_replaced_while_it_is_read_is_read_again(
        self, files: Files, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        writer, reader = filled(files, [1]), Journal(files)
        listed = Files.names

        def names_then_append(self: Files) -> list[str]:
            found = listed(self)
            monkeypatch.undo()
            writer.append(2)
            return found

        monkeypatch.setattr(Files, "names", names_then_append)
        assert reader.read() == [1, 2]

    def test_the_newest_checkpoint_counts_and_is_alone(self, files: Files) -> None:
        for n in range(3):
            Checkpoints(files).save(b"%d" % n)
        assert Checkpoints(files).load() == b"2"
        assert len(files.names()) == 1

    def test_no_checkpoint(self, files: Files) -> None:
        assert Checkpoints(files).load() is None

    @pytest.mark.parametrize("torn", [b"", b"ne", b"NEW", b"newer"])
    def test_a_checkpoint_that_was_cut_off_leaves_the_one_before_it(self, files: Files, torn: bytes) -> None:
        Checkpoints(files).save(b"new")
        (name,) = files.names()
        files.write(name.replace("00000000", "00000001"), torn)
        assert Checkpoints(files).load() == b"new"
        Checkpoints(files).save(b"newest")
        assert Checkpoints(files).load() == b"newest"
        assert len(files.names()) == 1
