"""Training on a real GPU: placement, agreement with the processor, INT8 that is exact, a whole job."""

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch

from hw_targets.random_weights import random_weights
from hw_targets.testing.networks import inverted_residuals
from nas import accelerator
from nas.compute import Compute, resolve
from nas.data.batches import Batches, as_input
from nas.data.splits import Split
from nas.interpreter import BNFolded, Training, folded, recalibrate, run
from nas.pipeline import search
from nas.quantise import FakeQuant, run_quantised
from nas.ranges import observe
from nas.spec import SearchSpec
from nas.stages.train import train
from nas.supernet_weights import SupernetWeights
from nas.training.config import SINGLE, TrainConfig
from nas.training.loop import TrainingStrategy
from nas.training.loop import train as train_loop
from nas.training.sandwich import Sandwich
from nas.training.single_network import SingleNetwork
from tests.nas import boards
from tests.nas.stages import jobs
from tests.nas.stages.jobs import board
from tests.work import LITTLE

__all__ = ["board"]


@pytest.fixture
def compute(gpu: str) -> Compute:
    found = resolve("cuda", 2)
    accelerator.start(found)
    return found


def test_bfloat16_agrees_with_the_processor(compute: Compute) -> None:
    network = inverted_residuals("relu6")
    here = SupernetWeights.of(network.layers, 0)
    there = SupernetWeights.of(network.layers, 0, compute.device)
    images = torch.rand(32, *network.input_shape)
    exact = run(network, images, Training(here.leaves(network))).detach()
    leaves = there.leaves(network)
    found = accelerator.forward(compute)(network, images.to(compute.device), Training(leaves))
    assert found.device.type == "cuda" and found.dtype == torch.float32
    assert float((found.detach().cpu() - exact).norm() / exact.norm()) < 0.05
    found.square().sum().backward()
    assert all(leaf.grad is not None and leaf.grad.device.type == "cuda" for leaf in leaves.values())


def test_int8_is_exact_there_too(compute: Compute) -> None:
    network = inverted_residuals("relu6")
    weights = random_weights(network)
    pixels = torch.randint(0, 256, (64, *network.input_shape), dtype=torch.uint8)
    here, there = run_quantised(network, weights, pixels), run_quantised(network, weights, pixels.to(compute.device))
    torch.testing.assert_close(there.cpu(), here, rtol=0, atol=float(1.01 * (here.unique().diff().min())))
    assert float((there.cpu().argmax(1) == here.argmax(1)).float().mean()) > 0.98


def test_a_supernet_is_trained_there_and_found_again(board: None, tmp_path: Path, compute: Compute) -> None:
    context, job = jobs.resolved(tmp_path, device="cuda", seed=0)
    job = replace(job, work=job.work.model_copy(update={"supernet_images": 512}))
    assert job.compute.on_gpu and "Trains on cuda:0" in job.compute.note
    first = train(context, job)
    assert {t.device.type for t in first.weights.tensors.values()} == {"cuda"}
    assert train(context, job).hash == first.hash
    assert all(bool(t.isfinite().all()) for t in first.weights.tensors.values())


def test_a_batch_beyond_the_memory_is_halved(compute: Compute) -> None:
    free, _ = torch.cuda.mem_get_info(compute.device)
    sizes: list[int] = []

    def attempt(config: TrainConfig) -> int:
        sizes.append(config.batch_size)
        return torch.empty(int(free * config.batch_size / 100), dtype=torch.uint8, device=compute.device).numel()

    assert accelerator.halved_once(compute, TrainConfig(batch_size=120), attempt, lambda _: None)
    assert sizes == [120, 60]


@pytest.mark.parametrize("kind", ["float", "int8", "sandwich"])
def test_replayed_training_learns_what_eager_training_learns(compute: Compute, kind: str) -> None:
    network = inverted_residuals("hard_swish")
    rng = np.random.default_rng(0)
    split = Split(rng.integers(0, 256, (64, *network.input_shape), np.uint8), rng.integers(0, 10, 64))
    batches = Batches(split, 32, seed=0, device=compute.device)
    after = []
    for replayed in (False, True):
        weights = SupernetWeights.of(network.layers, 0, compute.device)
        if kind == "sandwich":
            strategy: TrainingStrategy = Sandwich(
                weights, network, network, lambda _: network, lambda step, _: batches.batch(step), SINGLE, 0, replayed=replayed
            )  # fmt: skip
        else:
            images = as_input(torch.from_numpy(split.images).to(compute.device))
            float_ = folded(network, weights.tensors, recalibrate(network, weights, [images]))
            own = weights.tensors if kind == "float" else {name: tensor.clone() for name, tensor in float_.items()}
            ranges = observe(network, BNFolded(float_), [images])
            mode = Training if kind == "float" else lambda w, ranges=ranges: FakeQuant(network, w, ranges)
            strategy = SingleNetwork(
                network, own, mode, lambda step, _: batches.batch(step), SINGLE, replayed=replayed
            )  # fmt: skip
        config = replace(SINGLE, learning_rate=1e-4)
        train_loop(strategy, config, 12)
        after.append({name: tensor.detach().clone() for name, tensor in strategy.parameters.items()})
    for name, tensor in after[0].items():
        torch.testing.assert_close(after[1][name], tensor, rtol=1e-2, atol=1e-3)


def test_a_whole_search_learns(monkeypatch: pytest.MonkeyPatch, tmp_path: Path, gpu: str) -> None:
    boards.install(monkeypatch)
    work = LITTLE.model_copy(update={"supernet_images": 20_000, "evaluations": 6, "tune_images": 20_000})
    spec = SearchSpec.model_validate(
        {
            "data": "digits", "space": "resnet", "threads": 2, "device": "cuda", "work": work.model_dump(),
            "targets": [{"target": "board", "latency_ms": "60%"}],
        }
    )  # fmt: skip
    result = search(spec, out=tmp_path)
    assert result.models["board"].metric.int8.value > 0.9
