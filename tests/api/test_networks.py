"""Trained networks of users over REST: what is taken, what a search starts from, and what is refused."""

from pathlib import Path
from typing import Any

import pytest
from starlette.testclient import TestClient

from api.jobs.engine_spec import engine_spec
from api.jobs.specs import WIRE_SPEC
from api.networks.storage import file_name
from api.settings import Settings
from api.testing.server import eventually
from search_spaces.builder import Graph
from search_spaces.network import Network
from tests.api.conftest import body, other_key, serving
from tests.nas.own_networks import written

BINARY = {"Content-Type": "application/octet-stream"}
NOBODY = f"net_{'0' * 26}"


def classifier(classes: int = 5, *, flattens: bool = False) -> Network:
    """Two convolutions and a classifier, for grey images of 16 pixels."""
    g = Graph((1, 16, 16))
    x = g.conv("stem", g.input, 16, kernel=3, stride=2, activation="relu", norm=False)
    x = g.conv("body", x, 32, kernel=3, stride=2, activation="relu", norm=False)
    g.linear("classifier", x if flattens else g.global_avg_pool("pool", x), classes)
    return g.network("small")


def detector() -> Network:
    """A feature map as its output."""
    g = Graph((1, 16, 16))
    g.conv("map", g.conv("stem", g.input, 16, kernel=3, norm=False), 4, norm=False)
    return g.network("map")


@pytest.fixture
def onnx(tmp_path: Path) -> bytes:
    return written(classifier(), tmp_path / "file.onnx").read_bytes()


def upload(client: TestClient, content: bytes, name: str = "my net", **headers: str) -> Any:
    """Sends a network."""
    return client.post("/v1/networks", params={"name": name}, content=content, headers={**BINARY, **headers})


def left(settings: Settings) -> list[str]:
    """What lies in the folders of networks."""
    return [path.name for place in (settings.incoming, settings.networks) for path in place.iterdir()]


def test_a_classifier_is_taken(client: TestClient, settings: Settings, onnx: bytes) -> None:
    created = upload(client, onnx)
    made = created.json()
    assert created.status_code == 201, made
    assert created.headers["location"] == f"/v1/networks/{made['id']}"
    assert (made["name"], made["size_bytes"]) == ("my net", len(onnx))
    assert made["summary"] == {
        "classes": 5, "channels": 1, "side": 16, "only_side": False, "prunable_share": 1.0, "frozen": [],
    }  # fmt: skip
    assert client.get(created.headers["location"]).json() == made
    assert client.get("/v1/networks").json()["items"] == [made]
    assert left(settings) == [made["id"]]
    assert [path.name for path in (settings.networks / made["id"]).iterdir()] == ["my_net.onnx"]


def test_the_same_request_again_is_the_same_network(client: TestClient, settings: Settings, onnx: bytes) -> None:
    first, second = (upload(client, onnx, **{"Idempotency-Key": "one"}) for _ in range(2))
    assert second.json() == first.json() and second.headers["idempotency-replayed"] == "true"
    other = upload(client, onnx, "another", **{"Idempotency-Key": "one"})
    assert other.json()["code"] == "idempotency_mismatch"
    assert left(settings) == [first.json()["id"]]


@pytest.mark.parametrize(
    ("content", "code", "said"),
    [
        (b"", "invalid_data", "Send an ONNX file"),
        (b"\x80\x04\x95 a pickle", "unreadable_model", "not an ONNX file"),
        ("detector", "invalid_space", "it is no classifier"),
    ],
    ids=["empty", "pickle", "detector"],
)
def test_what_is_none_is_refused(
    client: TestClient, settings: Settings, tmp_path: Path, content: bytes | str, code: str, said: str
) -> None:
    sent = content if isinstance(content, bytes) else written(detector(), tmp_path / "d.onnx").read_bytes()
    refused = upload(client, sent)
    problem = refused.json()
    assert problem["code"] == code and said in problem["detail"] + problem["fix"], problem
    assert str(settings.home) not in refused.text
    assert left(settings) == []


def test_other_types_and_large_files_are_refused(settings: Settings, onnx: bytes) -> None:
    with serving(settings.model_copy(update={"max_network_bytes": 100})) as client:
        refused = client.post("/v1/networks", content=onnx, headers={"Content-Type": "text/html"})
        assert (refused.status_code, refused.json()["code"]) == (415, "unsupported_media_type")
        refused = upload(client, onnx)
        assert (refused.status_code, refused.json()["code"]) == (413, "body_too_large")
        assert left(settings) == []


def test_networks_count_towards_the_quota(settings: Settings, onnx: bytes) -> None:
    with serving(settings.model_copy(update={"max_stored_bytes": len(onnx) + 10})) as client:
        assert upload(client, onnx).status_code == 201
        assert upload(client, onnx).json()["code"] == "quota_exceeded"


def test_another_tenant_sees_none_of_it(client: TestClient, onnx: bytes) -> None:
    network = upload(client, onnx).json()["id"]
    stranger = {"Authorization": f"Bearer {other_key(client, 'strangers')}"}
    assert client.get("/v1/networks", headers=stranger).json()["items"] == []
    assert client.get(f"/v1/networks/{network}", headers=stranger).json()["code"] == "unknown_network"
    assert client.delete(f"/v1/networks/{network}", headers=stranger).json()["code"] == "unknown_network"
    started = client.post("/v1/jobs", json=body(start_from=network, space="auto"), headers=stranger)
    assert (started.status_code, started.json()["code"]) == (404, "unknown_network")


def test_a_search_starts_from_it(client: TestClient, settings: Settings, onnx: bytes) -> None:
    network = upload(client, onnx).json()["id"]
    made = client.post("/v1/jobs", json=body(start_from=network, space="auto"))
    assert made.status_code == 201, made.json()
    spec = made.json()["spec"]
    assert (spec["start_from"], spec["space"]) == (network, "auto"), "no path of the server"
    local = engine_spec(WIRE_SPEC.validate_python(spec), settings)
    assert local.start_from == str(settings.networks / network / "my_net.onnx")
    # As long as the job has not ended, the network stays.
    refused = client.delete(f"/v1/networks/{network}")
    assert (refused.status_code, refused.json()["code"]) == (409, "network_in_use")
    client.post(f"/v1/jobs/{made.json()['id']}/cancel")
    eventually(lambda: client.get(f"/v1/jobs/{made.json()['id']}").json()["state"] == "cancelled")
    assert client.delete(f"/v1/networks/{network}").status_code == 204
    assert left(settings) == [] and client.get("/v1/networks").json()["items"] == []


def test_what_a_search_from_it_cannot_do(client: TestClient, tmp_path: Path) -> None:
    fixed = written(classifier(flattens=True), tmp_path / "fixed.onnx").read_bytes()
    network = upload(client, fixed).json()["id"]
    for changes, code in (
        ({"start_from": NOBODY, "space": "auto"}, "unknown_network"),
        ({"start_from": network, "space": "resnet"}, "source_unavailable"),
        ({"start_from": network, "space": "auto", "resolution": 32}, "invalid_space"),
        ({"start_from": "/etc/passwd.onnx", "space": "auto"}, "invalid_request"),
    ):
        assert client.post("/v1/jobs", json=body(**changes)).json()["code"] == code
    fitting = body(start_from=network, space="auto", resolution=16)
    assert client.post("/v1/jobs", json=fitting).status_code == 201


def test_the_plan_of_a_search_from_it(client: TestClient, onnx: bytes) -> None:
    network = upload(client, onnx).json()["id"]
    answer = client.post("/v1/jobs?validate_only=true", json=body(start_from=network, space="auto"))
    assert answer.status_code == 200, answer.json()
    assert answer.json()["spec"]["start_from"] == network


@pytest.mark.parametrize(
    ("name", "file"), [("my net", "my_net.onnx"), ("a.b", "a_b.onnx"), ("../x", "x.onnx"), ("...", "network.onnx")]
)
def test_files_are_named_for_networks(name: str, file: str) -> None:
    assert file_name(name) == file
