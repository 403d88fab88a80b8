"""How a local file is written, and what no file system can open. What holds of any: `nas.testing.files`, run in `test_store.py`."""

import errno
import os
import uuid
from pathlib import Path

import pytest

from nas.errors import OutOfSpace, UnusableStore, UnwritableFolder
from nas.files import Files, write_atomically
from nas.store import StageKey, Store


def test_a_local_path_is_reported_as_it_was_given(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    files = Files.at("~runs") / "store"
    files.write("a", b"x")
    assert files.path("a") == "~runs/store/a"
    assert (tmp_path / "~runs" / "store" / "a").read_bytes() == b"x"


def test_urls_of_a_folder_and_of_memory(tmp_path: Path) -> None:
    Files.at(f"file://{tmp_path}").write("a", b"x")
    assert Files.at(tmp_path).read("a") == b"x"
    url = f"memory://{uuid.uuid4().hex}/deep"
    Files.at(url).write("a", b"x")
    assert (Files.at(url).read("a"), Files.at(url).path("a"), Files.at(url).folder) == (b"x", f"{url}/a", None)


@pytest.mark.parametrize("url", ["nonsense://x", "memory"])
def test_a_url_that_nothing_opens_is_typed(url: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    if "://" not in url:
        assert Files.at(url).folder == Path("memory")  # no URL: a folder of that name
        return
    with pytest.raises(UnusableStore, match="nonsense"):
        Files.at(url)


def test_a_full_disk_is_typed_and_keeps_what_was_there(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = tmp_path / "file"
    write_atomically(path, b"old")

    def full(_: int) -> None:
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr("nas.files.os.fsync", full)
    with pytest.raises(OutOfSpace, match="run the same command again"):
        write_atomically(path, b"new")
    assert path.read_bytes() == b"old"
    assert list(tmp_path.iterdir()) == [path]


@pytest.mark.parametrize(
    ("number", "kind"),
    [
        (errno.ENOSPC, OutOfSpace),
        (errno.EDQUOT, OutOfSpace),
        (errno.EFBIG, OutOfSpace),
        (errno.EACCES, UnwritableFolder),
        (errno.EPERM, UnwritableFolder),
        (errno.EROFS, UnwritableFolder),
        (errno.EIO, OSError),
    ],
)
def test_what_the_system_rejects_is_reported_as_what_it_is(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, number: int, kind: type[Exception]
) -> None:
    def refuse(*_: object, **__: object) -> None:
        raise OSError(number, os.strerror(number), str(tmp_path))

    monkeypatch.setattr("nas.files.os.replace", refuse)
    with pytest.raises(kind) as calls:
        write_atomically(tmp_path / "file", b"new")
    assert type(calls.value) is kind and list(tmp_path.iterdir()) == []
    if isinstance(calls.value, OutOfSpace | UnwritableFolder):
        assert str(tmp_path) in calls.value.detail and "--out" in calls.value.fix
        assert ("space" in calls.value.fix) is isinstance(calls.value, OutOfSpace)


def test_a_stage_in_a_store_that_is_closed_is_reported(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(*_: object, **__: object) -> None:
        raise PermissionError(errno.EACCES, "Permission denied", "/store")

    monkeypatch.setattr("nas.store.FileLock.acquire", refuse)
    with pytest.raises(UnwritableFolder), Store(tmp_path).lock(StageKey("a", 1, {})):
        pass


def test_a_local_file_is_on_disk_before_its_name_is(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    calls: list[str] = []
    synchronise, replace = os.fsync, os.replace

    def sync(handle: int) -> None:
        calls.append("folder" if Path(f"/proc/self/fd/{handle}").is_dir() else "file")
        synchronise(handle)

    def rename(temporary: str, path: Path) -> None:
        calls.append("rename")
        replace(temporary, path)

    monkeypatch.setattr("nas.files.os.fsync", sync)
    monkeypatch.setattr("nas.files.os.replace", rename)
    write_atomically(tmp_path / "file", b"x")
    assert calls == ["file", "rename", "folder"]


def test_a_file_that_is_being_written_is_not_listed(tmp_path: Path) -> None:
    (tmp_path / ".writing-abc").write_bytes(b"ha")
    assert Files.at(tmp_path).names() == []
