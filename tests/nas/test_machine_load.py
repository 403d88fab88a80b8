"""What other processes use of this machine, by hand."""

import os
from pathlib import Path

import pytest

from nas import machine_load
from nas.machine_load import Load


def stat(monkeypatch: pytest.MonkeyPatch, folder: Path, ticks: str, wall_s: float, own_s: float) -> None:
    """Puts the machine's clocks to these."""
    path = folder / "stat"
    path.write_text(f"cpu {ticks}\ncpu0 1 2 3\n")
    monkeypatch.setattr(machine_load, "_STAT", path)
    monkeypatch.setattr("time.monotonic", lambda: wall_s)
    monkeypatch.setattr("time.process_time", lambda: own_s)


def test_what_others_use_is_what_is_busy_less_what_is_mine(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(os, "cpu_count", lambda: 2)
    monkeypatch.setattr(os, "sysconf", lambda _: 100)
    stat(monkeypatch, tmp_path, "1000 0 0 5000 70 0 0 0 0 0", 10.0, 3.0)
    before = Load.read()
    # ten seconds later: 12 s of user, 1 s of nice, 1 s of system and 1 s of interrupts more, of which 5 s are mine
    stat(monkeypatch, tmp_path, "2200 100 100 5600 70 50 50 0 0 0", 20.0, 8.0)
    assert before.others_since() == pytest.approx((15 - 5) / 20)


def test_where_the_system_does_not_tell_nobody_else_is_busy(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(machine_load, "_STAT", tmp_path / "absent")
    assert Load.read().others_since() == 0.0
    (tmp_path / "absent").write_text("cpu x\n")
    assert Load.read().others_since() == 0.0
