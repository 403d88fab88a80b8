"""Rounds of training: each is computed once, and follows from where it starts, how long it is, and its number."""

from dataclasses import replace
from pathlib import Path

import pytest
import torch

from nas.stages import fine_tune as module
from nas.stages.fine_tune import fine_tune, trained_weights
from nas.stages.target_run import TargetRun
from nas.stages.train import Supernet
from nas.supernet_weights import SupernetWeights
from nas.training.config import CONTINUE, FINE_TUNE_SOURCE, SINGLE
from search_spaces.lattice import Lattice
from search_spaces.network import Network
from tests.nas.stages import jobs
from tests.nas.stages.jobs import board
from tests.nas.stages.photos import LITE0

__all__ = ["board"]

IMAGES = 128
"""A few steps: whether weights move, and to the same place, shows in the first."""


@pytest.fixture
def run(board: None, tmp_path: Path) -> TargetRun:
    return jobs.run_of(*jobs.with_target_plans(tmp_path))


@pytest.fixture
def network(run: TargetRun) -> Network:
    return run.job.space.network(run.job.space.smallest())


def test_a_round_is_computed_once_and_another_is_another(run: TargetRun, network: Network, tmp_path: Path) -> None:
    first = fine_tune(run, network, start=None, images=IMAGES, number=0)
    elsewhere = replace(run, context=jobs.context(tmp_path / "elsewhere"))
    elsewhere.context.store.put(run.context.store.get(run.job.data.blob))
    assert fine_tune(elsewhere, network, start=None, images=IMAGES, number=0) == first
    second = fine_tune(run, network, start=first, images=IMAGES, number=1)
    others = {
        fine_tune(run, network, start=None, images=IMAGES, number=1),
        fine_tune(run, network, start=None, images=2 * IMAGES, number=0),
        second,
    }
    assert len(others | {first}) == 4


def test_training_from_a_supernet_starts_from_its_slice_and_leaves_it_alone(run: TargetRun, network: Network) -> None:
    weights = SupernetWeights.of(Lattice.of(run.job.space).layers(), seed=5)
    before = weights.to_bytes()
    supernet = Supernet(weights, run.context.store.put(before))
    digest = fine_tune(run, network, start=supernet, images=1, number=0)
    assert weights.to_bytes() == before
    tuned, start = trained_weights(run.context, digest).tensors, weights.parameters(network)
    scratch = trained_weights(run.context, fine_tune(run, network, start=None, images=1, number=0)).tensors
    assert tuned.keys() == start.keys() == scratch.keys()
    moved, apart = (
        sum(float(torch.dist(tuned[name], other[name])) for name in start if name.endswith(".weight"))
        for other in (start, scratch)
    )
    assert 0 < moved < apart / 5  # one step from the slice


def test_only_what_starts_from_a_source_is_trained_at_its_rate(board: None, tmp_path: Path) -> None:
    """A network from scratch needs a higher rate, also beside a source."""
    _, job = jobs.resolved(tmp_path)
    beside = replace(job, source=LITE0)
    assert module._config(beside, None) == module._config(job, None) == SINGLE
    assert module._config(beside, "weights") == FINE_TUNE_SOURCE
    assert module._config(job, "weights") == CONTINUE
