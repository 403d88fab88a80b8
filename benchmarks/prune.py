"""Channel pruning of classical networks to half of their measured latency (or `--budget`), beside the usual ways to prune them.

ResNet-20 and VGG-11 (He et al. 2016; Simonyan and Zisserman 2015, with batch norm, for 32 pixels) are trained in the run, exported to
ONNX as a user would, and given to hwnas as the network to start from. The other rows start from the same file, see as many
images, and have every width at the same share: the channels of the largest L1 norm (Li et al. 2017), or trained from random weights;
and the most important channels within half of the multiply-accumulates, as one would prune without a latency table. Predicted and
measured latency stand side by side. Torch-Pruning is a row where it is installed.
"""

import argparse
import shutil
from collections.abc import Callable, Sequence
from dataclasses import replace
from pathlib import Path
from statistics import mean
from typing import Any, Final

import torch

from benchmarks import common, torch_pruning
from benchmarks.baselines import resnet
from benchmarks.photo_sets import as_folder
from benchmarks.source_rows import alternative, latencies_ms, narrowed, on_event, searched
from hw_targets.registry import target as find_target
from latency_models.additive import MACS
from latency_models.compiled import compile_cost
from latency_models.knapsack import best_scores, score_of
from nas.batch_norm import with_batch_norm
from nas.data.augment import Augment
from nas.prepare_job import resolve_spec, with_target_plans
from nas.spec import SearchSpec
from nas.stages.adapt import adapt
from nas.stages.context import Context
from nas.stages.fine_tune import fine_tune
from nas.stages.inputs import BATCH, CALIBRATION, float_images, whole_batches
from nas.stages.quantize import quantized, tested
from nas.stages.read_source import source_weights
from nas.stages.target_run import TargetRun
from nas.stages.train import Supernet
from nas.store import Store
from nas.supernet_weights import SupernetWeights
from search_spaces.builder import Graph
from search_spaces.cost import macs
from search_spaces.derived import Derivation
from search_spaces.network import Network
from search_spaces.onnx_weights import TrainedNetwork, read_trained
from search_spaces.space import Architecture

NAME: Final = "prune"
AUGMENT: Final = Augment(shift=1 / 8, flip=True)
"""As these networks are usually trained on images of 32 pixels."""
VGG_11: Final = (64, "pool", 128, "pool", 256, 256, "pool", 512, 512, "pool", 512, 512)
"""Channels of its convolutions, and where it halves (configuration A of the paper; the last pool is global here)."""


def vgg_11(*, resolution: int, channels: int, classes: int) -> Network:
    """VGG-11 with batch norm for small images, with one linear layer."""
    g = Graph((channels, resolution, resolution))
    x = g.input
    for number, step in enumerate(VGG_11):
        if isinstance(step, int):
            x = g.conv(f"conv{number}", x, step, kernel=3, activation="relu")
        else:
            x = g.max_pool(f"pool{number}", x, kernel=2, stride=2)
    g.linear("classifier", g.global_avg_pool("pool", x), classes)
    return g.network("vgg-11")


NETWORKS: Final[dict[str, Callable[..., Network]]] = {
    "resnet-20": lambda **size: resnet(20, **size),
    "vgg-11": vgg_11,
}


def measure(options: argparse.Namespace) -> common.Outcome:
    """Every network and seed, one after another."""
    data = as_folder(Path(options.data), options.kept, images=options.images)
    rows = [
        row for name in options.network for seed in range(options.seeds) for row in _rows(options, data, name, seed)
    ]
    summary: dict[str, float | int | None] = {}
    for name in options.network:
        for row in dict.fromkeys(one["row"] for one in rows):
            found = [one for one in rows if one["network"] == name and one["row"] == row]
            if found:
                summary[f"{name} {row}"] = mean(float(one["accuracy"]) for one in found)
                summary[f"{name} {row}, share of latency"] = mean(float(one["latency_share"]) for one in found)
    return common.Outcome({**summary, "seeds": options.seeds}, rows)


def _rows(options: argparse.Namespace, data: str, name: str, seed: int) -> list[dict[str, Any]]:
    out = options.kept / "runs" / f"{Path(data).name}-{name}-{seed}"
    shutil.rmtree(out, ignore_errors=True)
    fields: dict[str, Any] = {
        "data": data, "seed": seed, "resolution": options.resolution,
        "targets": [{"target": options.target, "latency_ms": "100%"}],
    }  # fmt: skip
    file, source, core_s = _trained(options, fields, out, name)
    context = Context(Store(out / "alternatives"), on_event)
    spec = SearchSpec(**fields, start_from=str(file))
    job = replace(with_target_plans(context, resolve_spec(context, spec)), augment=AUGMENT)
    run = TargetRun(context, job, job.target_plans[0], find_target(options.target))
    space = job.space
    whole = space.network(space.largest())
    full_ms = latencies_ms(run, [whole])[0]
    limit_ms = full_ms * options.budget / 100
    start = Supernet(source_weights(context, job), f"weights of {name}")
    rows = [({**source, "latency_ms": full_ms, "core_seconds": core_s}, whole)]

    def add(title: str, network: Network, from_: Supernet | None, images: int) -> None:
        rows.append((alternative(run, title, network, from_, images), network))

    narrow = narrowed(run, space, limit_ms)
    if narrow is not None:
        add("L1 norm, even width", space.network(narrow), start, options.tune_images)
        add("even width from scratch", space.network(narrow), None, options.train_images + options.tune_images)
    counted, adapted = _by_macs(run, options.tune_images)
    add("importance within half of the MACs", space.network(counted), adapted, options.tune_images)
    if torch_pruning.installed():
        found = torch_pruning.pruned(read_trained(file), limit_ms, lambda one: latencies_ms(run, [one])[0])
        if found is not None:
            add("Torch-Pruning", *_with_batch_norm(run, found), options.tune_images)
    else:
        common.progress("  Torch-Pruning is not installed: no row of it (pip install torch-pruning)")
    searching = SearchSpec(
        **{**fields, "targets": [{"target": options.target, "latency_ms": limit_ms}]},
        start_from=str(file), method="prune", minutes=options.minutes,
    )  # fmt: skip
    row = searched(searching, out / "search", "hwnas", f"{options.budget:g}%")
    row["times_the_source"] = row["core_seconds"] / core_s
    rows.append((row, space.network(space.parse(row["architecture"]))))
    return [
        {
            "network": name, "seed": seed, **row, "latency_share": row["latency_ms"] / full_ms,
            "predicted_ms": run.target_plan.table.predict(network).latency_ms,
            "macs": macs(network), "macs_share": macs(network) / macs(whole),
        }
        for row, network in rows
    ]  # fmt: skip


def _with_batch_norm(run: TargetRun, found: TrainedNetwork) -> tuple[Network, Supernet]:
    """A pruned file as hwnas trains one: batch norm is put back on training images."""
    derivation = Derivation.of(found.network)
    size = run.job.data.resolution
    space = derivation.space("pruned", resolution=size, channels=run.job.data.channels, classes=derivation.classes)
    network = space.network(space.largest())
    parameters = {name: torch.from_numpy(value) for name, value in derivation.renamed(found.weights).items()}
    images = whole_batches(float_images(run.context, run.job, "train", CALIBRATION)(size), BATCH)
    weights = SupernetWeights(with_batch_norm(network, parameters, images))
    return network, Supernet(weights, "weights of Torch-Pruning")


def _trained(
    options: argparse.Namespace, fields: dict[str, Any], out: Path, name: str
) -> tuple[Path, dict[str, Any], float]:
    """A network trained from scratch: its ONNX file, its row, and its core-seconds."""
    context = Context(Store(out / "trained"), on_event)
    spec = SearchSpec(**fields, start_from="none", space="resnet")
    job = replace(with_target_plans(context, resolve_spec(context, spec)), augment=AUGMENT)
    run = TargetRun(context, job, job.target_plans[0], find_target(options.target))
    size = {"resolution": job.data.resolution, "channels": job.data.channels, "classes": len(job.data.classes)}
    network = NETWORKS[name](**size)
    cores = common.core_seconds()
    weights = fine_tune(run, network, start=None, images=options.train_images, number=0)
    core_s = common.core_seconds() - cores
    files = quantized(run, network, weights)
    int8, fp32 = tested(context, job, network, files)
    common.progress(
        f"  {name}: {int8.value:.4f} (INT8) after {options.train_images:,} images, {core_s:.0f} core-seconds"
    )
    file = out / f"{name}.onnx"
    file.write_bytes(context.store.get(files.fp32))
    row = {
        "row": "source", "budget": None, "accuracy": int8.value, "accuracy_fp32": fp32.value,
        "images_seen": options.train_images,
    }  # fmt: skip
    return file, row, core_s


def _by_macs(run: TargetRun, images: int) -> tuple[Architecture, Supernet]:
    """The most important architecture within half of the multiply-accumulates, by the importance that hwnas uses; and its weights."""
    job = replace(run.job, work=run.job.work.model_copy(update={"adapt_images": images // 2}))
    adapted = adapt(run.context, job)
    lattice = run.target_plan.latency.lattice
    half = macs(job.space.network(job.space.largest())) // 2
    whole_image = len(lattice.initial) - 1
    scores = score_of(lattice, adapted.importance[-1].of)
    best = best_scores(compile_cost(MACS, lattice), scores, limit=half, resolution=whole_image)
    at = best.within(half)
    assert at is not None
    return lattice.decode(best.codes[at : at + 1])[0], adapted.supernet


def main(arguments: Sequence[str] | None = None) -> int:
    """The command."""
    parser = common.parser(NAME, "Channel pruning of classical networks to half of their latency.")
    parser.add_argument("--data", required=True, help="a set of small images, see benchmarks/photo_sets.py")
    parser.add_argument("--images", type=int, help="training images that are taken of an archive")
    parser.add_argument("--resolution", type=int, default=32, help="image size in pixels")
    parser.add_argument("--network", action="append", choices=list(NETWORKS), help="repeatable; all when absent")
    parser.add_argument("--train-images", type=int, default=600_000, help="that each network is trained on")
    parser.add_argument("--tune-images", type=int, default=200_000, help="that each pruned network is fine-tuned on")
    parser.add_argument("--budget", type=float, default=50.0, help="share of the network's latency, in percent")
    parser.add_argument("--minutes", type=float, default=15.0, help="of hwnas' whole job")
    parser.add_argument("--target", default="cpu")
    parser.add_argument("--kept", type=Path, default=Path("build/prune"), help="where sets and runs are written")
    options = parser.parse_args(arguments)
    options.network = options.network or list(NETWORKS)
    return common.run(NAME, options, measure)


if __name__ == "__main__":
    raise SystemExit(main())
