"""Data are read once, and told of each time."""

from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from nas.events import Event, PhaseEvent
from nas.stages import read_data as module
from nas.stages.read_data import read_data
from tests.nas.stages import jobs


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """Sixty images of each of two classes, and one that is none: under the hundredth that may be unreadable."""
    rng = np.random.default_rng(0)
    for name in ("cat", "dog"):
        (tmp_path / "photos" / name).mkdir(parents=True)
        for number in range(60):
            pixels = rng.integers(0, 256, (8, 8, 3), np.uint8)
            Image.fromarray(pixels).save(tmp_path / "photos" / name / f"{number}.png")
    (tmp_path / "photos" / "cat" / "torn.png").write_bytes(b"no image")
    return tmp_path / "photos"


def test_data_are_read_once_and_their_faults_are_reported_each_time(
    folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    events: list[Event] = []
    first = jobs.context(tmp_path, events.append)
    facts = read_data(first, str(folder), resolution=None, seed=0)
    assert (facts.classes, facts.resolution, facts.channels, sum(facts.images.values())) == (("cat", "dog"), 8, 3, 120)
    assert any("1 unreadable image" in text and "torn.png" in text for text in first.warnings)
    monkeypatch.setattr(module, "load", None)  # it would fail
    again = jobs.context(tmp_path, events.append)
    assert read_data(again, str(folder), resolution=None, seed=0) == facts
    assert again.warnings == first.warnings
    statuses = [event.status for event in events if isinstance(event, PhaseEvent)]
    assert statuses == ["started", "finished", "reused"]


def test_data_that_change_under_the_same_name_are_other_data(tmp_path: Path) -> None:
    """A file that was written again is read again; whether the data are others is said by what is in it."""
    images, hashes, events = np.random.default_rng(0).integers(0, 200, (60, 8, 8), np.uint8), [], list[Event]()
    for offset in (0, 1, 0):
        source = jobs.save(tmp_path / "data.npz", images + np.uint8(offset), np.arange(60) % 3)
        context = jobs.context(tmp_path, events.append)
        hashes.append(read_data(context, source, resolution=None, seed=0).content_hash)
    assert hashes[0] != hashes[1] and hashes[0] == hashes[2]
    statuses = [event.status for event in events if isinstance(event, PhaseEvent)]
    assert statuses == ["started", "finished"] * 3


@pytest.mark.parametrize("change", [{"seed": 1}, {"resolution": 4}, {"fit": "pad"}])
def test_another_request_is_read_again(
    folder: Path, tmp_path: Path, change: dict[str, object], monkeypatch: pytest.MonkeyPatch
) -> None:
    context = jobs.context(tmp_path)
    request: dict[str, object] = {"resolution": None, "seed": 0, "fit": "stretch"}
    read_data(context, str(folder), **request)  # type: ignore[arg-type]
    read: list[object] = []

    def load(source: str, **given: object) -> object:
        read.append(given)
        raise InterruptedError

    monkeypatch.setattr(module, "load", load)
    with pytest.raises(InterruptedError):
        read_data(context, str(folder), **{**request, **change})  # type: ignore[arg-type]
    assert len(read) == 1
