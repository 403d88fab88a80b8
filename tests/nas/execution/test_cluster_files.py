"""The store over a cluster: the contract of a file system, here without Ray in between, and what its server refuses."""

import pickle
import sys
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest

from nas.errors import ObjectStoreFull, UnreachableStore
from nas.execution import cluster_files
from nas.execution.cluster_files import ServedFiles, StoreServer
from nas.execution.packing import packed_store
from nas.files import Files
from nas.store import Store
from nas.testing.store import HELLO, StoreContract


class NoCluster:
    """Stands in for an actor: its methods return what they would, pickled as on the way between nodes."""

    def __init__(self, server: StoreServer) -> None:
        self._server, self.calls = server, 0

    def __getattr__(self, method: str) -> Any:
        class Method:
            @staticmethod
            def remote(*arguments: object) -> Any:
                self.calls += 1
                return lambda: pickle.loads(pickle.dumps(getattr(self._server, method)(*arguments)))

        return Method()


def _fake_ray(monkeypatch: pytest.MonkeyPatch, fails: str = "") -> None:
    ray, exceptions = ModuleType("ray"), ModuleType("ray.exceptions")
    for name in ("RayError", "ObjectStoreFullError", "OutOfDiskError", "RayTaskError"):
        base = getattr(exceptions, "RayError", Exception)
        setattr(exceptions, name, type(name, (base,), {}))

    def get(reply: Any, timeout: float) -> Any:
        if fails:
            raise getattr(exceptions, fails)("no answer\nand a trace")
        return reply()

    ray.get, ray.exceptions = get, exceptions  # type: ignore[attr-defined]
    monkeypatch.setitem(sys.modules, "ray", ray)
    monkeypatch.setitem(sys.modules, "ray.exceptions", exceptions)


class TestServedFiles(StoreContract):
    @pytest.fixture
    def files(self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Files:
        _fake_ray(monkeypatch)
        (tmp_path / "store").mkdir()
        return Files(
            ServedFiles("store", NoCluster(StoreServer(str(tmp_path / "store"))), cache=tmp_path / "cache"), ""
        )


def test_a_blob_travels_once_to_a_node(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    _fake_ray(monkeypatch)
    Store(tmp_path / "store").put(b"hello")
    server = NoCluster(StoreServer(str(tmp_path / "store")))
    stores = [Store(Files(ServedFiles("store", server, cache=tmp_path / "cache"), "")) for _ in range(3)]
    assert [store.get(HELLO) for store in stores] == [b"hello"] * 3
    assert server.calls == 1
    (tmp_path / "cache" / HELLO).write_bytes(b"hullo")
    assert (stores[0].get(HELLO), server.calls) == (b"hello", 2)


def test_the_cache_of_blobs_is_bounded(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(cluster_files, "KEPT_BYTES", 25)
    for name in "abc":
        cluster_files._keep(tmp_path / name, b"0123456789")
    assert len(list(tmp_path.iterdir())) == 2 and (tmp_path / "c").is_file()


@pytest.mark.parametrize("path", ["../secret", "/../secret", "blobs/../../secret", "link/secret"])
def test_only_what_is_in_the_store_is_served(tmp_path: Path, path: str) -> None:
    (tmp_path / "secret").write_text("s")
    (tmp_path / "store").mkdir()
    (tmp_path / "store" / "link").symlink_to(tmp_path)
    server = StoreServer(str(tmp_path / "store"))
    for call in (server.cat_file, server.info, server.ls, server.rm, lambda p: server.pipe_file(p, b"")):
        with pytest.raises(PermissionError):
            call(path)
    with pytest.raises(PermissionError):
        server.rm("")
    assert (tmp_path / "secret").read_text() == "s"


@pytest.mark.parametrize(
    ("fails", "error"), [("RayError", UnreachableStore), ("ObjectStoreFullError", ObjectStoreFull)]
)
def test_a_server_that_cannot_be_reached_is_a_typed_error(
    monkeypatch: pytest.MonkeyPatch, fails: str, error: type[Exception]
) -> None:
    _fake_ray(monkeypatch, fails)
    with pytest.raises(error, match="no answer"):
        ServedFiles("store", NoCluster(StoreServer("store"))).info("/a")


def test_a_worker_that_sees_neither_way_says_so(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    _fake_ray(monkeypatch)
    (tmp_path / "other").mkdir()
    served = ServedFiles("store", NoCluster(StoreServer(str(tmp_path / "other"))))
    with packed_store(Store(tmp_path / "store")) as packed:
        assert packed.open(served).files.folder is not None  # it sees the folder itself
        (tmp_path / "store").rename(tmp_path / "moved")
        with pytest.raises(UnreachableStore, match="its files are not there"):
            packed.open(served)
        over_the_cluster = packed.open(ServedFiles("store", NoCluster(StoreServer(str(tmp_path / "moved")))))
        assert over_the_cluster.files.folder is None
