"""The whole job with worker processes: its result is that of one process, also when the process that drives them is killed."""

import shutil
import signal
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from nas import pipeline
from nas.errors import Cancelled
from nas.events import CandidateEvent, Event, FinalistEvent, PhaseEvent
from nas.execution.executor import open_executor
from nas.result import SearchResult
from nas.spec import SearchSpec
from tests.nas.test_pipeline import same, spec

TARGETS = [{"target": "alveo-u50", "latency_ms": "60%"}, {"target": "alveo-u50:elp2", "latency_ms": "70%"}]
"""Simulated: nothing here depends on how busy the machine is."""

SCRIPT = """
import json, os, signal, sys
from pathlib import Path
from nas import pipeline
from nas.execution.executor import open_executor
from nas.spec import SearchSpec

if __name__ == "__main__":
    kind, kill_at = sys.argv[3], int(sys.argv[4])
    seen = 0

    def sink(event):
        global seen
        seen += event.type == kind
        if seen == kill_at:
            os.kill(os.getpid(), signal.SIGKILL)

    with open_executor("processes:2") as pool:
        pipeline.search(SearchSpec(**json.loads(sys.argv[1])), out=Path(sys.argv[2]), on_event=sink, executor=pool)
"""


def search_spec(**fields: Any) -> SearchSpec:
    return spec(targets=TARGETS, at_once=3, **fields)


@pytest.fixture(scope="module")
def trained(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with a supernet that one process trained: several train one that differs in the last bits."""
    out, events = tmp_path_factory.mktemp("trained"), list[Event]()
    with pytest.raises(Cancelled):
        pipeline.search(search_spec(), out=out, on_event=events.append, cancelled=lambda: _is_trained(events))
    return out


def _is_trained(events: list[Event]) -> bool:
    return any(isinstance(one, PhaseEvent) and (one.phase, one.status) == ("training", "finished") for one in events)


@pytest.fixture
def out(trained: Path, tmp_path: Path) -> Path:
    shutil.copytree(trained, tmp_path / "runs")
    return tmp_path / "runs"


@pytest.fixture(scope="module")
def local(trained: Path, tmp_path_factory: pytest.TempPathFactory) -> tuple[SearchResult, list[Event]]:
    """What one process finds."""
    events, out = list[Event](), tmp_path_factory.mktemp("local") / "runs"
    shutil.copytree(trained, out)
    return pipeline.search(search_spec(), out=out, on_event=events.append), events


def of_target(events: list[Event], target: str) -> list[Event]:
    """Candidates and finalists of a target, in their order."""
    return [
        event
        for event in events
        if (isinstance(event, CandidateEvent) and target in event.latency_ms)
        or (isinstance(event, FinalistEvent) and event.target == target)
    ]


def test_worker_processes_find_what_one_process_finds(local: tuple[SearchResult, list[Event]], out: Path) -> None:
    events: list[Event] = []
    with open_executor("processes:2") as pool:
        found = pipeline.search(search_spec(), out=out, on_event=events.append, executor=pool)
    assert same(found, local[0]) and found.fronts == local[0].fronts
    for target in found.models:
        assert of_target(events, target) == of_target(local[1], target) != []


@pytest.mark.parametrize(("kind", "kill_at"), [("candidate", 2), ("finalist", 5)])
def test_a_driver_that_is_killed_continues(
    local: tuple[SearchResult, list[Event]], tmp_path: Path, out: Path, kind: str, kill_at: int
) -> None:
    script = tmp_path / "driver.py"
    script.write_text(SCRIPT)
    command = [sys.executable, str(script), search_spec().model_dump_json(), str(out), kind, str(kill_at)]
    killed = subprocess.run(command, capture_output=True, text=True, timeout=300, check=False)
    assert killed.returncode == -signal.SIGKILL, killed.stderr[-2000:]
    with open_executor("processes:2") as pool:
        found = pipeline.search(search_spec(), out=out, executor=pool)
    assert same(found, local[0]) and found.fronts == local[0].fronts
