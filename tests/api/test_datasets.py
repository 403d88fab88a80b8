"""Uploads of data sets: what is taken and can be searched on, and what strangers may not do with an archive."""

import contextlib
import io
import pickle
import struct
import tempfile
import time
import zipfile
import zlib
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from PIL import Image
from starlette.testclient import TestClient

from api.datasets.archive import ArchiveLimits, unpack
from api.datasets.check import check
from api.errors import UnsafeArchive
from api.settings import Settings
from api.testing.server import eventually
from nas.data.images import SUFFIXES
from tests.api.conftest import body, serving

ZIP = {"Content-Type": "application/zip"}


def npz(**arrays: Any) -> bytes:
    """An archive of arrays."""
    stream = io.BytesIO()
    np.savez_compressed(stream, **arrays)
    return stream.getvalue()


def digits(count: int = 60) -> bytes:
    """A small, valid archive: 60 grey images of 8x8 in 3 classes."""
    random = np.random.default_rng(0)
    images = random.integers(0, 256, (count, 8, 8), dtype=np.uint8)
    return npz(train_x=images, train_y=np.arange(count) % 3, class_names=np.array(["a", "b", "c"]))


def png(side: int = 8, colour: int = 0) -> bytes:
    """A grey image."""
    stream = io.BytesIO()
    Image.new("L", (side, side), colour).save(stream, "PNG")
    return stream.getvalue()


def archive(files: dict[str, bytes], compression: int = zipfile.ZIP_DEFLATED) -> bytes:
    """A zip archive."""
    stream = io.BytesIO()
    with zipfile.ZipFile(stream, "w", compression) as made:
        for name, content in files.items():
            made.writestr(name, content)
    return stream.getvalue()


def folder(prefix: str = "") -> dict[str, bytes]:
    """Images of two classes, 20 each."""
    return {f"{prefix}{name}/{n}.png": png(colour=n) for name in ("cat", "dog") for n in range(20)}


def upload(client: TestClient, content: bytes, name: str = "mine") -> Any:
    """Sends a data set."""
    return client.post("/v1/datasets", params={"name": name}, content=content, headers=ZIP)


def left(settings: Settings) -> list[str]:
    """What lies in the folders of data sets."""
    return [path.name for place in (settings.incoming, settings.datasets) for path in place.iterdir()]


def test_arrays_are_taken(client: TestClient, settings: Settings) -> None:
    created = upload(client, digits())
    made = created.json()
    assert created.status_code == 201, made
    assert created.headers["location"] == f"/v1/datasets/{made['id']}"
    assert (made["name"], made["format"], made["size_bytes"]) == ("mine", "npz", len(digits()))
    assert made["summary"]["classes"] == ["a", "b", "c"]
    assert (made["summary"]["resolution"], made["summary"]["channels"]) == (8, 1)
    assert sum(made["summary"]["images"].values()) == 60
    assert client.get(created.headers["location"]).json() == made
    assert client.get("/v1/datasets").json()["items"] == [made]
    assert left(settings) == [made["id"]]


@pytest.mark.parametrize("prefix", ["", "train/", "my data/", "a/b/train/"])
def test_folders_of_images_are_taken(client: TestClient, prefix: str) -> None:
    extra = {f"{prefix}.DS_Store": b"x", f"__MACOSX/{prefix}cat/._0.png": b"x", f"{prefix}cat/notes.txt": b"x"}
    made = upload(client, archive({**folder(prefix), **extra})).json()
    assert made["format"] == "image_folder", made
    assert made["summary"]["classes"] == ["cat", "dog"]
    assert sum(made["summary"]["images"].values()) == 40


@pytest.mark.parametrize("suffix", sorted(SUFFIXES))
def test_images_of_every_promised_ending_are_read(tmp_path: Path, suffix: str) -> None:
    files = {}
    for n in range(20):
        stream = io.BytesIO()
        Image.new("L", (8, 8), 12 * n).save(stream, Image.registered_extensions()[suffix])
        files[f"{('cat', 'dog')[n % 2]}/{n}{suffix}"] = stream.getvalue()
    packed = tmp_path / "upload.zip"
    packed.write_bytes(archive(files))
    summary = check(packed, tmp_path, ArchiveLimits(entries=100, unpacked_bytes=1_000_000))
    assert (summary["classes"], sum(summary["images"].values())) == (["cat", "dog"], 20)


def test_a_search_runs_on_an_upload(busy: TestClient) -> None:
    dataset = upload(busy, digits()).json()["id"]
    job = busy.post("/v1/jobs", json=body(data=dataset)).json()
    eventually(lambda: busy.get(f"/v1/jobs/{job['id']}").json()["state"] == "succeeded")
    events = busy.get(f"/v1/jobs/{job['id']}/events").json()["items"]
    (log,) = [item["event"]["message"] for item in events if item["event"]["type"] == "log"]
    assert log.endswith(f"datasets/{dataset}/data.npz")


def test_a_space_must_fit_the_uploaded_images(client: TestClient) -> None:
    dataset = upload(client, digits()).json()["id"]
    stage = {"block": "conv", "channels": 8, "stride": 2}
    refused = client.post("/v1/jobs", json=body(data=dataset, space={"name": "deep", "stages": [stage] * 5}))
    assert refused.json()["code"] == "invalid_space"
    assert client.post("/v1/jobs", json=body(data=dataset, space="resnet")).status_code == 201


def test_data_sets_come_in_pages(client: TestClient) -> None:
    made = [upload(client, digits()).json()["id"] for _ in range(3)]
    first = client.get("/v1/datasets", params={"page_size": 2}).json()
    rest = client.get("/v1/datasets", params={"page_size": 2, "page_token": first["next_page_token"]}).json()
    assert [item["id"] for item in first["items"] + rest["items"]] == sorted(made, reverse=True)
    assert rest["next_page_token"] is None
    missing = client.get(f"/v1/datasets/ds_{'0' * 26}")
    assert (missing.status_code, missing.json()["code"]) == (404, "unknown_dataset")


class Bomb:
    """What unpickling would run."""

    def __reduce__(self) -> Any:
        return (pickle.loads, (b"",))


def symlink() -> bytes:
    """An archive with a link to a file of the system."""
    stream = io.BytesIO()
    with zipfile.ZipFile(stream, "w") as made:
        for name, content in folder().items():
            made.writestr(name, content)
        link = zipfile.ZipInfo("cat/link.png")
        link.external_attr = 0o120777 << 16
        made.writestr(link, "/etc/passwd")
    return stream.getvalue()


def liar() -> bytes:
    """An archive whose entry is larger than its directory says: 1 byte in place of 10,000."""
    content = archive({"cat/0.png": b"\0" * 10_000}, zipfile.ZIP_STORED)
    directory = content.rindex(b"PK\x01\x02")
    return content[: directory + 24] + struct.pack("<I", 1) + content[directory + 28 :]


def encrypted() -> bytes:
    """An archive whose entry says that it is encrypted."""
    content = bytearray(archive({"cat/0.png": png()}))
    content[content.rindex(b"PK\x01\x02") + 8] |= 1
    return bytes(content)


HOSTILE = {
    "no archive": (b"\x89PNG", "unsafe_archive"),
    "name above": (archive({"../../evil.png": png()}), "unsafe_archive"),
    "link": (symlink(), "unsafe_archive"),
    "bomb": (archive({"cat/0.png": b"\0" * 5_000_000}), "unsafe_archive"),
    "bomb of arrays": (npz(train_x=np.zeros((500, 64, 64), np.uint8), train_y=np.arange(500) % 2), "unsafe_archive"),
    "pickle": (npz(train_x=np.array([Bomb()], dtype=object), train_y=np.array([0])), "invalid_data"),
    "one class": (npz(train_x=np.zeros((9, 8, 8), np.uint8), train_y=np.zeros(9, int)), "invalid_data"),
    "corrupt images": (archive({f"{c}/{n}.png": b"not an image" for c in "ab" for n in range(9)}), "invalid_data"),
    "empty": (b"", "invalid_data"),
}


@pytest.mark.parametrize("case", HOSTILE)
def test_hostile_and_broken_files_are_refused(client: TestClient, settings: Settings, case: str) -> None:
    content, code = HOSTILE[case]
    refused = upload(client, content)
    problem = refused.json()
    assert problem["code"] == code, problem
    assert refused.headers["content-type"] == "application/problem+json"
    assert problem["detail"] and problem["fix"]
    assert "/home/" not in problem["detail"] and str(settings.home) not in refused.text
    assert left(settings) == []
    assert not settings.home.parent.joinpath("evil.png").exists()


def huge_png() -> bytes:
    """An image of 65,536 x 65,536 pixels, one bit each, all black: half a gigabyte that packs into 2.4 MB."""

    def chunk(name: bytes, content: bytes) -> bytes:
        return struct.pack(">I", len(content)) + name + content + struct.pack(">I", zlib.crc32(name + content))

    side = 1 << 16
    packer = zlib.compressobj(1)
    rows = bytes(64 * (1 + side // 8))
    packed = b"".join(packer.compress(rows) for _ in range(side // 64)) + packer.flush()
    header = struct.pack(">IIBBBBB", side, side, 1, 0, 0, 0, 0)
    return b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", header) + chunk(b"IDAT", packed) + chunk(b"IEND", b"")


def test_a_huge_image_is_refused_with_little_memory(client: TestClient, settings: Settings) -> None:
    image = huge_png()
    before = resident_bytes()
    refused = upload(client, archive({f"{c}/{n}.png": image for c in "ab" for n in range(2)}, zipfile.ZIP_STORED))
    assert refused.status_code in (400, 422), refused.text
    assert refused.json()["code"] in ("invalid_data", "unsafe_archive", "check_failed")
    assert resident_bytes() - before < 100_000_000
    assert left(settings) == [] and client.get("/livez").status_code == 200


def resident_bytes() -> int:
    """Memory of this process, in which the service runs."""
    return int(Path("/proc/self/statm").read_text().split()[1]) * 4096


REFUSED = {
    "half an archive": (archive(folder())[:500], "no readable zip"),
    "no images": (archive({"a/b.txt": b"x"}), "no images"),
    "name above": (archive({"../../evil.png": png()}), "leaves the folder"),
    "name above inside": (archive({"cat/../../evil.png": png()}), "leaves the folder"),
    "absolute name": (archive({"/tmp/evil.png": png()}), "leaves the folder"),
    "backslashes": (archive({"cat\\..\\evil.png": png()}), "leaves the folder"),
    "drive": (archive({"C:evil.png": png()}), "leaves the folder"),
    "deep": (archive({"a/" * 20 + "0.png": png()}), "too deep"),
    "link": (symlink(), "a link"),
    "bomb": (archive({"cat/0.png": b"\0" * 900_000}), "times its size"),
    "liar": (liar(), "larger than it says|damaged"),
    "encrypted": (encrypted(), "encrypted"),
    "bzip2": (archive({"cat/0.png": png()}, zipfile.ZIP_BZIP2), "other than deflate"),
    "file as folder": (archive({"cat/0.png": png(), "cat/0.png/1.png": png()}), "name twice"),
    "many": (archive({f"cat/{n}.png": png() for n in range(101)}), "101 entries"),
    "large": (archive({"cat/0.png": bytes(range(256)) * 5000}, zipfile.ZIP_STORED), "unpacks to 1280000 bytes"),
}


@pytest.mark.parametrize("case", REFUSED)
def test_archives_that_are_not_unpacked(tmp_path: Path, case: str) -> None:
    content, why = REFUSED[case]
    packed = tmp_path / "upload.zip"
    packed.write_bytes(content)
    with pytest.raises(UnsafeArchive, match=why):
        unpack(packed, tmp_path / "out", ArchiveLimits(entries=100, unpacked_bytes=1_000_000))
    assert not tmp_path.parent.joinpath("evil.png").exists()


@given(name=st.text(st.sampled_from("ab./\\:\0-~ ü"), min_size=1, max_size=20))
def test_no_name_leaves_its_folder(name: str) -> None:
    member = zipfile.ZipInfo("x")
    member.filename = name + ".png"
    with tempfile.TemporaryDirectory() as outer:
        inner = Path(outer, "inner")
        inner.mkdir()
        packed = Path(outer, "upload.zip")
        with zipfile.ZipFile(packed, "w") as made:
            made.writestr(member, png())
        with contextlib.suppress(UnsafeArchive):
            unpack(packed, inner / "out", ArchiveLimits(entries=10, unpacked_bytes=10_000))
        assert {path.name for path in Path(outer).iterdir()} == {"inner", "upload.zip"}
        assert {path.name for path in inner.iterdir()} <= {"out"}


def test_an_upload_above_the_bound(settings: Settings) -> None:
    small = settings.model_copy(update={"max_upload_bytes": 1000})
    with serving(small) as client:
        for content in (b"x" * 1001, iter([b"x" * 600] * 2)):
            refused = client.post("/v1/datasets", content=content, headers=ZIP)
            assert (refused.status_code, refused.json()["code"]) == (413, "body_too_large")
        assert left(small) == []


def test_an_upload_may_be_larger_than_other_bodies(settings: Settings) -> None:
    restrict = settings.model_copy(update={"max_body_bytes": 100})
    with serving(restrict) as client:
        assert upload(client, digits()).status_code == 201


def test_a_check_that_takes_too_long_or_too_much_memory(settings: Settings) -> None:
    for changes in ({"check_timeout_s": 0.05}, {"check_memory_bytes": 50_000_000}):
        restrict = settings.model_copy(update=changes)
        with serving(restrict) as client:
            asked = time.monotonic()
            assert upload(client, digits()).json()["code"] == "check_failed"
            assert time.monotonic() - asked < 10
            assert left(restrict) == []


@pytest.mark.parametrize("media_type", ["", "text/plain", "multipart/form-data", "application/x-www-form-urlencoded"])
def test_other_media_types_are_refused(client: TestClient, media_type: str) -> None:
    refused = client.post("/v1/datasets", content=digits(), headers={"Content-Type": media_type})
    assert (refused.status_code, refused.json()["code"]) == (415, "unsupported_media_type")


@pytest.mark.parametrize("name", ["../x", "a/b", "", "<b>", "x" * 101])
def test_odd_names_are_refused(client: TestClient, name: str) -> None:
    assert upload(client, digits(), name).status_code == 422
