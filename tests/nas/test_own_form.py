"""Targets that need an INT8 scheme of their own and reject layers: the whole job on the digits, simulated."""

import json
from collections.abc import Sequence
from math import log2
from pathlib import Path
from typing import Any

import numpy as np
import onnx
import pytest
from onnx import numpy_helper

from hw_targets.testing.networks import inverted_residuals, residual
from hw_targets.testing.target import CreateTarget, TargetContract
from nas import pipeline
from nas.events import Event, LogEvent
from nas.preflight import plan
from nas.result import SearchResult
from nas.spec import SearchSpec
from nas.stages.context import Context
from nas.store import Store
from nas.work import PROFILES
from search_spaces.network import Network
from search_spaces.onnx_reader import read_onnx
from tests.nas import boards
from tests.work import LITTLE


class TestBoard(TargetContract):
    @pytest.fixture
    def create(self) -> CreateTarget:
        return boards.Board


class TestDpu(TargetContract):
    @pytest.fixture
    def create(self) -> CreateTarget:
        return boards.Dpu

    @pytest.fixture
    def networks(self) -> Sequence[Network]:
        return [inverted_residuals("relu"), residual()]


@pytest.fixture(autouse=True)
def known(monkeypatch: pytest.MonkeyPatch) -> None:
    boards.install(monkeypatch)

    def refuse(*_: object, **__: object) -> None:
        raise AssertionError("a simulated target must not wait for a device")

    monkeypatch.setattr("hw_targets.lock.measuring", refuse)
    monkeypatch.setattr("hw_targets.cpu.measuring", refuse)


def spec(*targets: str, **fields: Any) -> SearchSpec:
    given = {"data": "digits", "space": "mobilenet", "work": LITTLE, "threads": 1, **fields}
    return SearchSpec.model_validate(
        {**given, "targets": [{"target": name, "latency_ms": "60%"} for name in targets or ("dpu",)]}
    )


Whole = tuple[Path, SearchResult, list[Event]]


@pytest.fixture(scope="module")
def whole(tmp_path_factory: pytest.TempPathFactory) -> Whole:
    """Both targets, searched over one supernet."""
    folder, events = tmp_path_factory.mktemp("whole"), list[Event]()
    with pytest.MonkeyPatch.context() as patch:
        boards.install(patch)
        return folder, pipeline.search(spec("board", "dpu"), out=folder, on_event=events.append), events


def receipt(result: SearchResult, target: str) -> dict[str, Any]:
    document: dict[str, Any] = json.loads((Path(result.models[target].bundle) / "receipt.json").read_text())
    return document


def test_each_target_is_searched_in_what_it_runs(whole: Whole) -> None:
    _, result, _ = whole
    assert not result.models["board"].removed
    removed = {(one.choice, one.value): one for one in result.models["dpu"].removed}
    assert removed["s1.se", True].alone and removed["s1.se", True].layer == "s1.b0.se.gate"
    assert removed["s2.b0.kernel", 7].reason == "kernels up to 5x5 only"
    assert {choice.rpartition(".")[2] for choice, _ in removed} == {"se", "kernel"}
    for point in result.fronts["dpu"]:
        assert "kernel=7" not in point.architecture and "se=true" not in point.architecture
    assert int(result.models["dpu"].budget.architectures) < int(result.models["board"].budget.architectures)
    network = read_onnx(Path(result.models["dpu"].bundle) / "model.int8.onnx")
    assert all(boards.Dpu().supports(layer).ok and layer.activation in (None, "relu") for layer in network.layers)


def test_the_user_sees_what_was_removed_and_why(whole: Whole) -> None:
    _, result, events = whole
    messages = [e.message for e in events if isinstance(e, LogEvent)]
    (restricted,) = [text for text in messages if "is restricted to" in text]
    assert restricted.startswith("dpu does not run all of the space mobilenet:activation=relu")
    assert "no hard_sigmoid (removed s1.se=true, s2.se=true, s3.se=true)" in restricted
    (replaced,) = [text for text in result.warnings if "in place of" in text]
    assert "relu in place of relu6, for all targets" in replaced and "equalised" in replaced
    assert len(receipt(result, "dpu")["space"]["removed"]) == len(result.models["dpu"].removed)


def test_numbers_of_a_simulated_target_say_so(whole: Whole) -> None:
    _, result, _ = whole
    for name in ("board", "dpu"):
        document, latency = receipt(result, name), result.models[name].latency_ms
        assert document["target"]["kind"] == document["latency_table"]["kind"] == latency.kind == "simulated"
        assert latency.measured is None
        network = Network.from_json(
            json.loads((Path(result.models[name].bundle) / "architecture.json").read_text())["network"]
        )
        assert latency.simulated == pytest.approx(sum(map(boards.layer_ms, network.layers)))
        assert latency.simulated is not None and latency.simulated <= latency.budget
        assert latency.predicted == pytest.approx(latency.simulated, rel=0.03)
        assert document["latency_ms"]["simulated"] == {"value": latency.simulated, "kind": "simulated"}
        assert not {"measured", "noise"} & set(document["latency_ms"])
        assert all(row["simulated_ms"]["kind"] == "simulated" for row in document["layers"])
    assert receipt(result, "dpu")["quantisation"]["scheme"] == "power_of_two"
    assert receipt(result, "board")["quantisation"]["scheme"] == "affine"


def test_the_delivered_file_has_power_of_two_scales_alone(whole: Whole) -> None:
    _, result, _ = whole
    model = onnx.load(Path(result.models["dpu"].bundle) / "model.int8.onnx")
    onnx.checker.check_model(model, full_check=True)
    values = {i.name: numpy_helper.to_array(i) for i in model.graph.initializer}
    nodes = [n for n in model.graph.node if n.op_type in ("QuantizeLinear", "DequantizeLinear")]
    assert nodes
    for node in nodes:
        assert values[node.input[1]].ndim == 0 and log2(float(values[node.input[1]])).is_integer()
        assert len(node.input) == 2 or (values[node.input[2]] == 0 and values[node.input[2]].dtype == np.int8)
    assert result.models["dpu"].metric.int8.value > result.models["dpu"].metric.fp32.value - 0.03


def test_a_search_in_one_scheme_does_not_answer_for_another(whole: Whole) -> None:
    folder, _, _ = whole
    assert len(list((folder / "store" / "stages" / "search").glob("*.json"))) == 2
    journals = (folder / "store" / "partial").glob("*/journal")
    kept = [path for path in journals if any('"id"' in restricted.read_text() for restricted in path.iterdir())]
    assert len(kept) == 2  # the memory of evaluations, by scheme


def test_a_table_made_ahead_serves_the_search(tmp_path: Path) -> None:
    made = pipeline.profile("dpu", "mobilenet", resolution=8, channels=1, classes=10, effort="quick", store=tmp_path)
    assert made.accuracy_report.mape < 0.03
    quick = spec("dpu", work=LITTLE.model_copy(update={"profile": PROFILES["quick"]}))
    assert plan(quick, store=tmp_path).seconds["profiling"] == 0
    assert plan(quick, store=tmp_path).seconds["verifying"] == 0


def _context(folder: Path) -> Context:
    return Context(Store(folder / "store"))
