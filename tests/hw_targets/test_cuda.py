"""The target `cuda` as far as it shows without a GPU: its options, its identity, its refusals, and how a profile is read."""

from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace

import onnx
import pytest

from hw_targets import cuda, registry
from hw_targets.cuda import CudaTarget, unavailable
from hw_targets.cuda_graph import LAUNCH, KernelEvent, kernels_by_layer
from hw_targets.errors import TargetUnavailable, UnknownTarget, UnsupportedLayer
from hw_targets.random_weights import random_weights
from hw_targets.target import KernelTime
from hw_targets.testing.networks import residual
from hw_targets.testing.target import CreateTarget, TargetContract
from hw_targets.timing import Slice
from nas.errors import InvalidSpec
from nas.spec import SearchSpec
from nas.stages.context import Context
from nas.store import Store
from search_spaces.network import INPUT, Layer, Network
from search_spaces.onnx_reader import read_onnx
from tests.hw_targets.nvidia import HOPPER, install


@pytest.fixture
def gpu(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    install(monkeypatch, tmp_path, HOPPER)


def test_the_registry_knows_it() -> None:
    for name, batch in (("cuda", 1), ("cuda:batch=8", 8), ("cuda:runtime=graph,batch=2", 2)):
        found = registry.target(name)
        assert isinstance(found, CudaTarget) and found.batch == batch
    for name in ("cuda:batch=0", "cuda:batch=x", "cuda:0", "cuda:runtime=tensorrt", "cuda:threads=2"):
        with pytest.raises(UnknownTarget, match="no options"):
            registry.target(name)


def test_its_identity_holds_precision_batch_and_all_that_latencies_depend_on(
    gpu: None, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    info = CudaTarget().info
    assert (info.id, info.precision, info.batch, info.device_id) == ("cuda", "fp16", 1, "cuda:0")
    assert "NVIDIA H200 (driver 580.159.04, up to 1980 MHz" in info.device and "CUDA 13.0" in info.runtime
    assert CudaTarget(8).info.id == "cuda:batch=8" and unavailable() == ""
    prints = {info.fingerprint, CudaTarget(8).info.fingerprint}
    for other in (
        HOPPER.replace("580.159.04", "590.1"),
        HOPPER.replace("1980", "1200"),
        HOPPER.replace("H200", "H100"),
    ):
        install(monkeypatch, tmp_path, other)
        prints.add(CudaTarget().info.fingerprint)
    install(monkeypatch, tmp_path, HOPPER, cuda="12.8")
    prints.add(CudaTarget().info.fingerprint)
    assert len(prints) == 6


def test_without_a_gpu_it_says_what_to_do(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))
    assert "no NVIDIA driver" in unavailable()
    with pytest.raises(TargetUnavailable, match="no NVIDIA driver") as refused:
        list(CudaTarget().sample([residual()], rounds=1))
    assert "device cpu" in refused.value.fix


def test_its_file_is_a_float_file_of_the_same_network(gpu: None) -> None:
    network = residual()
    model = CudaTarget().lower(network, random_weights(network))
    onnx.checker.check_model(onnx.load_from_string(model), full_check=True)
    assert [layer.key for layer in read_onnx(model).layers] == [layer.key for layer in network.layers]
    odd = Network("odd", (1, 4, 4), (Layer("odd", "onnx:LSTM", (INPUT,), ((1, 4, 4),), (1, 4, 4)),))
    with pytest.raises(UnsupportedLayer, match="onnx:LSTM"):
        CudaTarget().lower(odd, random_weights(odd))


def test_a_search_is_refused_before_anything_is_read(gpu: None, tmp_path: Path) -> None:
    from nas.prepare_job import resolve_spec

    for name in ("cuda", "cuda:batch=8"):
        spec = SearchSpec.model_validate({"data": "nowhere", "targets": [{"target": name, "latency_ms": 1}]})
        with pytest.raises(InvalidSpec, match=r"FP16 at batch \d: it has latency tables") as refused:
            resolve_spec(Context(Store(tmp_path)), spec)
        assert "hwnas profile" in refused.value.fix


class _Run:
    """A captured network whose replays take a microsecond a layer."""

    def __init__(self, network: Network) -> None:
        self.network = network

    def time_slice(self, slice_s: float) -> Slice:
        us = len(self.network.layers)
        return Slice(us / 1e3, us / 1e3, 1.1 * us / 1e3, 50)

    def kernels(self, latency_ms: float) -> tuple[KernelTime, ...]:
        return tuple(KernelTime(layer.name, ((LAUNCH, 1),), 1e-3) for layer in self.network.layers)


class TestCudaOnAnInventedGpu(TargetContract):
    """The contract, with the driver, the GPU's check and the captured networks invented: what is left is the order of samples."""

    @pytest.fixture
    def create(self, gpu: None, monkeypatch: pytest.MonkeyPatch) -> CreateTarget:
        monkeypatch.setattr(cuda, "_Captured", lambda _: SimpleNamespace(of=_Run))
        monkeypatch.setattr(CudaTarget, "_check_gpu", lambda _: None)
        return CudaTarget


def test_a_card_that_gets_too_hot_ends_the_measurement_between_rounds(
    gpu: None, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setattr(cuda, "_Captured", lambda _: SimpleNamespace(of=_Run))
    monkeypatch.setattr(CudaTarget, "_check_gpu", lambda _: None)
    samples = CudaTarget().sample([residual()], rounds=3)
    next(samples), next(samples)  # the kernels, and the first round
    install(monkeypatch, tmp_path, HOPPER, reasons="0x40")
    with pytest.raises(TargetUnavailable, match=r"slower than its settings say: it is too hot") as refused:
        next(samples)
    assert "samples are kept" in refused.value.fix


def _two_layers() -> Network:
    shape = (4, 8, 8)
    conv = Layer("a", "conv", (INPUT,), (shape,), shape, activation="relu")
    view = Layer("b", "activation", ("a",), (shape,), shape)  # no kernel at all
    return Network("two", shape, (conv, view, replace(conv, name="c", inputs=("b",))))


def _events(*runs: list[int]) -> list[KernelEvent]:
    """A marked run of kernels (2, 0 and 1 a layer), then plain runs with these durations in ns, each kernel 100 ns after the other."""
    names = ["spin_kernel", "conv", "relu", "spin_kernel", "spin_kernel", "conv", "spin_kernel"]
    found, now = [], 0
    for name, takes in [(name, 50) for name in names] + [("k", takes) for run in runs for takes in run]:
        found.append(KernelEvent(name, now, now + takes))
        now += takes + 100
    return found


def test_kernels_belong_to_the_layer_between_their_marks() -> None:
    found = kernels_by_layer(_two_layers(), _events([1000, 2000, 3000], [1000, 2000, 3000], [9000, 9000, 9000]), 0.0062)
    assert [(k.layer, k.kernels) for k in found] == [("a", ((LAUNCH, 2),)), ("c", ((LAUNCH, 1),))]
    # starts are 1100 and 2100 ns apart, the last takes 3000: 6200 ns, nothing to take off
    assert [k.latency_ms for k in found] == pytest.approx([0.0032, 0.0030])


def test_what_the_profiler_costs_is_taken_off_every_kernel() -> None:
    found = kernels_by_layer(_two_layers(), _events([1000, 2000, 3000]), 0.0059)
    assert [k.latency_ms for k in found] == pytest.approx([0.0030, 0.0029])


def test_a_profile_that_lacks_kernels_is_refused() -> None:
    for events in ([], _events([1000, 2000]), _events()):
        with pytest.raises(TargetUnavailable, match="profiler"):
            kernels_by_layer(_two_layers(), events, 1.0)
