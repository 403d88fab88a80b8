"""The comparison with baselines: its interpolation by hand, and a short form of the whole on the digits."""

import json
from pathlib import Path

import pytest

from benchmarks import against_baselines
from benchmarks.against_baselines import Trained, equal_accuracy_latency, found_front
from benchmarks.baselines import mobilenet_v2, resnet
from search_spaces.builder import Graph
from search_spaces.cost import macs


def trained(latency_ms: float, accuracy: float, validation: float | None = None) -> Trained:
    g = Graph((1, 8, 8))
    g.linear("classifier", g.global_avg_pool("pool", g.input), 2)
    return Trained("found", 0, True, g.network("tiny"), latency_ms, accuracy, accuracy, validation or accuracy)


def test_latency_at_equal_accuracy_is_linear_between_networks() -> None:
    found = found_front([trained(1.0, 0.8), trained(3.0, 0.9), trained(2.0, 0.7)])  # the last is beaten
    assert equal_accuracy_latency(found, 0.85) == pytest.approx(2.0)
    assert equal_accuracy_latency(found, 0.5) == 1.0
    assert equal_accuracy_latency(found, 0.95) is None


def test_the_front_is_selected_by_validation() -> None:
    lucky = trained(2.0, 0.95, validation=0.8)  # best of all on the test set, which has no say
    front = found_front([trained(3.0, 0.9), lucky, trained(1.0, 0.85)])
    assert [r.latency_ms for r in front] == [1.0, 3.0]


def test_baselines_are_the_published_ones() -> None:
    # Sandler et al. 2018, table 4: 300 M multiply-accumulates at width 1.0
    assert macs(mobilenet_v2(1.0, resolution=224, channels=3, classes=1000)) == 300_774_272
    assert (
        len(
            [
                x
                for x in resnet(8, resolution=32, channels=3, classes=10).layers
                if "shortcut" not in x.name and x.has_weights
            ]
        )
        == 8
    )
    assert (
        len(
            [
                x
                for x in resnet(14, resolution=32, channels=3, classes=10).layers
                if "shortcut" not in x.name and x.has_weights
            ]
        )
        == 14
    )


def test_short_form(tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> None:
    options = ["--data", "digits", "--epochs", "0.2", "--supernet-epochs", "0.5", "--evaluations", "6", "--jobs", "1"]
    options += ["--table", "12", "6", "2", "--rounds", "2"]
    monkeypatch.setattr("sys.argv", ["x", *options, "--store", str(tmp_path), "--json"])
    assert against_baselines.main() == 0
    document = json.loads(capsys.readouterr().out)
    assert {"accuracy_gain_at_equal_latency", "speedup_at_equal_accuracy"} <= set(document["summary"])
    names = {row["name"] for row in document["rows"] if not row["found"]}
    assert names == {"resnet-8", "resnet-14", "mobilenetv2-0.25", "mobilenetv2-0.35", "mobilenetv2-0.5"}
    assert all(row["latency_ms"] > 0 and 0 <= row["accuracy_int8"] <= 1 for row in document["rows"])
    assert any(row["found"] for row in document["rows"])
