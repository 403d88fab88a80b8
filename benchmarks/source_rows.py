"""What a user can do with a trained network alone, and a search of hwnas from it, each as one row. Shared by benchmarks; not one itself."""

import time
from pathlib import Path
from typing import Any, Final

from benchmarks import common
from hw_targets.timing import profiles
from nas.events import Event, LogEvent, PhaseEvent
from nas.pipeline import search
from nas.spec import SearchSpec
from nas.stages.fine_tune import fine_tune
from nas.stages.quantize import quantized, tested
from nas.stages.target_run import TargetRun
from nas.stages.train import Supernet
from search_spaces.network import Network
from search_spaces.space import Architecture, SearchSpace

ROUNDS: Final = 20


def on_event(event: Event) -> None:
    """Phases and messages of a search, as progress."""
    if isinstance(event, PhaseEvent) and event.status == "finished":
        common.progress(f"    {event.phase} took {event.seconds or 0:.1f} s")
    elif isinstance(event, LogEvent):
        common.progress(f"    {event.message}")


def alternative(run: TargetRun, name: str, network: Network, start: Supernet | None, images: int) -> dict[str, Any]:
    """One network by itself, fine-tuned from weights; from random ones without a start."""
    cores = common.core_seconds()
    weights = fine_tune(run, network, start=start, images=images, number=0)
    files = quantized(run, network, weights)
    core_s = common.core_seconds() - cores
    int8, fp32 = tested(run.context, run.job, network, files)
    latency_ms = latencies_ms(run, [network])[0]
    common.progress(f"  {name}: {int8.value:.4f} at {latency_ms:.4g} ms, {core_s:.0f} core-seconds")
    return {
        "row": name, "budget": None, "accuracy": int8.value, "accuracy_fp32": fp32.value, "latency_ms": latency_ms,
        "images_seen": images, "core_seconds": core_s,
    }  # fmt: skip


def latencies_ms(run: TargetRun, networks: list[Network]) -> list[float]:
    """The measured INT8 latencies of networks, taken in turn."""
    return [one.latency_ms for one in profiles(networks, run.target.sample(networks, rounds=ROUNDS))]


def narrowed(run: TargetRun, space: SearchSpace, limit_ms: float) -> Architecture | None:
    """The widest of the evenly narrowed networks within a latency: every width and expansion at the same share of its largest."""
    largest = {choice.name: choice.values[-1] for choice in space.choices}
    table = run.target_plan.table
    for share in (0.9, 0.75, 0.66, 0.5, 0.4, 0.33, 0.25):
        values = dict(largest)
        for choice in space.choices:
            if choice.name.endswith((".width", ".expansion")):
                wanted = share * float(choice.values[-1])
                values[choice.name] = min(choice.values, key=lambda value: abs(float(value) - wanted))
        architecture = space.architecture(values)
        if table.predict(space.network(architecture)).latency_ms <= limit_ms:
            return architecture
    return None


def searched(spec: SearchSpec, out: Path, name: str, budget: str) -> dict[str, Any]:
    """A whole search of hwnas from an empty folder.

    Args:
        spec: with its latency budget and its minutes.
        out: where its store and its results go.
        name: of the row.
        budget: as it was requested.
    """
    started, cores = time.monotonic(), common.core_seconds()
    result = search(spec, out=out, on_event=on_event)
    wall_s, used_s = time.monotonic() - started, common.core_seconds() - cores
    (model,) = result.models.values()
    common.progress(
        f"  {name}, {budget}: {model.metric.int8.value:.4f} at {model.latency_ms.final_ms:.4g} ms, "
        f"{used_s:.0f} core-seconds"
    )
    return {
        "row": name, "budget": budget, "accuracy": model.metric.int8.value, "accuracy_fp32": model.metric.fp32.value,
        "latency_ms": model.latency_ms.final_ms, "predicted_ms": model.latency_ms.predicted, "core_seconds": used_s,
        "wall_seconds": wall_s, "planned_seconds": spec.seconds, "architecture": model.architecture,
    }  # fmt: skip
