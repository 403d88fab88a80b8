"""What training and evaluation do with a `Compute`: prepare torch, run in its arithmetic, and bear a GPU's failures.

Not here: what the value is and how it is resolved (`compute.py`). Needs torch.
"""

import gc
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import replace
from typing import Final, TypeVar

import torch
from torch import Tensor

from hw_targets.errors import DeviceUnavailable
from nas.compute import Compute
from nas.errors import DeviceLost, OutOfDeviceMemory, OutOfWorkerMemory
from nas.interpreter import ExecutionMode, Forward, run
from nas.training.config import TrainConfig
from search_spaces.network import Network

LEAST_BATCH: Final = 8
"""Batch norm needs some images."""

NO_MEMORY: Final = "DefaultCPUAllocator: can't allocate memory"
"""How torch says it of a processor's memory: without a type of its own."""
TOO_LITTLE: Final = (torch.OutOfMemoryError, OutOfWorkerMemory)

T = TypeVar("T")


def start(compute: Compute) -> None:
    """Prepares this process's torch: threads, and on a GPU full float32 wherever it is not bfloat16.

    TF32 is off, since INT8 modes need products of integers that are exact.

    Raises:
        DeviceUnavailable: torch cannot use the GPU after all, or has no kernels for it.
    """
    torch.set_num_threads(compute.threads)
    if torch.device(compute.device).type != "cuda":
        return
    if not torch.cuda.is_available():
        raise DeviceUnavailable(
            f"torch {torch.__version__} cannot use {compute.device}.",
            fix="Check the NVIDIA driver, or use the device cpu.",
        )
    major, minor = torch.cuda.get_device_capability(compute.device)
    known = [arch for arch in torch.cuda.get_arch_list() if arch.startswith("sm_")]
    if known and (major, minor) < min(_capability(arch) for arch in known):
        raise DeviceUnavailable(
            f"torch {torch.__version__} has no kernels for {compute.gpu} (compute capability {major}.{minor}; it has {', '.join(known)}).",
            fix="Install a torch build that has them, or use the device cpu.",
        )
    torch.cuda.set_device(compute.device)
    torch.backends.cudnn.allow_tf32 = False
    torch.backends.cuda.matmul.allow_tf32 = False


def of_rank(compute: Compute, rank: int) -> Compute:
    """The compute of one of several ranks: on GPUs, each has its own."""
    return replace(compute, device=f"cuda:{rank}") if compute.on_gpu else compute


def _capability(arch: str) -> tuple[int, int]:
    number = "".join(c for c in arch if c.isdigit())
    return int(number[:-1]), int(number[-1])


def forward(compute: Compute) -> Forward:
    """How training runs a network: in bfloat16 where the value says so (autocast), else as the interpreter does."""
    if compute.dtype == "float32":
        return run
    kind = torch.device(compute.device).type

    def mixed(network: Network, images: Tensor, mode: ExecutionMode) -> Tensor:
        with torch.autocast(kind, torch.bfloat16):
            return run(network, images, mode).float()

    return mixed


def synchronise(compute: Compute) -> None:
    """Waits until a GPU has done all that was asked of it."""
    if torch.device(compute.device).type == "cuda":
        torch.cuda.synchronize(compute.device)


def halved_once(
    compute: Compute, config: TrainConfig, attempt: Callable[[TrainConfig], T], on_halving: Callable[[int], None]
) -> T:
    """What `attempt` returns with a config; with half of its batch where the memory of the device, or of a worker, did not do.

    Args:
        compute: where it runs.
        config: to begin with.
        attempt: a training from its start or its checkpoint; called at most twice.
        on_halving: receives the smaller batch before the second attempt.

    Raises:
        OutOfDeviceMemory: half of the batch does not fit either, or is too small for batch norm.
        DeviceLost: the GPU failed.
    """
    try:
        with bearing_failures(compute):
            return attempt(config)
    except TOO_LITTLE:
        half = config.batch_size // 2
        if half < LEAST_BATCH:
            raise _too_large(compute, config.batch_size) from None
    finally:
        _free(compute)
    on_halving(half)
    try:
        with bearing_failures(compute):
            return attempt(replace(config, batch_size=half))
    except TOO_LITTLE:
        raise _too_large(compute, half) from None
    finally:
        _free(compute)


def _too_large(compute: Compute, batch: int) -> OutOfDeviceMemory:
    gpu = f"{compute.device} ({compute.gpu}, {compute.memory_bytes / 1e9:.0f} GB)"
    return OutOfDeviceMemory(
        f"The memory of {gpu if compute.on_gpu else 'the machine'} is too small for the largest network with batches of {batch} images.",
        fix="Give a lower --resolution or a smaller space, end other programs "
        + (
            "on the GPU, or use --device cpu."
            if compute.on_gpu
            else "or use fewer workers, or a machine with more memory."
        ),
        facts={"device": compute.device, "memory_bytes": compute.memory_bytes, "batch": batch},
    )


def _free(compute: Compute) -> None:
    """Gives back what a training's graphs hold; they are in reference cycles with their strategies."""
    if torch.device(compute.device).type == "cuda":
        gc.collect()
        torch.cuda.empty_cache()


@contextmanager
def bearing_failures(compute: Compute) -> Iterator[None]:
    """Turns a failure of the device itself into a typed error; out of memory is none of them, and torch's own for processors, too.

    Raises:
        DeviceLost: the GPU failed.
        torch.OutOfMemoryError: there is not enough memory.
    """
    try:
        yield
    except torch.AcceleratorError as error:
        raise DeviceLost(
            f"{compute.device} ({compute.gpu}) failed: {str(error).strip().splitlines()[0]}.",
            fix="Check the GPU (nvidia-smi, dmesg), then run the same command again: checkpoints and finished stages are kept.",
            facts={"device": compute.device},
        ) from error
    except RuntimeError as error:
        if NO_MEMORY in str(error):
            raise torch.OutOfMemoryError(str(error)) from error
        raise
