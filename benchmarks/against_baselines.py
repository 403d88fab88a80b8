"""Found networks against MobileNetV2 and small ResNets: all trained with one recipe, quantised, lowered and measured one way.

For each seed a supernet is trained and searched; the networks found, and every baseline, are then trained from scratch with
the same recipe and epochs, quantised after training, and tested. Latencies are measured once, interleaved over all networks
of all seeds. The found front is a staircase: at a latency it has the accuracy of its best network that is no slower.
"""

import argparse
import math
import os
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from statistics import mean, stdev
from typing import Any, Final

import torch

from benchmarks import common
from benchmarks.baselines import baselines
from hw_targets.registry import target as find_target
from hw_targets.target import Target
from hw_targets.timing import profiles
from nas.bank import Bank
from nas.evaluate import accuracy
from nas.events import Event, LogEvent, PhaseEvent
from nas.interpreter import Folded, Training, extract, folded, recalibrate
from nas.pipeline import Job, decide, never
from nas.quantise import Quantised, quantise
from nas.ranges import observe
from nas.search.study import front
from nas.spec import SearchSpec
from nas.stages.context import Context, Made
from nas.stages.explore import explore
from nas.stages.train import batches, images, recipe_for, watch
from nas.stages.train import train as train_supernet
from nas.store import StageKey, Store
from nas.training.loop import train
from nas.training.recipe import SINGLE
from nas.training.single import Single
from search_spaces.cost import macs, params
from search_spaces.network import Network

NAME: Final = "against_baselines"
VERSION: Final = 1
BATCH: Final = 256
CALIBRATION: Final = 1024
OBSERVED: Final = 512
ROUNDS: Final = 20
FASTER: Final = 1.25
"""Budgets are the baselines' latencies divided by this, so that a found network is a fifth faster than what it is held against."""

STUDENT_T: Final = {1: 12.71, 2: 4.303, 3: 3.182, 4: 2.776, 5: 2.571, 6: 2.447, 7: 2.365, 8: 2.306, 9: 2.262}
"""Two-sided 95 % points by degrees of freedom."""


@dataclass(frozen=True, slots=True)
class Trained:
    """One network of one seed; accuracies on the test part, 0-1; `latency_ms` measured, INT8, batch 1."""

    name: str
    seed: int
    found: bool
    network: Network
    latency_ms: float
    accuracy_fp32: float
    accuracy_int8: float


def measure(options: argparse.Namespace) -> common.Outcome:
    """Runs everything; what is finished is kept in the store, and a second run goes on from there."""
    target = find_target(options.target)
    context = Context(Store(options.store), _tell, never)
    first = decide(context, _spec(options))
    data = first.data
    fixed = baselines(resolution=data.resolution, channels=data.channels, classes=len(data.classes))
    latency = _latencies(target, list(fixed.values()))
    budgets = options.latency_ms or sorted({round(latency[n.id] / FASTER, 5) for n in fixed.values()})
    drawn: list[tuple[str, int, bool, Network, Job]] = []
    for seed in range(options.seeds):
        job = replace(first, spec=first.spec.model_copy(update={"seed": seed}))
        sized = _sized(job, options, max(budgets))
        drawn.extend((name, seed, True, network, sized) for name, network in _found(context, sized, target, budgets))
        drawn.extend((name, seed, False, network, sized) for name, network in fixed.items())
    latency = _latencies(target, list({n.id: n for _, _, _, n, _ in drawn}.values()))
    results = [
        Trained(name, seed, found, network, latency[network.id], **_train(context, job, network, options.epochs, seed))
        for name, seed, found, network, job in drawn
    ]
    return common.Outcome(_summary(results, options.seeds), _rows(results, options.seeds))


def _tell(event: Event) -> None:
    if isinstance(event, PhaseEvent) and event.status == "finished":
        common.progress(f"{event.phase} {event.target or ''} took {event.seconds or 0:.0f} s")
    elif isinstance(event, LogEvent):
        common.progress(event.message)


def _spec(options: argparse.Namespace) -> SearchSpec:
    return SearchSpec.model_validate(
        {
            "data": options.data,
            "space": options.space,
            "targets": [{"target": options.target, "latency_ms": "100%"}],
            "effort": "standard",
            "threads": options.threads or len(os.sched_getaffinity(0)),
        }
    )


def _sized(job: Job, options: argparse.Namespace, budget_ms: float) -> Job:
    """The job with the benchmark's own amounts of work, searched up to the largest budget."""
    seen = int(options.supernet_epochs * job.data.images["train"])
    work = replace(job.work, train_images=seen, queries=options.queries)
    goal = job.goals[0]
    limit = min(max(budget_ms, goal.latency.reachable_ms[0]), goal.latency.reachable_ms[1])
    return replace(job, work=work, goals=(replace(goal, budget_ms=limit, limit_ms=limit),))


def _found(context: Context, job: Job, target: Target, budgets: Sequence[float]) -> list[tuple[str, Network]]:
    """For each budget, the most accurate of the search's front that keeps it when measured."""
    candidates = front(explore(context, job, job.goals[0], train_supernet(context, job)))
    networks = {c.architecture: job.space.network(c.architecture) for c in candidates}
    latency = _latencies(target, list(networks.values()))
    chosen: dict[str, Network] = {}
    for budget in budgets:
        within = [
            c for c in sorted(candidates, key=lambda c: -c.accuracy) if latency[networks[c.architecture].id] <= budget
        ]
        if within:
            chosen.setdefault(networks[within[0].architecture].id, networks[within[0].architecture])
    return [(f"found-{network.id[:6]}", network) for network in chosen.values()]


def _latencies(target: Target, networks: Sequence[Network]) -> dict[str, float]:
    return {p.network.id: p.latency_ms for p in profiles(networks, target.sample(networks, rounds=ROUNDS))}


def _train(context: Context, job: Job, network: Network, epochs: float, seed: int) -> dict[str, float]:
    """Trains one network from scratch, quantises it, and tests both forms."""
    recipe = recipe_for(job, SINGLE)
    steps = max(1, int(epochs * job.data.images["train"]) // recipe.batch_size)
    inputs = {
        "network": network.id, "data": job.data.content_hash, "recipe": asdict(recipe), "steps": steps, "seed": seed,
        "threads": job.threads,
    }  # fmt: skip
    key = StageKey("baseline", VERSION, inputs)

    def compute() -> Made:
        torch.set_num_threads(job.threads)
        bank = Bank.of(network.layers, seed)
        train(
            Single(
                network,
                bank.tensors,
                Training,
                batches(job, recipe, seed, int(epochs * job.data.images["train"])),
                recipe,
            ),
            recipe,
            steps,
            watch(context, key, "training"),
        )
        return Made({}, _test(job, network, bank))

    facts = context.run("training", key, compute, target=network.name).facts
    common.progress(f"seed {seed} {network.name} {network.id[:6]}: INT8 {facts['accuracy_int8']:.4f}")
    return dict(facts)


def _test(job: Job, network: Network, bank: Bank) -> dict[str, float]:
    side = network.input_shape[1]
    calibration = images(job, "train", CALIBRATION)(side)
    test = images(job, "test", job.data.images["test"])(side)
    labels = torch.from_numpy(job.data.part("test", side).labels)
    plain = Bank({name: tensor.detach() for name, tensor in bank.tensors.items()})
    whole = list(calibration[: len(calibration) - len(calibration) % BATCH or len(calibration)].split(BATCH))
    with torch.inference_mode():
        subnet = extract(network, plain, recalibrate(network, plain, whole))
        floats = folded(network, subnet.parameters, subnet.statistics)
        ranges = observe(network, Folded(floats), calibration[:OBSERVED].split(BATCH))
    return {
        "accuracy_fp32": accuracy(network, Folded(floats), test, labels, BATCH),
        "accuracy_int8": accuracy(network, Quantised(network, quantise(network, floats, ranges)), test, labels, BATCH),
    }


def _summary(results: Sequence[Trained], seeds: int) -> dict[str, float | int | None]:
    rows = [row for row in _rows(results, seeds) if not row["found"]]
    gains = [row["accuracy_gain_at_equal_latency"] for row in rows if row["accuracy_gain_at_equal_latency"] is not None]
    speedups = [row["speedup_at_equal_accuracy"] for row in rows if row["speedup_at_equal_accuracy"] is not None]
    best = min((r for r in rows if r["on_front"]), key=lambda r: r["speedup_at_equal_accuracy"] or 0.0)
    return {
        "accuracy_gain_at_equal_latency": min(gains) if gains else None,
        "accuracy_gain_at_equal_latency_mean": mean(gains) if gains else None,
        "speedup_at_equal_accuracy": min(speedups) if len(speedups) == len(rows) else None,
        "speedup_at_equal_accuracy_mean": mean(speedups) if speedups else None,
        "speedup_over_best_baseline": best["speedup_at_equal_accuracy"],
        "seeds": seeds,
    }


def _rows(results: Sequence[Trained], seeds: int) -> list[dict[str, Any]]:
    names = list(dict.fromkeys((r.name, r.found) for r in results))
    rows = []
    for name, found in names:
        mine = [r for r in results if r.name == name]
        row: dict[str, Any] = {
            "name": name,
            "found": found,
            "latency_ms": mine[0].latency_ms,
            "accuracy_int8": mean(r.accuracy_int8 for r in mine),
            "accuracy_fp32": mean(r.accuracy_fp32 for r in mine),
            "seeds": len(mine),
            "macs": macs(mine[0].network),
            "params": params(mine[0].network),
        }
        rows.append({**row, **(_compared(mine, results, seeds) if not found else {})})
    fixed = [row for row in rows if not row["found"]]
    for row in fixed:
        row["on_front"] = not any(
            other["latency_ms"] < row["latency_ms"] and other["accuracy_int8"] >= row["accuracy_int8"]
            for other in fixed
        )
    return rows


def _compared(mine: Sequence[Trained], results: Sequence[Trained], seeds: int) -> Mapping[str, float | None]:
    """One baseline against the found networks of the same seed, paired; intervals are of 95 %."""
    gains: list[float] = []
    speedups: list[float] = []
    for seed in range(seeds):
        found = [r for r in results if r.found and r.seed == seed]
        baseline = next(r for r in mine if r.seed == seed)
        no_slower = [r.accuracy_int8 for r in found if r.latency_ms <= baseline.latency_ms]
        if no_slower:
            gains.append(max(no_slower) - baseline.accuracy_int8)
        as_good = equal_accuracy_latency(found, baseline.accuracy_int8)
        if as_good is not None:
            speedups.append(baseline.latency_ms / as_good)
    whole_gain, whole_speedup = len(gains) == seeds, len(speedups) == seeds
    return {
        "accuracy_gain_at_equal_latency": mean(gains) if whole_gain else None,
        "accuracy_gain_interval": interval(gains) if whole_gain else None,
        "speedup_at_equal_accuracy": mean(speedups) if whole_speedup else None,
        "speedup_interval": interval(speedups) if whole_speedup else None,
    }


def equal_accuracy_latency(found: Sequence[Trained], wanted: float) -> float | None:
    """The latency at which the found front reaches an accuracy, linear between its networks; None where it never does."""
    best: list[Trained] = []
    for one in sorted(found, key=lambda r: (r.latency_ms, -r.accuracy_int8)):
        if not best or one.accuracy_int8 > best[-1].accuracy_int8:
            best.append(one)
    for before, after in zip([None, *best], best, strict=False):
        if after.accuracy_int8 >= wanted:
            if before is None:
                return after.latency_ms
            share = (wanted - before.accuracy_int8) / (after.accuracy_int8 - before.accuracy_int8)
            return before.latency_ms + share * (after.latency_ms - before.latency_ms)
    return None


def interval(values: Sequence[float]) -> float | None:
    """Half the width of the 95 % interval of the mean (Student's t)."""
    if len(values) < 2:
        return None
    return STUDENT_T.get(len(values) - 1, 2.1) * stdev(values) / math.sqrt(len(values))


def draw(outcome: common.Outcome, path: Path) -> None:
    """INT8 accuracy over measured latency, found and baselines apart."""
    import matplotlib

    matplotlib.use("Agg")
    from matplotlib import pyplot

    figure, axes = pyplot.subplots(figsize=(7, 4.5))
    for found, marker, label in ((False, "s", "baselines"), (True, "o", "found")):
        rows = [row for row in outcome.rows if bool(row["found"]) is found]
        x, y = ([float(row[name] or 0) for row in rows] for name in ("latency_ms", "accuracy_int8"))
        axes.scatter(x, y, marker=marker, label=label)
        if not found:
            for row, a, b in zip(rows, x, y, strict=True):
                axes.annotate(str(row["name"]), (a, b), textcoords="offset points", xytext=(5, -9), fontsize=7)
    axes.set(xscale="log", xlabel="latency, ms (INT8, batch 1, measured)", ylabel="INT8 test accuracy")
    axes.legend()
    figure.tight_layout()
    figure.savefig(path, dpi=150)


def main() -> int:
    """The command."""
    parser = common.parser(NAME, "Found networks against MobileNetV2 and ResNets, trained and measured alike.")
    parser.add_argument("--data", required=True, help="digits, a folder of class folders, or an .npz file")
    parser.add_argument("--space", default="resnet")
    parser.add_argument("--target", default="cpu")
    parser.add_argument("--epochs", type=float, default=1.0, help="of every network's training from scratch")
    parser.add_argument("--supernet-epochs", type=float, default=1.0)
    parser.add_argument("--queries", type=int, default=80, help="architectures that each search evaluates")
    parser.add_argument(
        "--latency-ms", type=float, action="append", help="budgets; by default the baselines' latencies / 1.25"
    )
    parser.add_argument("--threads", type=int)
    parser.add_argument(
        "--store", type=Path, default=Path("build/against_baselines"), help="where finished work is kept"
    )
    return common.run(NAME, parser.parse_args(), measure, draw)


if __name__ == "__main__":
    raise SystemExit(main())
