"""Cards as the driver lists them, and why torch cannot use one, each with its fix."""

import subprocess
import sys
from pathlib import Path

import pytest

from hw_targets import nvidia
from hw_targets.errors import DeviceUnavailable
from tests.hw_targets.nvidia import HOPPER, install


def test_a_card_is_what_the_driver_says(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    install(monkeypatch, tmp_path, HOPPER)
    gpu = nvidia.usable()
    assert (gpu.device, gpu.name, gpu.driver, gpu.capability) == ("cuda:0", "NVIDIA H200", "580.159.04", (9, 0))
    assert gpu.memory_bytes == 143771 * 2**20
    assert gpu.clocks == "up to 1980 MHz, memory up to 3201 MHz, 700.00 W"


def test_visible_devices_count_from_zero(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    install(monkeypatch, tmp_path, HOPPER, HOPPER.replace("H200", "L4"), HOPPER.replace("H200", "T4"))
    monkeypatch.setenv("CUDA_VISIBLE_DEVICES", "2,GPU-1aa,7,0")
    assert [(gpu.index, gpu.name) for gpu in nvidia.gpus()] == [(0, "NVIDIA T4"), (1, "NVIDIA L4")]
    monkeypatch.setenv("CUDA_VISIBLE_DEVICES", "")
    assert nvidia.gpus() == ()


def _refusal(index: int = 0) -> str:
    with pytest.raises(DeviceUnavailable) as refused:
        nvidia.usable(index)
    return f"{refused.value.detail} {refused.value.fix}"


def test_each_refusal_names_its_fix(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))
    assert "no NVIDIA driver" in _refusal() and "Install the driver" in _refusal()

    install(monkeypatch, tmp_path, *[HOPPER] * 4)
    assert "There is no cuda:7" in _refusal(7) and "cuda:0, cuda:1, cuda:2, cuda:3" in _refusal(7)

    install(monkeypatch, tmp_path, HOPPER, cuda=None)
    assert "build for processors" in _refusal() and "CUDA build of torch" in _refusal()

    install(monkeypatch, tmp_path, HOPPER.replace("580.159.04", "535.104.05"))
    assert "too old for torch's CUDA 13.0, which needs driver 580" in _refusal() and "Update the driver" in _refusal()

    install(monkeypatch, tmp_path, HOPPER.replace("Disabled", "Enabled"))
    assert "MIG" in _refusal()

    install(monkeypatch, tmp_path, fails="Driver/library version mismatch")
    assert "version mismatch" in _refusal() and "Check the NVIDIA driver" in _refusal()


def test_a_hot_card_says_so_and_a_power_cap_is_none(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    install(monkeypatch, tmp_path, HOPPER, reasons="0x0000000000000044")
    assert nvidia.throttled(nvidia.usable()) == "it is too hot (hardware limit)"
    install(monkeypatch, tmp_path, HOPPER, reasons="0x0000000000000005")
    assert nvidia.throttled(nvidia.usable()) == ""


def test_torch_is_not_loaded_to_ask_about_it() -> None:
    code = "import sys; from hw_targets import nvidia; nvidia.torch_cuda(); assert 'torch' not in sys.modules"
    subprocess.run([sys.executable, "-c", code], check=True)
