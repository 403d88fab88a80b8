"""Data in the order of their classes, as folders have them, give the model that shuffled data give."""

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from statistics import mean, stdev

import numpy as np
import pytest
import torch
from numpy.typing import NDArray
from PIL import Image
from torch import Tensor

from hw_targets.scheme import AFFINE
from nas.data.batches import as_input
from nas.data.splits import SplitName
from nas.job import Job
from nas.stages import inputs, quantize
from nas.stages.context import Context
from nas.stages.fine_tune import fine_tune, trained_weights
from nas.stages.inputs import CALIBRATION
from nas.stages.quantize import OBSERVED, quantized
from nas.stages.subnet_evaluation import EvaluationSetup
from nas.work import CALIBRATION as CANDIDATES
from nas.work import VALIDATION
from tests.nas.stages import jobs
from tests.nas.stages.jobs import board

__all__ = ["board"]

CLASSES, SIZE = 6, 16


def textures(each: int, seed: int = 0) -> tuple[NDArray[np.uint8], NDArray[np.int64]]:
    """Stripes, sorted by class: across or upright, and the brighter and stronger the later the class."""
    rng = np.random.default_rng(seed)
    labels = np.repeat(np.arange(CLASSES), each)
    phase, noise = rng.uniform(0, 2 * np.pi, (len(labels), 1, 1)), rng.normal(0, 8, (len(labels), SIZE, SIZE))
    wave = np.sin(np.arange(SIZE) * 1.2 + phase) * np.ones((1, SIZE, 1))
    upright = (labels % 2)[:, None, None] == 1
    pattern = np.where(upright, wave, wave.transpose(0, 2, 1))
    level = labels[:, None, None] // 2
    images = 30 + 70 * level + (10 + 15 * level) * pattern + noise
    return images.clip(0, 255).astype(np.uint8)[..., None], labels


def trained(context: Context, job: Job) -> tuple[float, str]:
    """The score of the INT8 file of the smallest network on the validation set, and the hash of its float weights."""
    network = job.space.network(job.space.smallest())
    weights = fine_tune(jobs.run_of(context, job), network, start=None, images=12_000, number=0)
    return quantized(jobs.run_of(context, job), network, weights).validation.value, weights


def the_first(context: Context, job: Job, split: SplitName, most: int) -> Callable[[int], Tensor]:
    """The old way: as they lie."""
    return lambda image_size: as_input(
        torch.from_numpy(context.arrays(job.data).split(split, image_size).images[:most])
    )


@pytest.mark.usefixtures("board")
def test_subsets_have_every_class_and_the_model_is_that_of_shuffled_data(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    images, labels = textures(600)
    mixed = np.random.default_rng(1).permutation(len(labels))
    made = {
        name: jobs.with_target_plans(
            tmp_path / name, data=jobs.save(tmp_path / f"{name}.npz", images[order], labels[order])
        )
        for name, order in (("sorted", np.arange(len(labels))), ("shuffled", mixed))
    }
    context, job = made["sorted"]
    arrays = context.arrays(job.data)
    train, val = arrays.split("train", SIZE).labels, arrays.split("val", SIZE).labels
    assert np.array_equal(train, np.sort(train)) and np.array_equal(val, np.sort(val))
    assert len(np.unique(train[:OBSERVED])) == 2  # the old way looked at two classes of six
    subsets: list[tuple[SplitName, int]] = [
        ("train", CANDIDATES), ("train", OBSERVED), ("train", CALIBRATION), ("val", 120), ("val", VALIDATION)
    ]  # fmt: skip
    for name, most in subsets:
        counts = arrays.subset(name, SIZE, most, 0).counts(CLASSES)
        assert counts.max() - counts.min() <= 2, (name, most)

    accuracies = {name: trained(*one) for name, one in made.items()}
    assert accuracies["shuffled"][0] > 0.9
    assert accuracies["sorted"][0] == pytest.approx(accuracies["shuffled"][0], abs=0.04)

    for module in (inputs, quantize):  # batch norm, ranges
        monkeypatch.setattr(module, "float_images", the_first)
    monkeypatch.setattr(quantize, "VERSION", -1)  # not what is in the store
    network = job.space.network(job.space.smallest())
    old = quantized(jobs.run_of(context, job), network, accuracies["sorted"][1]).validation.value
    assert old < accuracies["sorted"][0] - 0.3, (old, accuracies)

    setup = EvaluationSetup("", job.data, job.compute, AFFINE, job.spec.metric, job.spec.seed)
    evaluate_network = setup.evaluator(trained_weights(context, accuracies["sorted"][1]), context.arrays(job.data))
    of_candidates = replace(evaluate_network, calibration=the_first(context, job, "train", CANDIDATES))
    assert evaluate_network(network).value > 0.9
    assert of_candidates(network).value < 0.6


SEEDS = range(3)


def accuracies_of(folder: Path, data: str) -> list[float]:
    """INT8 on the test set, seed after seed: of the split, of the training, and of the subsets."""
    found = []
    for seed in SEEDS:
        context, job = jobs.with_target_plans(folder, data=data, seed=seed)
        network = job.space.network(job.space.smallest())
        weights = fine_tune(jobs.run_of(context, job), network, start=None, images=12_000, number=0)
        files = quantized(jobs.run_of(context, job), network, weights)
        found.append(quantize.tested(context, job, network, files)[0].value)
    return found


@pytest.mark.usefixtures("board")
def test_folders_give_what_the_same_images_shuffled_in_an_npz_give(tmp_path: Path) -> None:
    images, labels = textures(100)
    for number, (image, label) in enumerate(zip(images, labels, strict=True)):
        path = tmp_path / "folders" / f"class{label}" / f"{number}.png"
        path.parent.mkdir(parents=True, exist_ok=True)
        Image.fromarray(image[..., 0]).save(path)
    mixed = np.random.default_rng(1).permutation(len(labels))
    archive = jobs.save(tmp_path / "shuffled.npz", images[mixed], labels[mixed])
    folders, shuffled = (accuracies_of(tmp_path, data) for data in (str(tmp_path / "folders"), archive))
    spread = max(stdev(folders), stdev(shuffled), 0.015)
    assert min(mean(folders), mean(shuffled)) > 0.8, (folders, shuffled)
    assert abs(mean(folders) - mean(shuffled)) <= 2 * spread, (folders, shuffled)
