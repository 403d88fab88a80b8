"""The benchmark's form on a toy target, and once on the real processor in its shortest form."""

import json
import random
from collections.abc import Iterator, Sequence
from pathlib import Path

import pytest

from benchmarks import latency_fidelity
from benchmarks.latency_fidelity import alone, spaces
from hw_targets.target import KernelSample, Sample, TimingSample
from search_spaces.builder import Graph
from search_spaces.network import Network
from tests.latency_models.synthetic import INFO, profile

TINY = """
name: tiny
resolution: [8, 12]
stem: {channels: 16}
stages:
  - {block: inverted_residual, channels: [16, 24], depth: [1, 2], kernel: [3, 5], expansion: [3, 6], squeeze_excite: [false, true]}
"""


class Toy:
    """A target whose latencies are a sum over layers, with one per cent of noise."""

    info = INFO

    def sample(self, networks: Sequence[Network], *, rounds: int, done: Sequence[Sample] = ()) -> Iterator[Sample]:
        assert not done
        rng = random.Random(0)
        for network in networks:
            yield KernelSample(network.id, profile(network, rng, kernel_noise=0.02).layers)
        for number in range(rounds):
            for network in networks:
                ms = profile(network, rng).latency_ms * (1 + abs(rng.gauss(0, 0.01)))
                yield TimingSample(network.id, number, ms, ms, ms, 10)


def test_form_and_figures_on_a_toy_target(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    monkeypatch.setattr(latency_fidelity, "find_target", lambda _: Toy())
    plot = tmp_path / "plot.png"
    arguments = [
        "--networks",
        "10",
        "--fitted",
        "30",
        "--resolution",
        "8",
        "--rounds",
        "3",
        "--json",
        "--plot",
        str(plot),
    ]
    assert latency_fidelity.main(arguments) == 0
    document = json.loads(capsys.readouterr().out)
    summary = document["summary"]
    for prefix in ("", "isolated_", "mac_"):
        for name in ("mape", "within_5", "within_10", "kendall_tau", "kendall_tau_fastest_tenth"):
            assert prefix + name in summary
    assert summary["mape"] < 0.02
    assert summary["mape"] < summary["mac_mape"]
    assert 0 < summary["noise_floor_mape"] < 0.05
    assert (summary["cases"], summary["tested"], summary["fitted"]) == (2, 20, 30)
    assert {row["space"] for row in document["rows"]} == {
        "mobilenet:activation=relu6",
        "mobilenet:activation=hard_swish",
    }
    assert document["settings"]["resolution"] == [8]
    assert plot.stat().st_size > 1000


def test_on_the_processor(capsys: pytest.CaptureFixture[str], tmp_path: Path) -> None:
    pytest.importorskip("onnxruntime")
    (tmp_path / "tiny.yaml").write_text(TINY)
    arguments = ["--space", str(tmp_path / "tiny.yaml"), "--networks", "3", "--fitted", "6", "--rounds", "2", "--json"]
    assert latency_fidelity.main([*arguments, "--resolution", "8"]) == 0
    document = json.loads(capsys.readouterr().out)
    assert len(document["rows"]) == 3
    assert all(row["measured_ms"] > 0 and row["predicted_ms"] > 0 for row in document["rows"])
    assert document["summary"]["mape"] < 0.5


def test_unknown_spaces_are_an_error_document(capsys: pytest.CaptureFixture[str]) -> None:
    assert latency_fidelity.main(["--space", "nowhere", "--json"]) == 1
    assert json.loads(capsys.readouterr().out)["error"]["code"] == "invalid_space"


def test_spaces_of_a_name() -> None:
    assert spaces("mobilenet") == ["mobilenet:activation=relu6", "mobilenet:activation=hard_swish"]
    assert spaces("mobilenet:activation=relu") == ["mobilenet:activation=relu"]
    assert spaces("resnet") == ["resnet"]
    assert spaces("mobilenet.yaml") == ["mobilenet.yaml"]


def test_a_layer_alone_keeps_its_key() -> None:
    g = Graph((8, 4, 4))
    x = g.conv("a", g.input, 8, activation="relu6")
    gate = g.conv("g", g.global_avg_pool("p", x), 8, activation="hard_sigmoid")
    g.linear("f", g.add("s", g.mul("m", x, gate), x), 10)
    for layer in g.layers:
        network = alone(layer)
        assert network.layers[-1].key == layer.key
        assert network.layers[-1].name == "alone"
