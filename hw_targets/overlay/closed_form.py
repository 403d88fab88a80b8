"""The baseline: a closed form that takes the slowest engine of each group and adds the groups up, and two simpler bounds.

Good where convolutions dominate; it cannot express overlap across layers and is too high for depthwise networks. Its three
numbers were fitted by the authors of the reference model, not here; see `schedule.py` for the model that is used.
"""

from collections.abc import Sequence
from typing import Final

from hw_targets.overlay.fusion import Group
from hw_targets.overlay.machine import Machine
from hw_targets.overlay.work import Work

ARRAY_EFFICIENCY: Final = 0.90
POOL_RATE: Final = 4.0
GROUP_CYCLES: Final = 3750.0


def closed_form(groups: Sequence[Group], works: Sequence[Work], machine: Machine) -> float:
    """Sum over groups of the slowest of computation, pooling, feature maps in, feature maps out and weights; adds come on top."""
    total = 0.0
    for group, work in zip(groups, works, strict=True):
        linear = group.main is not None and group.main.op == "linear"
        total += work.element
        if group.main is None:
            continue
        total += GROUP_CYCLES + max(
            work.ceilings / (1.0 if linear else ARRAY_EFFICIENCY),
            work.depthwise * machine.calibration.depthwise_ratio,
            work.pool / POOL_RATE,
            work.in_bytes / machine.load_bytes_per_cycle,
            work.out_bytes / machine.save_bytes_per_cycle,
            work.weight_bytes / machine.weight_bytes_per_cycle,
        )
    return total


def ceiling_only(works: Sequence[Work], machine: Machine) -> float:
    """Rounding to the engines' listed widths and nothing else."""
    return sum(max(work.ceilings, work.depthwise * machine.calibration.depthwise_ratio) for work in works)


def peak_only(works: Sequence[Work], machine: Machine) -> float:
    """Multiply-accumulates at the array's peak."""
    return sum(work.macs for work in works) / machine.overlay.convolution.macs_per_cycle
