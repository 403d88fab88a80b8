"""A machine with invented GPUs: `nvidia-smi` is a script, torch's version file says what a test wants. No tests."""

from pathlib import Path

import pytest

from hw_targets import nvidia

HOPPER = "NVIDIA H200, 580.159.04, 143771, 9.0, 1980, 3201, 700.00, Disabled"


def install(
    monkeypatch: pytest.MonkeyPatch,
    folder: Path,
    *gpus: str,
    cuda: str | None = "13.0",
    reasons: str = "0x0",
    fails: str = "",
) -> None:
    """Puts a driver with these GPUs (`name, driver, MiB, capability, MHz, MHz, W, MIG`) on the path."""
    rows = "\n".join(f"{index}, GPU-{index}aa, {gpu}" for index, gpu in enumerate(gpus))
    tool = folder / nvidia.TOOL
    answer = f"echo '{fails}' >&2; exit 9" if fails else f"cat <<'END'\n{rows}\nEND"
    tool.write_text(f"#!/bin/sh\ncase \"$1\" in *clocks_event_reasons*) echo '{reasons}'; exit 0;; esac\n{answer}\n")
    tool.chmod(0o755)
    monkeypatch.setenv("PATH", f"{folder}:/usr/bin:/bin")
    monkeypatch.delenv("CUDA_VISIBLE_DEVICES", raising=False)
    monkeypatch.setattr(nvidia, "torch_cuda", lambda: cuda)
    nvidia._remembered.cache_clear()
