"""Estimates that no published number validates: energy, INT16, skipping of zero weights, and training on the same array.

Every value is labelled so. One published point exists for sparsity and training together: 2,000 ResNet-50 training images a
second on an Alveo U50 at up to 90 % unstructured sparsity (Microprocessor Report, 2 Nov 2020). `training` lands at about a
quarter of it: that product has an array of its own, of about 16 TOPS where the DPU's is 7.4, and skips more.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from itertools import pairwise
from typing import Final

from hw_targets.errors import InvalidMachine
from hw_targets.overlay.estimate import Estimate
from hw_targets.overlay.fusion import Group, groups
from hw_targets.overlay.machine import Machine
from hw_targets.overlay.schedule import schedule
from hw_targets.overlay.support import host_tail
from hw_targets.overlay.work import Work, work
from search_spaces.network import Network

LABEL: Final = "unvalidated"
ENERGY_LABEL: Final = "estimate, +/-30 %, not validated"
BAND: Final = 0.3

PJ_PER_MEMORY_BYTE: Final = {"HBM2": 31.2, "DDR4": 160.0, "PS DDR4": 160.0}
"""Device level: HBM2 3.9 pJ a bit, DDR4 about 20 pJ a bit (public tables)."""

PJ_PER_OPERATION: Final = 9.0
"""So that the busiest row of the U50 at its derated clock meets the board's limit (about 12 pJ an operation in all)."""

PJ_PER_ON_CHIP_BYTE: Final = 1.5
MOST_SKIPPING: Final = 4.0
"""Most multiply-accumulates that one of the array's can replace when weights are zero; an assumption."""

SKIPPING: Final = ((1.0, 1.0), (0.2, 0.6), (0.1, 0.3))
"""Density of the weights against the share of the ideal gain that skipping reaches: about 0.6 at 80 %, 0.3 at 90 % zeros."""

INDEX_SHARE: Final = 0.25
"""Index bytes for each byte of a sparse weight; an assumption."""


@dataclass(frozen=True, slots=True)
class Energy:
    """Millijoules of one image, with an assumed band, and its parts."""

    millijoules: float
    low: float
    high: float
    parts: dict[str, float]
    label: str = ENERGY_LABEL


@dataclass(frozen=True, slots=True)
class Variant:
    """A variant of a machine without published numbers: cycles of an image on an engine, and images a second of the board."""

    what: str
    cycles: float
    images_per_s: float
    label: str = LABEL


def variants(network: Network, machine: Machine) -> tuple[Variant, ...]:
    """All variants that a user may request: INT16, sparse weights, and training, dense and sparse."""
    skipping = (sparse(network, machine, density) for density in (0.5, 0.2, 0.1))
    return (int16(network, machine), *skipping, training(network, machine), training(network, machine, 0.1))


def energy(found: Estimate, machine: Machine) -> Energy:
    """Energy of an image: idle power over its share of time, operations, memory and on-chip traffic.

    Raises:
        InvalidMachine: the board's file does not give its power, or its kind of memory is not known.
    """
    power, per_byte = machine.board.power, PJ_PER_MEMORY_BYTE.get(machine.board.memory.kind)
    if power is None or per_byte is None:
        raise InvalidMachine(
            f"The power of {machine.board.name} is not known.",
            fix=f"Add [power] to its board file, and one of these kinds of memory: {', '.join(PJ_PER_MEMORY_BYTE)}.",
        )
    moved = found.load_bytes + found.save_bytes + found.weight_bytes * len(machine.kernels) / machine.engines
    on_chip = sum(g.macs for g in found.groups) / machine.overlay.convolution.output_channels
    parts = {
        "idle": power.idle_w / found.images_per_s * 1e3,
        "operations": 2 * found.macs * PJ_PER_OPERATION * 1e-9,
        "memory": moved * per_byte * 1e-9,
        "on_chip": on_chip * PJ_PER_ON_CHIP_BYTE * 1e-9,
    }
    total = sum(parts.values())
    return Energy(total, total * (1 - BAND), total * (1 + BAND), parts)


def int16(network: Network, machine: Machine) -> Variant:
    """Half the multiply-accumulates a cycle and twice the bytes."""
    return _variant("int16", network, machine, lambda w: _scaled(w, 2.0, 2.0, 2.0))


def sparse(network: Network, machine: Machine, density: float) -> Variant:
    """Skipping of unstructured zero weights, with this density of weights left.

    Raises:
        InvalidMachine: the density is not above 0 and at most 1.
    """
    gain = 1 / skipping(density)
    stored = min(1.0, density * (1 + INDEX_SHARE)) if density < 1 else 1.0
    return _variant(f"sparse {density:g}", network, machine, lambda w: _scaled(w, 1 / gain, 1.0, stored))


def training(network: Network, machine: Machine, density: float = 1.0) -> Variant:
    """Forward and backward on the same array: three times the arithmetic and the feature maps, weights read and written back."""
    share, stored = skipping(density), min(1.0, density * (1 + INDEX_SHARE)) if density < 1 else 1.0
    return _variant(f"training {density:g}", network, machine, lambda w: _scaled(w, 3 * share, 3.0, 4 * stored))


def skipping(density: float) -> float:
    """The share of its dense cycles that the array needs at a density: max(density / efficiency, 1 / most skipping)."""
    if not 0 < density <= 1:
        raise InvalidMachine(f"A density of {density} is not possible.", fix="Give one above 0 and at most 1.")
    for (high, at_high), (low, at_low) in pairwise(SKIPPING):
        if density >= low:
            efficiency = at_low + (at_high - at_low) * (density - low) / (high - low)
            return max(min(1.0, density / efficiency), 1 / MOST_SKIPPING)
    return max(min(1.0, density / SKIPPING[-1][1]), 1 / MOST_SKIPPING)


def _scaled(own: Work, arithmetic: float, maps: float, weights: float) -> Work:
    """The work with arithmetic, feature maps and weights scaled."""
    cycles = {name: getattr(own, name) * arithmetic for name in ("convolution", "block_cycles", "depthwise")}
    cycles |= {name: getattr(own, name) * maps for name in ("pool", "element")}
    moved = {name: round(getattr(own, name) * maps) for name in ("in_bytes", "add_bytes", "out_bytes")}
    return replace(own, **cycles, **moved, weight_bytes=round(own.weight_bytes * weights))


def _variant(what: str, network: Network, machine: Machine, of: Callable[[Work], Work]) -> Variant:
    layer_groups: Sequence[Group] = groups(
        network, machine.overlay.convolution.input_channels, host_tail(network, machine)
    )
    cycles = schedule(layer_groups, [of(work(group, machine)) for group in layer_groups], machine).cycles
    return Variant(what, cycles, machine.engines * machine.clock_mhz * 1e6 / cycles)
