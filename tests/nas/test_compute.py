"""Where networks are trained: resolved once, part of the keys on a GPU alone, and refused with a fix."""

import hashlib
import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import pytest

from hw_targets.errors import DeviceUnavailable
from nas.compute import Compute, resolve
from nas.errors import OutOfDeviceMemory
from nas.pipeline import run_name
from nas.spec import SearchSpec
from nas.stages import plan
from nas.stages.train import _key
from tests.hw_targets.nvidia import HOPPER, install
from tests.nas.stages import jobs
from tests.nas.stages.jobs import board

__all__ = ["board"]

GPU = Compute("cuda:1", "bfloat16", 3, "NVIDIA H200", 150_000_000_000)


def test_auto_takes_what_is_there_and_says_so(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))
    assert resolve("auto", 3) == Compute(threads=3) and resolve("auto", 3).note == ""
    install(monkeypatch, tmp_path, HOPPER)
    found = resolve("auto", 3)
    assert found == Compute("cuda:0", "bfloat16", 3, "NVIDIA H200", 143771 * 2**20)
    assert found.note == "Trains on cuda:0 (NVIDIA H200, 151 GB) in bfloat16."
    install(monkeypatch, tmp_path, HOPPER, cuda=None)
    assert resolve("auto", 3) == Compute(threads=3)
    assert resolve("auto", 3).note.startswith("Trains on the processor. This machine has an NVIDIA H200, but")


def test_what_is_named_is_taken_or_refused(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    install(monkeypatch, tmp_path, HOPPER, HOPPER.replace("H200", "V100").replace("9.0", "7.0"))
    assert resolve("cpu", None).device == "cpu" and resolve("cuda", 1).device == "cuda:0"
    assert resolve("cuda:1", 1).dtype == "float32"  # its bfloat16 would be emulated
    with pytest.raises(DeviceUnavailable, match="There is no cuda:7"):
        resolve("cuda:7", 1)


def test_the_spec_rejects_other_devices() -> None:
    for device in ("gpu", "cuda:", "cuda:x", "CPU", "cuda:0,1"):
        with pytest.raises(ValueError, match="device"):
            SearchSpec(data="digits", targets=({"target": "cpu", "latency_ms": 1},), device=device)


def test_keys_of_a_processor_are_those_of_before_there_was_a_choice(board: None, tmp_path: Path) -> None:
    _, job = jobs.resolved(tmp_path)
    assert Compute(threads=3).inputs == {"threads": 3}
    inputs = _key(job, None).inputs
    assert set(inputs) == {
        "space", "data", "config", "steps", "largest_first", "seed", "threads", "augment", "class_weights",
    }  # fmt: skip
    assert set(plan.job_inputs(job)) == {"spec", "data", "space", "threads"}
    for device in ("auto", "cpu"):
        chosen = replace(job, spec=job.spec.model_copy(update={"device": device}))
        assert plan.job_inputs(chosen) == plan.job_inputs(job) and "device" not in str(plan.job_inputs(job))
    digits = SearchSpec.model_validate({"data": "digits", "targets": [{"target": "cpu", "latency_ms": "40%"}]})
    before = digits.model_dump_json(exclude={"work", "device", "limits", "objective", "at_once", "supernet_targets"})
    assert run_name(digits).endswith(hashlib.sha256(before.encode()).hexdigest()[:8])
    assert run_name(digits) != run_name(digits.model_copy(update={"device": "cuda"}))


def test_keys_of_a_gpu_are_others_for_each_card_and_dtype(board: None, tmp_path: Path) -> None:
    _, job = jobs.resolved(tmp_path)
    kinds = (
        job.compute, GPU, replace(GPU, gpu="NVIDIA L4"), replace(GPU, dtype="float32"), replace(GPU, threads=1),
    )  # fmt: skip
    assert len({_key(replace(job, compute=one), None).hash for one in kinds}) == len(kinds)
    twin = replace(GPU, device="cuda:0")
    assert _key(replace(job, compute=twin), None).hash == _key(replace(job, compute=GPU), None).hash


def test_the_plan_says_where_it_trains(board: None, tmp_path: Path) -> None:
    _, job = jobs.resolved(tmp_path)
    there = plan.note(replace(job, compute=replace(GPU, note="Trains there.")))
    assert "pixels. Trains there. It takes about " in there and there.endswith(" GB there.")
    assert plan.note(job).endswith("pixels.")


def test_a_gpu_that_is_too_small_is_rejected_before_training(board: None, tmp_path: Path) -> None:
    _, job = jobs.resolved(tmp_path)
    plan.check_device_memory(replace(job, compute=GPU))
    plan.check_device_memory(job)
    little = replace(GPU, memory_bytes=plan._device_bytes(job) // 2)
    with pytest.raises(OutOfDeviceMemory, match=r"needs about 0\.\d GB with batches of \d+ images") as rejected:
        plan.check_device_memory(replace(job, compute=little))
    facts = rejected.value.facts
    assert isinstance(facts["fitting_batch"], int) and isinstance(facts["batch"], int)
    assert 0 <= facts["fitting_batch"] < facts["batch"] and "--device cpu" in rejected.value.fix


def test_small_data_are_kept_on_the_gpu() -> None:
    assert GPU.holds(45_000_000_000) and not GPU.holds(46_000_000_000) and Compute().holds(10**15)
    assert Compute().locks == ("cpu",) and GPU.locks == ("cpu", "cuda:1")


def test_torch_is_not_loaded_to_resolve() -> None:
    code = "import sys; from nas.compute import resolve; resolve('auto', None); assert 'torch' not in sys.modules"
    subprocess.run([sys.executable, "-c", code], check=True)
