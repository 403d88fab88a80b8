"""Jobs on small data and a simulated board, for tests of single stages. No tests."""

from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray

from nas import pipeline
from nas.events import EventSink, ignore
from nas.pipeline import Job
from nas.spec import SearchSpec
from nas.stages.context import Context
from nas.store import Store
from tests.nas import boards
from tests.work import LITTLE


@pytest.fixture
def board(monkeypatch: pytest.MonkeyPatch) -> None:
    """The simulated board is known."""
    boards.install(monkeypatch)


def context(folder: Path, on_event: EventSink = ignore) -> Context:
    """With a store of its own."""
    return Context(Store(folder / "store"), on_event, pipeline.never)


def spec(**fields: Any) -> SearchSpec:
    """Of the digits, unless the fields say otherwise."""
    given = {"data": "digits", "space": "resnet", "threads": 1, "augment": "none", **fields}
    given.setdefault("targets", [{"target": "board", "latency_ms": "60%"}])
    return SearchSpec.model_validate(given)


def sketched(folder: Path, **fields: Any) -> tuple[Context, Job]:
    """A job without its goals, whose table takes little."""
    made = context(folder)
    job = pipeline.sketch(made, spec(**fields))
    return made, replace(job, work=job.work.model_copy(update={"profile": LITTLE.profile}))


def with_goals(folder: Path, **fields: Any) -> tuple[Context, Job]:
    """A job with its budgets judged."""
    made, job = sketched(folder, **fields)
    return made, pipeline.with_goals(made, job)


def save(path: Path, images: NDArray[np.uint8], labels: NDArray[np.int64]) -> str:
    """An .npz of images (N, H, W, C) that the reader splits itself."""
    np.savez(path, train_x=images, train_y=labels)
    return str(path)
