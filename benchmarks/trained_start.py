"""A search that starts from a trained network against what a user can do with that network alone.

The rows of the source: whole, at each earlier end of its stages, and narrowed evenly to each budget; all are fine-tuned on the same
number of images from the same weights, quantised after training, measured and tested in the same way. The rows of hwnas: a whole
search for each budget and method from an empty store, in a multiple of the time that fine-tuning the whole source took, and the same
from scratch. Budgets are shares of the source's measured INT8 latency.
"""

import argparse
import shutil
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from statistics import mean
from typing import Any, Final, Literal

from benchmarks import common
from benchmarks.photo_sets import as_folder
from benchmarks.source_rows import alternative, narrowed, on_event, searched
from hw_targets.registry import target as find_target
from nas.data.augment import PHOTO
from nas.job import Job
from nas.prepare_job import resolve_spec, with_target_plans
from nas.pretrained import SOURCES
from nas.spec import SearchSpec
from nas.stages.context import Context
from nas.stages.read_source import source_weights
from nas.stages.target_run import TargetRun
from nas.stages.train import Supernet
from nas.store import Store
from search_spaces.exits import exits
from search_spaces.space import Architecture

NAME: Final = "trained_start"
TIMES: Final = {"prune": 3.0, "search": 6.0, "scratch": 6.0}
"""How many times the core-seconds of fine-tuning the whole source a job may take."""
Method = Literal["prune", "search", "scratch"]


def measure(options: argparse.Namespace) -> common.Outcome:
    """Every seed, one after another."""
    data = as_folder(Path(options.data), options.kept, images=options.images)
    rows = [row for seed in range(options.seeds) for row in _rows(options, data, seed)]
    summary: dict[str, float | int | None] = {"source_accuracy": _mean(rows, "source", None)}
    for budget in options.budgets:
        for method in options.method:
            summary[f"{method}_{budget}"] = _mean(rows, method, budget)
        others = [r["row"] for r in rows if r["row"] not in TIMES and r["latency_ms"] <= _limit(rows, budget)]
        summary[f"best_alternative_{budget}"] = max((_mean(rows, one, None) or 0.0 for one in others), default=None)
    return common.Outcome({**summary, "seeds": options.seeds}, rows)


def _limit(rows: Sequence[dict[str, Any]], budget: str) -> float:
    """A budget in ms, with a twentieth for the noise of the measurement."""
    source = mean(float(row["latency_ms"]) for row in rows if row["row"] == "source")
    return 1.05 * source * float(budget.removesuffix("%")) / 100


def _mean(rows: Sequence[dict[str, Any]], name: str, budget: str | None) -> float | None:
    found = [row["accuracy"] for row in rows if row["row"] == name and budget in (None, row["budget"])]
    return mean(found) if found else None


def _rows(options: argparse.Namespace, data: str, seed: int) -> list[dict[str, Any]]:
    out = options.kept / "runs" / f"{Path(data).name}-{Path(options.start).stem}-{seed}"
    shutil.rmtree(out, ignore_errors=True)
    fields: dict[str, Any] = {
        "data": data, "seed": seed, "resolution": options.resolution, "metric": options.metric,
        "targets": [{"target": options.target, "latency_ms": "100%"}],
    }  # fmt: skip
    context = Context(Store(out / "alternatives"), on_event)
    spec = SearchSpec(**fields, start_from=options.start)
    job = replace(with_target_plans(context, resolve_spec(context, spec)), augment=PHOTO)
    run = TargetRun(context, job, job.target_plans[0], find_target(options.target))
    source, *cuts = reversed(exits(job.space))
    images = min(options.images_seen, options.epochs * job.data.images["train"])
    start = Supernet(source_weights(context, job), f"weights of {options.start}")
    rows = [_alone(run, "source", source, start, images)]
    full_ms, core_s = rows[0]["latency_ms"], rows[0]["core_seconds"]
    rows += [
        _alone(run, f"cut at stage {dict(one.values)['stages']}", one, start, images) for one in cuts[: options.cuts]
    ]
    for budget in options.budgets:
        limit_ms = full_ms * float(budget.removesuffix("%")) / 100
        if limit_ms < full_ms:
            narrow = narrowed(run, job.space, limit_ms)
            rows += [] if narrow is None else [_alone(run, f"even width, {budget}", narrow, start, images)]
        for method in options.method:
            rows.append(_search(options, fields, out, job, method, budget, limit_ms, core_s))
    return [{"seed": seed, "resolution": job.data.resolution, **row} for row in rows]


def _alone(run: TargetRun, name: str, architecture: Architecture, start: Supernet, images: int) -> dict[str, Any]:
    """One network of the source, fine-tuned by itself."""
    row = alternative(run, name, run.job.space.network(architecture), start, images)
    return {**row, "architecture": str(architecture)}


def _search(
    options: argparse.Namespace,
    fields: dict[str, Any],
    out: Path,
    job: Job,
    method: Method,
    budget: str,
    limit_ms: float,
    core_s: float,
) -> dict[str, Any]:
    """A whole search of hwnas in its share of the source's core-seconds."""
    scratch = method == "scratch"
    spec = SearchSpec(
        **{**fields, "targets": [{"target": options.target, "latency_ms": limit_ms}]},
        start_from="none" if scratch else options.start, method="auto" if scratch else method,
        minutes=TIMES[method] * core_s / job.compute.threads / 60,
    )  # fmt: skip
    row = searched(spec, out / f"{method}-{budget.removesuffix('%')}", method, budget)
    return {**row, "budget_ms": limit_ms, "times_the_source": row["core_seconds"] / core_s}


def main(arguments: Sequence[str] | None = None) -> int:
    """The command."""
    parser = common.parser(NAME, "A search from a trained network against that network alone.")
    parser.add_argument("--data", required=True, help="a set of photographs, see benchmarks/photo_sets.py")
    parser.add_argument("--images", type=int, help="training images that are taken of an archive")
    parser.add_argument("--resolution", type=int, default=64, help="image size in pixels")
    parser.add_argument(
        "--from", dest="start", default="efficientnet_lite0", help=f"{', '.join(SOURCES)}, or an ONNX file"
    )
    parser.add_argument("--budgets", default="100%,50%,25%", help="shares of the source's latency, separated by commas")
    parser.add_argument("--method", action="append", choices=list(TIMES), help="repeatable; all when absent")
    parser.add_argument("--cuts", type=int, default=3, help="earlier ends of the source that are fine-tuned")
    parser.add_argument("--epochs", type=int, default=40, help="that each fine-tuning of an alternative lasts")
    parser.add_argument("--images-seen", type=int, default=32_000, help="the same in images; the smaller is taken")
    parser.add_argument("--metric", default="accuracy", choices=["accuracy", "balanced_accuracy", "macro_f1"])
    parser.add_argument("--target", default="cpu")
    parser.add_argument(
        "--kept", type=Path, default=Path("build/trained_start"), help="where sets and runs are written"
    )
    options = parser.parse_args(arguments)
    options.method = options.method or list(TIMES)
    options.budgets = [one.strip() for one in options.budgets.split(",")]
    return common.run(NAME, options, measure)


if __name__ == "__main__":
    raise SystemExit(main())
