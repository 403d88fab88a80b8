"""What sandwich training costs the largest network: from scratch, with and without its steps alone at the beginning, against it alone.

All see the same number of images. Each is evaluated in floating point on the test set; the smallest network and the mean of random ones
stand beside, since they are what the sandwich is for.
"""

import argparse
import random
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from statistics import mean
from typing import Any, Final

import torch

from benchmarks import common
from benchmarks.photo_sets import as_folder
from benchmarks.source_rows import on_event
from nas.evaluate import mode_answers
from nas.interpreter import Evaluation, Training
from nas.job import Job
from nas.metrics import confusion, score
from nas.prepare_job import resolve_spec
from nas.spec import SearchSpec
from nas.stages.context import Context
from nas.stages.inputs import batches, statistics
from nas.stages.train import sandwich, supernet_config
from nas.stages.train_config import config_for
from nas.store import Store
from nas.supernet_weights import SupernetWeights
from nas.training.config import SINGLE
from nas.training.loop import train
from nas.training.single_network import SingleNetwork
from search_spaces.lattice import Lattice
from search_spaces.network import Network

NAME: Final = "sandwich"
SAMPLED: Final = 5
"""Random networks that are evaluated."""


def measure(options: argparse.Namespace) -> common.Outcome:
    """Every seed, one after another."""
    data = as_folder(Path(options.data), options.kept, images=options.images)
    rows = [row for seed in range(options.seeds) for row in _rows(options, data, seed)]
    names = dict.fromkeys(row["row"] for row in rows)
    largest = {name: mean(float(row["largest"]) for row in rows if row["row"] == name) for name in names}
    summary: dict[str, float | int | None] = dict(largest)
    summary["lost_points"] = 100 * (largest["alone"] - largest["sandwich"])
    summary["lost_points_without_largest_first"] = 100 * (largest["alone"] - largest["without largest first"])
    return common.Outcome({**summary, "seeds": options.seeds}, rows)


def _rows(options: argparse.Namespace, data: str, seed: int) -> list[dict[str, Any]]:
    context = Context(Store(options.kept / "store"), on_event)
    spec = SearchSpec(
        data=data, space=options.space, start_from="none", resolution=options.resolution, seed=seed,
        targets=({"target": "cpu", "latency_ms": "100%"},),
    )  # fmt: skip
    job = resolve_spec(context, spec)
    job = replace(job, work=job.work.model_copy(update={"supernet_images": options.images_seen}))
    layers = list(Lattice.of(job.space).layers())
    largest = job.space.network(job.space.largest())
    rows = []
    for name in ("alone", "sandwich", "without largest first"):
        cores = common.core_seconds()
        weights = SupernetWeights.of(layers, seed)
        if name == "alone":
            config = config_for(job, SINGLE)
            parameters = {n: view.detach().clone() for n, view in weights.parameters(largest).items()}
            batch = batches(context, job, config, seed, options.images_seen, job.augment)
            train(
                SingleNetwork(largest, parameters, Training, batch, config), config, _steps(options, config.batch_size)
            )
            weights = SupernetWeights({n: tensor.detach() for n, tensor in parameters.items()})
        else:
            config = supernet_config(job)
            strategy = sandwich(context, job, weights, config)
            strategy = strategy if name == "sandwich" else replace(strategy, largest_first=0)
            train(strategy, config, _steps(options, config.batch_size))
        row = {"seed": seed, "row": name, **_evaluated(context, job, weights, largest, alone=name == "alone")}
        common.progress(f"  {name}: {row}")
        rows.append({**row, "core_seconds": common.core_seconds() - cores})
    return rows


def _steps(options: argparse.Namespace, batch_size: int) -> int:
    return max(1, int(options.images_seen) // batch_size)


def _evaluated(
    context: Context, job: Job, weights: SupernetWeights, largest: Network, *, alone: bool
) -> dict[str, Any]:
    """Test accuracies in floating point."""
    found: dict[str, Any] = {"largest": _accuracy(context, job, weights, largest), "smallest": None, "random": None}
    if not alone:
        rng = random.Random(0)
        found["smallest"] = _accuracy(context, job, weights, job.space.network(job.space.smallest()))
        several = [job.space.network(job.space.sample(rng)) for _ in range(SAMPLED)]
        found["random"] = mean(_accuracy(context, job, weights, network) for network in several)
    return found


def _accuracy(context: Context, job: Job, weights: SupernetWeights, network: Network) -> float:
    with torch.no_grad():
        parameters = {name: view.detach() for name, view in weights.parameters(network).items()}
        mode = Evaluation(parameters, statistics(context, job, network, weights))
    split = context.arrays(job.data).split("test", network.input_shape[1])
    found = mode_answers(network, mode, split.images, device="cpu")
    return score(confusion(split.labels, found, len(job.data.classes)), "accuracy")


def main(arguments: Sequence[str] | None = None) -> int:
    """The command."""
    parser = common.parser(NAME, "What sandwich training costs the largest network.")
    parser.add_argument("--data", required=True, help="a set of images, see benchmarks/photo_sets.py")
    parser.add_argument("--images", type=int, help="training images that are taken of an archive")
    parser.add_argument("--resolution", type=int, default=64, help="image size in pixels")
    parser.add_argument("--space", default="mobilenet")
    parser.add_argument("--images-seen", type=int, default=20_000, help="by each training")
    parser.add_argument("--kept", type=Path, default=Path("build/sandwich"), help="where sets and stores are written")
    return common.run(NAME, parser.parse_args(arguments), measure)


if __name__ == "__main__":
    raise SystemExit(main())
