"""A group's demand on each engine, in cycles of one engine for one image: the formulas, before any overlap.

Sources: widths from the overlay's file; pixel rounding (half of it shows), few input channels packed in the first layer, and
deconvolution over the input grid as the ceiling model of these DPUs has them. Not here: when it runs (`schedule.py`).
"""

from dataclasses import dataclass
from math import ceil
from typing import Final

from hw_targets.overlay.fusion import IMAGE, POOLS, Group, Read
from hw_targets.overlay.machine import Machine
from hw_targets.overlay.support import pool_steps
from search_spaces.cost import layer_macs
from search_spaces.network import Layer, Shape

BIAS_BYTES: Final = 4


@dataclass(frozen=True, slots=True)
class Work:
    """One group's demand on each engine.

    Attributes:
        convolution: cycles of the array, its efficiency included; the ceilings alone are `ceilings`.
        depthwise: cycles of the depthwise engine.
        block_cycles: of `convolution`, what each block of input x output channels of weights takes.
        pool, element: cycles of the miscellaneous engine, for pooling and for add.
        in_bytes, add_bytes: feature maps that the main layer and the add read, in whole words of channels; `out_bytes` the result.
        weight_bytes: once a kernel.
        macs: multiply-accumulates that are computed (fewer than the network's where strides moved up).
        depthwise_macs: those of them on the depthwise engine.
    """

    convolution: float
    ceilings: float
    block_cycles: float
    depthwise: float
    pool: float
    element: float
    in_bytes: int
    add_bytes: int
    out_bytes: int
    weight_bytes: int
    macs: int
    depthwise_macs: int

    @property
    def miscellaneous(self) -> float:
        """Cycles of the engine for pooling and add."""
        return self.pool + self.element


def work(group: Group, machine: Machine) -> Work:
    """A group's demand on each engine of a machine."""
    overlay, main = machine.overlay, group.main
    word = overlay.convolution.input_channels
    ceilings = convolution = block = depthwise = pool = element = 0.0
    weights = 0
    engine = overlay.depthwise
    if main is not None and main.is_depthwise and engine is not None:
        _, height, width = main.out_shape
        channels = -(-main.out_shape[0] // engine.channels) * engine.channels
        area = main.kernel[0] * main.kernel[1]
        depthwise = height * width * channels * area / machine.depthwise_macs_per_cycle
        weights = channels * (area + BIAS_BYTES)
    elif main is not None and main.op in POOLS:
        pool = _pool(main, machine) * group.words / -(-main.out_shape[0] // word)
    elif main is not None:
        ceilings = ceiling_cycles(main, machine, first=any(r.group == IMAGE for r in group.reads))
        if main.op == "conv" and main.groups == 1:
            ceilings *= group.words / -(-main.in_shapes[0][0] // word)
        efficiency = 1.0 if main.op == "linear" else machine.calibration.array_efficiency
        convolution, block = ceilings / efficiency, _steps(main, machine) / efficiency
        convolution += machine.calibration.output_group_cycles * -(
            -main.out_shape[0] // overlay.convolution.output_channels
        )
        weights = weight_bytes(main, machine)
    if group.pool is not None:
        pool += _pool(group.pool, machine)
    if group.add is not None:
        channels, height, width = group.add.out_shape
        others = max(1, len(group.add.inputs) - 1)
        misc = overlay.miscellaneous
        element = others * height * width * -(-channels // misc.element_channels) / misc.element_pixels
    macs = layer_macs(main) if main is not None else 0
    return Work(
        convolution, ceilings, block, depthwise, pool, element,
        _read_bytes(group.reads, main, word, overlay.convolution.augmented_channels),
        _read_bytes(group.add_reads, None, word, 0), map_bytes(group.out_shape, word), weights,
        macs, macs if depthwise else 0,
    )  # fmt: skip


def pixels(height: int, width: int, parallel: int) -> float:
    """Steps of `parallel` pixels that a feature map takes: half of the rounding to whole steps shows (ANNETTE finds 0.49 of it)."""
    rounded = min(ceil(height / parallel) * width, height * ceil(width / parallel))
    return height * width / parallel / 2 + rounded / 2


def ceiling_cycles(layer: Layer, machine: Machine, *, first: bool) -> float:
    """Cycles of the array when nothing but rounding is lost."""
    array = machine.overlay.convolution
    if layer.op == "linear":
        features = layer.in_shapes[0][0] * layer.in_shapes[0][1] * layer.in_shapes[0][2]
        return float(-(-features // array.input_channels) * -(-layer.out_shape[0] // array.output_channels))
    height, width = layer.kernel
    steps = _steps(layer, machine)
    channels_in, channels_out = layer.in_shapes[0][0], layer.out_shape[0]
    if layer.is_depthwise:  # blocks of a diagonal
        blocks = -(-channels_out // array.output_channels)
        return steps * height * width * blocks * -(-array.output_channels // array.input_channels)
    if first and channels_in < array.input_channels and array.augmented_channels:
        window = height * -(-width * channels_in // array.input_channels)
        return steps * window * -(-channels_out // array.output_channels)
    inward = -(-(channels_in // layer.groups) // array.input_channels)
    outward = -(-(channels_out // layer.groups) // array.output_channels)
    return steps * height * width * layer.groups * inward * outward


def _steps(layer: Layer, machine: Machine) -> float:
    """Steps of the array for each block of weights: over the output grid, or a deconvolution's input grid."""
    if layer.op == "linear":
        return 1.0
    grid = layer.in_shapes[0] if layer.op == "onnx:ConvTranspose" else layer.out_shape
    return pixels(grid[1], grid[2], machine.overlay.convolution.pixels)


def weight_bytes(layer: Layer, machine: Machine) -> int:
    """Bytes of INT8 weights and INT32 biases, once a kernel; of the blocks where a depthwise layer runs as a dense one."""
    array = machine.overlay.convolution
    bias = BIAS_BYTES * layer.out_shape[0]
    if layer.is_depthwise:
        blocks = -(-layer.out_shape[0] // array.output_channels)
        return blocks * array.output_channels * array.input_channels * layer.kernel[0] * layer.kernel[1] + bias
    if layer.op == "onnx:ConvTranspose":
        area = layer.kernel[0] * layer.kernel[1]
        return layer.in_shapes[0][0] * layer.out_shape[0] // layer.groups * area + bias
    filters, per_filter, height, width = layer.weight_shape
    return filters * per_filter * height * width + bias


def map_bytes(shape: Shape, word: int) -> int:
    """Bytes of a feature map in whole words of channels."""
    return -(-shape[0] // word) * word * shape[1] * shape[2]


def _pool(layer: Layer, machine: Machine) -> float:
    misc = machine.overlay.miscellaneous
    words = -(-layer.out_shape[0] // misc.pool_channels)
    return sum(h * w * kh * kw for kh, kw, h, w in pool_steps(layer, machine)) * words / misc.pool_pixels


def _read_bytes(reads: tuple[Read, ...], main: Layer | None, word: int, augmented: int) -> int:
    """Bytes of the feature maps that are read. The first layer's image comes packed: kernel width x channels for each output column."""
    total = 0
    for read in reads:
        channels, height, _ = read.shape
        padded = map_bytes(read.shape, word)
        if read.group == IMAGE and main is not None and main.op == "conv" and augmented and channels < word:
            padded = min(padded, height * main.out_shape[2] * main.kernel[1] * channels)
        total += padded
    return total
