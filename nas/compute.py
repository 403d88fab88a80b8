"""Where networks are trained and evaluated: one plain value, resolved once from the spec. Imports no torch.

Results depend on it, so it is part of their keys; on a processor the keys are those of the threads alone, as ever.
Not here: what is done with it (`accelerator.py`), where latencies are measured (`hw_targets`).
"""

import os
from dataclasses import dataclass, field
from typing import Any, Final, Literal

from hw_targets.errors import DeviceUnavailable
from hw_targets.nvidia import Gpu, gpus, usable

DType = Literal["float32", "bfloat16"]

BFLOAT16_FROM: Final = (8, 0)
"""Cards of this capability (Ampere) or above train in bfloat16; older ones would emulate it."""

DATA_SHARE: Final = 0.3
"""Of the memory of a GPU that a data set may take; a larger one stays in the machine's and moves batch by batch."""


@dataclass(frozen=True, slots=True)
class Compute:
    """A device with the arithmetic of its training.

    Attributes:
        device: as torch names it, `cpu` or `cuda:0`.
        dtype: of training's activations; weights, statistics and INT8 retraining are float32 everywhere.
        threads: of the processor.
        gpu: product name of a GPU.
        memory_bytes: of a GPU.
        note: for the user, where there is something to say.
    """

    device: str = "cpu"
    dtype: DType = "float32"
    threads: int = 1
    gpu: str = ""
    memory_bytes: int = 0
    note: str = field(default="", compare=False)

    @property
    def on_gpu(self) -> bool:
        """Whether it is a GPU."""
        return self.device != "cpu"

    @property
    def inputs(self) -> dict[str, Any]:
        """Its part of the keys of what is learned: not which of several equal GPUs it is."""
        own = {"compute": {"device": "cuda", "gpu": self.gpu, "dtype": self.dtype}} if self.on_gpu else {}
        return {"threads": self.threads, **own}

    @property
    def locks(self) -> tuple[str, ...]:
        """The devices that work on it disturbs, see `hw_targets.lock`."""
        return ("cpu", self.device) if self.on_gpu else ("cpu",)

    def holds(self, data_bytes: int) -> bool:
        """Whether a data set is kept on the device."""
        return not self.on_gpu or data_bytes <= DATA_SHARE * self.memory_bytes


def resolve(device: str, threads: int | None) -> Compute:
    """The value of a spec's device and threads on this machine.

    Args:
        device: `cpu`, `cuda`, `cuda:N`, or `auto` for the first GPU that can be used, else the processor.
        threads: all usable cores when None.

    Raises:
        DeviceUnavailable: a GPU is named that cannot be used, with what to do.
    """
    count = threads or len(os.sched_getaffinity(0))
    if device == "cpu":
        return Compute(threads=count)
    if device != "auto":
        return _on(usable(int(device.partition(":")[2] or 0)), count)
    try:
        if not gpus():
            return Compute(threads=count)
    except DeviceUnavailable:  # no driver, so no GPU to speak of
        return Compute(threads=count)
    try:
        return _on(usable(), count)
    except DeviceUnavailable as error:
        return Compute(threads=count, note=f"Trains on the processor. {error.detail}")


def _on(gpu: Gpu, threads: int) -> Compute:
    dtype: DType = "bfloat16" if gpu.capability >= BFLOAT16_FROM else "float32"
    gigabytes = gpu.memory_bytes / 1e9
    note = f"Trains on {gpu.device} ({gpu.name}, {gigabytes:.0f} GB) in {dtype}."
    return Compute(gpu.device, dtype, threads, gpu.name, gpu.memory_bytes, note)
