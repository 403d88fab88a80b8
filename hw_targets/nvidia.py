"""This machine's NVIDIA GPUs as the driver lists them, and whether the installed torch can use them.

Asks `nvidia-smi` and reads torch's version file, so that listings and plans load no torch. Not here: what runs on a GPU.
"""

import os
import re
import shutil
import subprocess
from dataclasses import dataclass
from functools import cache
from importlib.util import find_spec
from pathlib import Path
from typing import Final

from hw_targets.errors import DeviceUnavailable

os.environ.setdefault("CUDA_DEVICE_ORDER", "PCI_BUS_ID")
"""CUDA counts GPUs as the driver does. By default it counts the fastest first, and cuda:0 would be another GPU than GPU 0."""

TOOL: Final = "nvidia-smi"
TIMEOUT_S: Final = 30.0

LEAST_DRIVER: Final = {11: 450, 12: 525, 13: 580}
"""Major version of the oldest driver by major version of CUDA (NVIDIA's table of minor-version compatibility)."""

_FIELDS: Final = (
    "index", "uuid", "name", "driver_version", "memory.total", "compute_cap", "clocks.max.sm", "clocks.max.mem", "power.limit",
    "mig.mode.current",
)  # fmt: skip

_SLOWED: Final = {
    0x08: "the hardware slows it down",
    0x20: "it is too hot (software limit)",
    0x40: "it is too hot (hardware limit)",
    0x80: "its power supply brakes it",
}
"""Bits of the driver's reasons for a lower clock that make a measurement worthless; a power cap and idling are none."""


@dataclass(frozen=True, slots=True)
class Gpu:
    """One GPU.

    Attributes:
        index: as CUDA numbers it in this process (`CUDA_VISIBLE_DEVICES` counts).
        uuid: the driver's name of the GPU.
        name: the product.
        driver: version of the driver.
        memory_bytes: all of its memory.
        capability: of its instruction set, (9, 0) for Hopper.
        clocks: its settings in words: the highest clocks and the power limit, which latencies depend on.
        mig: whether it is split into slices.
    """

    index: int
    uuid: str
    name: str
    driver: str
    memory_bytes: int
    capability: tuple[int, int]
    clocks: str
    mig: bool

    @property
    def device(self) -> str:
        """Its name in torch, which is also that of its lock: `cuda:0`."""
        return f"cuda:{self.index}"


def gpus() -> tuple[Gpu, ...]:
    """The GPUs that this process may use.

    Raises:
        DeviceUnavailable: there is no NVIDIA driver, or it does not answer.
    """
    rows = [[value.strip() for value in line.split(",")] for line in _ask(*_FIELDS).splitlines() if line.strip()]
    return tuple(_gpu(index, row) for index, row in enumerate(_visible(rows)))


def usable(index: int = 0) -> Gpu:
    """The GPU of a number, which the installed torch can use.

    Raises:
        DeviceUnavailable: there is no driver, no such GPU, or torch cannot use it; with what to do.
    """
    found = gpus()
    if index >= len(found):
        names = "none" if not found else ", ".join(gpu.device for gpu in found)
        raise DeviceUnavailable(
            f"There is no cuda:{index}: of this machine's GPUs this process may use {names}.",
            fix="Name one of them, or use the device cpu."
            if found
            else "Use the device cpu, or check CUDA_VISIBLE_DEVICES.",
            facts={"device": f"cuda:{index}", "gpus": len(found)},
        )
    gpu = found[index]
    if reason := _unusable(gpu):
        raise DeviceUnavailable(reason[0], fix=reason[1], facts={"device": gpu.device, "driver": gpu.driver})
    return gpu


def throttled(gpu: Gpu) -> str:
    """Why a GPU is slower than its settings say just now, or an empty string."""
    try:
        answer = _run(("clocks_event_reasons.active",), gpu.uuid)
    except DeviceUnavailable:  # the field's name before driver 535
        answer = _run(("clocks_throttle_reasons.active",), gpu.uuid)
    try:
        bits = int(answer.strip(), 16)
    except ValueError:
        return ""
    return ", ".join(why for bit, why in _SLOWED.items() if bits & bit)


def torch_cuda() -> str | None:
    """The version of CUDA that the installed torch was built with; None of a build for processors, or without torch."""
    spec = find_spec("torch")
    if spec is None or spec.origin is None:
        return None
    found = re.search(
        r"^cuda\b[^=]*= *'([0-9.]+)'", (Path(spec.origin).parent / "version.py").read_text(), re.MULTILINE
    )
    return None if found is None else found[1]


def _unusable(gpu: Gpu) -> tuple[str, str] | None:
    """Why torch cannot use a GPU, and what to do."""
    cuda = torch_cuda()
    if cuda is None:
        return (
            f"This machine has an {gpu.name}, but the installed torch is a build for processors.",
            "Install a CUDA build of torch of the same version (README, CPU or CUDA build of PyTorch), or use the device cpu.",
        )
    least = LEAST_DRIVER.get(int(cuda.partition(".")[0]), 0)
    driver = gpu.driver.partition(".")[0]
    if driver.isdecimal() and int(driver) < least:
        return (
            f"The NVIDIA driver {gpu.driver} is too old for torch's CUDA {cuda}, which needs driver {least} or newer.",
            "Update the driver, install a torch build of an older CUDA, or use the device cpu.",
        )
    if gpu.mig:
        return (
            f"{gpu.device} ({gpu.name}) is split into MIG slices, which hwnas does not tell apart.",
            "Use a GPU without MIG, or the device cpu.",
        )
    return None


def _visible(rows: list[list[str]]) -> list[list[str]]:
    """The rows that CUDA_VISIBLE_DEVICES names, in its order; it ends at the first that does not exist, as CUDA does."""
    named = os.environ.get("CUDA_VISIBLE_DEVICES")
    if named is None:
        return rows
    found: list[list[str]] = []
    for name in (part.strip() for part in named.split(",")):
        row = next((r for r in rows if r[0] == name or (name and r[1].startswith(name))), None)
        if row is None:
            break
        found.append(row)
    return found


def _gpu(index: int, row: list[str]) -> Gpu:
    _, uuid, name, driver, memory, capability, sm, memory_clock, power, mig = row
    major, _, minor = capability.partition(".")
    return Gpu(
        index=index,
        uuid=uuid,
        name=name,
        driver=driver,
        memory_bytes=int(memory) << 20 if memory.isdecimal() else 0,
        capability=(int(major), int(minor or 0)),
        clocks=f"up to {sm} MHz, memory up to {memory_clock} MHz, {power} W",
        mig=mig == "Enabled",
    )


def _ask(*fields: str) -> str:
    """The driver's answer, asked once a process."""
    tool = shutil.which(TOOL)
    if tool is None:
        raise DeviceUnavailable(
            f"This machine has no NVIDIA driver: {TOOL} is not found.",
            fix="Install the driver of the GPU, or use the device cpu.",
        )
    return _remembered(tool, fields)


@cache
def _remembered(tool: str, fields: tuple[str, ...]) -> str:
    return _run(fields, tool=tool)


def _run(fields: tuple[str, ...], gpu: str = "", tool: str = TOOL) -> str:
    command = [
        tool,
        f"--query-gpu={','.join(fields)}",
        "--format=csv,noheader,nounits",
        *(["--id", gpu] if gpu else []),
    ]
    try:
        done = subprocess.run(command, capture_output=True, text=True, timeout=TIMEOUT_S, check=False)  # noqa: S603 - fixed words
    except (OSError, subprocess.TimeoutExpired) as error:
        raise DeviceUnavailable(f"{TOOL} does not answer: {error}.", fix="Check the NVIDIA driver.") from error
    if done.returncode:
        said = (done.stdout + done.stderr).strip().splitlines()
        raise DeviceUnavailable(
            f"{TOOL} fails: {said[0] if said else done.returncode}.",
            fix="Check the NVIDIA driver, or use the device cpu.",
        )
    return done.stdout
