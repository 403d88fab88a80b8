"""The result of a short search against the usual alternative: MobileNetV2 trained for the same time.

For each effort and seed a search runs whole, from an empty store, with the measured latency of MobileNetV2 at half width as its
budget. Then that network is trained from scratch for as long as the search took on the same cores, with the same augmentation,
train config and images, quantised after training, and tested. Both are tested on the test set alone.

It takes hours: the same command goes on where one was stopped, its time counted over both, until all of its rows are there.
"""

import argparse
import json
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
from nas.files import write_atomically
from nas.job import Job
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
from search_spaces.network import Network

NAME: Final = "first_answer"
WIDTH: Final = 0.5
ROUNDS: Final = 20
KEPT_EVERY_S: Final = 5.0

ASKED: Final = "asked.json"
"""The options of the command, in the folder of a row."""
UNFINISHED: Final = "unfinished.json"
"""What was decided for a row that is not there yet."""
DONE: Final = "row.json"
"""The row, until the command has all of its rows."""


def measure(options: argparse.Namespace) -> common.Outcome:
    """Every effort and seed, one after another."""
    data = as_folder(Path(options.data), options.kept, images=options.images)
    places = {
        (effort, seed): options.kept / "runs" / f"{Path(data).name}-{effort}-{seed}"
        for effort in options.effort
        for seed in range(options.seeds)
    }
    rows = [_kept_row(options, data, *which, out) for which, out in places.items()]
    for out in places.values():
        (out / DONE).unlink()  # the next command begins anew
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


class Spent:
    """Wall and core-seconds of work that may be stopped and continued, kept in a file every few seconds of its events."""

    def __init__(self, file: Path) -> None:
        self._file = file
        self._before: tuple[float, float] = tuple(json.loads(file.read_text())) if file.exists() else (0.0, 0.0)
        self._began, self._kept = (time.monotonic(), common.core_seconds()), time.monotonic()

    @property
    def seconds(self) -> tuple[float, float]:
        """Wall and core-seconds so far."""
        wall_s, core_s = self._before
        return wall_s + time.monotonic() - self._began[0], core_s + common.core_seconds() - self._began[1]

    def __call__(self, event: Event) -> None:
        """An event sink, which keeps the time."""
        _on_event(event)
        if time.monotonic() - self._kept > KEPT_EVERY_S:
            self.keep()

    def keep(self) -> tuple[float, float]:
        """Keeps the seconds so far."""
        self._kept, found = time.monotonic(), self.seconds
        write_atomically(self._file, json.dumps(found).encode())
        return found


def _kept_row(options: argparse.Namespace, data: str, effort: str, seed: int, out: Path) -> dict[str, Any]:
    """The row of this command, where it was there when it was stopped; else made, from where it was."""
    asked = common.settings(options)
    if (out / ASKED).exists() and json.loads((out / ASKED).read_text()) != asked:
        shutil.rmtree(out)
    if not (out / DONE).exists():
        if not (out / UNFINISHED).exists():
            shutil.rmtree(out, ignore_errors=True)
        write_atomically(out / ASKED, json.dumps(asked).encode())
        row = _row(options, data, effort, seed, out)
        write_atomically(out / DONE, json.dumps(row).encode())
        (out / UNFINISHED).unlink()
    found: dict[str, Any] = json.loads((out / DONE).read_text())
    return found


def _settled(options: argparse.Namespace, data: str, effort: str, seed: int, out: Path) -> tuple[SearchSpec, float]:
    """What is decided of a row, once."""
    if not (out / UNFINISHED).exists():
        spec, planned_s = decided(options, data, effort, seed, out)
        document = {"spec": spec.model_dump(mode="json"), "planned_seconds": planned_s}
        write_atomically(out / UNFINISHED, json.dumps(document).encode())
    kept = json.loads((out / UNFINISHED).read_text())
    return SearchSpec.model_validate(kept["spec"]), kept["planned_seconds"]


def decided(options: argparse.Namespace, data: str, effort: str, seed: int, out: Path) -> tuple[SearchSpec, float]:
    """The search with the measured latency of MobileNetV2 as its budget, and how long it is planned to take, s."""
    target = find_target(options.target)
    fields: dict[str, Any] = {
        "data": data, "effort": effort, "seed": seed, "resolution": options.resolution, "metric": options.metric,
        "targets": [{"target": options.target, "latency_ms": "100%"}],
    }  # fmt: skip
    job, _ = choose_resolution(Context(Store(out / "looked"), _on_event), SearchSpec(**fields))
    rival = _rival_network(job)
    (profile,) = profiles([rival], target.sample([rival], rounds=ROUNDS))
    fields["targets"] = [{"target": options.target, "latency_ms": profile.latency_ms}]
    spec = SearchSpec(**{**fields, "resolution": job.data.resolution})
    return spec, sum(plan(spec, store=out / "looked").seconds.values())


def _rival_network(job: Job) -> Network:
    size = {"channels": job.data.channels, "classes": len(job.data.classes)}
    return published_mobilenet_v2(WIDTH, resolution=job.data.resolution, **size)


def _row(options: argparse.Namespace, data: str, effort: str, seed: int, out: Path) -> dict[str, Any]:
    spec, planned = _settled(options, data, effort, seed, out)
    budget_ms = float(spec.targets[0].latency_ms)
    common.progress(f"{effort}, seed {seed}: budget {budget_ms:.4g} ms, {spec.resolution} pixels")
    spent = Spent(out / "search.json")
    result = search(spec, out=out, on_event=spent)
    wall_s, core_s = spent.keep()
    model = result.models[find_target(options.target).info.id]
    theirs = _rival(out, spec, wall_s)
    common.progress(f"  {model.metric.int8.value:.4f} against {theirs['accuracy']:.4f}")
    return {
        "effort": effort,
        "seed": seed,
        "metric": options.metric,
        "resolution": spec.resolution,
        "accuracy": model.metric.int8.value,
        "latency_ms": model.latency_ms.final_ms,
        "budget_ms": budget_ms,
        "wall_seconds": wall_s,
        "core_seconds": core_s,
        "planned_seconds": planned,
        "gain_points": 100 * (model.metric.int8.value - theirs["accuracy"]),
        "mobilenet_v2_latency_ms": budget_ms,
        **{f"mobilenet_v2_{name}": value for name, value in theirs.items()},
    }


def _rival(out: Path, spec: SearchSpec, wall_s: float) -> dict[str, float]:
    """The network trained from scratch for as long, with the search's augmentation; and tested."""
    spent = Spent(out / "rival.json")
    context = Context(Store(out / "store"), spent)
    job = prepare_job(context, spec)  # all of it is cached
    network, kept = _rival_network(job), out / "rival_images.json"
    if not kept.exists():  # the optimiser's step is not in the time of an image
        images = int(wall_s / (1.1 * seconds_per_image(job, network)))
        write_atomically(kept, json.dumps(images).encode())
    images = json.loads(kept.read_text())
    run = TargetRun(context, job, job.target_plans[0], find_target(spec.targets[0].target))
    weights = fine_tune(run, network, start=None, images=images, number=0)
    took_s, core_s = spent.keep()
    common.progress(f"  MobileNetV2 saw {images:,} images in {took_s:.0f} s")
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
