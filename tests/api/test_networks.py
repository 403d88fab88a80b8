"""Trained networks of users over REST: what is taken, what a search starts from, and what is refused."""

import pickle
from pathlib import Path
from typing import Any

import numpy as np
import onnx
import pytest
from onnx import helper, numpy_helper
from starlette.testclient import TestClient

from api.jobs.engine_spec import engine_spec
from api.jobs.preflight import Preflight
from api.jobs.specs import WIRE_SPEC, AnySpec
from api.networks.storage import file_name
from api.settings import Settings
from api.tenancy import Subject
from api.testing.server import eventually
from search_spaces.builder import Graph
from search_spaces.network import Network
from tests.api.conftest import body, both_engines, other_key, serving
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
def onnx_file(tmp_path: Path) -> bytes:
    return written(classifier(), tmp_path / "file.onnx").read_bytes()


def upload(client: TestClient, content: bytes, name: str = "my net", **headers: str) -> Any:
    """Sends a network."""
    return client.post("/v1/networks", params={"name": name}, content=content, headers={**BINARY, **headers})


def left(settings: Settings) -> list[str]:
    """What lies in the folders of networks."""
    return [path.name for place in (settings.incoming, settings.networks) for path in place.iterdir()]


@both_engines
def test_a_classifier_is_taken(client: TestClient, settings: Settings, onnx_file: bytes) -> None:
    created = upload(client, onnx_file)
    made = created.json()
    assert created.status_code == 201, made
    assert created.headers["location"] == f"/v1/networks/{made['id']}"
    assert (made["name"], made["size_bytes"]) == ("my net", len(onnx_file))
    assert made["summary"] == {
        "classes": 5, "channels": 1, "side": 16, "only_side": False, "prunable_share": 1.0, "frozen": [],
    }  # fmt: skip
    assert client.get(created.headers["location"]).json() == made
    assert client.get("/v1/networks").json()["items"] == [made]
    assert left(settings) == [made["id"]]
    assert [path.name for path in (settings.networks / made["id"]).iterdir()] == ["my_net.onnx"]


@both_engines
def test_the_same_request_again_is_the_same_network(client: TestClient, settings: Settings, onnx_file: bytes) -> None:
    first, second = (upload(client, onnx_file, **{"Idempotency-Key": "one"}) for _ in range(2))
    assert second.json() == first.json() and second.headers["idempotency-replayed"] == "true"
    other = upload(client, onnx_file, "another", **{"Idempotency-Key": "one"})
    assert other.json()["code"] == "idempotency_mismatch"
    assert left(settings) == [first.json()["id"]]


def made(*nodes: onnx.NodeProto, **weights: Any) -> onnx.ModelProto:
    """A file by hand: from `x`, an RGB image of 16 pixels, to `y`, five values."""
    info = [helper.make_tensor_value_info(*one) for one in (("x", 1, [1, 3, 16, 16]), ("y", 1, [1, 5]))]
    stored = [numpy_helper.from_array(np.asarray(value, np.float32), name) for name, value in weights.items()]
    graph = helper.make_graph(nodes, "made", info[:1], info[1:], stored)
    return helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=8)


def transformer() -> bytes:
    """Operators of attention."""
    pooled = [helper.make_node("GlobalAveragePool", ["x"], ["p"]), helper.make_node("Flatten", ["p"], ["f"])]
    normed = [helper.make_node("LayerNormalization", ["f", "n"], ["l"]), helper.make_node("Erf", ["l"], ["e"])]
    file = made(*pooled, *normed, helper.make_node("MatMul", ["e", "w"], ["y"]), n=np.ones(3), w=np.ones((3, 5)))
    return bytes(file.SerializeToString())


def outside() -> bytes:
    """Weights in a file of the server."""
    flat = [helper.make_node("GlobalAveragePool", ["c"], ["p"]), helper.make_node("Flatten", ["p"], ["f"])]
    conv = helper.make_node("Conv", ["x", "k"], ["c"])
    file = made(conv, *flat, helper.make_node("MatMul", ["f", "w"], ["y"]), k=np.ones((8, 3, 3, 3)), w=np.ones((8, 5)))
    (kernel,) = (tensor for tensor in file.graph.initializer if tensor.name == "k")
    kernel.ClearField("raw_data")
    kernel.data_location = onnx.TensorProto.EXTERNAL
    for key, value in (("location", "/etc/passwd"), ("offset", "0"), ("length", str(4 * 8 * 27))):
        entry = kernel.external_data.add()
        entry.key, entry.value = key, value
    return bytes(file.SerializeToString())


def of_channels(channels: int) -> Network:
    """A classifier of images with a number of channels."""
    g = Graph((channels, 16, 16))
    g.linear("classifier", g.global_avg_pool("pool", g.conv("stem", g.input, 16, kernel=3, norm=False)), 5)
    return g.network("channels")


def without_convolution() -> Network:
    """What reads the image has no weights."""
    g = Graph((3, 16, 16))
    g.linear("classifier", g.global_avg_pool("pool", g.input), 5)
    return g.network("pools")


REFUSED: dict[str, tuple[bytes | Network, str, str]] = {
    "empty": (b"", "invalid_data", "Send an ONNX file"),
    "no model": (b"nothing", "unreadable_model", "not an ONNX file"),
    "pickle": (pickle.dumps({"weights": [1.0]}), "unreadable_model", "torch.onnx.export"),
    "saved by PyTorch": (b"PK\x03\x04archive/data.pkl", "unreadable_model", "torch.onnx.export"),
    "saved by Keras": (b"\x89HDF\r\n\x1a\n", "unreadable_model", "torch.onnx.export"),
    "external data": (outside(), "unreadable_model", "Weights are not in the file"),
    "operators": (transformer(), "invalid_space", "(Erf, LayerNormalization)"),
    "detector": (detector(), "invalid_space", "it is no classifier"),
    "four channels": (of_channels(4), "invalid_space", "it reads 4 channels"),
    "no convolution": (without_convolution(), "invalid_space", "reads the image"),
}


@pytest.mark.parametrize("case", REFUSED)
def test_what_is_none_is_refused(client: TestClient, settings: Settings, tmp_path: Path, case: str) -> None:
    content, code, said = REFUSED[case]
    sent = content if isinstance(content, bytes) else written(content, tmp_path / "file.onnx").read_bytes()
    refused = upload(client, sent)
    problem = refused.json()
    assert problem["code"] == code and said in problem["detail"] + problem["fix"], problem
    assert str(settings.home) not in refused.text
    assert left(settings) == []


def test_a_check_that_takes_too_long_or_too_much_memory(settings: Settings, onnx_file: bytes) -> None:
    for changes in ({"check_timeout_s": 0.05}, {"check_memory_bytes": 50_000_000}):
        restrict = settings.model_copy(update=changes)
        with serving(restrict) as client:
            assert upload(client, onnx_file).json()["code"] == "check_failed"
            assert left(restrict) == []


@pytest.mark.parametrize("name", ["../x", "a/b", "", "_x", "x" * 65])
def test_odd_names_are_refused(client: TestClient, onnx_file: bytes, name: str) -> None:
    assert upload(client, onnx_file, name).status_code == 422


def test_other_types_and_large_files_are_refused(settings: Settings, onnx_file: bytes) -> None:
    with serving(settings.model_copy(update={"max_network_bytes": 100})) as client:
        refused = client.post("/v1/networks", content=onnx_file, headers={"Content-Type": "text/html"})
        assert (refused.status_code, refused.json()["code"]) == (415, "unsupported_media_type")
        refused = upload(client, onnx_file)
        assert (refused.status_code, refused.json()["code"]) == (413, "body_too_large")
        assert left(settings) == []


@both_engines
def test_networks_count_towards_the_quota(settings: Settings, onnx_file: bytes) -> None:
    with serving(settings.model_copy(update={"max_stored_bytes": len(onnx_file) + 10})) as client:
        assert upload(client, onnx_file).status_code == 201
        assert upload(client, onnx_file).json()["code"] == "quota_exceeded"


@both_engines
def test_another_tenant_sees_none_of_it(client: TestClient, onnx_file: bytes) -> None:
    network = upload(client, onnx_file).json()["id"]
    stranger = {"Authorization": f"Bearer {other_key(client, 'strangers')}"}
    assert client.get("/v1/networks", headers=stranger).json()["items"] == []
    assert client.get(f"/v1/networks/{network}", headers=stranger).json()["code"] == "unknown_network"
    assert client.delete(f"/v1/networks/{network}", headers=stranger).json()["code"] == "unknown_network"
    started = client.post("/v1/jobs", json=body(start_from=network, space="auto"), headers=stranger)
    assert (started.status_code, started.json()["code"]) == (404, "unknown_network")


@both_engines
def test_a_search_starts_from_it(client: TestClient, settings: Settings, onnx_file: bytes) -> None:
    network = upload(client, onnx_file).json()["id"]
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


def test_the_engine_plans_a_search_from_it(settings: Settings, onnx_file: bytes) -> None:
    real = settings.model_copy(update={"estimator": Settings.model_fields["estimator"].default})
    with serving(real) as client:
        network = upload(client, onnx_file).json()["id"]
        answer = client.post("/v1/jobs?validate_only=true", json=body(start_from=network, space="auto"))
    assert answer.status_code == 200, answer.json()
    assert "my_net" in answer.json()["note"] and answer.json()["spec"]["start_from"] == network


@pytest.mark.parametrize(
    ("name", "file"), [("my net", "my_net.onnx"), ("a.b", "a_b.onnx"), ("../x", "x.onnx"), ("...", "network.onnx")]
)
def test_files_are_named_for_networks(name: str, file: str) -> None:
    assert file_name(name) == file


def test_what_is_deleted_while_a_job_is_checked(
    client: TestClient, onnx_file: bytes, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Between the check of a spec and the queuing of its job."""
    check = Preflight.check
    network = upload(client, onnx_file).json()["id"]

    def checked(self: Preflight, subject: Subject, spec: AnySpec) -> AnySpec:
        found = check(self, subject, spec)
        assert client.delete(f"/v1/networks/{network}").status_code == 204
        return found

    monkeypatch.setattr(Preflight, "check", checked)
    refused = client.post("/v1/jobs", json=body(start_from=network, space="auto"))
    assert (refused.status_code, refused.json()["code"]) == (404, "unknown_network")
