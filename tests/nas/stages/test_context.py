"""When a stage holds the device: while it measures, never for a simulator, and so that the caller can stop meanwhile."""

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path

import pytest

from hw_targets.lock import measuring
from hw_targets.stopping import never
from hw_targets.target import Sample, Target
from nas import store as stores
from nas.errors import Cancelled
from nas.events import Event, LogEvent, ignore
from nas.stages import context as contexts
from nas.stages.context import Context, StageOutput
from nas.stages.profile import measure_samples
from nas.store import StageKey, Store
from search_spaces.network import Network
from tests.nas.boards import Board
from tests.nas.networks import residual

KEY = StageKey("profile", 1, {})


class Abacus(Board):
    """A board that is measured, under the lock of a device."""

    info = replace(Board.info, kind="measured", device_id="abacus")

    def sample(self, networks: Sequence[Network], *, rounds: int, done: Sequence[Sample] = ()) -> Iterator[Sample]:
        """As the board, alone."""
        with measuring("abacus"):
            yield from super().sample(networks, rounds=rounds, done=done)


@pytest.fixture(autouse=True)
def _own_folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("tempfile.tempdir", str(tmp_path))


def test_a_device_is_held_while_it_is_measured_and_for_nothing_else(tmp_path: Path) -> None:
    done: list[str] = []

    @contextmanager
    def claim(target: Target) -> Iterator[None]:
        done.append(f"hold {target.info.id}")
        yield
        done.append("free")

    context = Context(Store(tmp_path), lambda event: done.append(event.type), never, claim)
    measure_samples(context, Abacus(), [residual()], 1, KEY, phase="profiling")
    assert (done[0], done[-1]) == ("hold board", "free") and "progress" in done
    done.clear()
    measure_samples(context, Board(), [residual()], 1, StageKey("profile", 2, {}), phase="profiling")
    assert set(done) == {"progress"}


def test_a_device_is_freed_when_a_measurement_is_cancelled(tmp_path: Path) -> None:
    context = Context(Store(tmp_path), ignore, lambda: True)
    with pytest.raises(Cancelled):
        measure_samples(context, Abacus(), [residual()], 1, KEY, phase="profiling")
    with measuring("abacus", patience_s=0):
        pass


def test_a_wait_for_a_device_is_reported_once_and_can_be_cancelled(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(contexts, "TOLD_AFTER_S", 0.0)
    emitted: list[Event] = []
    polls = iter([False] * 5 + [True])
    context = Context(Store(tmp_path), emitted.append, lambda: next(polls))
    with measuring("abacus"), pytest.raises(Cancelled):
        measure_samples(context, Abacus(), [residual()], 1, KEY, phase="profiling")
    assert emitted == [LogEvent(level="info", message="Waits for a board, which another process is using.")]
    assert next(polls, None) is None


def test_a_wait_for_a_stage_of_another_is_reported_once_and_can_be_cancelled(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(contexts, "TOLD_AFTER_S", 0.0)
    monkeypatch.setattr(stores, "LOCK_POLL_S", 0.01)
    emitted: list[Event] = []
    polls = iter([False] * 5 + [True])
    context = Context(Store(tmp_path), emitted.append, lambda: next(polls))
    with Store(tmp_path).lock(KEY), pytest.raises(Cancelled):
        context.run("profiling", KEY, lambda: StageOutput({}), target="cpu")
    message = "Waits for another process, which computes the same stage (profiling:cpu), to reuse its result."
    assert emitted == [LogEvent(level="info", message=message)]
    assert next(polls, None) is None
    assert Store(tmp_path).find(KEY) is None
