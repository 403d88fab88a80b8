"""A published layer profile against the simulator: each row's group alone, its feature maps in memory. Part of `benchmarks.overlay`.

The printed times include about 0.09 ms of dispatch a row, which is added to the simulation. Rows marked `order` have no geometry.
"""

import re
from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any, Final

import numpy as np

from hw_targets.overlay.estimate import estimate
from hw_targets.overlay.machine import Machine
from hw_targets.overlay.machine_file import calibrations
from hw_targets.overlay.registry import machine as find_machine
from search_spaces.network import INPUT, Layer, Network

MACHINE: Final = "zcu104:isa0,engines=1"
DISPATCH_MS: Final = 0.09
_CONV: Final = re.compile(r"(\d+)x\1(?:s(\d+))?,(\d+)>(\d+),(\d+)x(\d+)(\+add)?(?:\+maxpool>(\d+)x(\d+))?$")
_POOL: Final = re.compile(r"avgpool(\d+)x(\d+),(\d+)$")
_FC: Final = re.compile(r"fc,(\d+)>(\d+)$")


def judge(rows: Sequence[Mapping[str, str]]) -> tuple[dict[str, float | int | None], list[dict[str, Any]]]:
    """Errors over the rows that may only be checked, and each row."""
    machine = profiled()
    printed: list[dict[str, Any]] = []
    for row in rows:
        network = alone(row["geometry"])
        known = float(row["runtime_ms"])
        simulated = None if network is None else estimate(network, machine).latency_ms + DISPATCH_MS
        printed.append({
            "network": f"{row['network']}/{row['layer']}", "platform": row["platform"], "dpu": row["dpu"],
            "clock_mhz": machine.clock_mhz, "published_cycles": known * machine.clock_mhz * 1e3,
            "simulated_cycles": None if simulated is None else simulated * machine.clock_mhz * 1e3,
            "error": None if simulated is None else simulated / known - 1, "group": f"layer_{row['use']}",
            "refused": "no geometry" if network is None else None, "target": "", "role": row["use"], "release": "",
        })  # fmt: skip
    summary: dict[str, float | int | None] = {}
    for use in ("check", "fit"):
        errors = [abs(row["error"]) for row in printed if row["role"] == use and row["error"] is not None]
        summary[f"layers_mape_{use}"] = float(np.mean(errors)) if errors else None
        summary[f"layers_worst_{use}"] = max(errors, default=None)
    return summary, printed


def profiled() -> Machine:
    """The machine of the profile, with the overheads of one group alone."""
    return replace(find_machine(MACHINE), calibration=calibrations()["profile"])


def alone(geometry: str) -> Network | None:
    """The network of one profiled group, or None where its geometry is not given."""
    if found := _CONV.match(geometry):
        kernel, stride, channels, filters, height, width = (int(found[i] or 1) for i in range(1, 7))
        shape = (channels, (height - 1) * stride + 1, (width - 1) * stride + 1)
        pad, made = kernel // 2, (filters, height, width)
        layers = [
            Layer("conv", "conv", (INPUT,), (shape,), made, kernel=(kernel, kernel), stride=(stride, stride),
                  padding=(pad,) * 4, activation="relu")
        ]  # fmt: skip
        if found[7]:
            times = (
                filters // channels
            )  # the other branch: a feature map of that size from memory, computed from the input only
            layers.insert(0, Layer("other", "concat", (INPUT,) * times, (shape,) * times, made))
            layers.append(Layer("sum", "add", ("conv", "other"), (made, made), made, activation="relu"))
        if found[8]:
            pooled = (filters, int(found[8]), int(found[9]))
            layers.append(Layer("pool", "max_pool", ("conv",), (made,), pooled, kernel=(3, 3), stride=(2, 2)))
        return Network(geometry, shape, tuple(layers))
    if found := _POOL.match(geometry):
        height, width, channels = (int(found[i]) for i in range(1, 4))
        pool = Layer("pool", "global_avg_pool", (INPUT,), ((channels, height, width),), (channels, 1, 1))
        return Network(geometry, (channels, height, width), (pool,))
    if found := _FC.match(geometry):
        features = (int(found[1]), 1, 1)
        return Network(geometry, features, (Layer("fc", "linear", (INPUT,), (features,), (int(found[2]), 1, 1)),))
    return None
