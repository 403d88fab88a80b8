"""Found networks against MobileNetV2 and small ResNets: all trained with one train config, quantised, lowered and measured the same way.

For each seed a supernet is trained and searched. The best few architectures of each budget, and every baseline, are then
trained from scratch with the same train config and epochs, quantised after training, and tested. Latencies are measured at once,
interleaved over all networks of all seeds. The validation set alone decides which networks are the found front; it is a
staircase: at a latency it has the test accuracy of its slowest network that is no slower.
"""

import argparse
import os
from collections.abc import Iterable, Mapping, Sequence
from concurrent.futures import as_completed
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from statistics import mean
from typing import Any, Final, Literal

import torch

from benchmarks import common
from benchmarks.baselines import baselines
from hw_targets.registry import target as find_target
from hw_targets.target import Target
from hw_targets.timing import profiles
from nas.data.augment import LIGHT
from nas.evaluate import mode_answers
from nas.events import Event, LogEvent, PhaseEvent
from nas.interpreter import BNFolded, ExecutionMode, Training, folded, recalibrate
from nas.job import Job
from nas.metrics import confusion, score
from nas.prepare_job import resolve_spec, with_target_plans
from nas.quantise import Quantised, quantise
from nas.ranges import observe
from nas.spec import SearchSpec
from nas.stages.context import Context, StageOutput
from nas.stages.inputs import CALIBRATION, batches, float_images, whole_batches
from nas.stages.quantize import OBSERVED
from nas.stages.search_subnets import search_subnets
from nas.stages.target_run import TargetRun
from nas.stages.train import callbacks
from nas.stages.train import train as train_supernet
from nas.stages.train_config import config_for
from nas.store import StageKey, Store
from nas.supernet_weights import SupernetWeights
from nas.training.config import SINGLE
from nas.training.loop import train
from nas.training.single_network import SingleNetwork
from nas.work import PROFILES, ProfileWork
from search_spaces.cost import macs, params
from search_spaces.network import Network

NAME: Final = "against_baselines"
VERSION: Final = 3
BATCH: Final = 256
FASTER: Final = 1.25
"""Budgets are the baselines' latencies divided by this, so that a found network is a fifth faster than its baseline."""
APART: Final = 1.15
"""Budgets closer than this are one, the lower."""


@dataclass(frozen=True, slots=True)
class Trained:
    """One network of one seed; accuracies on the test set, and in INT8 on the validation set, 0-1; `latency_ms` measured,
    INT8, batch 1.
    """

    name: str
    seed: int
    found: bool
    network: Network
    latency_ms: float
    accuracy_fp32: float
    accuracy_int8: float
    validation_int8: float


def measure(options: argparse.Namespace) -> common.Outcome:
    """Runs everything; completed work is cached in the store, and a second run resumes from there."""
    target = find_target(options.target)
    context, job = _job(options, 0)
    fixed = baselines(resolution=job.data.resolution, channels=job.data.channels, classes=len(job.data.classes))
    budgets = sorted(options.latency_ms or _budgets(options, context, target, list(fixed.values())))
    tests = _tests(options, budgets, list(fixed.values()))
    latency = _latencies(options, target, list({n.id: n for n, _, _ in tests}.values()))
    results = [
        Trained(f"found-{n.id[:6]}" if found else n.name, seed, found, n, latency[n.id], **facts)
        for (n, seed, found), facts in tests.items()
    ]
    rows = _rows(results, options.seeds)
    return common.Outcome(_summary(rows, options.seeds), rows)


def _budgets(options: argparse.Namespace, context: Context, target: Target, fixed: Sequence[Network]) -> list[float]:
    """From the baselines' latencies; measured once, so that a second run searches for the same."""
    inputs = {"fingerprint": target.info.fingerprint, "networks": [n.id for n in fixed], "faster": FASTER}
    key = StageKey("baseline_budgets", VERSION, inputs)

    def compute() -> StageOutput:
        latency = _latencies(options, target, fixed)
        return StageOutput({}, {"budgets_ms": apart(ms / FASTER for ms in latency.values())})

    return list(context.run("profiling", key, compute, target=target.info.id).facts["budgets_ms"])


def apart(budgets: Iterable[float]) -> list[float]:
    """Ascending, each at least `APART` times the one before; of those closer, the lowest.

    >>> apart([1.1, 2.0, 1.0])
    [1.0, 2.0]
    """
    kept: list[float] = []
    for budget in sorted(budgets):
        if not kept or budget >= APART * kept[-1]:
            kept.append(round(budget, 5))
    return kept


def _tests(
    options: argparse.Namespace, budgets: Sequence[float], fixed: Sequence[Network]
) -> dict[tuple[Network, int, bool], dict[str, float]]:
    """Accuracies of every network, by (network, seed, found): the baselines, and what each seed's search finds."""
    seeds = range(options.seeds)
    pool = common.pool(options.jobs)
    try:
        searches = {pool.submit(_search, options, seed, budgets): seed for seed in seeds}
        trainings = {(n, seed, False): pool.submit(_train, options, seed, n) for n in fixed for seed in seeds}
        for search in as_completed(searches):
            seed = searches[search]
            trainings |= {(n, seed, True): pool.submit(_train, options, seed, n) for n in search.result()}
        return {key: training.result() for key, training in trainings.items()}
    finally:
        pool.shutdown(cancel_futures=True)


def _on_event(event: Event) -> None:
    if isinstance(event, PhaseEvent) and event.status == "finished":
        common.progress(f"{event.phase} {event.target or ''} took {event.seconds or 0:.0f} s")
    elif isinstance(event, LogEvent):
        common.progress(event.message)


def _context(options: argparse.Namespace) -> tuple[Context, SearchSpec]:
    spec = SearchSpec.model_validate(
        {
            "data": options.data,
            "space": options.space,
            "targets": [{"target": options.target, "latency_ms": "100%"}],
            "augment": "light",
            "threads": options.threads,
        }
    )
    return Context(Store(options.store), _on_event), spec


def _job(options: argparse.Namespace, seed: int) -> tuple[Context, Job]:
    """The benchmark's own amounts of work on the data's one split; the seed is that of training and search."""
    context, spec = _context(options)
    job = resolve_spec(context, spec)
    table = dict(zip(ProfileWork.model_fields, options.table, strict=True))
    job = with_target_plans(context, replace(job, work=job.work.model_copy(update={"profile": ProfileWork(**table)})))
    seen = int(options.supernet_epochs * job.data.images["train"])
    work = job.work.model_copy(update={"supernet_images": seen, "evaluations": options.evaluations})
    return context, replace(job, spec=spec.model_copy(update={"seed": seed}), work=work, augment=LIGHT)


def _search(options: argparse.Namespace, seed: int, budgets: Sequence[float]) -> list[Network]:
    """For each budget, the candidates within it that the supernet ranks best; searched up to the largest budget."""
    context, job = _job(options, seed)
    target_plan = job.target_plans[0]
    fastest, slowest = target_plan.latency.reachable_ms
    limit = min(max(budgets[-1], fastest), slowest)
    target_plan = replace(target_plan, budget_ms=limit, limit_ms=limit)
    run = TargetRun(context, job, target_plan, find_target(options.target), train_supernet(context, job))
    candidates = sorted(search_subnets(run), key=lambda c: -c.value)
    selected = [c for budget in budgets for c in [c for c in candidates if c.latency_ms <= budget][: options.finalists]]
    networks = [job.space.network(c.architecture) for c in selected]
    return list({network.id: network for network in networks}.values())


def _latencies(options: argparse.Namespace, target: Target, networks: Sequence[Network]) -> dict[str, float]:
    return {p.network.id: p.latency_ms for p in profiles(networks, target.sample(networks, rounds=options.rounds))}


def _train(options: argparse.Namespace, seed: int, network: Network) -> dict[str, float]:
    """Trains one network from scratch, quantises it, and tests it in float and in INT8."""
    context, spec = _context(options)
    job = resolve_spec(context, spec)  # no latency table is needed
    config = config_for(job, SINGLE)
    seen = int(options.epochs * job.data.images["train"])
    steps = max(1, seen // config.batch_size)
    inputs = {
        "network": network.id, "data": job.data.content_hash, "config": asdict(config), "steps": steps, "seed": seed,
        **job.compute.inputs,
    }  # fmt: skip
    key = StageKey("baseline", VERSION, inputs)

    def compute() -> StageOutput:
        torch.set_num_threads(job.compute.threads)
        weights = SupernetWeights.of(network.layers, seed)
        strategy = SingleNetwork(
            network, weights.tensors, Training, batches(context, job, config, seed, seen, LIGHT), config
        )
        train(strategy, config, steps, callbacks(context, key, "training"))
        return StageOutput({}, _test(context, job, network, weights))

    facts = context.run("training", key, compute, target=network.name).facts
    common.progress(f"seed {seed} {network.name} {network.id[:6]}: INT8 {facts['accuracy_int8']:.4f}")
    return dict(facts)


def _test(context: Context, job: Job, network: Network, weights: SupernetWeights) -> dict[str, float]:
    image_size = network.input_shape[1]
    plain = SupernetWeights({name: tensor.detach() for name, tensor in weights.tensors.items()})
    calibration, observed = (float_images(context, job, "train", most)(image_size) for most in (CALIBRATION, OBSERVED))
    with torch.inference_mode():
        floats = folded(network, plain.tensors, recalibrate(network, plain, whole_batches(calibration, BATCH)))
        ranges = observe(network, BNFolded(floats), observed.split(BATCH))
        quantised = Quantised(network, quantise(network, floats, ranges))
    return {
        "accuracy_fp32": _accuracy(context, job, network, BNFolded(floats), "test"),
        "accuracy_int8": _accuracy(context, job, network, quantised, "test"),
        "validation_int8": _accuracy(context, job, network, quantised, "val"),
    }


def _accuracy(context: Context, job: Job, network: Network, mode: ExecutionMode, name: Literal["val", "test"]) -> float:
    split = context.arrays(job.data).split(name, network.input_shape[1])
    answers = mode_answers(network, mode, split.images, BATCH)
    return score(confusion(split.labels, answers, len(job.data.classes)), "accuracy")


def _summary(every: Sequence[Mapping[str, Any]], seeds: int) -> dict[str, float | int | None]:
    rows = [row for row in every if not row["found"]]
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
    best = {r.name for seed in range(seeds) for r in found_front([r for r in results if r.found and r.seed == seed])}
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
            "on_front": name in best,
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
    """One baseline against the found front of the same seed, paired; intervals are of 95 %."""
    gains: list[float] = []
    speedups: list[float] = []
    for seed in range(seeds):
        found = found_front([r for r in results if r.found and r.seed == seed])
        baseline = next(r for r in mine if r.seed == seed)
        no_slower = [r for r in found if r.latency_ms <= baseline.latency_ms]
        if no_slower:
            gains.append(no_slower[-1].accuracy_int8 - baseline.accuracy_int8)
        as_good = equal_accuracy_latency(found, baseline.accuracy_int8)
        if as_good is not None:
            speedups.append(baseline.latency_ms / as_good)
    whole_gain, whole_speedup = len(gains) == seeds, len(speedups) == seeds
    return {
        "accuracy_gain_at_equal_latency": mean(gains) if whole_gain else None,
        "accuracy_gain_interval": common.interval(gains) if whole_gain else None,
        "speedup_at_equal_accuracy": mean(speedups) if whole_speedup else None,
        "speedup_interval": common.interval(speedups) if whole_speedup else None,
    }


def found_front(found: Sequence[Trained]) -> list[Trained]:
    """The Pareto-optimal networks in latency and validation accuracy, fastest first; the test set is not used."""
    front: list[Trained] = []
    for one in sorted(found, key=lambda r: (r.latency_ms, -r.validation_int8)):
        if not front or one.validation_int8 > front[-1].validation_int8:
            front.append(one)
    return front


def equal_accuracy_latency(front: Sequence[Trained], wanted: float) -> float | None:
    """The latency at which a front reaches a test accuracy, linear between its networks; None where it never does."""
    before: Trained | None = None
    for after in front:
        if after.accuracy_int8 >= wanted:
            if before is None:
                return after.latency_ms
            share = (wanted - before.accuracy_int8) / (after.accuracy_int8 - before.accuracy_int8)
            return before.latency_ms + share * (after.latency_ms - before.latency_ms)
        before = after
    return None


def draw(outcome: common.Outcome, path: Path) -> None:
    """INT8 accuracy over measured latency, found networks and baselines."""
    import matplotlib

    matplotlib.use("Agg")
    from matplotlib import pyplot

    figure, axes = pyplot.subplots(figsize=(7, 4.5))
    kinds = (
        ("s", "#b5651d", "baselines", [row for row in outcome.rows if not row["found"]]),
        ("o", "#9aa5b1", "found, trained", [row for row in outcome.rows if row["found"] and not row["on_front"]]),
        (
            "o",
            "#1f5fa8",
            "found, on a seed's front by validation",
            [r for r in outcome.rows if r["found"] and r["on_front"]],
        ),
    )
    for marker, colour, label, rows in kinds:
        x, y = ([float(row[name] or 0) for row in rows] for name in ("latency_ms", "accuracy_int8"))
        axes.scatter(x, y, marker=marker, color=colour, label=label)
    for row in kinds[0][3]:
        at = (float(row["latency_ms"] or 0), float(row["accuracy_int8"] or 0))
        axes.annotate(str(row["name"]), at, textcoords="offset points", xytext=(5, -9), fontsize=7)
    axes.set(xscale="log", xlabel="latency, ms (INT8, batch 1, measured)", ylabel="INT8 test accuracy")
    axes.legend()
    figure.tight_layout()
    figure.savefig(path, dpi=150)


def main() -> int:
    """The command."""
    parser = common.parser(NAME, "Found networks against MobileNetV2 and ResNets, trained and measured the same way.")
    parser.add_argument("--data", required=True, help="digits, a folder of class folders, or an .npz file")
    parser.add_argument("--space", default="resnet")
    parser.add_argument("--target", default="cpu")
    parser.add_argument("--epochs", type=float, default=1.0, help="of every network's training from scratch")
    parser.add_argument("--supernet-epochs", type=float, default=2.0)
    parser.add_argument("--evaluations", type=int, default=120, help="architectures that each search evaluates")
    parser.add_argument("--finalists", type=int, default=3, help="architectures of each budget that are trained")
    parser.add_argument(
        "--latency-ms", type=float, action="append", help="budgets; by default the baselines' latencies / 1.25"
    )
    parser.add_argument(
        "--table",
        type=int,
        nargs=3,
        default=list(PROFILES["standard"].model_dump().values()),
        metavar=("NETWORKS", "HELD_OUT", "ROUNDS"),
        help="size of the searches' latency table",
    )
    parser.add_argument("--rounds", type=int, default=20, help="of timing, of the networks that are compared")
    parser.add_argument("--threads", type=int, default=1, help="of each training")
    parser.add_argument(
        "--jobs", type=int, default=len(os.sched_getaffinity(0)), help="trainings in parallel; by default one a core"
    )
    parser.add_argument(
        "--store", type=Path, default=Path("build/against_baselines"), help="where completed work is cached"
    )
    return common.run(NAME, parser.parse_args(), measure, draw)


if __name__ == "__main__":
    raise SystemExit(main())
