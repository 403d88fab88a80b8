"""The side of the images that a time allows, with costs made by hand."""

from pathlib import Path

import numpy as np
import pytest

from nas.errors import InvalidSpec
from nas.job import Job
from nas.prepare_job import choose_resolution
from nas.stages.context import Context
from nas.stages.costs import Costs
from tests.nas.stages import jobs
from tests.nas.stages.jobs import board

__all__ = ["board"]


def photographs(folder: Path) -> str:
    """60 images of 96 pixels in three classes."""
    images = np.random.default_rng(0).integers(0, 256, (60, 96, 96, 3), np.uint8)
    return jobs.save(folder / "photos.npz", images, np.arange(60) % 3)


def priced(patch: pytest.MonkeyPatch, image_s: float) -> None:
    """Has an image of 96 pixels cost so much, and others by their area."""

    def time_training(_: Context, job: Job) -> Costs:
        cost = image_s * (job.data.resolution / 96) ** 2
        return Costs((1.0, cost), (2.0, cost), 4.0)

    patch.setattr("nas.prepare_job.time_training", time_training)


@pytest.mark.parametrize(("image_s", "image_size"), [(1e-4, 96), (2e-2, 64), (6e-2, 48), (0.1, 32)])
def test_images_become_smaller_where_the_time_is_short(
    image_s: float, image_size: int, board: None, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Two minutes for 60 images. 64 pixels cost 4/9 of 96, 48 a quarter, 32 a ninth."""
    priced(monkeypatch, image_s)
    request = jobs.spec(data=photographs(tmp_path), space="mobilenet", minutes=2)
    job, _ = choose_resolution(jobs.context(tmp_path), request)
    assert job.data.resolution == image_size


def test_the_size_is_decided_once(board: None, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A machine that is busy when the search is continued must not send it another way."""
    context, request = jobs.context(tmp_path), jobs.spec(data=photographs(tmp_path), space="mobilenet", minutes=2)
    for image_s in (1e-4, 0.1, 100.0):
        priced(monkeypatch, image_s)
        assert choose_resolution(context, request)[0].data.resolution == 96


def test_a_size_that_was_requested_is_kept_or_rejected(
    board: None, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    priced(monkeypatch, 0.1)
    request = jobs.spec(data=photographs(tmp_path), space="mobilenet", minutes=2, resolution=96)
    with pytest.raises(InvalidSpec, match="of 96 x 96 pixels") as caught:
        choose_resolution(jobs.context(tmp_path), request)
    assert "lower --resolution" in caught.value.fix
