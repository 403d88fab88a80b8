"""The benchmark's form on the processor, in its shortest form; what it says of a GPU needs one."""

import json

import pytest
import torch

from benchmarks import gpu
from benchmarks.common import Row
from benchmarks.static_network import Static
from nas.compute import Compute
from nas.interpreter import Training, run
from nas.supernet_weights import SupernetWeights
from search_spaces.registry import space as find_space
from tests.benchmarks.test_latency_fidelity import Toy


def test_training_on_the_processor(capsys: pytest.CaptureFixture[str]) -> None:
    arguments = ["--device", "cpu", "--threads", "1", "--parts", "training", "--resolution", "8", "--batch", "8"]
    assert gpu.main([*arguments, "--seconds", "0", "--compiled", "--json"]) == 0
    document = json.loads(capsys.readouterr().out)
    assert document["summary"]["sandwich_images_per_second_cpu_8_batch_8"] > 0
    assert 0.2 < document["summary"]["sandwich_over_eager_8_batch_8_cpu"] < 5
    assert [row["what"] for row in document["rows"]] == ["sandwich", "largest alone", "four static, eager", "no GPU"]
    assert {"torch", "python"} <= set(document["machine"]["versions"]) and document["settings"]["threads"] == 1


def test_a_static_network_computes_what_the_supernet_trains() -> None:
    space = find_space("mobilenet", resolution=16, channels=3, classes=10)
    network = space.network(space.largest())
    images = torch.rand(4, *network.input_shape)
    leaves = SupernetWeights.of(network.layers, 0).leaves(network)
    torch.testing.assert_close(Static(network, "cpu")(images), run(network, images, Training(leaves)))


def test_without_a_gpu_it_says_so(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    monkeypatch.setenv("PATH", "/nowhere")
    assert gpu.main(["--json"]) == 1
    assert "no NVIDIA driver" in json.loads(capsys.readouterr().out)["error"]["detail"]


def test_fidelity_on_a_toy_target(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    monkeypatch.setattr(gpu, "find_target", lambda _: Toy())
    arguments = ["--device", "cpu", "--parts", "fidelity", "--resolution", "8", "--networks", "8", "--fitted", "20"]
    assert gpu.main([*arguments, "--rounds", "2", "--json"]) == 0
    document = json.loads(capsys.readouterr().out)
    assert document["summary"]["latency_kendall_tau_batch_1"] > 0.8
    assert document["rows"][0]["networks"] == 8 and document["rows"][0]["precision"] == "int8"


def test_the_summary_divides_what_belongs_together() -> None:
    rows: list[Row] = [
        gpu._row("sandwich", Compute("cuda:0", "bfloat16", 2, "gpu"), 96, 64, 0.032),
        gpu._row("sandwich", Compute(threads=2), 96, 64, 0.64),
        gpu._row("four static, compiled", Compute("cuda:0", "bfloat16", 2, "gpu"), 96, 64, 0.016),
        {"part": "search", "device": "cuda:0", "int8_accuracy": 0.99},
        {"part": "search", "device": "cuda:0", "int8_accuracy": 0.97},
    ]
    assert gpu.summarise(rows) == pytest.approx(
        {
            "sandwich_images_per_second_gpu_96_batch_64": 2000.0,
            "sandwich_over_compiled_96_batch_64_gpu": 0.5,
            "gpu_over_cpu_96_batch_64": 20.0,
            "sandwich_images_per_second_cpu_96_batch_64": 100.0,
            "search_int8_accuracy_gpu": 0.98,
        }
    )
