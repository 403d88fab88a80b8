"""What a GPU is worth: training by the sandwich, latency tables of the target `cuda`, and a whole search, beside the processor.

`training` compares a step of the sandwich with four static networks of the same sizes that `torch.compile` made; `fidelity` predicts
networks that a table was never fitted on; `search` runs the same work on both devices. Without a GPU, `--device cpu` runs
the training part alone.
"""

import argparse
import contextlib
import random
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import replace
from pathlib import Path
from statistics import median
from tempfile import TemporaryDirectory
from typing import Any, Final

import numpy as np
import torch
import torch.nn.functional as F

from benchmarks import common
from benchmarks.latency_fidelity import line_in_macs, networks, repeat_mape
from benchmarks.static_network import Static
from hw_targets.nvidia import usable
from hw_targets.registry import target as find_target
from hw_targets.target import Sample
from hw_targets.timing import profiles
from latency_models.accuracy_report import report_accuracy
from latency_models.table import fit
from nas import accelerator
from nas.compute import Compute, resolve
from nas.data.augment import LIGHT
from nas.data.batches import Batches
from nas.data.splits import Split
from nas.interpreter import Training
from nas.pipeline import search
from nas.spec import SearchSpec
from nas.supernet_weights import SupernetWeights
from nas.training.config import SINGLE, SUPERNET
from nas.training.loop import NO_CALLBACKS, TrainingStrategy, train
from nas.training.sandwich import Sandwich
from nas.training.single_network import SingleNetwork
from nas.work import ProfileWork, Work
from search_spaces.cost import macs
from search_spaces.lattice import Lattice
from search_spaces.registry import space as find_space
from search_spaces.space import SearchSpace

NAME: Final = "gpu"
CLASSES: Final = 10
IMAGES: Final = 1024
"""Random images that training is timed on; what they show does not matter for the time."""

PARTS: Final = ("training", "fidelity", "search")

WORK: Final = Work(
    profile=ProfileWork(networks=8, held_out=3, rounds=3),
    supernet_images=20_000,
    evaluations=12,
    finalists=2,
    tune_images=15_000,
)
"""Of the search; the same on both devices."""


def data(side: int, compute: Compute, batch: int) -> Batches:
    """Random images, on the device."""
    rng = np.random.default_rng(0)
    images = rng.integers(0, 256, (max(IMAGES, batch), 3, side, side), np.uint8)
    split = Split(images, rng.integers(0, CLASSES, len(images)))
    return Batches(split, batch, seed=0, augment=LIGHT, device=compute.device)


def sandwich(space: SearchSpace, compute: Compute, batches: Batches, *, replayed: bool) -> Sandwich:
    """The strategy that trains a supernet of the space, from its first step with all four networks."""
    return Sandwich(
        SupernetWeights.of(Lattice.of(space).layers(), 0, compute.device),
        largest=space.network(space.largest()),
        smallest=space.network(space.smallest()),
        sample=lambda rng: space.network(space.sample(rng)),
        batch=lambda step, _: batches.batch(step),
        config=SUPERNET,
        seed=0,
        forward=accelerator.forward(compute),
        replayed=replayed,
    )


def step_seconds(step: Callable[[int], object], compute: Compute, seconds: float, warm_up: int = 3) -> float:
    """The median time of a step after a few to warm up, over about so many seconds and at least two steps."""
    taken: list[float] = []
    for number in range(10_000):
        accelerator.synchronise(compute)
        started = time.perf_counter()
        step(number)
        accelerator.synchronise(compute)
        if number >= warm_up:
            taken.append(time.perf_counter() - started)
        if len(taken) > 1 and sum(taken) > seconds:
            break
    return median(taken)


def time_sandwich(space: SearchSpace, compute: Compute, batch: int, seconds: float, *, replayed: bool) -> float:
    """Seconds of a whole step: images, four networks forward and backward, the optimiser."""
    batches = data(int(space.resolution.values[-1]), compute, batch)
    return time_training(sandwich(space, compute, batches, replayed=replayed), batch, compute, seconds)


def time_single(space: SearchSpace, compute: Compute, batch: int, seconds: float, *, replayed: bool) -> float:
    """Seconds of a step of the largest network alone."""
    network = space.network(space.largest())
    batches = data(network.input_shape[1], compute, batch)
    weights = SupernetWeights.of(network.layers, 0, compute.device).tensors
    strategy = SingleNetwork(
        network,
        weights,
        Training,
        lambda step, _: batches.batch(step),
        SINGLE,
        forward=accelerator.forward(compute),
        replayed=replayed,
    )
    return time_training(strategy, batch, compute, seconds)


def time_training(strategy: TrainingStrategy, batch: int, compute: Compute, seconds: float) -> float:
    """The median time of a step of the training loop, after those that warm up."""
    config = replace(SUPERNET, batch_size=batch)
    ends: list[float] = []

    def on_step(_done: int, _steps: int) -> None:
        accelerator.synchronise(compute)
        ends.append(time.perf_counter())

    class Enough(Exception):
        pass

    def cancelled() -> bool:
        enough, slow = (
            len(ends) > 7 and ends[-1] - ends[4] > seconds,
            len(ends) > 3 and ends[-1] - ends[0] > 4 * seconds,
        )
        if enough or slow:
            raise Enough
        return False

    with contextlib.suppress(Enough):
        train(strategy, config, 10_000, replace(NO_CALLBACKS, on_step=on_step, cancelled=cancelled))
    return float(np.median(np.diff(ends)[-max(1, len(ends) - 5) :]))


def time_static(
    space: SearchSpace, compute: Compute, batch: int, seconds: float, *, compiled: bool
) -> dict[str, float]:
    """Seconds of one step of four static networks, and of compiling them (their first steps)."""
    rng = random.Random(0)
    found = [space.largest(), space.smallest(), space.sample(rng), space.sample(rng)]
    side = int(space.resolution.values[-1])
    images, labels = data(side, compute, batch).batch(0)
    kind = torch.device(compute.device).type
    total, began = 0.0, time.perf_counter()
    compiling = 0.0
    for one in found:
        module = Static(space.network(one), compute.device)
        model: Any = torch.compile(module) if compiled else module
        optimiser = torch.optim.AdamW(module.parameters(), lr=1e-4, foreach=True)

        def step(_: int, model: Any = model, optimiser: torch.optim.AdamW = optimiser) -> None:
            with torch.autocast(kind, torch.bfloat16, enabled=compute.dtype == "bfloat16"):
                logits = model(images).float()
            F.cross_entropy(logits, labels).backward()
            optimiser.step()
            optimiser.zero_grad()

        started = time.perf_counter()
        step(0)
        accelerator.synchronise(compute)
        compiling += time.perf_counter() - started
        total += step_seconds(step, compute, seconds / 4)
    common.progress(
        f"four static networks at {side}: {time.perf_counter() - began:.0f} s, {compiling:.0f} s of them compiling"
    )
    return {"seconds": total, "compiling": compiling}


def training(options: argparse.Namespace, compute: Compute) -> Iterator[common.Row]:
    """Images a second of the sandwich on the device and on the processor, and of static networks on the device."""
    here = Compute(threads=compute.threads)
    for side in options.resolution:
        space = find_space("mobilenet", resolution=side, channels=3, classes=CLASSES)
        fixed = replace_resolution(space, side)
        for batch in options.batch:
            places = [compute] if batch != options.batch[0] or not compute.on_gpu else [compute, here]
            for place in places:
                accelerator.start(place)
                kinds = {"": place.on_gpu, **({", not replayed": False} if place.on_gpu else {})}
                for kind, replayed in kinds.items():
                    seconds = time_sandwich(fixed, place, batch, options.seconds, replayed=replayed)
                    yield _row("sandwich" + kind, place, side, batch, seconds)
                    seconds = time_single(fixed, place, batch, options.seconds, replayed=replayed)
                    yield _row("largest alone" + kind, place, side, batch, seconds)
            for kind in (["compiled"] if side in options.compiled else []) + ["eager"]:
                accelerator.start(compute)
                found = time_static(fixed, compute, batch, options.seconds, compiled=kind == "compiled")
                yield {
                    **_row(f"four static, {kind}", compute, side, batch, found["seconds"]),
                    "compile_s": found["compiling"],
                }


def replace_resolution(space: SearchSpace, side: int) -> SearchSpace:
    """The space at its largest image size alone."""
    return replace(space, resolution=replace(space.resolution, values=(side,)))


def _row(
    what: str, compute: Compute, side: int, batch: int, seconds: float
) -> dict[str, str | int | float | bool | None]:
    common.progress(f"{what} on {compute.device} at {side}, batch {batch}: {batch / seconds:.0f} images/s")
    return {
        "part": "training", "what": what, "device": compute.device, "dtype": compute.dtype, "threads": compute.threads,
        "resolution": side, "batch": batch, "images_per_second": batch / seconds, "step_s": seconds,
    }  # fmt: skip


def fidelity(options: argparse.Namespace) -> Iterator[common.Row]:
    """Networks predicted by a table of the target, never fitted, at each batch."""
    for batch in options.latency_batch:
        target = find_target(options.target if batch == 1 else f"{options.target}:batch={batch}")
        space = find_space("mobilenet", resolution=options.resolution[0], channels=3, classes=CLASSES)
        fitted, held_out = networks(space, options.fitted, options.networks, 0)
        started = time.perf_counter()
        samples: list[Sample] = list(target.sample([*fitted, *held_out], rounds=options.rounds))
        seconds = time.perf_counter() - started
        known, tested = profiles(fitted, samples), profiles(held_out, samples)
        table = fit(known, target.info, held_out=tested)
        report = table.accuracy_report
        measured = [p.latency_ms for p in tested]
        line = report_accuracy(line_in_macs(known, tested), measured, [p.noise for p in tested], fitted=len(known))
        common.progress(f"{target.info.id}: within 10 % {report.within_10}, tau {report.kendall_tau}, {seconds:.0f} s")
        yield {
            "part": "fidelity", "what": target.info.id, "batch": batch, "precision": target.info.precision,
            "resolution": options.resolution[0], "networks": len(tested), "fitted": len(known), "mape": report.mape,
            "within_5": report.within_5, "within_10": report.within_10, "kendall_tau": report.kendall_tau,
            "noise_mape": report.noise_mape, "repeat_mape": repeat_mape(held_out, samples), "mac_mape": line.mape,
            "mac_within_10": line.within_10, "mac_kendall_tau": line.kendall_tau, "least_ms": min(measured),
            "most_ms": max(measured), "constant_ms": table.calibration.constant_ms, "scale": table.calibration.scale,
            "launch_ms": table.calibration.terms.get("launch"), "seconds": seconds,
            "mean_layers": float(np.mean([len(p.layers) for p in tested])),
            "mean_launches": float(np.mean([sum(n for k in p.layers for _, n in k.kernels) for p in tested])),
            "mean_macs": float(np.mean([macs(p.network) for p in tested])),
        }  # fmt: skip


def searching(options: argparse.Namespace, compute: Compute) -> Iterator[common.Row]:
    """The same search of the digits on the device and on the processor, with each seed."""
    for seed in range(options.seeds):
        for device in dict.fromkeys((compute.device, "cpu")):
            spec = SearchSpec.model_validate(
                {
                    "data": "digits", "space": options.search_space, "device": device, "threads": compute.threads,
                    "seed": seed, "work": WORK.model_dump(),
                    "targets": [{"target": "cpu", "latency_ms": "40%"}],
                }
            )  # fmt: skip
            started = time.perf_counter()
            with TemporaryDirectory(prefix="hwnas-") as folder:
                result = search(spec, out=Path(folder))
            seconds = time.perf_counter() - started
            model = result.models["cpu"]
            stages = {f"{name.partition(':')[0]}_s": value for name, value in result.seconds.items()}
            common.progress(f"search on {device}, seed {seed}: {model.metric.int8.value:.4f} in {seconds:.0f} s")
            yield {
                "part": "search", "what": "digits", "device": device, "seed": seed, "int8_accuracy": model.metric.int8.value,
                "fp32_accuracy": model.metric.fp32.value, "seconds": seconds, **stages,
            }  # fmt: skip


def measure(options: argparse.Namespace) -> common.Outcome:
    """Runs the parts."""
    compute = resolve(options.device, options.threads)
    parts = {
        "training": lambda: training(options, compute),
        "fidelity": lambda: fidelity(options),
        "search": lambda: searching(options, compute),
    }
    rows: list[common.Row] = []
    for name in options.parts:
        rows.extend(parts[name]())
    return common.Outcome(summarise(rows), [*rows, _gpu(compute)])


def _gpu(compute: Compute) -> common.Row:
    """What it ran on."""
    row: dict[str, str | int | float | bool | None] = {
        "part": "machine",
        "what": compute.gpu or "no GPU",
        "device": compute.device,
    }
    if not compute.on_gpu:
        return row
    found = usable(int(compute.device.partition(":")[2]))
    return {
        **row,
        "driver": found.driver,
        "clocks": found.clocks,
        "cuda": torch.version.cuda,
        "cudnn": torch.backends.cudnn.version(),
    }


def summarise(rows: Sequence[common.Row]) -> dict[str, float | int | None]:
    """The figures that the issue of GPUs is about."""
    summary: dict[str, float | int | None] = {}
    speed = {
        (row["what"], "cpu" if row["device"] == "cpu" else "gpu", row["resolution"], row["batch"]): float(
            row["images_per_second"] or 0
        )
        for row in rows
        if row["part"] == "training"
    }
    for (what, place, side, batch), images in speed.items():
        if what == "sandwich":
            summary[f"sandwich_images_per_second_{place}_{side}_batch_{batch}"] = images
            for kind in ("compiled", "eager"):
                static = speed.get((f"four static, {kind}", place, side, batch))
                if static:
                    summary[f"sandwich_over_{kind}_{side}_batch_{batch}_{place}"] = images / static
            other = speed.get((what, "cpu", side, batch))
            if place == "gpu" and other:
                summary[f"gpu_over_cpu_{side}_batch_{batch}"] = images / other
    for row in rows:
        if row["part"] == "fidelity":
            for name in ("mape", "within_10", "kendall_tau"):
                value = row[name]
                summary[f"latency_{name}_batch_{row['batch']}"] = None if value is None else float(value)
    for place in ("cpu", "gpu"):
        found = [
            float(row["int8_accuracy"] or 0)
            for row in rows
            if row["part"] == "search" and (row["device"] == "cpu") == (place == "cpu")
        ]
        if found:
            summary[f"search_int8_accuracy_{place}"] = sum(found) / len(found)
    return summary


def main(arguments: Sequence[str] | None = None) -> int:
    """The command."""
    parser = common.parser(NAME, "Training and latency tables on a GPU, beside the processor.")
    parser.add_argument("--device", default="cuda", help="to train on: cuda, cuda:N or cpu (default: cuda)")
    parser.add_argument("--threads", type=int, default=None, help="of the processor; all cores when absent")
    parser.add_argument("--parts", nargs="+", choices=PARTS, default=list(PARTS), help="what to measure")
    parser.add_argument(
        "--resolution", type=int, nargs="+", default=[96, 224], help="image sizes of training; tables are of the first"
    )
    parser.add_argument("--batch", type=int, nargs="+", default=[64], help="of training; the processor has the first")
    parser.add_argument("--seconds", type=float, default=3.0, help="of timing each training")
    parser.add_argument(
        "--compiled",
        type=int,
        nargs="*",
        default=[96],
        help="image sizes to compile static networks at, which takes minutes",
    )
    parser.add_argument("--search-space", default="resnet", help="of the search")
    parser.add_argument("--target", default="cuda", help="whose tables are judged")
    parser.add_argument("--latency-batch", type=int, nargs="+", default=[1, 8], help="batches of the target")
    parser.add_argument("--networks", type=int, default=40, help="predicted, never fitted")
    parser.add_argument("--fitted", type=int, default=60, help="measured and fitted")
    parser.add_argument("--rounds", type=int, default=8, help="of end-to-end timing")
    return common.run(NAME, parser.parse_args(arguments), measure)


if __name__ == "__main__":
    raise SystemExit(main())
