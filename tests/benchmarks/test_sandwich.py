"""The benchmark of sandwich training: a short form on small images."""

import json
from pathlib import Path

import pytest

from benchmarks import sandwich
from tests.nas.stages.photos import photos


def test_short_form(tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sandwich, "SAMPLED", 1)
    arguments = [
        "--data",
        photos(tmp_path, count=20),
        "--resolution",
        "16",
        "--images-seen",
        "192",
        "--space",
        "resnet",
    ]
    assert sandwich.main([*arguments, "--kept", str(tmp_path / "kept"), "--json"]) == 0
    document = json.loads(capsys.readouterr().out)
    rows = {row["row"]: row for row in document["rows"]}
    assert list(rows) == ["alone", "sandwich", "without largest first"]
    assert rows["alone"]["smallest"] is None and 0 <= rows["sandwich"]["smallest"] <= 1
    lost = 100 * (rows["alone"]["largest"] - rows["sandwich"]["largest"])
    assert document["summary"]["lost_points"] == pytest.approx(lost)
