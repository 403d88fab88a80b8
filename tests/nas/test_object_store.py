"""The contract of a store on an S3-compatible object store: s3fs against moto's server, on loopback."""

from collections.abc import Iterator
from uuid import uuid4

import pytest
from s3fs import S3FileSystem

from nas.files import Files
from nas.store import Store
from nas.testing.store import StoreContract


@pytest.fixture(scope="module")
def endpoint() -> Iterator[str]:
    """The address of an S3 server in this process."""
    from moto.server import ThreadedMotoServer

    server = ThreadedMotoServer(port=0, verbose=False)
    server.start()
    host, port = server.get_host_and_port()
    yield f"http://{host}:{port}"
    server.stop()


@pytest.fixture
def bucket(endpoint: str, monkeypatch: pytest.MonkeyPatch) -> Iterator[str]:
    """The URL of a bucket that does not exist yet, with what s3fs reads from the environment, as in docker-compose.yml."""
    for name, value in {
        "AWS_ENDPOINT_URL_S3": endpoint,
        "AWS_ACCESS_KEY_ID": "hwnas",
        "AWS_SECRET_ACCESS_KEY": "secret",
        "AWS_DEFAULT_REGION": "us-east-1",
        "AWS_EC2_METADATA_DISABLED": "true",
    }.items():
        monkeypatch.setenv(name, value)
    S3FileSystem.clear_instance_cache()  # it reads the environment once
    yield f"s3://b{uuid4().hex}"
    S3FileSystem.clear_instance_cache()


class TestS3(StoreContract):
    @pytest.fixture
    def files(self, bucket: str) -> Files:
        return Files.at(f"{bucket}/deep")


def test_what_one_process_stores_another_finds_at_once(bucket: str) -> None:
    digest = Store(bucket).put(b"weights")
    assert Store(bucket).get(digest) == b"weights"
    assert Store(bucket).path_of(digest) == f"{bucket}/blobs/{digest[:2]}/{digest}"
