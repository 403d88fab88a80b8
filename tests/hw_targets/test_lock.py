import subprocess
import sys
import time
from pathlib import Path

import pytest

from hw_targets.errors import TargetUnavailable
from hw_targets.lock import computing, measuring, while_waiting
from hw_targets.stopping import check_cancelled, stoppable


@pytest.fixture(autouse=True)
def _own_folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("tempfile.tempdir", str(tmp_path))


def other(folder: Path, code: str) -> subprocess.Popen[str]:
    """Another process that runs code with the lock's names."""
    head = (
        f"import sys, tempfile, time; tempfile.tempdir = {str(folder)!r}\n"
        "from hw_targets.lock import computing, measuring\n"
        "from hw_targets.errors import TargetUnavailable\n"
    )
    return subprocess.Popen([sys.executable, "-c", head + code], stdout=subprocess.PIPE, text=True)


TRY = """
try:
    with measuring('dev/0', patience_s=0.1): print('mine')
except TargetUnavailable as error:
    print(error.code)
"""


def answer(process: subprocess.Popen[str]) -> str:
    return process.communicate(timeout=60)[0].strip()


def test_a_device_is_measured_by_one_process_at_a_time(tmp_path: Path) -> None:
    with measuring("dev/0"):
        assert answer(other(tmp_path, TRY)) == "target_unavailable"
        with measuring("another"):
            pass
    assert answer(other(tmp_path, TRY)) == "mine"


def test_a_device_is_not_measured_during_a_step_of_another_process(tmp_path: Path) -> None:
    with computing("dev/0"), computing("dev/0"):  # those who compute do so together
        assert answer(other(tmp_path, TRY)) == "target_unavailable"
    assert answer(other(tmp_path, TRY)) == "mine"


def test_steps_that_follow_each_other_let_a_measurement_in_and_wait_for_its_end(tmp_path: Path) -> None:
    steps = "print('ready', flush=True)\nwhile True:\n    with computing('dev/0'): time.sleep(0.02)\n"
    trainer = other(tmp_path, steps)
    try:
        assert trainer.stdout is not None
        trainer.stdout.readline()
        time.sleep(0.2)
        with measuring("dev/0", patience_s=30):
            began = time.monotonic()
            with computing("dev/0", cancelled=lambda: time.monotonic() - began > 0.2):
                assert time.monotonic() - began > 0.2
    finally:
        trainer.kill()
        trainer.communicate()


def test_who_waits_to_measure_can_be_stopped() -> None:
    polls = iter([False, False, True])

    def check() -> None:
        if next(polls):
            raise InterruptedError

    with measuring("dev/0"), stoppable(check), pytest.raises(InterruptedError), measuring("dev/0"):
        pass
    check_cancelled()  # nothing is checked outside
    assert next(polls, None) is None


def test_a_lock_that_cannot_be_made_is_reported_and_hinders_no_step(tmp_path: Path) -> None:
    (tmp_path / "hwnas-dev.room").mkdir()
    with pytest.raises(TargetUnavailable, match="writable"), measuring("dev", patience_s=0.1):
        pass
    with computing("dev"):
        pass


def test_a_wait_to_measure_is_reported(tmp_path: Path) -> None:
    holder = other(tmp_path, "with measuring('dev/0'):\n    print('mine', flush=True)\n    time.sleep(60)\n")
    waits: list[float] = []

    def check() -> None:
        if len(waits) == 3:
            raise InterruptedError

    def on_wait() -> None:
        waits.append(time.monotonic())

    try:
        assert holder.stdout is not None
        holder.stdout.readline()
        with pytest.raises(InterruptedError), stoppable(check), while_waiting(on_wait), measuring("dev/0"):
            pass
        assert len(waits) == 3
    finally:
        holder.kill()
        holder.communicate()
    with while_waiting(on_wait), measuring("dev/0"):  # free: no wait
        assert len(waits) == 3
