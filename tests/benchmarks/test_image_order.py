"""The benchmark of the order of images: both forms have the same images, and a short form of the whole on a simulated board."""

import json
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from benchmarks import image_order, source_rows
from nas.events import EventSink
from nas.pipeline import search
from nas.result import SearchResult
from nas.spec import SearchSpec
from tests.nas import boards
from tests.nas.stages.photos import photos
from tests.work import LITTLE

WORK = LITTLE.model_copy(update={"supernet_images": 0, "evaluations": 0, "tune_images": 64})


def test_short_form(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    boards.install(monkeypatch)

    def little(spec: SearchSpec, out: Path, on_event: EventSink) -> SearchResult:
        return search(spec.model_copy(update={"work": WORK}), out=out, on_event=on_event)

    monkeypatch.setattr(source_rows, "search", little)
    status = image_order.main(
        [
            "--data", photos(tmp_path, count=20), "--resolution", "32", "--target", "board", "--from", "none",
            "--kept", str(tmp_path / "kept"), "--json",
        ]
    )  # fmt: skip
    document = json.loads(capsys.readouterr().out)
    assert status == 0 and [row["form"] for row in document["rows"]] == ["folder", "archive"]
    summary = document["summary"]
    assert summary["difference_points"] == pytest.approx(
        100 * (summary["folder_accuracy"] - summary["archive_accuracy"])
    )
    kept = tmp_path / "kept" / "forms" / "photos.npz"
    archive = np.load(kept / "shuffled.npz")
    for part in ("train", "val", "test"):
        files = sorted((kept / "sorted" / part).rglob("*.png"))
        pixels = sorted(np.asarray(Image.open(file)).tobytes() for file in files)
        assert pixels == sorted(image.tobytes() for image in archive[f"{part}_x"])
        assert np.any(np.diff(archive[f"{part}_y"]) < 0), "shuffled"
