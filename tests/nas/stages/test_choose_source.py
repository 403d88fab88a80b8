"""Which trained network a job starts from: by the data, by name, and never by surprise."""

from pathlib import Path

import pytest

from nas.errors import SourceUnavailable
from nas.stages import choose_source as module
from nas.stages.choose_source import choose_source, space_of
from tests.nas.stages import jobs
from tests.nas.stages.jobs import board
from tests.nas.stages.photos import LITE0, needs_lite0, photos
from tests.work import LITTLE

__all__ = ["board"]


@pytest.fixture
def present(monkeypatch: pytest.MonkeyPatch) -> None:
    """The weights count as installed."""
    monkeypatch.setattr(module, "installed", lambda _: True)
    monkeypatch.setattr(module, "file_of", lambda _: Path("weights"))


@pytest.mark.usefixtures("board", "present")
def test_photographs_start_from_the_default(tmp_path: Path) -> None:
    _, job = jobs.resolved(tmp_path, data=photos(tmp_path), space="auto")
    assert job.source == LITE0
    assert job.space.name == "efficientnet_lite"


@pytest.mark.usefixtures("board", "present")
@pytest.mark.parametrize("fields", [{"start_from": "none"}, {"space": "resnet"}, {"work": LITTLE}])
def test_what_rules_it_out(tmp_path: Path, fields: dict[str, object]) -> None:
    _, job = jobs.resolved(tmp_path, data=photos(tmp_path), **{"space": "auto", **fields})
    assert job.source is None
    assert job.space.name == fields.get("space", "mobilenet")


@pytest.mark.usefixtures("board", "present")
def test_digits_are_no_photographs(tmp_path: Path) -> None:
    _, job = jobs.resolved(tmp_path, space="auto")
    assert (job.source, job.space.name) == (None, "mobilenet")


@pytest.mark.usefixtures("board")
def test_without_the_weights_auto_starts_from_scratch(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "installed", lambda _: False)
    _, job = jobs.resolved(tmp_path, data=photos(tmp_path), space="auto")
    assert (job.source, job.space.name) == (None, "mobilenet")


@pytest.mark.usefixtures("board", "present")
def test_a_finished_run_repeats_its_start(tmp_path: Path) -> None:
    work = LITTLE.model_copy(update={"start_from": "efficientnet_lite2"})
    _, job = jobs.resolved(tmp_path, data=photos(tmp_path), space="auto", work=work)
    assert job.source is not None and job.source.name == "efficientnet_lite2"
    assert job.space.name == "efficientnet_lite:variant=lite2"


@pytest.mark.usefixtures("present")
@pytest.mark.parametrize(
    ("fields", "message"),
    [
        ({"start_from": "resnet50"}, "no trained network 'resnet50'"),
        ({"start_from": "efficientnet_lite1", "space": "resnet"}, "another space"),
    ],
)
def test_what_cannot_be_started_from(tmp_path: Path, fields: dict[str, object], message: str) -> None:
    _, job = jobs.resolved(tmp_path, space="auto", targets=[{"target": "cpu", "latency_ms": "60%"}])
    with pytest.raises(SourceUnavailable, match=message):
        choose_source(jobs.spec(**{"space": "auto", **fields}), job.data)


def test_a_named_source_that_is_not_installed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    _, job = jobs.resolved(tmp_path, space="auto", targets=[{"target": "cpu", "latency_ms": "60%"}])
    monkeypatch.setattr("importlib.util.find_spec", lambda _: None)
    with pytest.raises(SourceUnavailable, match="not installed"):
        choose_source(jobs.spec(space="auto", start_from="efficientnet_lite0"), job.data)


def test_a_space_of_the_users_own_is_kept() -> None:
    assert space_of(jobs.spec(space="resnet"), None) == "resnet"
    assert space_of(jobs.spec(space="auto"), None) == "mobilenet"


@needs_lite0
@pytest.mark.usefixtures("board")
def test_the_installed_weights_are_found(tmp_path: Path) -> None:
    _, job = jobs.resolved(tmp_path, data=photos(tmp_path), space="auto")
    assert job.source == LITE0


@pytest.mark.usefixtures("board", "present")
def test_small_images_are_enlarged_for_a_source(tmp_path: Path) -> None:
    """Digits are 8 pixels wide, which five strides would leave nothing of."""
    _, job = jobs.resolved(tmp_path, space="auto", start_from="efficientnet_lite0")
    assert (job.source, job.data.resolution) == (LITE0, 64)
    _, kept = jobs.resolved(tmp_path, space="auto", start_from="efficientnet_lite0", resolution=48)
    assert kept.data.resolution == 48
