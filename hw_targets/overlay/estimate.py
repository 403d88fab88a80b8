"""What a network costs on a machine: the one entry point, `estimate(network, machine)`, and the value it returns.

All figures are simulated. `cycles` is what published tables are compared with: DPU cycles of one image on one engine. Not
here: several networks at once (`tenants.py`), energy, sparsity and training (`unvalidated.py`), pictures and tables.
"""

from collections.abc import Sequence
from dataclasses import asdict, dataclass
from typing import Any, Final

from hw_targets.errors import DoesNotFit, UnsupportedLayer
from hw_targets.overlay.closed_form import closed_form
from hw_targets.overlay.fusion import Group, groups
from hw_targets.overlay.host import host_ms, split_activations
from hw_targets.overlay.machine import Machine
from hw_targets.overlay.roofline import attainable_tops
from hw_targets.overlay.schedule import ENGINES, Interval, Schedule, schedule, traffic_bytes
from hw_targets.overlay.support import host_tail, supports, unsupported_layers
from hw_targets.overlay.work import Work, map_bytes, work
from search_spaces.cost import macs
from search_spaces.network import Network

HOST_ALL: Final = "host fall-back: its price is an assumption"


@dataclass(frozen=True, slots=True)
class GroupEstimate:
    """One fused group, per image and engine.

    Attributes:
        name, layers: the layer that computes its result, and all in it.
        cycles: by how much it prolongs the whole; these add up to the total.
        bound_by: the longest of its demands: arithmetic, depthwise engine, pooling and add (`pools and sums`), weights,
            feature maps in or out (`maps in`, `maps out`) or instruction overhead.
        demands: cycles of each of these.
        utilisation: multiply-accumulates against the array's peak for as long as its longest demand; None without any.
        macs, load_bytes, save_bytes, weight_bytes: what it computes and moves; weights once a kernel.
    """

    name: str
    layers: tuple[str, ...]
    cycles: float
    bound_by: str
    demands: dict[str, float]
    utilisation: float | None
    macs: int
    load_bytes: int
    save_bytes: int
    weight_bytes: int


@dataclass(frozen=True, slots=True)
class Estimate:
    """One network on one machine, INT8.

    Attributes:
        network, machine: their names.
        cycles: of one image on one engine; `closed_form_cycles` is the baseline's.
        latency_ms: of one request: a batch of one image an engine ends together.
        images_per_s: of the board, all kernels working on this network.
        stripes: into how many tiles each group was cut.
        groups: in the order in which they run.
        macs: of the network; utilisation is against the array's peak.
        load_bytes, save_bytes, weight_bytes: memory traffic of an image, an image, and a batch of a kernel.
        on_chip_bytes: most bytes of feature maps that a group needs on chip, of `on_chip_room_bytes`.
        operations_per_byte: arithmetic intensity over all of an image's traffic, weights shared by a kernel's engines; with
            `attainable_tops`, the roof there, and `achieved_tops` the position in the roofline of the board.
        busy: share of the time that each engine works.
        host: layers left to the host; `NAME/ACTIVATION` where a layer's activation alone is.
        unvalidated: the parts that no published number validates.
        intervals: what each engine does when; empty unless requested.
    """

    network: str
    machine: str
    cycles: float
    closed_form_cycles: float
    latency_ms: float
    images_per_s: float
    stripes: int
    groups: tuple[GroupEstimate, ...]
    macs: int
    utilisation: float
    load_bytes: int
    save_bytes: int
    weight_bytes: int
    on_chip_bytes: int
    on_chip_room_bytes: int
    operations_per_byte: float
    attainable_tops: float
    achieved_tops: float
    busy: dict[str, float]
    host: tuple[str, ...]
    unvalidated: tuple[str, ...]
    intervals: tuple[Interval, ...] = ()

    def to_json(self) -> dict[str, Any]:
        """As plain JSON values; the intervals as lists of engine, group, start and end."""
        document = asdict(self)
        document["kind"] = "simulated"
        document["intervals"] = [list(interval) for interval in self.intervals]
        return document


def estimate(network: Network, machine: Machine, *, allow_host: bool = False, trace: bool = False) -> Estimate:
    """Costs a network.

    Args:
        network: what to cost.
        machine: where (`registry.machine`).
        allow_host: whether layers that the machine cannot run are priced as a host fall-back instead of rejected.
        trace: whether the estimate holds what each engine does when.

    Raises:
        UnsupportedLayer: the machine cannot run some layers; `facts` list them with the reasons.
        DoesNotFit: weights and feature maps exceed the board's memory.
    """
    reasons = unsupported_layers(network, machine)
    if reasons and not allow_host:
        raise _unsupported(network, machine, reasons)
    if reasons:
        network = split_activations(network, machine)
        reasons = unsupported_layers(network, machine)
    tail = host_tail(network, machine)
    host = tail | reasons.keys()
    layer_groups = groups(network, machine.overlay.convolution.input_channels, frozenset(host))
    if not layer_groups:
        raise _unsupported(
            network, machine, {layer.name: "nothing is left for the overlay" for layer in network.layers}
        )
    works = [work(group, machine) for group in layer_groups]
    found = schedule(layer_groups, works, machine, trace=trace)
    _check_memory(network, machine, layer_groups, works, found)
    on_host = tuple(layer.name for layer in network.layers if layer.name in host)
    return _estimate_of(
        network, machine, layer_groups, works, found, (host_ms(network, reasons), on_host, bool(reasons))
    )


def cycles(network: Network, machine: Machine) -> float:
    """Cycles of one image on one engine, and nothing else: what a search needs most often. Raises as `estimate` does."""
    return _scheduled(network, machine)[1].cycles


def layer_cycles(network: Network, machine: Machine) -> dict[str, float]:
    """Cycles by layer name, for a lookup table: a group's are at its leading layer, and all add up to the total.

    Raises as `estimate` does.
    """
    found = dict.fromkeys((layer.name for layer in network.layers), 0.0)
    layer_groups, scheduled = _scheduled(network, machine)
    for group, own in zip(layer_groups, _marginal(scheduled), strict=True):
        found[group.leading.name] += own
    return found


def _scheduled(network: Network, machine: Machine) -> tuple[tuple[Group, ...], Schedule]:
    reasons = unsupported_layers(network, machine)
    layer_groups = groups(network, machine.overlay.convolution.input_channels, host_tail(network, machine))
    if reasons or not layer_groups:
        nothing = {layer.name: "nothing is left for the overlay" for layer in network.layers}
        raise _unsupported(network, machine, reasons or nothing)
    return layer_groups, schedule(layer_groups, [work(group, machine) for group in layer_groups], machine)


def _marginal(scheduled: Schedule) -> list[float]:
    """By how much each group prolongs the whole; what only the memory bound adds is shared in proportion."""
    latest, own = 0.0, []
    for end in scheduled.ends:
        own.append(max(0.0, end - latest))
        latest = max(latest, end)
    return [value * scheduled.cycles / latest for value in own] if latest else own


def _estimate_of(
    network: Network, machine: Machine, layer_groups: Sequence[Group], works: Sequence[Work], scheduled: Schedule,
    host: tuple[float, tuple[str, ...], bool],
) -> Estimate:  # fmt: skip
    extra_ms, on_host, priced = host
    peak = machine.overlay.convolution.macs_per_cycle
    word = machine.overlay.convolution.input_channels
    moved = [
        traffic_bytes(g, w, scheduled.spilled, i) for i, (g, w) in enumerate(zip(layer_groups, works, strict=True))
    ]
    loads, saves, weights = sum(m[0] for m in moved), sum(m[1] for m in moved), sum(w.weight_bytes for w in works)
    own_macs = macs(network)
    total = scheduled.cycles + extra_ms * 1e3 * machine.clock_mhz
    bytes_per_image = loads + saves + weights * len(machine.kernels) / machine.engines
    intensity = 2 * own_macs / bytes_per_image if bytes_per_image else 0.0
    images_per_s = machine.engines * machine.clock_mhz * 1e6 / total
    notes = {support.unvalidated for layer in network.layers if (support := supports(layer, machine)).unvalidated}
    return Estimate(
        network=network.name, machine=machine.id, cycles=total,
        closed_form_cycles=closed_form(layer_groups, works, machine),
        latency_ms=total / machine.clock_mhz / 1e3, images_per_s=images_per_s, stripes=scheduled.stripes,
        groups=tuple(
            _group(g, w, m, own, machine, scheduled.stripes)
            for g, w, m, own in zip(layer_groups, works, moved, _marginal(scheduled), strict=True)
        ),
        macs=own_macs, utilisation=own_macs / (total * peak), load_bytes=loads, save_bytes=saves, weight_bytes=weights,
        on_chip_bytes=max(
            sum(map_bytes(r.shape, word) for r in (*g.reads, *g.add_reads)) + w.out_bytes
            for g, w in zip(layer_groups, works, strict=True)
        ),
        on_chip_room_bytes=machine.overlay.banks.feature_bytes, operations_per_byte=intensity,
        attainable_tops=attainable_tops(machine.peak_tops, machine.board.memory.gb_per_s, intensity),
        achieved_tops=2e-12 * own_macs * images_per_s, busy=_busy(works, moved, machine, scheduled), host=on_host,
        unvalidated=tuple(sorted(notes)) + ((HOST_ALL,) if priced else ()), intervals=scheduled.intervals,
    )  # fmt: skip


def _group(
    group: Group, own: Work, moved: tuple[int, int], cycles: float, machine: Machine, stripes: int
) -> GroupEstimate:
    overhead = machine.calibration.tile_cycles * stripes
    demands = {
        "arithmetic": own.convolution,
        "depthwise engine": own.depthwise,
        "pools and sums": own.miscellaneous,
        "weights": own.weight_bytes / machine.weight_bytes_per_cycle,
        "maps in": moved[0] / machine.load_bytes_per_cycle,
        "maps out": moved[1] / machine.save_bytes_per_cycle,
        "instruction overhead": overhead + (machine.calibration.layer_cycles if not own.depthwise else 0.0),
    }
    peak = machine.overlay.convolution.macs_per_cycle
    return GroupEstimate(
        group.name, group.layers, cycles, max(demands, key=lambda name: demands[name]), demands,
        own.macs / (max(demands.values()) * peak) if own.macs else None, own.macs, *moved, own.weight_bytes,
    )  # fmt: skip


def _busy(
    works: Sequence[Work], moved: Sequence[tuple[int, int]], machine: Machine, scheduled: Schedule
) -> dict[str, float]:
    totals = (
        sum(m[0] for m in moved) / machine.load_bytes_per_cycle,
        sum(w.convolution for w in works),
        sum(w.depthwise for w in works),
        sum(w.miscellaneous for w in works),
        sum(m[1] for m in moved) / machine.save_bytes_per_cycle,
        sum(w.weight_bytes for w in works) / machine.weight_bytes_per_cycle,
    )
    return {engine: total / scheduled.cycles for engine, total in zip(ENGINES, totals, strict=True)}


def _check_memory(
    network: Network, machine: Machine, layer_groups: Sequence[Group], works: Sequence[Work], scheduled: Schedule
) -> None:
    """Weights once a kernel, and for each engine the image and what is spilled."""
    word = machine.overlay.convolution.input_channels
    maps = map_bytes(network.input_shape, word)
    maps += sum(w.out_bytes for g, w, s in zip(layer_groups, works, scheduled.spilled, strict=True) if s or g.is_output)
    needed = sum(w.weight_bytes for w in works) * len(machine.kernels) + maps * machine.engines
    if needed > machine.board.memory.bytes:
        raise DoesNotFit(
            f"{network.name!r} needs {needed / 1e9:.2f} GB on {machine.board.name}, which has "
            f"{machine.board.memory.bytes / 1e9:.2f} GB.",
            fix="Use a smaller input or network, fewer engines, or a board with more memory.",
            facts={"needed_bytes": needed, "memory_bytes": machine.board.memory.bytes},
        )


def _unsupported(network: Network, machine: Machine, reasons: dict[str, str]) -> UnsupportedLayer:
    listed = [f"{name}: {reason}" for name, reason in reasons.items()]
    return UnsupportedLayer(
        f"{machine.id} cannot run {len(listed)} of the {len(network.layers)} layers of {network.name!r}: "
        f"{'; '.join(listed[:3])}{'; …' if len(listed) > 3 else ''}.",
        fix="Replace these operators, choose another build or board, or allow the host to run them.",
        facts={"unsupported": [{"layer": name, "reason": reason} for name, reason in list(reasons.items())[:100]]},
    )
