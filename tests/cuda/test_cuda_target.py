"""The target `cuda` on a real GPU: the contract of targets, and what its times mean."""

import pytest

from hw_targets.cuda import CudaTarget
from hw_targets.target import KernelSample, TimingSample
from hw_targets.testing.networks import inverted_residuals
from hw_targets.testing.target import CreateTarget, TargetContract
from hw_targets.timing import profiles


class TestCuda(TargetContract):
    @pytest.fixture
    def create(self, gpu: str) -> CreateTarget:
        return CudaTarget


class TestCudaBatch8(TargetContract):
    @pytest.fixture
    def create(self, gpu: str) -> CreateTarget:
        return lambda: CudaTarget(8)


def test_a_network_takes_longer_the_more_it_computes(gpu: str) -> None:
    small, large = inverted_residuals("relu", side=16), inverted_residuals("relu", side=224)
    found = profiles([small, large], list(CudaTarget(64).sample([small, large], rounds=2)))
    assert 2 * found[0].latency_ms < found[1].latency_ms
    info = CudaTarget(64).info
    assert (info.precision, info.batch, info.id) == ("fp16", 64, "cuda:batch=64")


def test_every_layer_launches_something_that_takes_time(gpu: str) -> None:
    network = inverted_residuals("hard_swish", side=32)
    samples = list(CudaTarget().sample([network], rounds=1))
    kernels = next(s for s in samples if isinstance(s, KernelSample)).kernels
    timing = next(s for s in samples if isinstance(s, TimingSample))
    assert sum(k.latency_ms for k in kernels) == pytest.approx(timing.q25_ms, rel=0.5)
    assert all(k.latency_ms > 0 for k in kernels)
