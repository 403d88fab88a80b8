"""The receipt of an exported model: every number with its source (`kind`), and everything needed to reproduce it.

Kinds: `measured` (on the device, or on the test images), `predicted` (by the latency table, with its error on networks
never fitted), `simulated` (by a machine model), `estimated` (beyond what was measured). Not here: how numbers are obtained.
"""

import platform
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from importlib.metadata import PackageNotFoundError, version
from typing import Any, Final

from hw_targets.scheme import Scheme
from hw_targets.target import Profile, TargetInfo
from latency_models.accuracy_report import AccuracyReport
from latency_models.cost_limit import PEAK_MEMORY_BYTES
from latency_models.table import Prediction
from nas.result import LimitOutcome
from search_spaces.cost import macs, params, peak_memory_bytes
from search_spaces.network import Network

SCHEMA: Final = 3
LIBRARIES: Final = ("hwnas", "torch", "onnx", "onnxruntime", "optuna", "numpy", "pillow", "scikit-learn")


def measured(value: float, **context: object) -> dict[str, object]:
    """A number that was measured."""
    return {"value": value, "kind": "measured", **context}


def versions() -> dict[str, str]:
    """Versions of Python and of the libraries that the numbers depend on."""
    found = {"python": platform.python_version()}
    for library in LIBRARIES:
        try:
            found[library] = version(library)
        except PackageNotFoundError:
            found[library] = "not installed"
    return found


def predicted(prediction: Prediction) -> dict[str, object]:
    """A prediction with its error."""
    return {"value": prediction.latency_ms, "kind": prediction.kind, "error": prediction.error}


def layers(
    network: Network, prediction: Prediction, profile: Profile | None, info: TargetInfo
) -> list[dict[str, object]]:
    """Per-layer latency: the table's share, and the kernels' time under the profiler (or simulator) where there is one."""
    kernels = {k.layer: k for k in profile.layers} if profile is not None else {}
    rows: list[dict[str, object]] = []
    for layer in network.layers:
        kind = "estimated" if layer.key in prediction.unseen else "predicted"
        row: dict[str, object] = {
            "name": layer.name,
            "key": layer.key,
            "latency_ms": {"value": prediction.layers[layer.name], "kind": kind},
        }
        if layer.name in kernels:
            row.update(_profiled(kernels[layer.name].latency_ms, info))
            row["kernels"] = dict(kernels[layer.name].kernels)
        rows.append(row)
    return rows


def _profiled(latency_ms: float, info: TargetInfo) -> dict[str, object]:
    if info.kind == "simulated":
        return {"simulated_ms": {"value": latency_ms, "kind": "simulated"}}
    return {"profiler_ms": measured(latency_ms, note="under the profiler, its own cost subtracted")}


def _limit(limit: LimitOutcome) -> dict[str, object]:
    """A limit with what the network has of its cost."""
    kind = "estimated" if limit.cost == PEAK_MEMORY_BYTES else "counted"
    return {
        "most": {"value": limit.most, "kind": "requested"},
        "value": {"value": limit.value, "kind": kind},
        "met": limit.met,
        "active": limit.active,
    }


def receipt(
    *,
    info: TargetInfo,
    scheme: Scheme,
    space: Mapping[str, Any],
    network: Network,
    prediction: Prediction,
    profile: Profile | None,
    accuracy_report: AccuracyReport,
    latency: Mapping[str, Any],
    limits: Sequence[LimitOutcome],
    metric: Mapping[str, Any],
    test: Mapping[str, Any],
    size_bytes: Mapping[str, int],
    hashes: Mapping[str, str],
    seeds: Mapping[str, int],
    threads: int,
    training: Mapping[str, Any],
    search: Mapping[str, Any],
    warnings: Sequence[str],
) -> dict[str, Any]:
    """The receipt as one JSON document."""
    return {
        "schema": SCHEMA,
        "created": datetime.now(UTC).isoformat(timespec="seconds"),
        "batch": 1,
        "precision": info.precision,
        "quantisation": {"scheme": scheme.name, "power_of_two_scales": scheme.power_of_two},
        "space": dict(space),
        "target": {
            "id": info.id, "kind": info.kind, "device": info.device, "runtime": info.runtime, "fingerprint": info.fingerprint,
        },
        "latency_ms": {**latency, "predicted": predicted(prediction)},
        "limits": {one.cost: _limit(one) for one in limits},
        "latency_table": {"kind": info.kind, **accuracy_report.to_json()},
        "metric": dict(metric),
        "test": dict(test),
        "size_bytes": {name: measured(size) for name, size in size_bytes.items()},
        "macs": {"value": macs(network), "kind": "counted"},
        "params": {"value": params(network), "kind": "counted"},
        "peak_memory_bytes": {"value": peak_memory_bytes(network), "kind": "estimated", "note": "live INT8 activations"},
        "layers": layers(network, prediction, profile, info),
        "seeds": dict(seeds),
        "training_threads": threads,
        "training": dict(training),
        "search": dict(search),
        "hashes": dict(hashes),
        "versions": versions(),
        "warnings": list(warnings),
    }  # fmt: skip
