"""What of devices needs no database: their names, who may name them, and the words for what a job waits for."""

import subprocess
import sys
from dataclasses import replace
from pathlib import Path
from typing import Final

import pytest

from api.jobs.engine_spec import engine_spec, needs_of
from api.jobs.specs import WIRE_SPEC
from api.jobs.waiting import missing_worker
from api.settings import Settings
from api.worker.device_claims import device_name, machine_id
from api.worker_registry import measurable_targets
from hw_targets.registry import target
from hw_targets.target import TargetInfo
from nas.execution.spawned import child_environment
from tests.api.conftest import body

BOARD: Final = TargetInfo("board", "measured", "int8", "runtime 1", "a board", "f", "//board.lab")


def test_simulated_targets_say_the_same_on_every_machine() -> None:
    names = [name for name, found in measurable_targets().items() if found.kind == "simulated"]
    assert names
    code = f"""
import os, socket, platform
socket.gethostname = platform.node = lambda: "elsewhere"
os.cpu_count = lambda: 512
from hw_targets.registry import target
print([target(name).info.fingerprint for name in {names}])
"""
    told = subprocess.run(
        [sys.executable, "-c", code], env=child_environment(PYTHONHASHSEED="7"), capture_output=True, text=True, check=True
    )  # fmt: skip
    assert told.stdout.strip() == str([target(name).info.fingerprint for name in names])


def test_a_spec_may_name_a_device_of_each_target(tmp_path: Path) -> None:
    pair = [{"target": "cpu", "latency_ms": 1}, {"target": "cpu:threads=2", "latency_ms": 1, "device": "a"}]
    wire = WIRE_SPEC.validate_python(body(targets=pair)["spec"])
    assert needs_of(wire) == {"cpu": "a"}
    assert [t.target for t in engine_spec(wire, Settings(home=tmp_path)).targets] == ["cpu", "cpu:threads=2"]
    profile = WIRE_SPEC.validate_python({"kind": "profiling", "target": "cpu", "device": "a"})
    assert needs_of(profile) == {"cpu": "a"}
    assert needs_of(WIRE_SPEC.validate_python({"kind": "supernet_training", "data": "digits"})) == {}
    with pytest.raises(ValueError, match="two devices"):
        WIRE_SPEC.validate_python(body(targets=[{**pair[0], "device": "b"}, pair[1]])["spec"])


@pytest.mark.parametrize(
    ("needs", "workers", "told"),
    [
        ({}, [{}], None),
        ({"cpu": None}, [{"cpu": "a"}], None),
        ({"cpu": "a"}, [{"cpu": "b"}, {"cpu": "a"}], None),
        ({}, [], "No worker is running."),
        ({"fpga": None}, [{"cpu": "a"}], "No worker that can measure fpga is running."),
        ({"cpu": "a"}, [{"cpu": "b"}], "No worker with the device a is running, to which the job is bound for cpu."),
        (
            {"cpu": "a", "fpga": None},
            [{"cpu": "a"}, {"cpu": "b", "fpga": "f"}],
            "No single worker that runs can measure cpu on a and fpga.",
        ),
    ],
)
def test_what_a_job_waits_for(needs: dict[str, str | None], workers: list[dict[str, str]], told: str | None) -> None:
    found = missing_worker(needs, workers)
    assert (found and found.detail) == told


def test_a_device_has_one_name_on_all_machines_that_reach_it() -> None:
    assert device_name(BOARD) == "//board.lab"
    assert device_name(target("cpu").info) == device_name(target("cpu:threads=2").info) == f"{machine_id()}/cpu"
    assert device_name(replace(BOARD, id="gpu:index=1", device_id="")) == f"{machine_id()}/gpu"
