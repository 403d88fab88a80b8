"""What an overlay, a board and a machine (a build of an overlay on a board, with its options) are: values only.

Every table of a file carries its `source`. Not here: how files are read (`machine_file.py`), which there are (`registry.py`).
Widths are per engine and cycle of the DPU clock; bytes are INT8 values.
"""

from dataclasses import dataclass, field
from typing import ClassVar, Literal

from pydantic import ConfigDict

_STRICT = ConfigDict(extra="forbid", allow_inf_nan=False)

Range = tuple[int, int]
"""Minimum and maximum, both included."""


@dataclass(frozen=True, slots=True)
class Convolution:
    """The array: `input_channels` x `output_channels` x `pixels` multiply-accumulates a cycle.

    Attributes:
        kernel, stride: limits, the same for height and width.
        window_words: most of kernel height x kernel width x input channel groups; None without limit.
        most_output_channels, most_dilated_channels: limits of output channels, and of dilation x input channels.
        augmented_channels: kernel width x input channels that the first layer packs into its lanes; 0 without.
        deconvolution: limit of kernel and stride of deconvolutions; None where there are none.
    """

    __pydantic_config__: ClassVar[ConfigDict] = _STRICT
    input_channels: int
    output_channels: int
    pixels: int
    kernel: Range
    stride: Range
    activations: tuple[str, ...]
    source: str
    window_words: int | None = None
    most_output_channels: int | None = None
    most_dilated_channels: int | None = None
    augmented_channels: int = 0
    deconvolution: Range | None = None

    @property
    def macs_per_cycle(self) -> int:
        """Peak of one engine."""
        return self.input_channels * self.output_channels * self.pixels


@dataclass(frozen=True, slots=True)
class Depthwise:
    """The engine for depthwise convolutions; its listed rate is `channels` x `pixels`, the effective one is calibrated."""

    __pydantic_config__: ClassVar[ConfigDict] = _STRICT
    channels: int
    pixels: int
    kernels: tuple[int, ...]
    stride: Range
    activations: tuple[str, ...]
    source: str


@dataclass(frozen=True, slots=True)
class Miscellaneous:
    """The engine for pools and element-wise operators: channels x pixels a cycle (for a pool, of its window's values)."""

    __pydantic_config__: ClassVar[ConfigDict] = _STRICT
    pool_channels: int
    pool_pixels: int
    pool_kernel: Range
    element_channels: int
    element_pixels: int
    element_operators: tuple[Literal["add", "mul"], ...]
    source: str


@dataclass(frozen=True, slots=True)
class Ports:
    """Bytes a cycle between an engine and memory; `weight_bytes` is a kernel's, shared by its engines in lockstep.

    `one_loader` says whether feature maps and weights come through one in-order engine, so that neither can run ahead of the other.
    """

    __pydantic_config__: ClassVar[ConfigDict] = _STRICT
    load_bytes: int
    save_bytes: int
    weight_bytes: int
    source: str
    one_loader: bool = False


@dataclass(frozen=True, slots=True)
class Banks:
    """On-chip memory: for feature maps, per engine; for weights, per kernel.

    `keeps_maps` says whether a feature map that fits stays there for the next group, or always goes through memory.
    """

    __pydantic_config__: ClassVar[ConfigDict] = _STRICT
    feature_bytes: int
    weight_bytes: int
    source: str
    keeps_maps: bool = True


@dataclass(frozen=True, slots=True)
class Overlay:
    """One overlay, as its compiler describes it."""

    __pydantic_config__: ClassVar[ConfigDict] = _STRICT
    name: str
    title: str
    convolution: Convolution
    miscellaneous: Miscellaneous
    ports: Ports
    banks: Banks
    depthwise: Depthwise | None = None


@dataclass(frozen=True, slots=True)
class BoardMemory:
    """The board's memory: all of it in bytes and GB/s, and what one engine's port can draw (GB/s; None: all)."""

    __pydantic_config__: ClassVar[ConfigDict] = _STRICT
    kind: str
    bytes: int
    gb_per_s: float
    source: str
    engine_gb_per_s: float | None = None


@dataclass(frozen=True, slots=True)
class Power:
    """Power of the board: its limit, and about what it draws when idle (watts)."""

    __pydantic_config__: ClassVar[ConfigDict] = _STRICT
    most_w: float
    idle_w: float
    source: str


@dataclass(frozen=True, slots=True)
class Build:
    """One build of an overlay on a board.

    Attributes:
        name: how it is named after the colon of an id; the first build of a board is also the default.
        overlay: name of an overlay, or the path of an overlay file beside the board's.
        calibration: name of a set of fitted parameters in `calibration.toml`.
        kernels: engines of each kernel (one per super logic region).
        clock_mhz: nominal clock.
        clock_range_mhz: clocks that builds of it are published with.
        published: names by which published tables call it (platform and DPU).
    """

    __pydantic_config__: ClassVar[ConfigDict] = _STRICT
    name: str
    overlay: str
    calibration: str
    kernels: tuple[int, ...]
    clock_mhz: float
    clock_range_mhz: tuple[float, float]
    source: str
    published: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Board:
    """One board and the builds for it."""

    __pydantic_config__: ClassVar[ConfigDict] = _STRICT
    name: str
    title: str
    memory: BoardMemory
    builds: tuple[Build, ...]
    power: Power | None = None


@dataclass(frozen=True, slots=True)
class Calibration:
    """All fitted parameters.

    Attributes:
        array_efficiency: share of the array's peak that long convolutions reach, beyond rounding.
        layer_cycles: instruction overhead of each group, hidden while its engine waits for data.
        tile_cycles: instruction overhead of each tile on each compute engine.
        depthwise_ratio: effective over listed rate of the depthwise engine.
        output_group_cycles: what each group of output channels of a convolution costs beyond arithmetic.
        fitted_on: where they come from.
    """

    __pydantic_config__: ClassVar[ConfigDict] = _STRICT
    array_efficiency: float
    layer_cycles: float
    tile_cycles: float
    depthwise_ratio: float
    fitted_on: str
    output_group_cycles: float = 0.0
    flat: dict[str, tuple[float, float]] = field(default_factory=dict, hash=False)


@dataclass(frozen=True, slots=True)
class Machine:
    """A build of an overlay on a board with its options: what networks are costed on.

    Attributes:
        id: canonical id with options.
        kernels: engines of each kernel in use.
        clock_mhz: DPU clock.
        tenants: number of kernels each tenant has, in order; one number for a single tenant.
    """

    id: str
    board: Board
    build: Build
    overlay: Overlay
    calibration: Calibration
    kernels: tuple[int, ...]
    clock_mhz: float
    tenants: tuple[int, ...]

    @property
    def engines(self) -> int:
        """Engines of all kernels."""
        return sum(self.kernels)

    @property
    def engine_bytes_per_cycle(self) -> float:
        """What one engine can draw from memory: its port, or its share of the board."""
        memory = self.board.memory
        share = memory.gb_per_s / self.engines
        return min(share, memory.engine_gb_per_s or share) * 1e3 / self.clock_mhz

    @property
    def load_bytes_per_cycle(self) -> float:
        """Feature maps in, of one engine."""
        return min(self.overlay.ports.load_bytes, self.engine_bytes_per_cycle)

    @property
    def save_bytes_per_cycle(self) -> float:
        """Feature maps out, of one engine."""
        return min(self.overlay.ports.save_bytes, self.engine_bytes_per_cycle)

    @property
    def weight_bytes_per_cycle(self) -> float:
        """Weights, of one kernel: its ports, or its share of the board."""
        share = self.board.memory.gb_per_s * 1e3 / self.clock_mhz / len(self.kernels)
        if self.overlay.ports.one_loader:
            share = min(share, self.engine_bytes_per_cycle)
        return min(self.overlay.ports.weight_bytes, share)

    @property
    def depthwise_macs_per_cycle(self) -> float:
        """Effective rate of one engine's depthwise engine; 0 without."""
        engine = self.overlay.depthwise
        return engine.channels * engine.pixels * self.calibration.depthwise_ratio if engine else 0.0

    @property
    def peak_tops(self) -> float:
        """INT8 tera-operations a second of all engines, a multiply-accumulate being two."""
        return 2e-6 * self.overlay.convolution.macs_per_cycle * self.engines * self.clock_mhz
