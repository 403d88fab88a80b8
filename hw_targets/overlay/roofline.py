"""The roofline: the upper bound from peak and bandwidth. For the overlays a bound; for the TPU v1 the only estimate.

Not here: the position of an estimate in it (`Estimate.operations_per_byte`, `attainable_tops`).
"""

from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import ClassVar

from pydantic import ConfigDict

from hw_targets.overlay.machine_file import FOLDER, read

_STRICT = ConfigDict(extra="forbid", allow_inf_nan=False)


@dataclass(frozen=True, slots=True)
class Workload:
    """A published workload: multiply-accumulates for each byte of weights, and the tera-operations a second it reached."""

    __pydantic_config__: ClassVar[ConfigDict] = _STRICT
    name: str
    macs_per_weight_byte: float
    tops: float


@dataclass(frozen=True, slots=True)
class RooflineMachine:
    """A machine with known peak and weight bandwidth."""

    __pydantic_config__: ClassVar[ConfigDict] = _STRICT
    name: str
    title: str
    peak_tops: float
    weight_gb_per_s: float
    source: str
    workloads: tuple[Workload, ...] = ()

    def attainable_tops(self, macs_per_weight_byte: float) -> float:
        """The roof at an arithmetic intensity; a multiply-accumulate is two operations."""
        return attainable_tops(self.peak_tops, self.weight_gb_per_s, 2 * macs_per_weight_byte)


def attainable_tops(peak_tops: float, gb_per_s: float, operations_per_byte: float) -> float:
    """Tera-operations a second that peak and bandwidth allow. Source: Williams et al., Roofline, CACM 2009."""
    return min(peak_tops, gb_per_s * operations_per_byte / 1e3)


@cache
def tpu_v1() -> RooflineMachine:
    """Google's TPU of 2015."""
    return read_roofline(FOLDER / "tpu-v1.toml")


def read_roofline(path: Path) -> RooflineMachine:
    """A roofline file. Raises `InvalidMachine` where it is malformed."""
    return read(RooflineMachine, path)
