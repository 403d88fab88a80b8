"""Is searching worth its cost? The exported network of a search against random networks of the same measured latency, trained alike.

For each seed a search runs whole. Random architectures are drawn uniformly among those that its latency table predicts at 90 to 100 %
of the budget, measured on the target, and kept where they measure within that band, too. Each of them is trained as the exported one
was: from the same weights (a slice of the supernet or of the adapted source; random ones without either), on as many images, with
the same train config, order of images and teacher, and retrained in INT8 where that is better on the validation set. The rounds
are those of the exported network, too: `tournament.play` with one finalist would train it in one round, without warm restarts.

The test set decides nothing: the best of four random networks, expected over all choices of four, is the one with the best
validation accuracy. Core-seconds are those that the stages stored when they were computed, so that a second run with the same
`--kept`, which resumes the first, reports the same. A search that is too short for a supernet has no evaluations: it selects its
finalists by multiply-accumulates.
"""

import argparse
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import groupby
from math import comb
from pathlib import Path
from statistics import mean
from typing import Any, Final

import numpy as np

from benchmarks import common
from benchmarks.photo_sets import as_folder
from benchmarks.source_rows import on_event
from hw_targets.registry import target as find_target
from nas.core_seconds import sum_known
from nas.errors import InvalidSpec
from nas.pipeline import trained_job
from nas.prepare_job import prepare_job
from nas.search_report import SearchCost
from nas.spec import SearchSpec
from nas.stages.context import Context
from nas.stages.deliver import deliver, measured_finalists
from nas.stages.finalist import Finalist, TrainedFinalist, with_files
from nas.stages.halving import rounds
from nas.stages.quantize import retrained, tested
from nas.stages.target_run import TargetRun
from nas.stages.teacher import Teacher
from nas.stages.tournament import round_images, teacher_of, train_round
from nas.store import Store
from search_spaces.cost import macs

NAME: Final = "search_value"
BAND: Final = 0.9
"""The least latency of a random network, as a share of the budget."""
DRAWN, TRIES = 16, 8
"""Architectures that are drawn and measured at a time, and how often, before a band has too few."""
BEST_OF: Final = 4


@dataclass(frozen=True, slots=True)
class Trained:
    """A trained network: its accuracies in INT8 on the validation set and the test set, and the core-seconds of its training."""

    finalist: Finalist
    images: int
    validation: float
    accuracy: float
    core_seconds: float | None


def measure(options: argparse.Namespace) -> common.Outcome:
    """Every seed, one after another."""
    data = as_folder(Path(options.data), options.kept, images=options.images)
    rows = [row for seed in range(options.seeds) for row in _rows(options, data, seed)]
    return common.Outcome(summary([row for row in rows if row["network"] == "exported"]), rows)


def summary(exported: Sequence[dict[str, Any]]) -> dict[str, float | int | None]:
    """Means over seeds, from the row of each seed's exported network, and the intervals of the gains."""
    found: dict[str, float | int | None] = {}
    for name in (
        "accuracy", "latency_ms", "random_accuracy", "random_latency_ms", "best_of_four_accuracy", "gain_points",
        "gain_over_best_of_four_points", "search_core_seconds", "core_seconds", "random_core_seconds",
        "evaluations", "finalists",
    ):  # fmt: skip
        found[name] = common.mean([row[name] for row in exported])
        if name.startswith("gain"):
            gains = [row[name] for row in exported if row[name] is not None]
            found[name.replace("_points", "_interval_points")] = common.interval(gains)
    return {**found, "seeds": len(exported)}


def expected_best(networks: Sequence[tuple[float, float]], of: int = BEST_OF) -> float | None:
    """The expected test accuracy of the network with the best validation accuracy among `of` of these, over all choices of `of`.

    Exact: of N, the best lies among the lowest m in C(m, of) of C(N, of) choices. Of equals any is chosen, each as often.

    Args:
        networks: validation and test accuracy of each.
        of: how many are chosen.

    Returns:
        None of fewer networks.
    """
    if len(networks) < of:
        return None
    total, lower = 0.0, 0
    for _, group in groupby(sorted(networks), key=lambda one: one[0]):
        equal = [accuracy for _, accuracy in group]
        total += (comb(lower + len(equal), of) - comb(lower, of)) * mean(equal)
        lower += len(equal)
    return total / comb(len(networks), of)


def _rows(options: argparse.Namespace, data: str, seed: int) -> list[dict[str, Any]]:
    """The exported network with what it gains, then the random ones."""
    run = _run(options, data, seed)
    outcome = deliver(run, options.kept / "models" / f"{Path(data).stem}-{seed}")
    best, cost, budget_ms = outcome.finalists[0], outcome.model.cost, run.target_plan.budget_ms
    assert cost is not None  # it is of a search
    value = outcome.model.metric.int8.value
    exported = Trained(best.finalist, best.images, best.files.validation.value, value, cost.training_core_seconds)
    common.progress(f"seed {seed}: exported {value:.4f} at {outcome.model.latency_ms.final_ms:.4g} ms")
    networks, teacher = list[Trained](), teacher_of(run)
    for number, finalist in enumerate(random_finalists(run, options.random), 1):
        networks.append(_trained(run, trained_alike(run, finalist, teacher, best.images, len(outcome.finalists))))
        common.progress(f"seed {seed}: random {number} {networks[-1].accuracy:.4f} at {finalist.latency_ms:.4g} ms")
    rows = [_row(seed, f"random {number}", one, budget_ms) for number, one in enumerate(networks, 1)]
    first = _row(seed, "exported", exported, budget_ms)
    first["latency_ms"] = outcome.model.latency_ms.final_ms  # of its file
    size = {"evaluations": cost.evaluations, "finalists": len(outcome.finalists)}
    return [{**first, **size, **_compared(exported, networks, cost)}, *rows]


def _run(options: argparse.Namespace, data: str, seed: int) -> TargetRun:
    """The search of a seed with its supernet trained, as `nas.pipeline.search` has it; all seeds use one store."""
    spec = SearchSpec(
        data=data, space=options.space, start_from=options.start, seed=seed, resolution=options.resolution,
        metric=options.metric, effort=options.effort, minutes=options.minutes,
        targets=({"target": options.target, "latency_ms": options.latency_ms},),
    )  # fmt: skip
    context = Context(Store(options.kept / "store"), on_event)
    job, supernet, adapted = trained_job(context, prepare_job(context, spec))
    return TargetRun(context, job, job.target_plans[0], find_target(options.target), supernet, adapted)


def random_finalists(run: TargetRun, count: int) -> list[Finalist]:
    """Distinct architectures, uniform among those that are predicted and measured at 90 to 100 % of the budget.

    Raises:
        InvalidSpec: too few are found.
    """
    target_plan, rng = run.target_plan, np.random.default_rng([run.job.spec.seed, 1])
    region, budget_ms = target_plan.region, target_plan.budget_ms
    found: dict[str, Finalist] = {}
    seen: set[str] = set()
    for _ in range(TRIES):
        codes = region.canonical(region.draw(BAND * budget_ms, budget_ms, DRAWN, rng))
        drawn = {one.id: one for one in region.latency.lattice.decode(codes) if one.id not in seen}
        seen.update(drawn)
        for one in measured_finalists(run, list(drawn.values())) if drawn else []:
            if BAND * budget_ms <= one.budgeted_ms(target_plan) <= budget_ms:
                found[one.architecture.id] = one
        if len(found) >= count:
            return list(found.values())[:count]
    raise InvalidSpec(
        f"Only {len(found)} of {len(seen)} random networks that are predicted at {100 * BAND:g} to 100 % of the budget of "
        f"{budget_ms:.4g} ms are in that band when {target_plan.info.kind} on {run.id}; {count} were requested.",
        fix="Give another --latency-ms, or a lower --random; if the machine is busy, run again when it is idle.",
        facts={"found": len(found), "drawn": len(seen), "requested": count},
    )


def trained_alike(
    run: TargetRun, finalist: Finalist, teacher: Teacher | None, images: int, finalists: int
) -> TrainedFinalist:
    """A network alone in the rounds of a tournament of `finalists`, until it has seen `images`; then retrained in INT8 as a winner."""
    done = None
    for number, one in enumerate(rounds(finalists)):
        done = train_round(run, finalist, done, round_images(run.job, one), number, teacher)
        if done.images >= images:
            break
    assert done is not None  # there is at least one round
    return with_files(done, retrained(run, finalist.network, done.weights))


def _trained(run: TargetRun, done: TrainedFinalist) -> Trained:
    network = done.finalist.network
    int8, _ = tested(run.context, run.job, network, done.files)
    costs = [one for one in run.context.costs.values() if one.phase == "fine_tuning" and one.network == network.id]
    spent = sum_known(one.core_seconds for one in costs)
    return Trained(done.finalist, done.images, done.files.validation.value, int8.value, spent)


def _compared(exported: Trained, networks: Sequence[Trained], cost: SearchCost) -> dict[str, float | None]:
    """What one exported network gains over the random ones of its seed."""
    average = mean(one.accuracy for one in networks)
    best = expected_best([(one.validation, one.accuracy) for one in networks])
    return {
        "random_accuracy": average,
        "random_latency_ms": mean(one.finalist.latency_ms for one in networks),
        "best_of_four_accuracy": best,
        "gain_points": 100 * (exported.accuracy - average),
        "gain_over_best_of_four_points": None if best is None else 100 * (exported.accuracy - best),
        "search_core_seconds": cost.core_seconds,
        "random_core_seconds": common.mean([one.core_seconds for one in networks]),
    }


def _row(seed: int, name: str, trained: Trained, budget_ms: float) -> dict[str, Any]:
    finalist = trained.finalist
    return {
        "seed": seed, "network": name, "accuracy": trained.accuracy, "validation": trained.validation,
        "latency_ms": finalist.latency_ms, "predicted_ms": finalist.prediction.latency_ms, "budget_ms": budget_ms,
        "images_seen": trained.images, "core_seconds": trained.core_seconds, "macs": macs(finalist.network),
        "architecture": str(finalist.architecture),
    }  # fmt: skip


def main(arguments: Sequence[str] | None = None) -> int:
    """The command."""
    parser = common.parser(NAME, "The exported network of a search against random networks of the same latency.")
    parser.add_argument("--data", required=True, help="a set of images, see benchmarks/photo_sets.py")
    parser.add_argument("--images", type=int, help="training images that are taken of an archive")
    parser.add_argument("--resolution", type=int, help="image size in pixels; when absent, hwnas decides")
    parser.add_argument("--space", default="mobilenet")
    parser.add_argument(
        "--start-from", dest="start", default="none", help="a trained network; none starts from scratch"
    )
    parser.add_argument("--random", type=int, default=8, help="random networks of each seed")
    parser.add_argument("--effort", default="standard", choices=["quick", "standard", "thorough"])
    parser.add_argument("--minutes", type=float, help="of each search, in place of the effort's time")
    parser.add_argument(
        "--latency-ms", default="50%", help="the budget in milliseconds, or a point of the reachable range"
    )
    parser.add_argument("--metric", default="accuracy", choices=["accuracy", "balanced_accuracy", "macro_f1"])
    parser.add_argument("--target", default="cpu")
    parser.add_argument("--kept", type=Path, default=Path("build/search_value"), help="where completed work is cached")
    options = parser.parse_args(arguments)
    if options.random < 1:
        parser.error("--random must be at least 1")
    return common.run(NAME, options, measure)


if __name__ == "__main__":
    raise SystemExit(main())
