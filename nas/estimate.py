"""The cost of any network on a target: predicted by a stored latency table, or measured now with random INT8 weights.

Latencies do not depend on the weights' values, so a model is costed without being converted: as hwnas would lower it. An
INT8 file is also measured as it is (`file_estimate.py`). Not here: how ONNX is read, how tables are fitted, how a target
measures.
"""

import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any, Literal

from pydantic import Field

from hw_targets.errors import UnsupportedLayer
from hw_targets.target import Simulator, Target, TargetInfo
from latency_models.errors import UnreadableTable
from latency_models.table import LatencyTable, Prediction
from nas.errors import InvalidSpec, StoreCorrupt
from nas.file_estimate import ROUNDS, FileEstimate, estimate_file
from nas.frozen import FrozenModel
from nas.store import Store
from search_spaces.cost import layer_macs, layer_params, macs, params, peak_memory_bytes, uncounted, weight_bytes
from search_spaces.network import Network, Shape


class LayerEstimate(FrozenModel):
    """One layer."""

    name: str
    key: str = Field(description="operator, shapes, attributes and activation: what its cost depends on")
    latency_ms: float | None = Field(description="its share; under the runtime's profiler when measured")
    macs: int
    params: int


class Estimate(FrozenModel):
    """One network on one target, in its precision and at its batch."""

    model: str
    target: str
    device: str
    runtime: str
    fingerprint: str
    precision: str
    batch: int = Field(1, description="images of a run; latency_ms is of the whole batch")
    input_shape: Shape = Field(description="(channels, height, width)")
    kind: Literal["measured", "simulated", "predicted", "estimated"] = Field(
        description="predicted: by a table that measured every layer's key; estimated: some keys it never measured"
    )
    lowering: Literal["hwnas"] = Field(
        "hwnas",
        description="latency_ms and layers are of the network as hwnas lowers it for the target, not of the file that it was read from",
    )
    latency_ms: float
    error: float | None = Field(
        description="relative error to expect of a prediction, or repeat error of a measurement"
    )
    p50_ms: float | None = None
    p95_ms: float | None = None
    macs: int = Field(description="multiply-accumulates; a lower bound where there are uncounted operators")
    params: int
    uncounted: tuple[str, ...] = Field((), description="operators whose multiply-accumulates cannot be counted")
    weight_bytes: int = Field(description="INT8 weights and INT32 biases, whatever the target's precision")
    peak_memory_bytes: int = Field(description="of live INT8 activations of one image, whatever the target's precision")
    layers: tuple[LayerEstimate, ...]
    unseen: tuple[str, ...] = Field((), description="layer keys that the table never measured")
    warnings: tuple[str, ...] = ()
    file: FileEstimate | None = Field(
        None, description="the file as it is, where it is INT8 and the target could run it"
    )
    simulation: dict[str, Any] | None = Field(
        None, description="of a simulated target: cycles, what binds each group, traffic, throughput, roofline"
    )


def estimate(
    network: Network,
    target: Target,
    *,
    tables: Sequence[LatencyTable] = (),
    measure: bool | None = None,
    file: Path | None = None,
    allow_host: bool = False,
    trace: bool = False,
    what_if: bool = False,
    beside: Sequence[tuple[Network, float | None]] = (),
) -> Estimate:
    """Costs a network on a target. A simulated target is always simulated.

    Args:
        network: what to cost.
        target: where.
        tables: latency tables of that target, the preferred first.
        measure: whether to measure it now; None measures unless a table has measured all of its layers' keys.
        file: the ONNX file that the network was read from: an INT8 one is also measured as it is, unless `measure` is
            false.
        allow_host, trace, what_if, beside: for a simulated target, see `hw_targets.target.Simulator`.

    Raises:
        UnsupportedLayer: the target cannot run some layers; `facts` list all of them with the reasons.
        TargetUnavailable: it has to be measured, and the target cannot be used here.
        UnreadableTable: `measure` is false, and there is no table.
        InvalidSpec: options of a simulated target for one that is none.
    """
    if isinstance(target, Simulator):
        simulation = target.simulate(network, allow_host=allow_host, trace=trace, what_if=what_if, beside=beside)
        return _simulated(network, target.info, simulation)
    if allow_host or trace or what_if or beside:
        raise InvalidSpec(
            f"{target.info.id} is not simulated.", fix="Leave these options out, or name a simulated target."
        )
    check_support(network, target)
    found = _lowered(network, target, tables, measure)
    if file is None or measure is False:
        return found
    own, warning = estimate_file(file, target, network.input_shape, found.latency_ms)
    return found.model_copy(update={"file": own, "warnings": (*found.warnings, *([warning] if warning else []))})


def _lowered(network: Network, target: Target, tables: Sequence[LatencyTable], measure: bool | None) -> Estimate:
    """The network as hwnas lowers it, predicted or measured."""
    predictions = [table.predict(network) for table in tables if table.info.fingerprint == target.info.fingerprint]
    best = min(predictions, key=lambda p: len(p.unseen), default=None)
    if measure is None:
        measure = best is None or best.kind != "predicted"
    if measure:
        return _measured(network, target)
    if best is None:
        raise UnreadableTable(
            f"No latency table of {target.info.id} is stored.",
            fix="Measure the model instead, or make a table with `hwnas profile`.",
            facts={"target": target.info.id, "fingerprint": target.info.fingerprint},
        )
    return _predicted(network, target.info, best)


def check_support(network: Network, target: Target) -> None:
    """Rejects a network with layers that a target cannot run.

    Raises:
        UnsupportedLayer: naming all of them with the reasons.
    """
    unsupported = [(layer, support.reason) for layer in network.layers if not (support := target.supports(layer)).ok]
    if unsupported:
        reasons = list(dict.fromkeys(reason for _, reason in unsupported))
        raise UnsupportedLayer(
            f"{target.info.id} cannot run {len(unsupported)} of the {len(network.layers)} layers of {network.name!r}: "
            f"{'; '.join(reasons[:3])}{'; …' if len(reasons) > 3 else ''}.",
            fix="Replace these operators in the model, or choose another target.",
            facts={
                "unsupported": [
                    {"layer": layer.name, "key": layer.key, "reason": why} for layer, why in unsupported[:100]
                ]
            },
        )


def stored_tables(store: Store, info: TargetInfo) -> list[LatencyTable]:
    """The latency tables in a store that are valid for a target, the newest first. Unreadable ones are skipped."""
    found = []
    for record in store.finished("profile"):
        try:
            if record.inputs["fingerprint"] == info.fingerprint:
                found.append(LatencyTable.from_json(json.loads(store.get(record.outputs["table"]))))
        except (StoreCorrupt, ValueError, KeyError, TypeError, UnreadableTable):
            continue
    return found


def _predicted(network: Network, info: TargetInfo, prediction: Prediction) -> Estimate:
    layers = _layers(network, dict(prediction.layers))
    warnings: tuple[str, ...] = ()
    if prediction.unseen:
        warnings = (f"{len(prediction.unseen)} layer keys were never measured; a regression estimates them.",)
    return Estimate(
        **_facts(network, info), kind=prediction.kind, latency_ms=prediction.latency_ms, error=prediction.error,
        layers=layers, unseen=prediction.unseen, warnings=warnings,
    )  # fmt: skip


def _measured(network: Network, target: Target) -> Estimate:
    from hw_targets.timing import noise_warning, profiles

    found = profiles([network], list(target.sample([network], rounds=ROUNDS)))
    profile = found[0]
    warning = noise_warning(found, means="this latency may be off by as much", again="run the command again")
    times: dict[str, float] = {}
    for kernel in profile.layers:
        times[kernel.layer] = times.get(kernel.layer, 0.0) + kernel.latency_ms
    return Estimate(
        **_facts(network, target.info), kind=target.info.kind, latency_ms=profile.latency_ms, error=profile.repeat_error,
        p50_ms=profile.p50_ms, p95_ms=profile.p95_ms, layers=_layers(network, times),
        warnings=(warning,) if warning else (),
    )  # fmt: skip


def _simulated(network: Network, info: TargetInfo, simulation: dict[str, Any]) -> Estimate:
    per_cycle = simulation["latency_ms"] / simulation["cycles"]
    times = {group["name"]: group["cycles"] * per_cycle for group in simulation["groups"]}
    warnings = tuple(f"Not validated by any published number: {what}." for what in simulation["unvalidated"])
    return Estimate(
        **_facts(network, info), kind="simulated", latency_ms=simulation["latency_ms"], error=None,
        layers=_layers(network, times), warnings=warnings, simulation=simulation,
    )  # fmt: skip


def _facts(network: Network, info: TargetInfo) -> dict[str, Any]:
    return {
        "model": network.name, "target": info.id, "device": info.device, "runtime": info.runtime,
        "fingerprint": info.fingerprint, "precision": info.precision, "batch": info.batch, "input_shape": network.input_shape,
        "macs": macs(network), "params": params(network), "uncounted": uncounted(network),
        "weight_bytes": weight_bytes(network),
        "peak_memory_bytes": peak_memory_bytes(network),
    }  # fmt: skip


def _layers(network: Network, times: dict[str, float]) -> tuple[LayerEstimate, ...]:
    return tuple(
        LayerEstimate(
            name=layer.name,
            key=layer.key,
            latency_ms=times.get(layer.name),
            macs=layer_macs(layer),
            params=layer_params(layer),
        )
        for layer in network.layers
    )
