"""What cells share is decided once: a space for all targets, the work of each cell, and both again after an extension."""

from pathlib import Path
from typing import Any

import pytest

from hw_targets import registry
from hw_targets.registry import TargetEntry
from hw_targets.target import Support, TargetInfo
from nas.batch.plan import plan_batch
from nas.batch.prepare import missing_tables, prepare, supernet_users
from nas.batch.resolve import resolve_cells
from nas.batch.sharing import CellJob, check, decide_work
from nas.batch.spec import BatchSpec
from nas.job import Job
from nas.prepare_job import prepare_job, resolve_spec
from nas.spec import SearchSpec
from nas.stages import timing
from nas.stages.context import Context
from nas.store import Store
from nas.work import PROFILES
from search_spaces.cost import layer_values
from search_spaces.errors import HwnasError
from search_spaces.network import Layer
from tests.nas import boards
from tests.nas.batch.batches import LEAST, batch_spec

TIMED: dict[str, Any] = {"search": {"threads": 1, "minutes": 30}}
"""The work is that of a time."""


class OnlyRelu6(boards.Board):
    """A board with no other activation than ReLU6."""

    info = TargetInfo("relu6", "simulated", "int8", "simulator 1", "a board", "6e16")

    def supports(self, layer: Layer) -> Support:
        """No others."""
        other = layer.activation not in (None, "relu6")
        return Support(False, f"no {layer.activation}") if other else super().supports(layer)


class OnlyRelu(boards.Board):
    """A board with no other activation than ReLU."""

    info = TargetInfo("relu", "simulated", "int8", "simulator 1", "a board", "6e1")

    def supports(self, layer: Layer) -> Support:
        """No others."""
        other = layer.activation not in (None, "relu")
        return Support(False, f"no {layer.activation}") if other else super().supports(layer)


@pytest.fixture(autouse=True)
def known(monkeypatch: pytest.MonkeyPatch) -> None:
    """Boards, and training steps that take a nanosecond for each value of a layer, whatever else the machine does."""
    boards.install(monkeypatch)
    own = (
        TargetEntry("relu", "a board", lambda _: OnlyRelu(), lambda: ""),
        TargetEntry("relu6", "a board", lambda _: OnlyRelu6(), lambda: ""),
    )
    monkeypatch.setattr(registry, "BUILT_IN", (*registry.BUILT_IN, *own))
    monkeypatch.setattr(timing, "seconds_per_image", lambda _job, network: 1e-9 * layer_values(network))
    monkeypatch.setitem(PROFILES, "quick", LEAST.profile)


def decided(folder: Path, spec: BatchSpec) -> dict[str, CellJob]:
    """The cells of a batch with their work, by id; nothing is trained."""
    context = Context(Store(folder / "store"))
    errors: dict[str, HwnasError] = {}
    _, jobs = prepare(context, spec, failed=errors.__setitem__, step=lambda: None)
    assert errors == {}
    checked = [check(context, job) for job in jobs]
    return decide_work(context, [one for one in checked if isinstance(one, CellJob)])


def test_cells_of_a_group_share_a_space_and_have_equal_work(tmp_path: Path) -> None:
    spec = batch_spec(spaces=["mobilenet"], budgets=["40%", "60%"], **TIMED)
    jobs = list(decided(tmp_path, spec).values())
    assert len({one.job.space.fingerprint for one in jobs}) == 1
    assert len({one.job.work for one in jobs}) == 1 and jobs[0].job.work.supernet_images > 0
    parts = {one.job.targets[0].id: one.job.restricted[0].space.fingerprint for one in jobs}
    assert parts["dpu"] != parts["board"] == jobs[0].job.space.fingerprint
    assert all(one.spec.supernet_targets == ("board", "dpu") for one in jobs)


def test_the_search_of_a_cell_has_the_job_that_was_decided(tmp_path: Path) -> None:
    for one in decided(tmp_path, batch_spec(spaces=["mobilenet"], **TIMED)).values():
        job = prepare_job(Context(Store(tmp_path / "store")), one.spec)
        assert job.space.fingerprint == one.job.space.fingerprint
        assert job.restricted[0].space.fingerprint == one.job.restricted[0].space.fingerprint
        assert job.work.model_copy(update={"resolution": None}) == one.job.work.model_copy(update={"resolution": None})
        assert (job.data, job.compute, job.source) == (one.job.data, one.job.compute, one.job.source)


def test_the_time_is_of_each_cell_as_if_it_were_searched_alone(tmp_path: Path) -> None:
    (one,) = decided(tmp_path / "batch", batch_spec(targets=["board"], **TIMED)).values()
    alone = SearchSpec.model_validate({**one.resolved.cell.spec.model_dump(), "work": None})
    assert prepare_job(Context(Store(tmp_path / "alone" / "store")), alone).work == one.job.work


@pytest.mark.parametrize("space, shares", [("resnet", True), ("mobilenet", False)])
def test_a_target_that_is_added_leaves_the_cells_that_there_are_as_they_were(
    tmp_path: Path, space: str, shares: bool
) -> None:
    before = decided(tmp_path, batch_spec(spaces=[space], targets=["board"], **TIMED))
    after = decided(tmp_path, batch_spec(spaces=[space], targets=["dpu", "board"], **TIMED))
    (old,) = before.values()
    same, added = after[old.resolved.cell.id], next(one for one in after.values() if one.job.targets[0].id == "dpu")
    assert same.spec == old.spec and old.spec.supernet_targets == ()
    assert added.job.work.supernet_images == old.job.work.supernet_images
    # the DPU runs mobilenet with another activation only, so that it cannot use weights that are there
    assert (added.job.space.fingerprint == old.job.space.fingerprint) == shares


def test_targets_without_a_common_activation_have_supernets_of_their_own(tmp_path: Path) -> None:
    spec = batch_spec(targets=["relu", "board", "relu6"])
    jobs = decided(tmp_path, spec)
    shared = {one.job.targets[0].id: one.spec.supernet_targets for one in jobs.values()}
    assert shared == {"relu": ("relu", "board"), "board": ("relu", "board"), "relu6": ()}
    assert [len(users) for users in supernet_users(list(jobs.values()))] == [2, 1]


def test_seeds_share_tables_and_no_supernets(tmp_path: Path) -> None:
    context = Context(Store(tmp_path / "store"))
    spec = batch_spec(seeds=[0, 1], budgets=["40%", "60%"])
    _, jobs = prepare(context, spec, failed=lambda *_: None, step=lambda: None)
    assert sorted(len(users) for users in missing_tables(context, jobs)) == [4, 4]
    assert sorted(len(users) for users in supernet_users(jobs)) == [4, 4]


def test_data_that_cannot_be_used_are_read_once(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    read: list[str] = []

    def counted(context: Context, spec: SearchSpec) -> Job:
        read.append(spec.data)
        return resolve_spec(context, spec)

    monkeypatch.setattr("nas.batch.resolve.resolve_spec", counted)
    spec = batch_spec(data=["missing.npz"], spaces=["resnet", "mobilenet"])
    found = list(resolve_cells(Context(Store(tmp_path / "store")), spec.cells()))
    assert len(found) == 4 and all(isinstance(one, HwnasError) and one.code == "invalid_data" for _, one in found)
    assert read == ["missing.npz"]


def test_the_price_counts_shared_work_once(tmp_path: Path) -> None:
    spec = batch_spec(targets=["board", "dpu"], budgets=["40%", 1e-4], seeds=[0, 1], **TIMED)
    plan = plan_batch(spec, out=tmp_path)
    assert (plan.cells, plan.finished, plan.runnable, plan.supernets, plan.tables) == (8, 0, 8, 2, 2)
    one = plan_batch(batch_spec(targets=["board"], budgets=["40%"], seeds=[0], **TIMED), out=tmp_path / "one")
    assert plan.seconds["training"] == pytest.approx(2 * one.seconds["training"], rel=0.02)
    assert plan.seconds["searching"] == pytest.approx(8 * one.seconds["searching"], rel=0.02)
    assert plan.total_s == sum(plan.seconds.values())
    decided(tmp_path, batch_spec(targets=["board", "dpu"], **TIMED))  # measures the tables
    known = plan_batch(spec, out=tmp_path)
    assert (known.tables, known.runnable, known.infeasible) == (0, 4, 4)
    assert {one.code for one in known.problems.values()} == {"infeasible_budget"}
