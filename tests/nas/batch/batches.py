"""Small batches on simulated boards, for tests. No tests."""

from pathlib import Path
from typing import Any

import numpy as np

from nas.batch.spec import BatchSpec
from nas.work import ProfileWork, Work

LEAST = Work(
    profile=ProfileWork(networks=8, held_out=4, rounds=1),
    supernet_images=512,
    evaluations=4,
    finalists=1,
    tune_images=256,
)


def batch_spec(**fields: Any) -> BatchSpec:
    """Of the digits on two boards, unless the fields say otherwise."""
    given = {
        "data": ["digits"],
        "spaces": ["resnet"],
        "targets": ["board", "dpu"],
        "budgets": ["60%"],
        "search": {"threads": 1, "augment": "none", "work": LEAST.model_dump(mode="json")},
        **fields,
    }
    return BatchSpec.model_validate(given)


def bars(file: Path, *, classes: int = 10, side: int = 8, images: int = 400, seed: int = 0) -> str:
    """A data set of noisy bars, one place for each class, as an .npz; its path."""
    rng = np.random.default_rng(seed)
    labels = np.arange(images) % classes
    pictures = rng.integers(0, 60, (images, side, side), np.uint8)
    for picture, label in zip(pictures, labels, strict=True):
        along = picture if label < side else picture.T
        along[label % side] += 150
    np.savez(file, train_x=pictures, train_y=labels)
    return str(file)
