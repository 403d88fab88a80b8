import gc
import os
import re
import sys
from collections import Counter
from pathlib import Path

import pytest

from hw_targets.cpu import CpuTarget, threads_of, unavailable
from hw_targets.errors import TargetUnavailable, UnknownTarget
from hw_targets.random_weights import random_weights
from hw_targets.target import KernelSample
from hw_targets.testing.networks import ALL, inverted_residuals, residual
from hw_targets.testing.target import CreateTarget, TargetContract
from search_spaces.network import Layer, Network
from tests.hw_targets.files import kernels


class TestCpu(TargetContract):
    @pytest.fixture
    def create(self) -> CreateTarget:
        return CpuTarget


class TestCpuOnTwoThreads(TargetContract):
    @pytest.fixture
    def create(self) -> CreateTarget:
        return lambda: CpuTarget(threads=2)

    @pytest.fixture
    def networks(self) -> list[Network]:
        return [residual(), inverted_residuals("hard_swish", attention=True)]


@pytest.mark.parametrize("network", ALL, ids=lambda n: n.name)
def test_every_kernel_belongs_to_a_layer(network: Network, tmp_path: Path) -> None:
    (sample,) = CpuTarget().sample([network], rounds=0)
    assert isinstance(sample, KernelSample)
    found: Counter[str] = Counter()
    for time in sample.kernels:
        found.update(dict(time.kernels))
    assert found == kernels(CpuTarget().lower(network, random_weights(network)), tmp_path)
    assert {k.layer for k in sample.kernels} <= {layer.name for layer in network.layers}


def test_kernels_take_about_as_long_as_the_network() -> None:
    target = CpuTarget()
    network = residual(32)
    kernel_sample, timing, *_ = target.sample([network], rounds=1)
    assert isinstance(kernel_sample, KernelSample) and not isinstance(timing, KernelSample)
    assert sum(k.latency_ms for k in kernel_sample.kernels) == pytest.approx(timing.q25_ms, rel=0.5)


def test_convolutions_take_their_activation_along() -> None:
    network = inverted_residuals("hard_swish")
    (sample,) = CpuTarget().sample([network], rounds=0)
    assert isinstance(sample, KernelSample)
    by_layer = {k.layer: dict(k.kernels) for k in sample.kernels}
    assert by_layer["block0.expand"] == {"QLinearConv": 1, "Clip": 1, "QLinearMul": 1}
    assert by_layer["block0.add"] == {"QLinearAdd": 1}


def test_ids_name_what_differs_from_the_default() -> None:
    one, two = CpuTarget().info, CpuTarget(threads=2).info
    assert (one.id, two.id) == ("cpu", "cpu:threads=2")
    assert one.fingerprint != two.fingerprint
    assert re.fullmatch(r"[0-9a-f]{16}", one.fingerprint)
    assert one.runtime.startswith("onnxruntime ")


@pytest.mark.parametrize(
    "options", [{"threads": "0"}, {"threads": "x"}, {"threads": ""}, {"cores": "2"}, {"threads": "257"}]
)
def test_wrong_options_are_rejected(options: dict[str, str]) -> None:
    with pytest.raises(UnknownTarget, match="threads=N"):
        threads_of(options)


def test_without_the_runtime_the_error_names_the_fix(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "onnxruntime", None)
    assert "ONNX Runtime" in unavailable()
    with pytest.raises(TargetUnavailable, match="pip install onnxruntime"):
        list(CpuTarget().sample([residual()], rounds=1))
    with pytest.raises(TargetUnavailable, match="pip install onnxruntime"):
        list(CpuTarget().sample_file(b"", rounds=1))


def test_an_unknown_activation_is_not_supported() -> None:
    layer = Layer("a", "activation", ("input",), ((1, 2, 2),), (1, 2, 2), activation="tanh")
    assert "tanh" in CpuTarget().supports(layer).reason


def test_measuring_leaves_the_process_as_it_was() -> None:
    cores = os.sched_getaffinity(0) if hasattr(os, "sched_getaffinity") else None
    stream = CpuTarget().sample([residual()], rounds=3)
    next(stream)
    next(stream)
    assert gc.isenabled()
    assert cores is None or os.sched_getaffinity(0) == cores
    stream.close()  # type: ignore[attr-defined]
    assert list(CpuTarget().sample([residual()], rounds=1)), "the lock was given back"
