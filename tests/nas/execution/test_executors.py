"""The executors of one machine: their contract, and how they are named."""

import os
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from nas.errors import InvalidSpec, UnknownExecutor, UnreachableStore
from nas.execution import processes
from nas.execution.executor import TRAINING_VARIABLE, VARIABLE, Executor, open_executor, training_workers
from nas.execution.local import LocalExecutor
from nas.execution.processes import ProcessCrew, ProcessExecutor, available_cores
from nas.execution.work import Needs
from nas.stages.context import Context
from nas.store import Store
from nas.testing.executor import ExecutorContract, Square, WorkersContract
from tests.repository import ROOT


class TestLocal(ExecutorContract):
    @pytest.fixture
    def executor(self) -> Executor:
        return LocalExecutor()


class TestProcesses(WorkersContract):
    @pytest.fixture(scope="class")
    @classmethod
    def executor(cls) -> Iterator[Executor]:
        with ProcessExecutor(2) as executor:
            yield executor


def test_a_name_opens_an_executor(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv(VARIABLE, raising=False)
    assert (open_executor().name, open_executor("local").workers) == ("local", 1)
    assert (open_executor("processes").workers, open_executor("processes:5").workers) == (available_cores(), 5)
    monkeypatch.setenv(VARIABLE, "processes:3")
    assert (open_executor().name, open_executor("local").name) == ("processes:3", "local")
    assert Context(Store("unused")).executor.name == "local"


def test_how_many_workers_train_is_given_or_of_the_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv(TRAINING_VARIABLE, raising=False)
    assert training_workers() == 1
    monkeypatch.setenv(TRAINING_VARIABLE, "4")
    assert (training_workers(), training_workers(2)) == (4, 2)
    monkeypatch.setenv(TRAINING_VARIABLE, "all")
    with pytest.raises(InvalidSpec, match="'all' is no number of workers"):
        training_workers()
    with pytest.raises(InvalidSpec):
        training_workers(0)


@pytest.mark.parametrize("text", ["slurm", "processes:0", "processes:-1", "processes:two", "local:2", "Local"])
def test_another_name_is_refused(text: str) -> None:
    with pytest.raises(UnknownExecutor, match=text):
        open_executor(text)


def test_a_store_in_the_memory_of_this_process_is_refused() -> None:
    with ProcessExecutor(1) as executor:
        (outcome,) = executor.map([Square(2)], store=Store("memory://nowhere"))
    assert isinstance(outcome.error, UnreachableStore) and "memory://" in outcome.error.detail


def test_items_share_cores_memory_and_devices(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(processes, "available_cores", lambda: 4)
    monkeypatch.setattr(processes, "machine_memory_bytes", lambda: 10)
    crew = ProcessCrew(2)
    assert crew.admits(Needs(cores=99, memory_bytes=99), [])  # one alone always starts
    assert crew.admits(Needs(2), [Needs(2)]) and not crew.admits(Needs(2), [Needs(2), Needs(1)])
    assert crew.admits(Needs(memory_bytes=5), [Needs(memory_bytes=5)])
    assert not crew.admits(Needs(memory_bytes=5), [Needs(memory_bytes=6)])
    assert crew.admits(Needs(device="a"), [Needs(device="b")]) and not crew.admits(
        Needs(device="a"), [Needs(device="a")]
    )


def test_workers_end_with_a_process_that_is_killed(tmp_path: Path) -> None:
    code = (
        "from nas.execution.processes import ProcessExecutor\nfrom nas.store import Store\n"
        "from nas.testing.executor import Square\n"
        f"items = [Square(n, 600.0, counts={str(tmp_path)!r}) for n in range(2)]\n"
        f"list(ProcessExecutor(2).map(items, store=Store({str(tmp_path / 'store')!r})))\n"
    )
    process = subprocess.Popen([sys.executable, "-c", code], cwd=ROOT, start_new_session=True)
    try:
        workers = _wait_for(lambda: {int(path.name.split("-")[2]) for path in tmp_path.glob("*-*-*")}, 2)
    finally:
        process.kill()
        process.wait()
    _wait_for(lambda: {pid for pid in workers if not _runs(pid)}, 2)


def _wait_for(find: Callable[[], set[int]], count: int, seconds: float = 60.0) -> set[int]:
    until = time.monotonic() + seconds
    while len(found := find()) < count:
        assert time.monotonic() < until
        time.sleep(0.05)
    return found


def _runs(pid: int) -> bool:
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] != "Z"
    except (FileNotFoundError, ProcessLookupError):
        return False


def test_imports_and_local_work_start_no_process_and_load_no_ray() -> None:
    code = (
        "import os, sys, nas, nas.pipeline\nfrom nas.execution.executor import open_executor\n"
        "from nas.testing.executor import Square\nfrom nas.store import Store\n"
        "(outcome,) = open_executor('local').map([Square(3)], store=Store('unused'))\n"
        "children = open(f'/proc/self/task/{os.getpid()}/children').read().split()\n"
        "print(outcome.value, children, [name for name in ('ray', 'torch') if name in sys.modules])"
    )
    environment = {name: value for name, value in os.environ.items() if name != VARIABLE}
    output = subprocess.check_output([sys.executable, "-c", code], cwd=ROOT, text=True, env=environment)
    assert output.strip() == "9 [] []"
