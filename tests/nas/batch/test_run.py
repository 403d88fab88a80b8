"""Batches on simulated boards: shared work is done once, cells end on their own, and a batch goes on where it was."""

import json
import pickle
import shutil
import signal
import subprocess
import sys
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest

from hw_targets import registry
from hw_targets.errors import DeviceUnavailable, UnknownTarget
from hw_targets.registry import TargetEntry
from hw_targets.target import Target, TargetInfo
from nas import batch, pipeline
from nas.batch.report import read_report
from nas.errors import Cancelled, InvalidSpec, UnknownSearcher
from nas.events import EVENT, BatchEvent, CellEvent, Event, ItemEvent, PhaseEvent
from nas.execution.local import LocalExecutor
from nas.execution.packing import pack_item
from nas.execution.work import WorkItem, WorkOutcome
from nas.runs import select_architecture
from nas.store import Store
from search_spaces.errors import HwnasError, InvalidSpace
from tests.nas import boards
from tests.nas.batch.batches import bars, batch_spec

OVERLAYS = ["alveo-u50", "alveo-u50:tenants=2"]
"""Known in other processes, too."""

Run = tuple[Path, batch.BatchSpec, batch.BatchResult, list[Event]]


@pytest.fixture(scope="module", autouse=True)
def known() -> Iterator[None]:
    with pytest.MonkeyPatch.context() as patch:
        boards.install(patch)
        yield


@pytest.fixture(scope="module")
def whole(tmp_path_factory: pytest.TempPathFactory) -> Run:
    """Two data sets, of which one cannot be used; two boards; two budgets, of which one cannot be met."""
    folder = tmp_path_factory.mktemp("whole")
    bad = folder / "bad.npz"
    bad.write_bytes(b"no archive")
    spec = batch_spec(data=["digits", str(bad)], budgets=["60%", 1e-4], labels={str(bad): "bad"})
    events: list[Event] = []
    return folder, spec, batch.run_batch(spec, out=folder, on_event=events.append), events


def stages(folder: Path, name: str) -> int:
    """How many stages of a name the store of a run has."""
    return len(Store(folder / "store").finished(name))


def started(events: list[Event]) -> list[str]:
    """The stages that were run, not found."""
    inner = [event.event for event in events if isinstance(event, ItemEvent)]
    return [event.phase for event in inner if isinstance(event, PhaseEvent) and event.status == "started"]


def test_each_cell_ends_on_its_own(whole: Run) -> None:
    _, _, result, _ = whole
    states = {(cell.data, cell.target, cell.latency_ms): cell for cell in result.cells}
    assert len(states) == 8 and result.finished
    for (data, _, budget), cell in states.items():
        expected = "failed" if data == "bad" else "infeasible" if budget == 1e-4 else "succeeded"
        assert cell.state == expected
        assert (cell.error is None) == (cell.model is not None) == (expected == "succeeded")
        assert cell.error is None or cell.error.code == ("invalid_data" if data == "bad" else "infeasible_budget")
    infeasible = states["digits", "dpu", 1e-4].error
    assert infeasible is not None and infeasible.facts["target"] == "dpu" and infeasible.status == 422


def test_shared_work_is_done_once(whole: Run) -> None:
    folder, _, result, events = whole
    assert (stages(folder, "train"), stages(folder, "profile")) == (1, 2)
    assert started(events).count("training") == 1
    saved = result.savings
    assert saved is not None
    assert (saved.supernets, saved.supernet_uses, saved.tables, saved.table_uses) == (1, 2, 2, 4)
    (supernet,) = [one for one in result.shared if one.kind == "supernet"]
    assert set(supernet.cells) == {cell.id for cell in result.cells if cell.state == "succeeded"}
    (record,) = Store(folder / "store").finished("train")
    assert supernet.core_seconds == record.core_seconds == supernet.saved_core_seconds
    assert all(supernet.id in cell.shared for cell in result.cells if cell.id in supernet.cells)


def test_a_cell_is_a_search_that_can_be_shown_and_exported_from(whole: Run) -> None:
    folder, _, result, _ = whole
    for cell in result.cells:
        if cell.model is not None:
            assert cell.run == cell.id
            shown = pipeline.show(cell.id, out=folder)
            assert cell.model.model_dump() == shown.models[cell.target].model_dump(exclude={"bundle"})
            (point,) = [p for p in shown.front if p.architecture_id == cell.model.architecture_id]
            assert cell.validation == point.metric.value
            spec, architecture = select_architecture(folder / cell.id, cell.model.architecture_id)
            events: list[Event] = []
            exported = pipeline.export(spec, architecture, out=folder, on_event=events.append)
            assert exported.model.test == cell.model.test
            ran = {event.phase for event in events if isinstance(event, PhaseEvent) and event.status == "started"}
            assert ran <= {"verifying", "delivering"}  # all else is the cell's


def test_the_events_tell_of_items_cells_and_the_batch(whole: Run) -> None:
    _, _, result, events = whole
    kinds = {event.kind for event in events if isinstance(event, ItemEvent)}
    assert kinds == {"table", "supernet", "cell"}
    last = {event.cell: event.state for event in events if isinstance(event, CellEvent)}
    assert last == {cell.id: cell.state for cell in result.cells}
    progress = [event for event in events if isinstance(event, BatchEvent)]
    assert list(dict.fromkeys(event.stage for event in progress)) == ["preparing", "tables", "supernets", "cells"]
    assert all(sum(event.cells.values()) == len(result.cells) for event in progress)
    assert progress[-1].cells == {"succeeded": 2, "infeasible": 2, "failed": 4}
    assert all(EVENT.validate_json(EVENT.dump_json(event)) == event for event in events)


def test_the_second_time_nothing_runs(whole: Run) -> None:
    folder, spec, result, _ = whole
    events: list[Event] = []
    again = batch.run_batch(spec, out=folder, on_event=events.append)
    assert started(events) == ["preparing"]  # the data that could not be used are tried again
    assert [cell.found for cell in again.cells] == [cell.state == "succeeded" for cell in again.cells]
    as_before = [cell.model_copy(update={"found": False}) for cell in again.cells]
    assert as_before == list(result.cells) and again.cross == result.cross and again.savings == result.savings
    assert read_report(folder / spec.name) == again


def test_of_an_extended_batch_only_the_new_cells_run(whole: Run, tmp_path: Path) -> None:
    folder, _, result, _ = whole
    shutil.copytree(folder / "store", tmp_path / "store")
    events: list[Event] = []
    wider = batch_spec(name="wider", budgets=["60%", "80%"], data=["digits"])
    more = batch.run_batch(wider, out=tmp_path, on_event=events.append)
    assert [cell.found for cell in more.cells] == [True, False, True, False]
    before = {cell.id: cell for cell in result.cells}
    for cell in more.cells:
        if cell.found:
            assert cell.model == before[cell.id].model
            assert (tmp_path / cell.id / cell.target / "model.int8.onnx").is_file()  # the folder is made again
    assert (stages(tmp_path, "train"), stages(tmp_path, "profile")) == (1, 2)
    assert "training" not in started(events) and "profiling" not in started(events)


def test_a_stopped_batch_goes_on_to_the_same_result(whole: Run, tmp_path: Path) -> None:
    _, _, result, _ = whole
    spec = batch_spec()
    ended: list[str] = []

    def count(event: Event) -> None:
        ended.extend([event.cell] if isinstance(event, CellEvent) and event.state == "succeeded" else [])

    with pytest.raises(Cancelled):
        batch.run_batch(spec, out=tmp_path, on_event=count, cancelled=lambda: len(ended) == 1)
    states = [cell.state for cell in read_report(tmp_path / "batch").cells]
    assert states == ["succeeded", "cancelled"]
    done = batch.run_batch(spec, out=tmp_path)
    assert [cell.found for cell in done.cells] == [True, False]
    expected = {cell.id: cell.model for cell in result.cells if cell.model is not None}
    for cell in done.cells:
        assert cell.model is not None and expected[cell.id] is not None
        assert cell.model.architecture == expected[cell.id].architecture
        assert cell.model.metric == expected[cell.id].metric


@pytest.mark.parametrize(
    "fields, error, said",
    [
        ({"targets": ["board", "bord"]}, UnknownTarget, "bord"),
        ({"targets": ["cpu", "cpu:threads=1"]}, InvalidSpec, "are the same target"),
        ({"spaces": ["resnet", "resnett"]}, InvalidSpace, "resnett"),
        ({"spaces": ["missing.yaml"]}, InvalidSpace, "missing.yaml"),
        ({"spaces": [{"name": "mine", "stages": []}]}, InvalidSpace, "stages"),
        ({"search": {"searcher": "annealing"}}, UnknownSearcher, "annealing"),
        ({"search": {"device": "cuda:99"}}, DeviceUnavailable, "."),
    ],
)
def test_what_can_be_known_before_is_said_before(
    tmp_path: Path, fields: dict[str, Any], error: type[HwnasError], said: str
) -> None:
    with pytest.raises(error, match=said):
        batch.run_batch(batch_spec(**fields), out=tmp_path)
    assert list(tmp_path.iterdir()) == []


SCRIPT = """
import os, signal, sys
from pathlib import Path
from nas import batch

def sink(event):
    if event.type == sys.argv[2] and (event.type != "cell" or event.state == "succeeded"):
        os.kill(os.getpid(), signal.SIGKILL)
    if event.type == "item" and event.kind == "supernet" and event.event.type == sys.argv[2]:
        os.kill(os.getpid(), signal.SIGKILL)

batch.run_batch(batch.BatchSpec.model_validate_json(sys.stdin.read()), out=Path(sys.argv[1]), on_event=sink)
"""


@pytest.mark.parametrize("at", ["metric", "cell"])
def test_a_killed_batch_goes_on(tmp_path: Path, at: str) -> None:
    """Killed while the supernet is trained, or after the first cell."""
    spec = batch_spec(targets=OVERLAYS)
    killed = subprocess.run(
        [sys.executable, "-c", SCRIPT, str(tmp_path), at], input=spec.model_dump_json(), text=True, check=False
    )
    assert killed.returncode == -signal.SIGKILL
    again = batch.run_batch(spec, out=tmp_path)
    assert [cell.found for cell in again.cells] == [at == "cell", False]
    assert (stages(tmp_path, "train"), stages(tmp_path, "profile")) == (1, 2)
    whole = batch.run_batch(spec, out=tmp_path / "whole")
    for cell, expected in zip(again.cells, whole.cells, strict=True):
        assert cell.model is not None and expected.model is not None
        assert cell.validation == expected.validation
        assert cell.model.architecture == expected.model.architecture and cell.model.test == expected.model.test


class Elsewhere(LocalExecutor):
    """An executor whose workers see the store alone, and no files or folders of this process.

    Args:
        workers: how many it says it has.
        hidden: a file that is not there while an item runs.
    """

    name = "elsewhere"

    def __init__(self, workers: int = 1, hidden: Path | None = None) -> None:
        super().__init__()
        self.workers, self._hidden = workers, hidden
        self.taken: list[str] = []

    def map(self, items: Sequence[WorkItem], **given: Any) -> Iterator[WorkOutcome]:
        """Sends each item as bytes, as to another machine."""
        self.taken += [type(item).__name__ for item in items]
        outcomes = super().map([pickle.loads(pack_item(item)) for item in items], **given)
        while True:
            with self._away():
                outcome = next(outcomes, None)
            if outcome is None:
                return
            yield outcome

    @contextmanager
    def _away(self) -> Iterator[None]:
        if self._hidden is None:
            yield
            return
        elsewhere = self._hidden.rename(self._hidden.with_suffix(".hidden"))
        try:
            yield
        finally:
            elsewhere.rename(self._hidden)


def test_workers_that_see_the_store_alone_compute_and_the_folders_are_made_here(tmp_path: Path) -> None:
    data = tmp_path / "bars.npz"
    spec = batch_spec(data=[bars(data)], targets=OVERLAYS)
    executor = Elsewhere(hidden=data)
    done = batch.run_batch(spec, out=tmp_path / "runs", executor=executor)
    assert executor.taken == ["TableItem", "TableItem", "SupernetItem", "CellItem", "CellItem"]
    here = batch.run_batch(spec, out=tmp_path / "here")
    for cell, expected in zip(done.cells, here.cells, strict=True):
        assert cell.model is not None and expected.model is not None
        assert cell.model.architecture == expected.model.architecture and cell.model.test == expected.model.test
        assert (cell.validation, cell.warnings) == (expected.validation, expected.warnings)
        assert list((tmp_path / "runs" / cell.id).glob("*/model.int8.onnx"))
    assert done.savings is not None and here.savings is not None
    assert (done.savings.supernet_uses, done.savings.table_uses) == (2, 2)
    assert {one.kind for one in done.shared} == {one.kind for one in here.shared}


class Measured(boards.Board):
    """The board as a device that is measured."""

    info = TargetInfo("lab", "measured", "int8", "runtime 1", "a board", "1ab", device_id="//lab")


def test_what_is_measured_under_a_claim_runs_in_this_process(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    entry = TargetEntry("lab", "a board", lambda _: Measured(), lambda: "")
    monkeypatch.setattr(registry, "BUILT_IN", (*registry.BUILT_IN, entry))
    claimed: list[str] = []

    @contextmanager
    def claim(target: Target) -> Iterator[None]:
        claimed.append(target.info.id)
        yield

    executor = Elsewhere()
    done = batch.run_batch(batch_spec(targets=["board", "lab"]), out=tmp_path, executor=executor, claim=claim)
    assert [cell.state for cell in done.cells] == ["succeeded"] * 2
    assert executor.taken == ["TableItem", "SupernetItem", "CellItem"]  # of the board alone, and what both share
    assert set(claimed) == {"lab"}
    (row, _) = done.cross
    (measured,) = [one for one in row.latencies if one.target == "lab"]
    assert measured.kind == ("estimated" if measured.unseen else "predicted") and not measured.own
    assert measured.latency_ms is not None and measured.error is not None


def test_networks_of_other_targets_are_measured_where_the_batch_asks_for_it(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    entry = TargetEntry("lab", "a board", lambda _: Measured(), lambda: "")
    monkeypatch.setattr(registry, "BUILT_IN", (*registry.BUILT_IN, entry))
    done = batch.run_batch(batch_spec(targets=["board", "lab"], measure_cross=True), out=tmp_path)
    for row in done.cross:
        simulated, measured = row.latencies
        assert (simulated.kind, measured.kind) == ("simulated", "measured")
        assert measured.latency_ms == pytest.approx(simulated.latency_ms)  # it is the same board


def test_workers_that_would_be_idle_share_the_parts_of_few_items(tmp_path: Path) -> None:
    executor = Elsewhere(workers=3)
    batch.run_batch(batch_spec(), out=tmp_path, executor=executor)
    assert "SupernetItem" not in executor.taken and "CellItem" not in executor.taken
    assert "TableItem" in executor.taken and any("Evaluat" in name or "Train" in name for name in executor.taken)


def test_a_batch_in_processes_has_the_result_of_one_in_this_process(tmp_path: Path) -> None:
    from nas.execution.executor import open_executor

    targets = OVERLAYS
    results = []
    for name in ("local", "processes:2"):
        with open_executor(name) as executor:
            results.append(batch.run_batch(batch_spec(targets=targets), out=tmp_path / name[:5], executor=executor))
    one, other = (json.loads(result.model_dump_json(include={"cells", "cross"})) for result in results)
    for cell in (*one["cells"], *other["cells"]):
        for measured_anew in ("seconds", "shared"):
            del cell[measured_anew]
        del cell["model"]["cost"]
    assert one == other
