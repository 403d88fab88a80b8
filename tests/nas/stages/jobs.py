"""Jobs on small data and a simulated board, for tests of single stages. No tests."""

from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray

from hw_targets.target import Profile
from latency_models.table import Prediction
from nas.events import EventSink, ignore
from nas.job import Job
from nas.prepare_job import resolve_spec
from nas.prepare_job import with_target_plans as add_target_plans
from nas.spec import SearchSpec
from nas.stages.context import Context
from nas.stages.finalist import Finalist
from nas.stages.target_run import TargetRun
from nas.store import Store
from search_spaces.network import Network
from search_spaces.space import Architecture
from tests.nas import boards
from tests.work import LITTLE


@pytest.fixture
def board(monkeypatch: pytest.MonkeyPatch) -> None:
    """The simulated board is known."""
    boards.install(monkeypatch)


def context(folder: Path, on_event: EventSink = ignore) -> Context:
    """With a store of its own."""
    return Context(Store(folder / "store"), on_event)


def spec(**fields: Any) -> SearchSpec:
    """Of the digits, unless the fields say otherwise."""
    given = {"data": "digits", "space": "resnet", "threads": 1, "augment": "none", **fields}
    given.setdefault("targets", [{"target": "board", "latency_ms": "60%"}])
    return SearchSpec.model_validate(given)


def resolved(folder: Path, **fields: Any) -> tuple[Context, Job]:
    """A job without its target plans, whose table takes little."""
    made = context(folder)
    job = resolve_spec(made, spec(**fields))
    return made, replace(job, work=job.work.model_copy(update={"profile": LITTLE.profile}))


def with_target_plans(folder: Path, **fields: Any) -> tuple[Context, Job]:
    """A job with its budgets checked."""
    made, job = resolved(folder, **fields)
    return made, add_target_plans(made, job)


def run_of(context: Context, job: Job) -> TargetRun:
    """The first target of a job, without a supernet."""
    return TargetRun(context, job, job.target_plans[0], boards.Board())


def prediction(ms: float) -> Prediction:
    """Of no layer."""
    return Prediction(ms, "predicted", 0.0, {}, ())


def finalist(architecture: Architecture, network: Network, ms: float) -> Finalist:
    """A network that was predicted and measured at `ms`; its median run takes half a millisecond longer, its 95th percentile 1 ms."""
    return Finalist(architecture, network, prediction(ms), Profile(network, ms, ms + 0.5, ms + 1.0, 0.0, ()))


def save(path: Path, images: NDArray[np.uint8], labels: NDArray[np.int64]) -> str:
    """An .npz of images (N, H, W, C) that the reader splits itself."""
    np.savez(path, train_x=images, train_y=labels)
    return str(path)
