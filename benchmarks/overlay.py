"""The overlay simulator against published throughput tables that were not measured in this project.

Errors are over the medians of each network's `target` rows: convolution networks and depthwise ones on the HBM boards, other
DPUs in a group of their own (`other`; per network and platform, the rows fitted left out). The schedule is compared with
multiply-accumulates times a constant (`mac_`, the best constant for these rows), peak only, ceilings only, and the
closed form. A layer profile is compared by its printed times on the rows that are not fitted.
"""

import argparse
import csv
import statistics
from collections import defaultdict
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

import numpy as np

from benchmarks import common
from benchmarks.layer_lists import read_layer_list
from benchmarks.layer_profile import judge as judge_layers
from hw_targets.overlay.closed_form import ceiling_only, closed_form, peak_only
from hw_targets.overlay.estimate import estimate
from hw_targets.overlay.fusion import groups
from hw_targets.overlay.machine import Machine
from hw_targets.overlay.registry import published as find_machine
from hw_targets.overlay.support import host_tail
from hw_targets.overlay.work import work
from latency_models.accuracy_report import kendall_tau
from search_spaces.cost import macs
from search_spaces.errors import HwnasError, UnreadableModel
from search_spaces.network import Network
from search_spaces.onnx_reader import read_onnx

NAME: Final = "overlay"
HBM: Final = "DPUCAHX8H"
BASELINES: Final = ("mac", "peak", "ceil", "closed_form")
GROUPS: Final = {"convolution": "conv", "depthwise": "depthwise", "other": "other"}


@dataclass(frozen=True, slots=True)
class Median:
    """One network (and for other DPUs platform): medians of its target rows."""

    network: str
    group: str
    published: float
    simulated: Mapping[str, float]  # by method, "" is the schedule
    macs: int


def read_rows(path: Path) -> list[dict[str, str]]:
    """The rows of a published table.

    Raises:
        UnreadableModel: it is absent, or lacks the columns.
    """
    try:
        with path.open(newline="", encoding="utf-8") as file:
            rows = list(csv.DictReader(file))
    except OSError as error:
        raise UnreadableModel(f"{path} cannot be read: {error.strerror}.", fix="Check the path.") from error
    needed = {"network", "platform", "dpu", "clock_mhz", "cycles_per_image_per_engine"}
    if rows and not needed <= rows[0].keys():
        missing = ", ".join(sorted(needed - rows[0].keys()))
        raise UnreadableModel(f"{path} has no column {missing}.", fix="Use a table of the data pack's columns.")
    return rows


class Networks:
    """Networks by name, from layer lists or else from ONNX files; each read once."""

    def __init__(self, lists: Path, onnx: Path | None) -> None:
        self._lists, self._onnx = lists, onnx
        self._found: dict[str, Network | str] = {}
        self.differences: dict[str, float] = {}

    def find(self, name: str) -> Network | str:
        """A network, or why there is none."""
        if name not in self._found:
            self._found[name] = self._read(name)
        return self._found[name]

    def twin(self, name: str) -> Network | None:
        """The ONNX file of a network that has a layer list, too."""
        path = self._onnx / f"{name}.onnx" if self._onnx is not None else None
        if path is None or not path.is_file() or not (self._lists / f"{name}.json").is_file():
            return None
        return read_onnx(path)

    def _read(self, name: str) -> Network | str:
        listed = self._lists / f"{name}.json"
        onnx = self._onnx / f"{name}.onnx" if self._onnx is not None else None
        try:
            if listed.is_file():
                return read_layer_list(listed)
            if onnx is not None and onnx.is_file():
                return read_onnx(onnx)
        except HwnasError as error:
            return error.detail
        return "no layer list and no ONNX file of that name"


def methods(network: Network, machine: Machine) -> dict[str, float]:
    """Cycles per image and engine by each method; the schedule's under the empty name."""
    cycles = estimate(network, machine).cycles
    layer_groups = groups(network, machine.overlay.convolution.input_channels, host_tail(network, machine))
    works = [work(group, machine) for group in layer_groups]
    return {
        "": cycles,
        "mac": float(macs(network)),
        "peak": peak_only(works, machine),
        "ceil": ceiling_only(works, machine),
        "closed_form": closed_form(layer_groups, works, machine),
    }


def group_of(row: Mapping[str, str], network: Network | str) -> str:
    """Depthwise if the network has a depthwise convolution, else convolution; `other` on other DPUs."""
    if not row["dpu"].startswith(HBM):
        return "other"
    depthwise = not isinstance(network, str) and any(layer.is_depthwise for layer in network.layers)
    return "depthwise" if depthwise else "convolution"


def judge_row(row: Mapping[str, str], networks: Networks) -> tuple[dict[str, Any], dict[str, float]]:
    """One published row against the simulation: the printed row, and the cycles by method (empty when rejected)."""
    network = networks.find(row["network"])
    printed: dict[str, Any] = {
        "network": row["network"], "platform": row["platform"], "dpu": row["dpu"], "clock_mhz": None,
        "published_cycles": None, "simulated_cycles": None, "error": None, "group": group_of(row, network),
        "refused": None, "target": row.get("target", ""), "role": row.get("role", ""), "release": row.get("release", ""),
    }  # fmt: skip
    try:
        clock, known = float(row["clock_mhz"]), float(row["cycles_per_image_per_engine"])
        printed |= {"clock_mhz": clock, "published_cycles": known}
        if isinstance(network, str):
            return printed | {"refused": network}, {}
        machine = find_machine(f"{row['platform']} {row['dpu']}", clock_mhz=clock)
        found = methods(network, machine)
        twin = networks.twin(row["network"])
        if twin is not None:
            networks.differences[row["network"]] = abs(estimate(twin, machine).cycles / found[""] - 1)
    except HwnasError as error:
        return printed | {"refused": error.detail}, {}
    except ValueError as error:
        return printed | {"refused": f"the row is malformed: {error}"}, {}
    return printed | {"simulated_cycles": found[""], "error": found[""] / known - 1}, found


def medians(judged: Sequence[tuple[dict[str, Any], dict[str, float]]], networks: Networks) -> list[Median]:
    """Medians of the target rows that were neither rejected nor fitted, per network (and platform, of other DPUs)."""
    collected: dict[tuple[str, str, str], list[tuple[float, dict[str, float]]]] = defaultdict(list)
    for row, found in judged:
        if found and row["target"] == "yes" and row["role"] != "refit":
            platform = row["platform"] if row["group"] == "other" else ""
            collected[row["network"], row["group"], platform].append((row["published_cycles"], found))
    made = []
    for (name, group, _), rows in collected.items():
        network = networks.find(name)
        assert not isinstance(network, str)
        simulated = {m: statistics.median(found[m] for _, found in rows) for m in ("", *BASELINES)}
        made.append(Median(name, group, statistics.median(p for p, _ in rows), simulated, macs(network)))
    return made


def summarise(found: Sequence[Median]) -> dict[str, float | int | None]:
    """Errors per group and ranks over the HBM boards' networks, for the schedule and each baseline."""
    hbm = [m for m in found if m.group != "other"]
    constant = statistics.median([m.published / max(m.macs, 1) for m in hbm or found]) if found else 1.0
    summary: dict[str, float | int | None] = {}
    for method in ("", *BASELINES):
        prefix, factor = (f"{method}_" if method else ""), constant if method == "mac" else 1.0
        for group, title in GROUPS.items():
            errors = [abs(factor * m.simulated[method] / m.published - 1) for m in found if m.group == group]
            summary[f"{prefix}mape_{title}"] = float(np.mean(errors)) if errors else None
            summary[f"{prefix}p95_{title}"] = float(np.percentile(errors, 95)) if errors else None
            summary[f"{prefix}worst_{title}"] = max(errors, default=None)
        measured, simulated = [m.published for m in hbm], [m.simulated[method] for m in hbm]
        summary[f"{prefix}spearman"] = spearman(simulated, measured)
        summary[f"{prefix}kendall_tau"] = kendall_tau(simulated, measured)
        per_mac = [[value / max(m.macs, 1) for value, m in zip(v, hbm, strict=True)] for v in (simulated, measured)]
        summary[f"{prefix}spearman_per_mac"] = spearman(*per_mac)
    summary["networks"] = len(hbm)
    summary["networks_other"] = len(found) - len(hbm)
    return summary


def spearman(a: Sequence[float], b: Sequence[float]) -> float | None:
    """Rank correlation with mean ranks of ties, or None where either has fewer than two distinct values."""
    ranks = [_ranks(np.asarray(values, float)) for values in (a, b)]
    if any(len(set(values.tolist())) < 2 for values in ranks):
        return None
    return float(np.corrcoef(ranks[0], ranks[1])[0, 1])


def _ranks(values: np.ndarray[Any, np.dtype[np.float64]]) -> np.ndarray[Any, np.dtype[np.float64]]:
    rounded = np.array([float(f"{value:.12g}") for value in values])
    return np.array([np.mean(np.flatnonzero(np.sort(rounded) == value)) for value in rounded])


def measure(options: argparse.Namespace) -> common.Outcome:
    """Compares every row, then every network."""
    networks = Networks(options.networks, options.networks_onnx)
    rows = read_rows(options.published)
    judged = [judge_row(row, networks) for row in rows]
    summary = summarise(medians(judged, networks))
    summary["refused"] = sum(row["refused"] is not None for row, _ in judged)
    if networks.differences:
        summary["onnx_networks"] = len(networks.differences)
        summary["onnx_worst_difference"] = max(networks.differences.values())
    printed = [row for row, _ in judged]
    if options.layers is not None:
        layer_summary, layer_rows = judge_layers(read_profile(options.layers))
        summary |= layer_summary
        printed += layer_rows
    return common.Outcome(summary, printed)


def read_profile(path: Path) -> list[dict[str, str]]:
    """The rows of a layer profile. Raises `UnreadableModel` where it is absent."""
    try:
        with path.open(newline="", encoding="utf-8") as file:
            return list(csv.DictReader(file))
    except OSError as error:
        raise UnreadableModel(f"{path} cannot be read: {error.strerror}.", fix="Check the path.") from error


def draw(outcome: common.Outcome, path: Path) -> None:
    """Published against simulated cycles, and cycles per network group as errors."""
    import matplotlib

    matplotlib.use("Agg")
    from matplotlib import pyplot

    figure, axes = pyplot.subplots(1, 2, figsize=(11, 4.8))
    shown = [row for row in outcome.rows if row.get("error") is not None and row.get("target") == "yes"]
    for group in GROUPS:
        own = [row for row in shown if row["group"] == group]
        known, simulated, errors = (
            [_float(row[c]) for row in own] for c in ("published_cycles", "simulated_cycles", "error")
        )
        axes[0].scatter(known, simulated, s=14, label=group)
        axes[1].scatter(known, [100 * error for error in errors], s=14, label=group)
    ends = [
        min((_float(r["published_cycles"]) for r in shown), default=1),
        max((_float(r["published_cycles"]) for r in shown), default=2),
    ]
    axes[0].plot(ends, ends, color="black", linewidth=0.8)
    axes[0].set(xscale="log", yscale="log", xlabel="published cycles an image and engine", ylabel="simulated")
    axes[1].axhline(0, color="black", linewidth=0.8)
    axes[1].set(xscale="log", xlabel="published cycles an image and engine", ylabel="error, %")
    axes[0].legend()
    figure.tight_layout()
    figure.savefig(path)
    pyplot.close(figure)


def _float(value: object) -> float:
    return float(value) if isinstance(value, int | float) else 0.0


def main(arguments: Sequence[str] | None = None, run: Callable[..., int] = common.run) -> int:
    """The command."""
    parser = common.parser(NAME, "The overlay simulator against published throughput.")
    parser.add_argument("--published", type=Path, required=True, metavar="CSV", help="a published table")
    parser.add_argument("--networks", type=Path, required=True, metavar="DIR", help="layer lists, one .json a network")
    parser.add_argument("--networks-onnx", type=Path, metavar="DIR", help="networks as .onnx files of the same names")
    parser.add_argument("--layers", type=Path, metavar="CSV", help="a published layer profile")
    return run(NAME, parser.parse_args(arguments), measure, draw)


if __name__ == "__main__":
    raise SystemExit(main())
