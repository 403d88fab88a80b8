"""Which augmentation data get: letters and digits are not mirrored, what is symmetric is."""

from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray

from nas.data.augment import LIGHT, NO_AUGMENT, PHOTO
from nas.events import Event, LogEvent, PhaseEvent
from nas.job import Job
from nas.prepare_job import resolve_spec
from nas.stages.augmentation import UNMIRRORED, augmentation, decided
from nas.stages.context import Context
from tests.nas.stages import jobs
from tests.nas.stages.jobs import board

__all__ = ["board"]


def job(folder: Path, probe_images: int = 4000, **fields: Any) -> tuple[Context, Job, list[Event]]:
    events: list[Event] = []
    context = jobs.context(folder, events.append)
    made = resolve_spec(context, jobs.spec(**{"augment": "auto", **fields}))
    return context, replace(made, work=made.work.model_copy(update={"probe_images": probe_images})), events


def stripes(across: bool) -> tuple[NDArray[np.uint8], NDArray[np.int64]]:
    """300 images of 32 pixels in three classes: a bright bar at the top, middle or bottom, else at the left, middle or right."""
    rng = np.random.default_rng(0)
    labels = np.arange(300) % 3
    images = rng.normal(100, 30, (300, 32, 32, 1))
    for image, label in zip(images, labels, strict=True):
        at = 4 + 10 * label + rng.integers(-2, 3)
        image[at : at + 4] += 90
    images = images if across else images.transpose(0, 2, 1, 3)
    return images.clip(0, 255).astype(np.uint8), labels


@pytest.mark.parametrize(("across", "flip"), [(True, True), (False, False)])
def test_what_is_symmetric_is_mirrored(across: bool, flip: bool, board: None, tmp_path: Path) -> None:
    context, made, events = job(tmp_path, data=jobs.save(tmp_path / "bars.npz", *stripes(across)))
    assert made.data.resolution == 32 and decided(context, made) is None
    found = augmentation(context, made)
    assert found == replace(PHOTO, flip=flip)
    (text,) = [event.message for event in events if isinstance(event, LogEvent)]
    assert text.startswith("Mirroring is part of" if flip else "Mirroring is left out of")
    assert decided(context, made) == found
    events.clear()
    assert augmentation(context, made) == found
    assert [event.status for event in events if isinstance(event, PhaseEvent)] == ["reused"]


def test_digits_are_not_mirrored(board: None, tmp_path: Path) -> None:
    """At 32 pixels they pass for photographs; a mirrored 2 is none."""
    context, made, _ = job(tmp_path, 12_000, resolution=32)
    assert augmentation(context, made) == UNMIRRORED


@pytest.mark.parametrize(
    ("fields", "expected"),
    [
        ({}, LIGHT),  # the digits have 8 pixels
        ({"resolution": 32, "augment": "photo"}, PHOTO),
        ({"resolution": 32, "augment": "light"}, LIGHT),
        ({"resolution": 32, "augment": "none"}, NO_AUGMENT),
    ],
)
def test_what_needs_no_check(fields: dict[str, Any], expected: object, board: None, tmp_path: Path) -> None:
    context, made, events = job(tmp_path, **fields)
    events.clear()
    assert decided(context, made) == augmentation(context, made) == expected and not events


def test_a_check_that_the_time_does_not_allow_mirrors_nothing(board: None, tmp_path: Path) -> None:
    context, made, _ = job(tmp_path, 0, resolution=32)
    assert augmentation(context, made) == UNMIRRORED and not UNMIRRORED.flip
