"""Fits the overlay simulator's parameters again and prints them in the form of `calibration.toml`.

The HBM boards' four on the medians of the target rows of the calibration table; of each other DPU only the array's efficiency
and the overhead of a group, on its `refit` rows, held near the HBM boards' values where the rows leave them free; of the layer
profile two overheads on its `fit` rows. Reads no validation table. Not part of any
measurement: `benchmarks.overlay` checks the values in the file.
"""

import argparse
import math
import statistics
from collections import defaultdict
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Final

from benchmarks import common
from benchmarks.layer_lists import read_layer_list
from benchmarks.layer_profile import DISPATCH_MS, alone, profiled
from benchmarks.overlay import HBM, read_profile, read_rows
from hw_targets.overlay.estimate import cycles
from hw_targets.overlay.machine import Machine
from hw_targets.overlay.registry import published
from search_spaces.network import Network

NAME: Final = "overlay_fit"
PARAMETERS: Final = ("array_efficiency", "layer_cycles", "tile_cycles", "depthwise_ratio")
START: Final = {"array_efficiency": 0.9, "layer_cycles": 2000.0, "tile_cycles": 400.0, "depthwise_ratio": 1.5}
REFITTED: Final = PARAMETERS[:2]
HOLD: Final = {"array_efficiency": 1.0, "layer_cycles": 1e-3}
"""Weights of the squared logarithms by which refitted parameters leave the HBM boards' values: the array is the same one."""

FLAT: Final = 0.005
STEPS: Final = (
    0.7,
    0.75,
    0.8,
    0.85,
    0.9,
    0.925,
    0.95,
    0.97,
    0.98,
    0.985,
    0.99,
    1.0,
    1.01,
    1.015,
    1.02,
    1.03,
    1.05,
    1.075,
    1.1,
    1.15,
    1.2,
    1.25,
    1.3,
    1.4,
    1.5,
)


@dataclass(frozen=True, slots=True)
class Known:
    """A network, a machine, and the median of its published cycles."""

    network: Network
    machine: Machine
    cycles: float


def known(rows: Sequence[Mapping[str, str]], folder: Path) -> list[Known]:
    """Medians of target rows per network, on the machine of the first of its rows."""
    found: dict[str, list[Mapping[str, str]]] = defaultdict(list)
    for row in rows:
        if row["target"] == "yes":
            found[row["network"]].append(row)
    return [
        Known(
            read_layer_list(folder / f"{name}.json"),
            published(f"{own[0]['platform']} {own[0]['dpu']}", clock_mhz=float(own[0]["clock_mhz"])),
            statistics.median(float(row["cycles_per_image_per_engine"]) for row in own),
        )
        for name, own in found.items()
    ]


def errors(rows: Sequence[Known], values: Mapping[str, float]) -> list[float]:
    """Logarithms of simulated over published cycles."""
    made = []
    for row in rows:
        calibration = replace(row.machine.calibration, **values)  # type: ignore[arg-type]
        made.append(math.log(cycles(row.network, replace(row.machine, calibration=calibration)) / row.cycles))
    return made


def least(loss: Callable[[dict[str, float]], float], start: Mapping[str, float]) -> dict[str, float]:
    """Values near a start that minimise a loss (Nelder and Mead's simplex)."""
    from scipy.optimize import minimize

    names = list(start)

    def of(scales: Sequence[float]) -> dict[str, float]:
        return {name: start[name] * abs(float(scale)) for name, scale in zip(names, scales, strict=True)}

    options = {"maxiter": 300, "xatol": 1e-4, "fatol": 1e-9}
    found = minimize(lambda x: loss(of(x)), [1.0] * len(names), method="Nelder-Mead", options=options)
    return of(found.x)


def fit_hbm(rows: Sequence[Known]) -> dict[str, float]:
    """All four parameters."""
    return least(lambda values: sum(e * e for e in errors(rows, values)), START)


def refit(rows: Sequence[Known], hbm: Mapping[str, float]) -> dict[str, float]:
    """The two parameters of another DPU, the others kept."""

    def loss(values: dict[str, float]) -> float:
        held = sum(HOLD[name] * math.log(values[name] / hbm[name]) ** 2 for name in REFITTED)
        return sum(e * e for e in errors(rows, {**hbm, **values})) + held

    return {**hbm, **least(loss, {name: hbm[name] for name in REFITTED})}


def fit_profile(rows: Sequence[Mapping[str, str]]) -> tuple[dict[str, float], float]:
    """Overheads of a group and of an output group for the layer profile, on its `fit` rows; and the error there."""
    own = [(alone(row["geometry"]), float(row["runtime_ms"])) for row in rows if row["use"] == "fit"]
    machine = profiled()

    def of(values: dict[str, float]) -> list[float]:
        tried = replace(machine, calibration=replace(machine.calibration, **values))  # type: ignore[arg-type]
        return [
            math.log((cycles(network, tried) / tried.clock_mhz / 1e3 + DISPATCH_MS) / ms)
            for network, ms in own
            if network is not None
        ]

    best = least(lambda values: sum(e * e for e in of(values)), {"layer_cycles": 3000.0, "output_group_cycles": 390.0})
    return best, statistics.mean(abs(math.expm1(e)) for e in of(best))


def flat(rows: Sequence[Known], best: Mapping[str, float]) -> dict[str, tuple[float, float]]:
    """For each parameter, the range around the best where the mean error grows by no more than `FLAT`."""
    allowed = _mape(rows, best) + FLAT
    ranges = {}
    for name in PARAMETERS:
        good = [step for step in STEPS if _mape(rows, {**best, name: best[name] * step}) <= allowed]
        ranges[name] = (best[name] * min(good), best[name] * max(good))
    return ranges


def _mape(rows: Sequence[Known], values: Mapping[str, float]) -> float:
    return statistics.mean(abs(math.expm1(e)) for e in errors(rows, values))


def measure(options: argparse.Namespace) -> common.Outcome:
    """Fits, and gives one row for each parameter of each DPU."""
    rows = known([row for row in read_rows(options.calibration) if row["dpu"].startswith(HBM)], options.networks)
    best = fit_hbm(rows)
    printed: list[common.Row] = []
    ranges = flat(rows, best)
    for name in PARAMETERS:
        low, high = ranges[name]
        printed.append(
            {"calibration": HBM.lower(), "parameter": name, "value": best[name], "flat_low": low, "flat_high": high}
        )
    summary: dict[str, float | int | None] = {"mape_fitted": _mape(rows, best), "networks_fitted": len(rows)}
    others: dict[str, list[Mapping[str, str]]] = defaultdict(list)
    for row in read_rows(options.portability) if options.portability else []:
        if row["role"] == "refit":
            others[row["platform"].lower()].append(row)
    for platform, own in sorted(others.items()):
        fitted = known(own, options.networks)
        values = refit(fitted, best)
        summary[f"mape_refitted_{platform}"] = _mape(fitted, values)
        printed += [{"calibration": platform, "parameter": name, "value": values[name], "flat_low": None, "flat_high": None}
                    for name in PARAMETERS]  # fmt: skip
    if options.layers:
        values, summary["mape_layers"] = fit_profile(read_profile(options.layers))
        printed += [{"calibration": "profile", "parameter": name, "value": value, "flat_low": None, "flat_high": None}
                    for name, value in values.items()]  # fmt: skip
    return common.Outcome(summary, printed)


def main(arguments: Sequence[str] | None = None) -> int:
    """The command."""
    parser = common.parser(NAME, "Fits the overlay simulator's parameters again.")
    parser.add_argument(
        "--calibration", type=Path, required=True, metavar="CSV", help="rows of the HBM boards to fit on"
    )
    parser.add_argument(
        "--portability", type=Path, metavar="CSV", help="rows of other DPUs; only `refit` ones are read"
    )
    parser.add_argument("--layers", type=Path, metavar="CSV", help="layer profile; only `fit` rows are read")
    parser.add_argument("--networks", type=Path, required=True, metavar="DIR", help="layer lists")
    return common.run(NAME, parser.parse_args(arguments), measure)


if __name__ == "__main__":
    raise SystemExit(main())
