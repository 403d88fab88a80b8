"""The whole job on the digits with little work: its answer, its bundle, its errors, and what a kill leaves behind."""

import contextlib
import json
import os
import random
import shutil
import signal
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from nas import pipeline
from nas.errors import Cancelled, InfeasibleBudget, InvalidData
from nas.events import CandidateEvent, Event, FrontEvent, MeasurementEvent, MetricEvent, PhaseEvent
from nas.files import Files
from nas.journal import Journal
from nas.result import SearchResult
from nas.spec import SearchSpec
from nas.work import PROFILES
from tests.work import LITTLE, profile_digits

CERTAIN = ("phase", "metric", "candidate", "front", "finalist", "measurement")
"""Events of which there are as many in every run on a simulated target; others come by the clock."""

SIMULATED = [{"target": "alveo-u50", "latency_ms": "60%"}]
"""Nothing here depends on how busy the machine is: the trained front is the same in every run."""

SCRIPT = """
import json, os, signal, sys
from pathlib import Path
from nas import pipeline
from nas.spec import SearchSpec

out, kill_at, counted = Path(sys.argv[2]), int(sys.argv[3]), sys.argv[4].split()
seen = 0

def sink(event):
    global seen
    seen += event.type in counted
    if seen == kill_at:
        os.kill(os.getpid(), signal.SIGKILL)

pipeline.search(SearchSpec(**json.loads(sys.argv[1])), out=out, on_event=sink)
print(seen)
"""


def spec(latency: str | float = "60%", **fields: Any) -> SearchSpec:
    given = {"data": "digits", "space": "resnet", "work": LITTLE, "threads": 1, **fields}
    given.setdefault("targets", [{"target": "cpu", "latency_ms": latency}])
    return SearchSpec.model_validate(given)


@pytest.fixture(scope="module")
def profiled(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A store with the latency table of the digits' resnet space."""
    store = tmp_path_factory.mktemp("profiled") / "store"
    profile_digits(store, LITTLE.profile)
    return store


@pytest.fixture
def out(profiled: Path, tmp_path: Path) -> Path:
    shutil.copytree(profiled, tmp_path / "runs" / "store")
    return tmp_path / "runs"


@pytest.fixture(scope="module")
def whole(profiled: Path, tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, SearchResult, list[Event]]:
    """An unbroken run."""
    folder = tmp_path_factory.mktemp("whole")
    shutil.copytree(profiled, folder / "store")
    events: list[Event] = []
    return folder, pipeline.search(spec(), out=folder, on_event=events.append), events


@pytest.fixture(scope="module")
def simulated(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, SearchResult, list[Event]]:
    """An unbroken run on a target where nothing is measured."""
    folder, events = tmp_path_factory.mktemp("simulated"), list[Event]()
    return folder, pipeline.search(spec(targets=SIMULATED), out=folder, on_event=events.append), events


Whole = tuple[Path, SearchResult, list[Event]]


def same(one: SearchResult, other: SearchResult) -> bool:
    """Whether two runs on the simulated target have equal results: estimates, trained networks, and the exported file."""
    files = [[(Path(m.bundle) / "model.int8.onnx").read_bytes() for m in r.models.values()] for r in (one, other)]
    return (one.estimates, one.front) == (other.estimates, other.front) and files[0] == files[1]


def test_the_answer(whole: Whole) -> None:
    folder, result, _ = whole
    model = result.models["cpu"]
    assert model.latency_ms.measured is not None
    assert model.budget.active
    assert 0 < int(model.budget.architectures_within) < int(model.budget.architectures)
    latencies = [p.latency_ms for p in result.front]
    accuracies = [p.metric.value for p in result.front]
    assert latencies == sorted(latencies)
    assert accuracies == sorted(accuracies)
    assert max(latencies) <= model.latency_ms.budget
    assert model.latency_ms.predicted <= model.latency_ms.budget
    assert pipeline.show(result.run, out=folder) == result


def test_the_answer_has_the_cost_and_the_trust_score_of_the_search(whole: Whole) -> None:
    _, result, events = whole
    model = result.models["cpu"]
    cost, trust = model.cost, model.trust
    assert cost is not None and trust is not None
    evaluated = {event.architecture_id for event in events if isinstance(event, CandidateEvent)}
    assert cost.evaluations == len(evaluated) and cost.images is not None
    assert cost.images % cost.evaluations == 0 and 100 < cost.images / cost.evaluations <= 1000
    assert set(cost.parts) >= {"preparing", "profiling", "training", "searching", "verifying"}
    assert all(part is not None and part > 0 for part in cost.parts.values())
    assert cost.core_seconds == pytest.approx(sum(part or 0.0 for part in cost.parts.values()), abs=0.01)
    assert cost.core_seconds is not None and cost.training_core_seconds
    assert cost.trainings == pytest.approx(cost.core_seconds / cost.training_core_seconds, rel=0.01)
    assert trust.verdict == "too few" and {one.architecture_id for one in trust.networks} <= evaluated
    receipt = json.loads((Path(model.bundle) / "receipt.json").read_text())
    assert receipt["search"]["cost"]["evaluations"] == cost.evaluations
    assert receipt["search"]["trust"]["note"] == trust.note


def test_the_events_tell_what_was_made_and_measured(whole: Whole) -> None:
    folder, result, events = whole
    tables = [e.outputs["table"] for e in events if isinstance(e, PhaseEvent) and e.outputs and e.phase == "profiling"]
    assert tables and all((folder / "store" / "blobs" / table[:2] / table).exists() for table in tables)
    taken = [e for e in events if isinstance(e, MeasurementEvent)]
    evaluated = {e.architecture_id for e in events if isinstance(e, CandidateEvent)}
    assert {e.of for e in taken} == {"candidate", "file"} and {e.architecture_id for e in taken} <= evaluated
    (file,) = [e for e in taken if e.of == "file" and e.architecture_id == result.models["cpu"].architecture_id]
    assert file.latency_ms == result.models["cpu"].latency_ms.measured and file.kind == "measured"
    tuned = {e.name for e in events if isinstance(e, MetricEvent) and e.target == "cpu"}
    assert {"tune_loss", "int8_loss"} <= tuned


def test_the_bundle_runs_and_counts_as_its_receipt_says(whole: Whole) -> None:
    import onnxruntime

    from nas.data.dataset import load

    _, result, _ = whole
    model = result.models["cpu"]
    bundle = Path(model.bundle)
    receipt = json.loads((bundle / "receipt.json").read_text())
    test = load("digits", seed=0).test
    for precision in ("int8", "fp32"):
        session = onnxruntime.InferenceSession(bundle / f"model.{precision}.onnx", providers=["CPUExecutionProvider"])
        answers = session.run(None, {"image": test.images})[0].argmax(1)
        reported = receipt["metric"][precision]
        assert reported["kind"] == "measured"
        assert np.mean(answers == test.labels) == pytest.approx(reported["value"], abs=1.5 / len(test))
    kinds = {row["latency_ms"]["kind"] for row in receipt["layers"]}
    assert kinds <= {"predicted", "estimated"}
    assert receipt["latency_ms"]["predicted"]["error"] > 0
    assert (receipt["metric"]["name"], receipt["metric"]["higher_is_better"]) == ("accuracy", True)
    assert set(receipt["hashes"]) >= {"data", "supernet", "latency_table", "weights", "model.int8.onnx"}


def test_events_tell_every_stage(whole: Whole) -> None:
    _, _, events = whole
    finished = [e.phase for e in events if isinstance(e, PhaseEvent) and e.status in ("finished", "reused")]
    assert set(finished) == {
        "preparing", "profiling", "training", "searching", "verifying", "fine_tuning", "delivering",
    }  # fmt: skip


def test_a_second_run_computes_nothing(whole: Whole) -> None:
    folder, result, _ = whole
    events: list[Event] = []
    again = pipeline.search(spec(), out=folder, on_event=events.append)
    assert again.front == result.front
    assert again.models == result.models
    started = [e.phase for e in events if isinstance(e, PhaseEvent) and e.status == "started"]
    assert set(started) == {"delivering"}
    assert of_search(events) == of_search(whole[2])


def of_search(events: list[Event]) -> list[Event]:
    """Every candidate in its order, and the last front."""
    fronts = [event for event in events if isinstance(event, FrontEvent)]
    return [*(event for event in events if isinstance(event, CandidateEvent)), fronts[-1]]


def test_the_delivered_model_is_on_the_trained_front(simulated: Whole) -> None:
    _, result, events = simulated
    (model,) = result.models.values()
    assert model.architecture_id in {point.architecture_id for point in result.front}
    assert {point.kind for point in result.front} == {"simulated"}
    (estimates,) = result.estimates.values()
    assert {point.kind for point in estimates} == {"predicted"}
    (last,) = [e for e in events if isinstance(e, FrontEvent)][-1:]
    assert (last.of, last.points) == ("trained", result.front)


def test_the_same_seed_gives_the_same_model(simulated: Whole, tmp_path: Path) -> None:
    assert same(pipeline.search(spec(targets=SIMULATED), out=tmp_path), simulated[1])


@pytest.mark.parametrize("draw", range(3))
def test_a_killed_run_continues_to_the_same_model(simulated: Whole, tmp_path: Path, draw: int) -> None:
    _, result, events = simulated
    certain = [event for event in events if event.type in CERTAIN]
    kill_at = random.Random(draw).randint(3, len(certain) - 1)
    arguments = [spec(targets=SIMULATED).model_dump_json(), str(tmp_path)]
    command = [sys.executable, "-c", SCRIPT, *arguments]
    killed = subprocess.run([*command, str(kill_at), " ".join(CERTAIN)], capture_output=True, text=True, check=False)
    assert killed.returncode == -signal.SIGKILL, killed.stderr
    assert same(pipeline.search(spec(targets=SIMULATED), out=tmp_path), result)


def test_a_killed_profile_continues_from_its_samples(tmp_path: Path) -> None:
    arguments = [spec().model_dump_json(), str(tmp_path)]
    killed = subprocess.run(
        [sys.executable, "-c", SCRIPT, *arguments, "12", "progress"], capture_output=True, check=False
    )
    assert killed.returncode == -signal.SIGKILL
    journal = Journal(Files.at(next((tmp_path / "store" / "partial").glob("*/journal"))))
    before = journal.read()
    assert before
    kept: list[Any] = []

    def stop() -> bool:
        kept[:] = journal.read()
        return len(kept) > len(before) + 2

    with pytest.raises(Cancelled):
        pipeline.search(spec(), out=tmp_path, cancelled=stop)
    assert kept[: len(before)] == before


def test_a_budget_below_the_fastest_is_rejected_before_training(out: Path) -> None:
    with pytest.raises(InfeasibleBudget, match="the fastest takes") as caught:
        pipeline.search(spec(1e-4), out=out)
    reachable = caught.value.facts["reachable_ms"]
    assert isinstance(reachable, list)
    assert 1e-4 < reachable[0] < reachable[1]
    assert not (out / "store" / "stages" / "train").exists()


def test_budgets_are_evaluated_in_two_seconds_once_data_and_table_are_known(whole: Whole, tmp_path: Path) -> None:
    folder, path = whole[0], tmp_path / "spec.yaml"
    path.write_text(json.dumps(spec(1e-4).model_dump(mode="json")))  # JSON is YAML, too
    command = [sys.executable, "-X", "importtime", "-m", "nas.cli", "run", str(path), "--out", str(folder), "--json"]
    environment = {**os.environ, "PYTHONPATH": str(Path(__file__).parents[2])}
    started = time.monotonic()
    done = subprocess.run(command, env=environment, capture_output=True, text=True, check=False)
    seconds = time.monotonic() - started
    assert done.returncode == 3
    document = json.loads(done.stdout)
    assert document["error"]["code"] == "infeasible_budget"
    assert document["error"]["architectures_within"] == "0"
    loaded = {line.rpartition("|")[2].strip() for line in done.stderr.splitlines() if line.startswith("import time:")}
    assert "nas.stages.budget" in loaded and "torch" not in loaded  # which would take the two seconds alone
    assert seconds < 2 or os.getloadavg()[0] > 2  # the clock of a busy machine says nothing


def test_a_budget_that_a_stored_table_rules_out_is_rejected_before_a_step_is_timed(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    profile_digits(tmp_path / "store", PROFILES["quick"], target="kv260")
    monkeypatch.setattr("nas.prepare_job.time_training", None)  # it would fail
    events: list[Event] = []
    request = spec(targets=[{"target": "kv260", "latency_ms": 1e-4}], work=None, effort="quick")
    with pytest.raises(InfeasibleBudget):
        pipeline.search(request, out=tmp_path, on_event=events.append)
    assert {event.phase for event in events if isinstance(event, PhaseEvent)} == {"preparing"}


def test_a_budget_above_the_slowest_does_not_bind(whole: Whole) -> None:
    folder, _, _ = whole
    result = pipeline.search(spec(1000.0), out=folder)
    assert not result.models["cpu"].budget.active
    assert any("is an inactive constraint" in warning for warning in result.warnings)


def test_several_targets_share_one_supernet(whole: Whole) -> None:
    folder, first, _ = whole
    assert first.common is None
    both = [{"target": "cpu", "latency_ms": "60%"}, {"target": "cpu:threads=2", "latency_ms": "60%"}]
    result = pipeline.search(spec(targets=both), out=folder)
    assert set(result.models) == {"cpu", "cpu:threads=2"}
    assert result.seconds["training"] == 0.0
    assert result.fronts["cpu"] == first.front
    assert result.models["cpu"].bundle != result.models["cpu:threads=2"].bundle


def test_one_network_serves_all_targets_and_is_exported_without_training(tmp_path: Path) -> None:
    both = [{"target": name, "latency_ms": "60%"} for name in ("alveo-u50", "alveo-u280")]
    result = pipeline.search(spec(targets=both), out=tmp_path)
    assert result.common is not None and set(result.common.targets) == set(result.models)
    for target, one in result.common.targets.items():
        exported = pipeline.export(spec(targets=both), result.common.architecture, target, out=tmp_path)
        assert exported.seconds.get("fine_tuning", 0.0) == 0.0
        assert exported.within_budget and exported.model.metric.int8 == one.metric
        assert exported.model.latency_ms.simulated == one.latency_ms


def test_cancelling_says_how_to_continue_to_the_estimates_of_the_same_table(whole: Whole, out: Path) -> None:
    polls = iter(range(10**9))
    with pytest.raises(Cancelled, match="Run the same command again"):
        pipeline.search(spec(), out=out, cancelled=lambda: next(polls) > 40)
    assert pipeline.search(spec(), out=out).estimates == whole[1].estimates


class Impatient:
    """A caller that cancels after so many polls, and counts the new work that is reported after that."""

    def __init__(self, most: int) -> None:
        self._left = most
        self.told_after = 0

    def cancelled(self) -> bool:
        self._left -= 1
        return self._left < 0

    def sink(self, event: Event) -> None:
        self.told_after += self._left < 0 and event.type != "checkpoint"  # what was done is stored


def test_wherever_it_is_stopped_it_begins_nothing_more_and_continues_to_the_same_model(
    simulated: Whole, tmp_path: Path
) -> None:
    rng = random.Random(0)
    callers: list[Impatient] = []
    result = None
    while result is None and len(callers) < 200:
        callers.append(Impatient(rng.randint(20, 1500)))
        with contextlib.suppress(Cancelled):
            request = spec(targets=SIMULATED)
            result = pipeline.search(request, out=tmp_path, on_event=callers[-1].sink, cancelled=callers[-1].cancelled)
    assert result is not None and same(result, simulated[1])
    assert len(callers) > 4 and sum(caller.told_after for caller in callers) == 0


@pytest.mark.parametrize("data", ["missing-folder", "missing.npz"])
def test_missing_data(data: str, tmp_path: Path) -> None:
    with pytest.raises(InvalidData):
        pipeline.search(spec(data=str(tmp_path / data)), out=tmp_path)
