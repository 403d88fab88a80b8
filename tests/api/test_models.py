"""Delivered files: whole, in part, by hash. The model is put into the database by hand."""

import base64
import hashlib
from typing import Any

import pytest
from sqlalchemy import update
from starlette.testclient import TestClient

from api.blobs import BlobStore
from api.database import Database
from api.ids import new_id
from api.jobs import repository as jobs
from api.models import repository
from api.settings import Settings
from api.tables import models
from tests.api.conftest import body, subject_of
from tests.metrics import as_accuracy

CONTENT = bytes(range(200))
HASH = hashlib.sha256(CONTENT).hexdigest()
BUDGET: dict[str, object] = {
    "reachable_ms": [0.05, 1.5],
    "architectures": "9" * 26,
    "architectures_within": "40",
    "active": True,
}
OUTCOME = {
    "architecture": "resolution=8",
    "architecture_id": "a1",
    "latency_ms": {
        "budget": 0.2,
        "budget_on": "quiet",
        "predicted": 0.1,
        "predicted_error": 0.01,
        "measured": None,
        "measured_p50": None,
        "measured_p95": None,
        "simulated": 0.11,
        "kind": "simulated",
    },
    "metric": {"fp32": as_accuracy(0.985).model_dump(), "int8": as_accuracy(0.98).model_dump()},
    "size_bytes": {"fp32": 4000, "int8": 1000},
    "budget": BUDGET,
    "removed": [{"choice": "s1.se", "value": True, "layer": "s1.b0.se.scale", "reason": "no product", "alone": True}],
}


@pytest.fixture
def model(client: TestClient, settings: Settings) -> str:
    """The id of a model with one file."""
    source = settings.home / "made.onnx"
    source.write_bytes(CONTENT)
    blob = BlobStore(settings.artifacts).add(source)
    database: Database = client.app.state.database  # type: ignore[attr-defined]
    model_id, job_id = new_id("mdl"), new_id("job")
    file = {
        "name": "model.int8.onnx",
        "sha256": blob.sha256,
        "size_bytes": blob.size_bytes,
        "media_type": "application/octet-stream",
    }
    tenant_id = subject_of(client).tenant_id
    with database.write() as connection:
        jobs.add(connection, jobs.NewJob(job_id, tenant_id, "search", body()["spec"], 1, 60))
        repository.add(connection, tenant_id, model_id, job_id, "cpu", OUTCOME, [file])
    return model_id


def get(client: TestClient, model: str, **headers: str) -> Any:
    """Asks for the file."""
    names = {name.replace("_", "-"): value for name, value in headers.items()}
    return client.get(f"/v1/models/{model}/artifacts/model.int8.onnx", headers=names)


def test_a_model_lists_its_figures_and_files(client: TestClient, model: str) -> None:
    document = client.get(f"/v1/models/{model}").json()
    budget: dict[str, object] = {**BUDGET, "within_limits": None}  # a search without limits on other costs
    stored: dict[str, object] = {**OUTCOME, "budget": budget}
    assert {name: document[name] for name in OUTCOME} == stored and document["limits"] == []
    (file,) = document["artifacts"]
    assert file["sha256"] == HASH and file["size_bytes"] == 200
    assert client.get(file["url"]).content == CONTENT


@pytest.mark.parametrize(
    ("budget_on", "p50_ms", "verdict"),
    [("quiet", 0.19, "met"), ("quiet", 0.3, "met when quiet"), ("p50", 0.3, "exceeded"), ("p50", 0.19, "met")],
)
def test_a_model_says_whether_its_budget_is_kept(
    client: TestClient, model: str, budget_on: str, p50_ms: float, verdict: str
) -> None:
    took = {"measured": 0.15, "measured_p50": p50_ms, "measured_p95": 0.4, "kind": "measured", "simulated": None}
    outcome = {**OUTCOME, "latency_ms": {**OUTCOME["latency_ms"], **took, "budget_on": budget_on}}  # type: ignore[dict-item]
    with client.app.state.database.write() as connection:  # type: ignore[attr-defined]
        connection.execute(update(models).where(models.c.id == model).values(outcome=outcome))
    assert client.get(f"/v1/models/{model}").json()["verdict"] == verdict


def test_a_file_is_named_by_its_content(client: TestClient, model: str) -> None:
    whole = get(client, model)
    assert whole.headers["etag"] == f'"sha256-{HASH}"'
    digest = base64.b64encode(hashlib.sha256(whole.content).digest()).decode()
    assert whole.headers["repr-digest"] == f"sha-256=:{digest}:"
    assert whole.headers["content-disposition"] == 'attachment; filename="model.int8.onnx"'
    assert whole.headers["x-content-type-options"] == "nosniff"
    same = get(client, model, If_None_Match=f'"other", W/"sha256-{HASH}"')
    assert (same.status_code, same.content) == (304, b"")
    assert get(client, model, If_None_Match='"other"').status_code == 200


@pytest.mark.parametrize(
    ("wanted", "part"),
    [("bytes=0-9", CONTENT[:10]), ("bytes=190-", CONTENT[190:]), ("bytes=-5", CONTENT[-5:])],
)
def test_a_part_of_a_file(client: TestClient, model: str, wanted: str, part: bytes) -> None:
    found = get(client, model, Range=wanted)
    assert (found.status_code, found.content) == (206, part)
    assert get(client, model, Range=wanted, If_Range=f'"sha256-{HASH}"').content == part
    assert get(client, model, Range=wanted, If_Range='"sha256-of-another"').content == CONTENT


def test_a_part_that_is_not_there(client: TestClient, model: str) -> None:
    missing = get(client, model, Range="bytes=200-")
    assert (missing.status_code, missing.json()["code"]) == (416, "range_not_satisfiable")
    assert missing.headers["content-range"] == "bytes */200"
    assert get(client, model, Range=f"bytes={10**30}-").status_code == 416


@pytest.mark.parametrize(
    "wanted",
    ["items=0-1", "bytes=10-5", "bytes=", "bytes=-", "bytes=x-y", "bytes", "bytes=0-1,x", f"bytes={'1' * 5000}-"],
)
def test_a_range_that_is_none_is_ignored(client: TestClient, model: str, wanted: str) -> None:
    whole = get(client, model, Range=wanted)
    assert (whole.status_code, whole.content) == (200, CONTENT)


def test_head_tells_the_length(client: TestClient, model: str) -> None:
    head = client.head(f"/v1/models/{model}/artifacts/model.int8.onnx")
    assert (head.status_code, head.headers["content-length"], head.content) == (200, "200", b"")


def test_what_is_not_there(client: TestClient, model: str) -> None:
    other = client.get(f"/v1/models/{model}/artifacts/other.onnx")
    assert (other.status_code, other.json()["code"]) == (404, "unknown_artifact")
    assert other.json()["facts"] == {"artifacts": ["model.int8.onnx"]}
    nobody = f"mdl_{'0' * 26}"
    for address in (f"/v1/models/{nobody}", f"/v1/models/{nobody}/artifacts/model.int8.onnx"):
        assert client.get(address).json()["code"] == "unknown_model"


@pytest.mark.parametrize(
    "name", ["%2e%2e%2fhwnas.sqlite3", "..%2F..%2Fetc%2Fpasswd", ".hidden", "a%00b", "a;b", "a%23b"]
)
def test_no_name_leads_out(client: TestClient, model: str, name: str) -> None:
    assert client.get(f"/v1/models/{model}/artifacts/{name}").status_code in (404, 422)


def test_a_blob_is_complete_before_it_has_its_name(settings: Settings) -> None:
    settings.make_folders()
    blobs = BlobStore(settings.artifacts)
    source = settings.home / "file"
    source.write_bytes(CONTENT)
    assert blobs.add(source) == blobs.add(source)
    assert blobs.path(HASH).read_bytes() == CONTENT
    assert [path.name for path in settings.artifacts.iterdir()] == [HASH[:2]]
