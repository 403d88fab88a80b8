"""The benchmark of a first answer, in a short form on a simulated board: its row, and that a stopped one goes on with its time."""

import argparse
import json
from pathlib import Path
from typing import Any

import pytest

from benchmarks import first_answer
from nas.events import LogEvent
from nas.spec import SearchSpec
from tests.nas import boards
from tests.nas.stages.photos import photos
from tests.work import LITTLE

WORK = LITTLE.model_copy(update={"supernet_images": 0, "evaluations": 2, "tune_images": 64})

BUDGET_MS = 1.0
"""The board's largest networks are faster."""


def decided(options: argparse.Namespace, data: str, _effort: str, seed: int, _out: Path) -> tuple[SearchSpec, float]:
    """Little work, so that nothing is timed."""
    targets: Any = [{"target": options.target, "latency_ms": BUDGET_MS}]
    return SearchSpec(data=data, seed=seed, resolution=32, start_from="none", targets=targets, work=WORK), 12.5


def command(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> tuple[int, dict[str, Any]]:
    """Runs it; its status and document."""
    options = ["--data", str(tmp_path / "photos"), "--effort", "quick", "--target", "board", "--kept"]
    status = first_answer.main([*options, str(tmp_path / "kept"), "--json"])
    return status, json.loads(capsys.readouterr().out)


def test_short_form_goes_on_where_it_was_stopped(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    boards.install(monkeypatch)
    data = photos(tmp_path, count=20)
    Path(data).rename(tmp_path / "photos")
    monkeypatch.setattr(first_answer, "decided", decided)
    monkeypatch.setattr(first_answer, "seconds_per_image", lambda job, network: 0.5)
    rival = first_answer._rival

    def stopped(out: Path, spec: SearchSpec, wall_s: float) -> dict[str, float]:
        raise KeyboardInterrupt

    monkeypatch.setattr(first_answer, "_rival", stopped)
    with pytest.raises(KeyboardInterrupt):
        command(tmp_path, capsys)
    (out,) = (tmp_path / "kept" / "runs").iterdir()
    before = json.loads((out / "search.json").read_text())

    monkeypatch.setattr(first_answer, "_rival", rival)
    status, document = command(tmp_path, capsys)
    (row,) = document["rows"]
    assert status == 0 and document["summary"]["accuracy"] == row["accuracy"]
    assert row["wall_seconds"] >= before[0] and row["core_seconds"] >= before[1] > 0, "both parts count"
    assert row["planned_seconds"] == 12.5 and row["latency_ms"] <= row["budget_ms"] == BUDGET_MS
    assert row["mobilenet_v2_images"] == int(row["wall_seconds"] / (1.1 * 0.5))
    assert 0 <= row["mobilenet_v2_accuracy"] <= 1
    assert not (out / first_answer.DONE).exists(), "the next command begins anew"


def test_the_time_of_several_attempts_is_added(tmp_path: Path) -> None:
    file = tmp_path / "spent.json"
    file.write_text("[100.0, 150.0]")
    spent = first_answer.Spent(file)
    spent(LogEvent(level="info", message="Less than five seconds later."))
    assert json.loads(file.read_text()) == [100.0, 150.0]
    wall_s, core_s = spent.keep()
    assert 100 < wall_s < 101 and 150 <= core_s < 151
    assert json.loads(file.read_text()) == [wall_s, core_s]
