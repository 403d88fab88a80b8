"""How well a latency table predicts networks that it was never fitted on, against two simpler methods.

Each case is a space at a resolution: networks selected for coverage are measured and fitted, other random ones of the
space are measured and predicted. The baselines are a table whose kernel times come from operators run alone, with the same
calibration on the same fitted networks (`isolated_`), and a straight line in the multiply-accumulates (`mac_`).
A space named without its activation is measured with each activation of a cost of its own.
"""

import argparse
import random
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, Final

import numpy as np

from benchmarks import common
from hw_targets.registry import target as find_target
from hw_targets.target import KernelSample, Profile, Sample, Target, TimingSample
from hw_targets.timing import profiles
from latency_models.accuracy_report import AccuracyReport, report_accuracy
from latency_models.coverage import choose, coverage_share, key_frequencies
from latency_models.entries import Entry, observe
from latency_models.table import fit
from search_spaces.cost import macs
from search_spaces.network import INPUT, Layer, Network
from search_spaces.registry import space as find_space
from search_spaces.space import SearchSpace

NAME: Final = "latency_fidelity"
ACTIVATIONS: Final = ("relu6", "hard_swish")
"""ReLU costs what ReLU6 does: both are the saturation of an INT8 result."""

POOL: Final = 12
"""Candidates for each network that is fitted."""

METHODS: Final = ("", "isolated_", "mac_")


@dataclass(frozen=True, slots=True)
class Case:
    """One space at one resolution, sampled with one seed."""

    space: str
    resolution: int
    seed: int

    @property
    def title(self) -> str:
        """For a row or a plot."""
        return f"{self.space} at {self.resolution}"


@dataclass(frozen=True, slots=True)
class Judged:
    """A case's networks that were never fitted, and each method's predictions; `accuracy_reports` by method prefix.

    `repeat_mape` is how far latencies from the even rounds are from those of the odd ones: the error of half the rounds.
    """

    case: Case
    tested: Sequence[Profile]
    predicted: dict[str, list[float]]
    accuracy_reports: dict[str, AccuracyReport]
    coverage: float
    repeat_mape: float | None


def networks(space: SearchSpace, fitted: int, tested: int, seed: int) -> tuple[list[Network], list[Network]]:
    """Networks to fit, selected for coverage, and other random ones (every choice uniformly); no network is in both."""
    rng = random.Random(seed)
    held_out: dict[str, Network] = {}
    for _ in range(100 * tested):
        if len(held_out) < tested:
            network = space.network(space.sample(rng))
            held_out[network.id] = network
    sampled = [space.network(space.sample(rng)) for _ in range(POOL * fitted)]
    return choose([n for n in sampled if n.id not in held_out], fitted), list(held_out.values())


def alone(layer: Layer) -> Network:
    """A network of one layer; a second input of another shape is pooled from the first."""
    first = layer.in_shapes[0]
    if len(layer.inputs) == 2 and layer.in_shapes[1] != first:
        gate = Layer("gate", "global_avg_pool", (INPUT,), (first,), layer.in_shapes[1])
        inputs = (INPUT, "gate")
        return Network("alone", first, (gate, _named(layer, inputs)))
    return Network("alone", first, (_named(layer, (INPUT,) * len(layer.inputs)),))


def _named(layer: Layer, inputs: tuple[str, ...]) -> Layer:
    return replace(layer, name="alone", inputs=inputs)


def isolated_entries(target: Target, layers: Iterable[Layer]) -> dict[str, Entry]:
    """Kernel times by layer key from networks of one layer each, under the same profiler."""
    by_key = {layer.key: alone(layer) for layer in layers}
    made = list(by_key.values())
    found = {s.network: s for s in target.sample(made, rounds=0) if isinstance(s, KernelSample)}
    taken = []
    for network in made:
        kernels = tuple(k for k in found[network.id].kernels if k.layer == "alone")
        taken.append(Profile(network, 0.0, 0.0, 0.0, 0.0, kernels))
    return {key: entry for key, entry in observe(taken).items() if key in by_key}


def repeat_mape(measured: Sequence[Network], samples: Sequence[Sample]) -> float | None:
    """Mean difference between the latencies from even and from odd rounds, a fraction; None for fewer than two rounds."""
    timed = [sample for sample in samples if isinstance(sample, TimingSample)]
    even, odd = (profiles(measured, [s for s in timed if s.round % 2 == part]) for part in (0, 1))
    return common.mean([abs(a.latency_ms / b.latency_ms - 1) for a, b in zip(even, odd, strict=True)]) if odd else None


def line_in_macs(fitted: Sequence[Profile], tested: Sequence[Profile]) -> list[float]:
    """Latencies by a straight line in the multiply-accumulates, of the least squared relative error."""
    measured = np.array([p.latency_ms for p in fitted])
    design = np.array([[macs(p.network), 1.0] for p in fitted])
    slope, offset = np.linalg.lstsq(design / measured[:, None], np.ones(len(fitted)), rcond=None)[0]
    return [float(slope * macs(p.network) + offset) for p in tested]


def judge(case: Case, target: Target, options: argparse.Namespace) -> Judged:
    """Measures and predicts one case."""
    space = find_space(case.space, resolution=case.resolution, channels=3, classes=10)
    fitted, held_out = networks(space, options.fitted, options.networks, case.seed)
    common.progress(f"{case.title}: {len(fitted)} networks to fit, {len(held_out)} to predict")
    samples: list[Sample] = list(target.sample([*fitted, *held_out], rounds=options.rounds))
    known, tested = profiles(fitted, samples), profiles(held_out, samples)
    layers = {layer.key: layer for network in [*fitted, *held_out] for layer in network.layers}
    common.progress(f"{case.title}: {len(layers)} operators alone")
    entries = isolated_entries(target, layers.values())
    table = fit(known, target.info, held_out=tested)
    other = fit(known, target.info, held_out=tested, entries=entries)
    predicted = {
        "": [table.predict(p.network).latency_ms for p in tested],
        "isolated_": [other.predict(p.network).latency_ms for p in tested],
        "mac_": line_in_macs(known, tested),
    }
    measured, noise = [p.latency_ms for p in tested], [p.noise for p in tested]
    accuracy_reports = {m: report_accuracy(predicted[m], measured, noise, fitted=len(known)) for m in METHODS}
    coverage = coverage_share(fitted, key_frequencies(held_out))
    return Judged(case, tested, predicted, accuracy_reports, coverage, repeat_mape(held_out, samples))


def summarise(judged: Sequence[Judged]) -> dict[str, float | int | None]:
    """Means over cases under the plain names; the worst case under `worst_`; the table's own before the baselines'."""
    names = ("mape", "within_5", "within_10", "rmspe", "kendall_tau", "kendall_tau_fastest_tenth")
    summary: dict[str, float | int | None] = {}
    for method in METHODS:
        for name in names:
            summary[method + name] = common.mean([getattr(j.accuracy_reports[method], name) for j in judged])
    own = [j.accuracy_reports[""] for j in judged]
    summary["noise_floor_mape"] = common.mean([accuracy_report.noise_mape for accuracy_report in own])
    summary["repeat_mape"] = common.mean([j.repeat_mape for j in judged])
    summary["worst_mape"] = max(accuracy_report.mape for accuracy_report in own)
    summary["worst_mape_over_noise_floor"] = max(
        accuracy_report.mape / max(accuracy_report.noise_mape, 1e-9) for accuracy_report in own
    )
    summary["worst_within_10"] = min(accuracy_report.within_10 for accuracy_report in own)
    summary["worst_kendall_tau"] = min((c.kendall_tau for c in own if c.kendall_tau is not None), default=None)
    summary["coverage"] = min(j.coverage for j in judged)
    summary["fitted"] = max(accuracy_report.fitted for accuracy_report in own)
    summary["tested"] = sum(accuracy_report.tested for accuracy_report in own)
    summary["cases"] = len(judged)
    return summary


def rows(judged: Sequence[Judged]) -> list[dict[str, Any]]:
    """One row for each network that was predicted."""
    return [
        {
            "space": j.case.space,
            "resolution": j.case.resolution,
            "seed": j.case.seed,
            "network": profile.network.id,
            "measured_ms": profile.latency_ms,
            "predicted_ms": j.predicted[""][i],
            "isolated_ms": j.predicted["isolated_"][i],
            "mac_ms": j.predicted["mac_"][i],
            "noise": profile.noise,
            "macs": macs(profile.network),
        }
        for j in judged
        for i, profile in enumerate(j.tested)
    ]


def spaces(named: str) -> list[str]:
    """The spaces of a name: with each activation, if the name leaves it open and is one of the package's."""
    open_ = not Path(named).suffix and "activation=" not in named and named.partition(":")[0] == "mobilenet"
    joint = "," if ":" in named else ":"
    return [f"{named}{joint}activation={activation}" for activation in ACTIVATIONS] if open_ else [named]


def measure(options: argparse.Namespace) -> common.Outcome:
    """Runs all cases."""
    name = options.target if options.threads == 1 else f"{options.target}:threads={options.threads}"
    target = find_target(name)
    cases = [
        Case(space, resolution, seed)
        for space in spaces(options.space)
        for resolution in options.resolution
        for seed in range(options.seeds)
    ]
    judged = []
    for case in cases:
        judged.append(judge(case, target, options))
        accuracy_report = judged[-1].accuracy_reports[""]
        common.progress(
            f"{case.title}: mape {accuracy_report.mape:.4f}, tau {accuracy_report.kendall_tau}, noise {accuracy_report.noise_mape:.4f}"
        )
    return common.Outcome(summarise(judged), rows(judged))


def draw(outcome: common.Outcome, path: Path) -> None:
    """Predicted against measured latency, one panel for each case."""
    import matplotlib

    matplotlib.use("Agg")
    from matplotlib import pyplot

    panels: dict[str, list[common.Row]] = {}
    for row in outcome.rows:
        panels.setdefault(f"{row['space']} at {row['resolution']}", []).append(row)
    figure, axes = pyplot.subplots(1, len(panels), figsize=(4.5 * len(panels), 4.5), squeeze=False)
    for axis, (title, found) in zip(axes[0], panels.items(), strict=True):
        measured = [float(row["measured_ms"] or 0) for row in found]
        for column, label in (("mac_ms", "MACs"), ("isolated_ms", "isolated operators"), ("predicted_ms", "in situ")):
            axis.scatter(measured, [float(row[column] or 0) for row in found], s=12, label=label)
        ends = [min(measured), max(measured)]
        axis.plot(ends, ends, color="black", linewidth=0.8)
        axis.set(title=title, xlabel="measured, ms", ylabel="predicted, ms", xscale="log", yscale="log")
        axis.legend()
    figure.tight_layout()
    figure.savefig(path)
    pyplot.close(figure)


def main(arguments: Sequence[str] | None = None) -> int:
    """The command."""
    parser = common.parser(NAME, "Latency tables against networks that they were never fitted on.")
    parser.add_argument("--target", default="cpu", help="target id (default: cpu)")
    parser.add_argument("--threads", type=int, default=1, help="of the cpu target")
    parser.add_argument("--space", default="mobilenet", help="a known space with options, or a .yaml or .py file")
    parser.add_argument("--networks", type=int, default=40, help="predicted in each case, never fitted")
    parser.add_argument("--fitted", type=int, default=60, help="measured and fitted in each case")
    parser.add_argument("--resolution", type=int, nargs="+", default=[8, 96], help="input sizes, a case for each")
    parser.add_argument("--rounds", type=int, default=12, help="of end-to-end timing")
    return common.run(NAME, parser.parse_args(arguments), measure, draw)


if __name__ == "__main__":
    raise SystemExit(main())
