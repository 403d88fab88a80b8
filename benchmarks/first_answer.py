"""The result of a short search against the usual alternative: MobileNetV2 trained for the same time.

For each effort and seed a search runs whole, from an empty store, with the measured latency of MobileNetV2 at half width as its
budget. Then that network is trained from scratch for as long as the search took on the same cores, with the same augmentation,
train config and images, quantised after training, and tested. Both are tested on the test set alone.
"""

import argparse
import shutil
import time
from collections.abc import Sequence
from pathlib import Path
from statistics import mean
from typing import Any, Final

from benchmarks import common
from benchmarks.baselines import published_mobilenet_v2
from benchmarks.photo_sets import as_folder
from hw_targets.registry import target as find_target
from hw_targets.timing import profiles
from nas.events import Event, LogEvent, PhaseEvent
from nas.pipeline import search
from nas.preflight import plan
from nas.prepare_job import choose_resolution, prepare_job
from nas.spec import SearchSpec
from nas.stages.context import Context
from nas.stages.fine_tune import fine_tune
from nas.stages.quantize import quantized, tested
from nas.stages.target_run import TargetRun
from nas.stages.timing import seconds_per_image
from nas.store import Store

NAME: Final = "first_answer"
WIDTH: Final = 0.5
ROUNDS: Final = 20


def measure(options: argparse.Namespace) -> common.Outcome:
    """Every effort and seed, one after another."""
    data = as_folder(Path(options.data), options.kept, images=options.images)
    rows = [_row(options, data, effort, seed) for effort in options.effort for seed in range(options.seeds)]
    summary: dict[str, float | int | None] = {}
    for effort in options.effort:
        mine = [row for row in rows if row["effort"] == effort]
        prefix = "" if len(options.effort) == 1 else f"{effort}_"
        for name in ("accuracy", "latency_ms", "core_seconds", "wall_seconds", "planned_seconds", "gain_points"):
            summary[prefix + name] = mean(float(row[name]) for row in mine)
        for name in ("accuracy", "latency_ms", "core_seconds"):
            summary[f"{prefix}mobilenet_v2_{name}"] = mean(float(row[f"mobilenet_v2_{name}"]) for row in mine)
    return common.Outcome({**summary, "seeds": options.seeds}, rows)


def _on_event(event: Event) -> None:
    if isinstance(event, PhaseEvent) and event.status == "finished":
        common.progress(f"  {event.phase} took {event.seconds or 0:.1f} s")
    elif isinstance(event, LogEvent):
        common.progress(f"  {event.message}")


def _row(options: argparse.Namespace, data: str, effort: str, seed: int) -> dict[str, Any]:
    out = options.kept / "runs" / f"{Path(data).name}-{effort}-{seed}"
    shutil.rmtree(out, ignore_errors=True)
    target = find_target(options.target)
    fields: dict[str, Any] = {
        "data": data, "effort": effort, "seed": seed, "resolution": options.resolution, "metric": options.metric,
        "targets": [{"target": options.target, "latency_ms": "100%"}],
    }  # fmt: skip
    job, _ = choose_resolution(Context(Store(out / "looked"), _on_event), SearchSpec(**fields))
    size = {"channels": job.data.channels, "classes": len(job.data.classes)}
    rival = published_mobilenet_v2(WIDTH, resolution=job.data.resolution, **size)
    (profile,) = profiles([rival], target.sample([rival], rounds=ROUNDS))
    fields["targets"] = [{"target": options.target, "latency_ms": profile.latency_ms}]
    fields["resolution"] = job.data.resolution
    spec = SearchSpec(**fields)
    common.progress(f"{effort}, seed {seed}: budget {profile.latency_ms:.4g} ms, {job.data.resolution} pixels")
    planned = sum(plan(spec, store=out / "looked").seconds.values())
    started, cores = time.monotonic(), common.core_seconds()
    result = search(spec, out=out, on_event=_on_event)
    wall_s, core_s = time.monotonic() - started, common.core_seconds() - cores
    model = result.models[target.info.id]
    theirs = _rival(out, spec, rival, wall_s)
    common.progress(f"  {model.metric.int8.value:.4f} against {theirs['accuracy']:.4f}")
    return {
        "effort": effort,
        "seed": seed,
        "metric": options.metric,
        "resolution": job.data.resolution,
        "accuracy": model.metric.int8.value,
        "latency_ms": model.latency_ms.measured,
        "budget_ms": profile.latency_ms,
        "wall_seconds": wall_s,
        "core_seconds": core_s,
        "planned_seconds": planned,
        "gain_points": 100 * (model.metric.int8.value - theirs["accuracy"]),
        "mobilenet_v2_latency_ms": profile.latency_ms,
        **{f"mobilenet_v2_{name}": value for name, value in theirs.items()},
    }


def _rival(out: Path, spec: SearchSpec, network: Any, wall_s: float) -> dict[str, float]:
    """The network trained from scratch for as long, with the search's augmentation; and tested."""
    context = Context(Store(out / "store"), _on_event)
    job = prepare_job(context, spec)  # all of it is cached
    started, cores = time.monotonic(), common.core_seconds()
    images = int(
        wall_s / (1.1 * seconds_per_image(job, network))
    )  # the optimiser's step is not in the time of an image
    run = TargetRun(context, job, job.target_plans[0], find_target(spec.targets[0].target))
    weights = fine_tune(run, network, start=None, images=images, number=0)
    core_s = common.core_seconds() - cores
    common.progress(f"  MobileNetV2 saw {images:,} images in {time.monotonic() - started:.0f} s")
    files = quantized(run, network, weights)
    int8, fp32 = tested(context, job, network, files)
    return {"accuracy": int8.value, "accuracy_fp32": fp32.value, "core_seconds": core_s, "images": float(images)}


def main(arguments: Sequence[str] | None = None) -> int:
    """The command."""
    parser = common.parser(NAME, "The result of a short search against MobileNetV2 trained for the same time.")
    parser.add_argument("--data", required=True, help="a set of photographs, see benchmarks/photo_sets.py")
    parser.add_argument("--images", type=int, help="training images that are taken of an archive")
    parser.add_argument("--resolution", type=int, help="image size in pixels; when absent, hwnas decides")
    parser.add_argument("--effort", action="append", choices=["quick", "standard", "thorough"])
    parser.add_argument("--metric", default="accuracy", choices=["accuracy", "balanced_accuracy", "macro_f1"])
    parser.add_argument("--target", default="cpu")
    parser.add_argument("--kept", type=Path, default=Path("build/first_answer"), help="where sets and runs are written")
    options = parser.parse_args(arguments)
    options.effort = options.effort or ["quick", "standard"]
    return common.run(NAME, options, measure)


if __name__ == "__main__":
    raise SystemExit(main())
