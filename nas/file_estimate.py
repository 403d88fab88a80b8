"""An INT8 file as it is, measured in its target's runtime: its latency, its float layers, and advice.

Not here: the same network as hwnas lowers it (`estimate.py`), how a runtime's graph is read (`hw_targets.quantized_file`).
"""

from pathlib import Path
from typing import Final

from pydantic import Field

from hw_targets.quantized_file import Activations, FileKernels, advice, close_input, fixed_batch, is_quantized
from hw_targets.target import FileReader, Target, TimingSample
from nas.frozen import FrozenModel
from search_spaces.errors import HwnasError
from search_spaces.network import Shape

ROUNDS: Final = 12
"""Of end-to-end timing when a file or a network is measured."""

SLOWER: Final = 1.1
"""A file whose latency is this many times that of hwnas's lowering gets advice."""


class FileEstimate(FrozenModel):
    """The latency of an INT8 file itself, with its own weights, operators and quantisation."""

    latency_ms: float = Field(description="measured; of the whole batch")
    error: float = Field(description="repeat error of the measurement, a fraction")
    p50_ms: float
    p95_ms: float
    batch: int = Field(description="images in one run: 1 unless the file has a batch of its own")
    activations: Activations = Field(
        description="what the file stores values between layers as; dynamic: quantised again in each run; none: in float"
    )
    float_layers: tuple[str, ...] = Field(description="convolutions and matrix products that the runtime runs in float")
    float_operators: dict[str, int] = Field(description="how many others run in float, by operator")
    conversions: int = Field(description="operators that only turn floats into integers or back, in each run")
    advice: tuple[str, ...] = Field((), description="what to change in the file to make it faster")


def estimate_file(path: Path, target: Target, shape: Shape, lowered_ms: float) -> tuple[FileEstimate | None, str]:
    """Measures an INT8 file, if it is one and the target runs files.

    Args:
        path: of the ONNX file.
        target: where.
        shape: its input, (channels, height, width), for the sizes that it leaves open.
        lowered_ms: latency of the same network as hwnas lowers it, to compare with.

    Returns:
        The estimate, none for a float file or a target that runs no files, and a warning where the runtime rejects
        the file (or "").
    """
    import onnx

    if target.info.kind != "measured" or not isinstance(target, FileReader):
        return None, ""
    model = onnx.load(path)
    if not is_quantized(model):
        return None, ""
    close_input(model, shape)
    content = model.SerializeToString()
    try:
        kernels = target.file_kernels(content)
        timings = list(target.sample_file(content, rounds=ROUNDS))
    except HwnasError as error:
        return None, f"The file itself was not measured. {error.detail} {error.fix}"
    return _file(kernels, timings, fixed_batch(model), lowered_ms), ""


def _file(kernels: FileKernels, timings: list[TimingSample], batch: int, lowered_ms: float) -> FileEstimate:
    from statistics import median

    from hw_targets.timing import latency_and_noise, repeat_error

    latency_ms = latency_and_noise(timings)[0]
    times = latency_ms / batch / lowered_ms if lowered_ms > 0 else 1.0
    suggestions = advice(kernels) if times >= SLOWER or kernels.float_layers else ()
    if times >= SLOWER:
        suggestions = (
            *suggestions,
            f"As hwnas lowers it, the same network is {times:.2g} times as fast: an export can be as fast.",
        )
    return FileEstimate(
        latency_ms=latency_ms,
        error=repeat_error(timings),
        p50_ms=median(t.p50_ms for t in timings),
        p95_ms=median(t.p95_ms for t in timings),
        batch=batch,
        activations=kernels.activations,
        float_layers=kernels.float_layers,
        float_operators=dict(kernels.float_operators),
        conversions=kernels.conversions,
        advice=suggestions,
    )
