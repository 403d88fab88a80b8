"""The executor on a real Ray cluster, of several nodes on this machine: its contract, and what happens when a part dies."""

import importlib.metadata
import json
import os
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from nas.errors import Cancelled, ClusterLost, ClusterMismatch, ClusterUnreachable, UnmetNeeds
from nas.events import Event, LogEvent
from nas.execution import cluster, cluster_address
from nas.execution.cluster import RayExecutor
from nas.execution.executor import Executor, open_executor
from nas.execution.packing import PackedStore, packed_store
from nas.execution.work import Needs, WorkItem
from nas.store import Store
from nas.testing.executor import Keeps, Square, WorkersContract
from tests.ray_cluster import RayCluster
from tests.repository import ROOT


class TestRay(WorkersContract):
    @pytest.fixture(scope="class")
    @classmethod
    def executor(cls, ray_cluster: RayCluster) -> Iterator[Executor]:
        with open_executor(f"ray:{ray_cluster.address}") as executor:
            yield executor

    def test_needs_that_no_node_meets_are_an_error_and_other_items_run(self, executor: Executor, store: Store) -> None:
        items = [Square(2), Square(3, needs=Needs(cores=99)), Square(4, needs=Needs(cores=99, device="board"))]
        outcomes = sorted(executor.map(items, store=store), key=lambda outcome: outcome.index)
        assert [outcome.value for outcome in outcomes] == [4, None, None]
        assert all(isinstance(outcome.error, UnmetNeeds) for outcome in outcomes[1:])
        assert "99 cores" in str(outcomes[1].error) and '"device:board": 1' in str(outcomes[2].error)

    def test_a_device_is_measured_by_one_item_at_a_time(self, executor: Executor, store: Store, tmp_path: Path) -> None:
        """The cluster has one device `board`, on a node with room for two workers."""
        items = [Square(n, 0.2, counts=str(tmp_path), needs=Needs(device="board")) for n in range(4)]
        outcomes = list(executor.map(items, store=store))
        assert sorted(outcome.value for outcome in outcomes) == [0, 1, 4, 9]
        assert len(_pids(tmp_path)) == 1

    def test_a_device_of_no_node_is_one_of_this_machine(self, executor: Executor, store: Store, tmp_path: Path) -> None:
        items = [Square(3, counts=str(tmp_path), needs=Needs(device="here")), Square(4)]
        outcomes = list(executor.map(items, store=store))
        assert [(outcome.index, outcome.value) for outcome in outcomes] == [(1, 16), (0, 9)]
        assert _pids(tmp_path) == {os.getpid()}

    def test_a_node_that_does_not_see_the_store_reaches_it_over_the_cluster(
        self, executor: Executor, store: Store, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        real = packed_store

        class Elsewhere:
            """A packed store whose folder no worker sees."""

            def __init__(self, store: Store) -> None:
                self._context = real(store)

            def __enter__(self) -> PackedStore:
                packed = self._context.__enter__()
                gone = Store(store.files.path("absent"))
                with real(gone) as other:
                    return PackedStore(other.files, packed.namespace, packed.probe, packed.place)

            def __exit__(self, *error: object) -> None:
                self._context.__exit__(None, None, None)

        monkeypatch.setattr(cluster, "packed_store", Elsewhere)
        outcomes = list(executor.map([Keeps("far"), Keeps("away")], store=store))
        assert [outcome.error for outcome in outcomes] == [None, None]
        for text in ("far", "away"):
            record = store.find(Keeps(text).key)
            assert record is not None and store.get(record.outputs["text"]) == text.encode()


@pytest.fixture
def store(tmp_path: Path) -> Store:
    return Store(tmp_path / "store")


def _pids(folder: Path) -> set[int]:
    return {int(path.name.split("-")[2]) for path in folder.glob("*-*-*")}


def _wait(condition: Any, seconds: float = 60.0) -> None:
    until = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < until
        time.sleep(0.1)


def _runs(pid: int) -> bool:
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] != "Z"
    except (FileNotFoundError, ProcessLookupError):
        return False


def test_a_node_that_joins_is_used_and_one_that_is_lost_is_survived(
    ray_cluster: RayCluster, store: Store, tmp_path: Path
) -> None:
    counts, go = tmp_path / "counts", tmp_path / "go"
    counts.mkdir()
    cores = ray_cluster.cores
    nodes: list[Any] = [None]

    def joins_and_dies() -> bool:
        """Called while the items run: one more than there are cores, which end when the node that runs it was lost."""
        if nodes == [None] and len(_pids(counts)) == cores:
            nodes.append(ray_cluster.add_node(num_cpus=1))
        elif len(nodes) == 2 and len(_pids(counts)) > cores:
            ray_cluster.kill_node(nodes.pop())
        return False

    def on_event(event: Event) -> None:
        if isinstance(event, LogEvent) and "is tried again: its worker was lost" in event.message:
            go.touch()

    items = [Square(n, 600.0, counts=str(counts), file=str(go)) for n in range(cores + 1)]
    with RayExecutor(ray_cluster.address) as executor:
        assert executor.workers == cores
        outcomes = list(executor.map(items, store=store, cancelled=joins_and_dies, on_event=on_event))
    assert sorted(outcome.value for outcome in outcomes) == [n**2 for n in range(cores + 1)]
    assert sorted(outcome.attempts for outcome in outcomes) == [1] * cores + [2]
    assert len(list(counts.iterdir())) == cores + 2  # the item that ran again is counted


def test_a_killed_driver_leaves_nothing_running_and_the_next_one_can_work(
    ray_cluster: RayCluster, store: Store, tmp_path: Path
) -> None:
    code = (
        "from nas.execution.cluster import RayExecutor\nfrom nas.store import Store\nfrom nas.testing.executor import Square\n"
        f"items = [Square(n, 600.0, counts={str(tmp_path)!r}) for n in range(2)]\n"
        f"list(RayExecutor({ray_cluster.address!r}).map(items, store=Store({str(tmp_path / 'store')!r})))\n"
    )
    process = subprocess.Popen([sys.executable, "-c", code], cwd=ROOT)
    try:
        _wait(lambda: len(_pids(tmp_path)) == 2)
        workers = _pids(tmp_path)
    finally:
        process.kill()
        process.wait()
    _wait(lambda: not any(map(_runs, workers)), 30)
    with RayExecutor(ray_cluster.address) as executor:
        assert [outcome.value for outcome in executor.map([Square(3)], store=store)] == [9]


def test_a_node_with_another_version_is_named_and_not_used(
    ray_cluster: RayCluster, store: Store, tmp_path: Path
) -> None:
    other = tmp_path / "other" / "hwnas-9.9.dist-info"
    other.mkdir(parents=True)
    (other / "METADATA").write_text("Metadata-Version: 2.1\nName: hwnas\nVersion: 9.9\n")
    path = os.pathsep.join([str(other.parent), *sys.path])
    node = ray_cluster.add_node(num_cpus=4, env_vars={"PYTHONPATH": path})
    seen: list[Event] = []
    try:
        with RayExecutor(ray_cluster.address) as executor:
            assert executor.workers == ray_cluster.cores
            outcomes = list(executor.map([Square(n) for n in range(8)], store=store, on_event=seen.append))
        assert sorted(outcome.value for outcome in outcomes) == [n**2 for n in range(8)]
    finally:
        ray_cluster.remove_node(node)
    ours = importlib.metadata.version("hwnas")
    warnings = [event.message for event in seen if isinstance(event, LogEvent) and event.level == "warning"]
    assert any(f"has hwnas 9.9 (here {ours})" in message for message in warnings)


def test_a_cluster_of_other_versions_is_refused(ray_cluster: RayCluster, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.syspath_prepend(str(_fake_version(ray_cluster)))
    with pytest.raises(ClusterMismatch, match=r"has hwnas 0\.1\.0 \(here 8\.8\)"):
        RayExecutor(ray_cluster.address)


def _fake_version(ray_cluster: RayCluster) -> Path:
    folder = ray_cluster.folder / "hwnas-8.8.dist-info"
    folder.mkdir(exist_ok=True)
    (folder / "METADATA").write_text("Metadata-Version: 2.1\nName: hwnas\nVersion: 8.8\n")
    return folder.parent


def test_the_status_has_nodes_devices_versions_what_runs_and_what_is_wrong(
    ray_cluster: RayCluster, store: Store, tmp_path: Path
) -> None:
    answers: list[dict[str, Any]] = []

    def status() -> dict[str, Any]:
        words = [sys.executable, "-m", "nas.cli", "cluster", "status", ray_cluster.address, "--json"]
        found: dict[str, Any] = json.loads(subprocess.check_output(words, cwd=ROOT))
        return found

    def ask() -> bool:
        """Called while the items run: asks once, then cancels."""
        if len(_pids(tmp_path)) < 2:
            return False
        answers.append(status())
        return True

    node = ray_cluster.add_node(num_cpus=1)
    ray_cluster.kill_node(node)
    items = [Square(n, 600.0, counts=str(tmp_path)) for n in range(2)]
    with RayExecutor(ray_cluster.address) as executor, pytest.raises(Cancelled):
        list(executor.map(items, store=store, cancelled=ask))
    _wait(lambda: status()["cores_free"] == ray_cluster.cores, 30)  # cancelling has freed them
    (found,) = answers
    assert (found["address"], found["cores"], found["cores_free"]) == (
        ray_cluster.address, ray_cluster.cores, ray_cluster.cores - 2
    )  # fmt: skip
    alive = [one for one in found["nodes"] if one["alive"]]
    assert len(alive) == 3 and all(one["usable"] for one in alive)
    assert [one["devices"] for one in alive if one["devices"]] == [{"board": 1}]
    assert {one["versions"]["hwnas"] for one in alive} == {importlib.metadata.version("hwnas")}
    assert sorted(worker["item"] for worker in found["workers"]) == ["square 0", "square 1"]
    assert any("has left" in problem for problem in found["problems"])


@pytest.mark.parametrize("address", ["127.0.0.1:1", "no-such-host.invalid:6379"])
def test_an_address_without_a_cluster_is_an_error_within_seconds(address: str) -> None:
    began = time.monotonic()
    with pytest.raises(ClusterUnreachable, match=r"ray start --head") as caught:
        open_executor(f"ray:{address}")
    assert caught.value.facts["address"] == address and time.monotonic() - began < 10


def test_another_server_is_no_cluster() -> None:
    import http.server

    with http.server.HTTPServer(("127.0.0.1", 0), http.server.SimpleHTTPRequestHandler) as server:
        threading.Thread(target=server.handle_request, daemon=True).start()
        with pytest.raises(ClusterUnreachable):
            cluster_address.check_address(f"127.0.0.1:{server.server_port}")


@pytest.mark.parametrize("address", ["ray://head:10001", "head", "head:port", "head:70000"])
def test_what_is_no_address_is_refused(address: str) -> None:
    with pytest.raises(ClusterUnreachable, match="is no address"):
        cluster_address.check_address(address)


def test_without_an_address_a_cluster_is_started_that_ends_with_the_executor(store: Store) -> None:
    with open_executor("ray") as executor:
        assert isinstance(executor, RayExecutor) and executor.workers == len(os.sched_getaffinity(0))
        assert [outcome.value for outcome in executor.map([Square(3)], store=store)] == [9]
        hub = executor._crew._process.pid
        assert len(_session(hub)) > 3  # the head's processes
    _wait(lambda: not _session(hub), 20)


def _session(leader: int) -> list[str]:
    """Processes that run in the session of one."""
    listed = subprocess.run(
        ["ps", "-o", "stat=", "-s", str(leader)], capture_output=True, text=True, check=False
    ).stdout
    return [state for state in listed.split() if not state.startswith("Z")]


def test_a_lost_head_is_an_error_and_what_was_computed_is_kept(store: Store, tmp_path: Path) -> None:
    with RayCluster(nodes=1, folder=tmp_path) as own, RayExecutor(own.address) as executor:
        items: list[WorkItem] = [Keeps("a"), Square(1, 600.0, counts=str(tmp_path))]
        killed: list[float] = []

        def kills_head() -> bool:
            """Called while the items run; it never cancels."""
            if not killed and _pids(tmp_path) and store.find(Keeps("a").key) is not None:
                own.kill_head()
                killed.append(time.monotonic())
            return False

        with pytest.raises(ClusterLost, match="what was computed is stored"):
            list(executor.map(items, store=store, cancelled=kills_head))
        assert time.monotonic() - killed[0] < 40
        assert store.find(Keeps("a").key) is not None
        with pytest.raises(ClusterLost):
            list(executor.map([Square(1)], store=store))


def test_a_hub_that_is_killed_or_stuck_is_a_lost_cluster(
    ray_cluster: RayCluster, store: Store, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(cluster, "SILENT_S", 3.0)
    with RayExecutor(ray_cluster.address) as executor:
        os.kill(executor._crew._process.pid, signal.SIGSTOP)
        with pytest.raises(ClusterLost, match="has not answered"):
            list(executor.map([Square(1)], store=store))
