"""What is done with a `Compute`, as far as it shows without a GPU: arithmetic, placement, memory that does not do, failures."""

from dataclasses import replace

import numpy as np
import pytest
import torch

from hw_targets.errors import DeviceUnavailable
from hw_targets.testing.networks import inverted_residuals
from nas import accelerator
from nas.accelerator import halved_once
from nas.compute import Compute
from nas.data.batches import Batches
from nas.data.splits import Split
from nas.errors import DeviceLost, OutOfDeviceMemory, OutOfWorkerMemory
from nas.interpreter import Training, run
from nas.supernet_weights import SupernetWeights
from nas.training.config import TrainConfig

GPU = Compute("cuda:0", "bfloat16", 1, "NVIDIA H200", 150_000_000_000)
HERE = Compute(dtype="bfloat16")
"""The processor computes in bfloat16, too: the path is that of a GPU."""


def test_float32_is_the_interpreter_itself() -> None:
    assert accelerator.forward(Compute()) is run


def test_bfloat16_is_near_float32_and_its_gradients_are_float32() -> None:
    network = inverted_residuals("relu6")
    leaves = SupernetWeights.of(network.layers, 0).leaves(network)
    images = torch.rand(16, *network.input_shape)
    mixed = accelerator.forward(HERE)(network, images, Training(leaves))
    exact = run(network, images, Training(leaves)).detach()
    assert mixed.dtype == torch.float32
    assert 0 < float((mixed.detach() - exact).norm() / exact.norm()) < 0.1
    mixed.square().sum().backward()
    assert all(leaf.grad is not None and leaf.grad.dtype == torch.float32 for leaf in leaves.values())


def test_weights_and_batches_go_to_the_device() -> None:
    network = inverted_residuals("relu6")
    weights = SupernetWeights.of(network.layers, 0, "meta")
    assert {tensor.device.type for tensor in weights.tensors.values()} == {"meta"}
    split = Split(np.zeros((40, 3, 8, 8), np.uint8), np.arange(40) % 4)
    for kept in (True, False):
        images, labels = Batches(split, 16, seed=0, device="meta", kept_there=kept).batch(0)
        assert images.device.type == labels.device.type == "meta" and images.shape == (16, 3, 8, 8)
        assert images.is_contiguous(memory_format=torch.channels_last)


def test_a_gpu_that_torch_cannot_use_is_refused() -> None:
    if torch.cuda.is_available():
        return
    with pytest.raises(DeviceUnavailable, match="cannot use cuda:0"):
        accelerator.start(GPU)


def test_the_batch_is_halved_once() -> None:
    tried: list[int] = []
    told: list[int] = []

    def attempt(config: TrainConfig) -> str:
        tried.append(config.batch_size)
        if config.batch_size > 32:
            raise torch.OutOfMemoryError
        return "done"

    assert halved_once(GPU, TrainConfig(batch_size=64), attempt, told.append) == "done"
    assert tried == [64, 32] and told == [32]
    with pytest.raises(OutOfDeviceMemory, match="batches of 64 images") as failed:
        halved_once(GPU, TrainConfig(batch_size=128), attempt, told.append)
    assert tried == [64, 32, 128, 64] and failed.value.facts["batch"] == 64 and "--resolution" in failed.value.fix


def test_too_small_a_batch_is_not_halved() -> None:
    def attempt(_: TrainConfig) -> None:
        raise torch.OutOfMemoryError

    with pytest.raises(OutOfDeviceMemory, match="batches of 8 images"):
        halved_once(GPU, TrainConfig(batch_size=8), attempt, lambda _: None)


def test_the_batch_is_halved_where_a_worker_or_the_machine_lacks_memory() -> None:
    tried: list[int] = []

    def attempt(config: TrainConfig) -> None:
        tried.append(config.batch_size)
        if len(tried) == 1:
            raise OutOfWorkerMemory("There is not enough memory for a rank.", fix="Use fewer workers.")
        torch.empty(1 << 60)

    with pytest.raises(
        OutOfDeviceMemory, match=r"memory of the machine is too small .* batches of 32 images"
    ) as failed:
        halved_once(replace(GPU, device="cpu", gpu=""), TrainConfig(batch_size=64), attempt, lambda _: None)
    assert tried == [64, 32] and "fewer workers" in failed.value.fix


def test_a_device_that_fails_is_named() -> None:
    said = r"cuda:0 \(NVIDIA H200\) failed: CUDA error: unspecified launch failure"
    with pytest.raises(DeviceLost, match=said), accelerator.bearing_failures(GPU):
        raise torch.AcceleratorError("CUDA error: unspecified launch failure\nmore")
    with pytest.raises(torch.OutOfMemoryError), accelerator.bearing_failures(replace(GPU)):
        raise torch.OutOfMemoryError
