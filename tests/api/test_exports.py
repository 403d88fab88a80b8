"""What an export may name, and what of it is stored. Jobs stay queued here; their candidates are put in by hand."""

from typing import Any

import pytest
from starlette.testclient import TestClient

from api.database import Database
from api.jobs.events_table import append
from api.testing import fake_engine
from nas.events import CandidateEvent, FinalistEvent, FrontEvent, FrontPoint
from tests.api.conftest import body, both_engines, other_key
from tests.metrics import as_accuracy

NOBODY = "0" * 26
TWO = [{"target": "cpu", "latency_ms": 0.2}, {"target": "cpu:threads=2", "latency_ms": "40%"}]


FINALIST = FinalistEvent(
    target="cpu", architecture="resolution=8 width=3", architecture_id="c3", round=0, rounds=2, images=1000, metric=as_accuracy(0.8),
    standard_error=0.04, latency_ms=0.15, kind="measured",
)  # fmt: skip


def searched(client: TestClient, **changes: Any) -> str:
    """The id of a search that evaluated `a1`, has `b2` on its front, and trained `c3`, which is on none."""
    job_id: str = client.post("/v1/jobs", json=body(**changes)).json()["id"]
    database: Database = client.app.state.database  # type: ignore[attr-defined]
    candidate = CandidateEvent(
        number=0, architecture="resolution=8 width=1", architecture_id="a1", metric=as_accuracy(0.9), latency_ms={"cpu": 0.1},
        feasible={"cpu": True},
    )  # fmt: skip
    point = FrontPoint(
        architecture="resolution=8 width=2", architecture_id="b2", metric=as_accuracy(0.9), latency_ms=0.1
    )
    with database.write() as connection:
        front = FrontEvent(of="trained", target="cpu", budget_ms=0.2, evaluations=1, points=(point,))
        append(connection, job_id, [candidate, front, FINALIST])
    return job_id


def export(client: TestClient, job: str, architecture_id: str = "a1", query: str = "", **others: Any) -> Any:
    """The answer to an export."""
    spec = {"kind": "export", "job": job, "architecture_id": architecture_id, **others}
    return client.post(f"/v1/jobs{query}", json={"spec": spec})


@both_engines
def test_an_export_stores_what_it_is_of(client: TestClient) -> None:
    job = searched(client, seed=3)
    made = export(client, job)
    assert made.status_code == 201
    spec = made.json()["spec"]
    assert (spec["target"], spec["architecture"], spec["search"]["seed"]) == ("cpu", "resolution=8 width=1", 3)
    assert export(client, job, "b2").json()["spec"]["architecture"] == "resolution=8 width=2"
    assert export(client, job, "c3").json()["spec"]["architecture"] == "resolution=8 width=3"
    listed = client.get("/v1/jobs", params={"kind": "export"}).json()["items"]
    assert len(listed) == 3 and client.get("/").status_code == 200
    client.post(f"/v1/jobs/{job}/cancel")
    client.delete(f"/v1/jobs/{job}")
    assert client.get(f"/v1/jobs/{made.json()['id']}").json()["spec"] == spec


def test_what_the_service_fills_in_is_ignored_in_a_request(client: TestClient) -> None:
    first = export(client, searched(client)).json()["spec"]
    again = export(client, **{**first, "job": first["job"], "architecture": "other", "search": body(seed=9)["spec"]})
    assert again.json()["spec"] == first


@pytest.mark.parametrize(
    ("changes", "status", "code"),
    [
        ({"job": f"job_{NOBODY}"}, 404, "unknown_job"),
        ({"job": "somewhere"}, 422, "invalid_request"),
        ({"architecture_id": "a2"}, 404, "unknown_architecture"),
        ({"architecture_id": "%"}, 422, "invalid_request"),
        ({"target": None}, 422, "invalid_request"),
        ({"target": "kv260"}, 404, "unknown_target"),
        ({"target": "../cpu"}, 422, "invalid_request"),
    ],
)
def test_what_an_export_cannot_be_of_is_refused_at_once(
    client: TestClient, changes: dict[str, Any], status: int, code: str
) -> None:
    search = searched(client, targets=TWO)
    spec = {"job": search, "target": "cpu:threads=2", **changes}
    refused = export(client, **spec)
    assert (refused.status_code, refused.json()["code"]) == (status, code)
    assert refused.json()["fix"]
    assert client.get("/v1/jobs", params={"kind": "export"}).json()["items"] == []
    assert export(client, search, target="cpu:threads=2").status_code == 201


def test_only_a_search_has_architectures(client: TestClient) -> None:
    other = client.post("/v1/jobs", json={"spec": {"kind": "profiling", "target": "cpu"}}).json()["id"]
    refused = export(client, other)
    assert (refused.status_code, refused.json()["errors"][0]["pointer"]) == (422, "/spec/job")


def test_another_tenants_search_is_unknown(client: TestClient) -> None:
    job = searched(client)
    assert export(client, job).status_code == 201
    client.headers["Authorization"] = f"Bearer {other_key(client, 'others')}"
    assert export(client, job).json()["code"] == "unknown_job"


def test_validating_tells_what_finishing_takes(client: TestClient) -> None:
    job = searched(client, targets=TWO)
    told = export(client, job, query="?validate_only=true", target="cpu").json()
    assert told["seconds"] == {"profiling": 1.0, "training": 2.0, "fine_tuning": 2.0}  # of one of the two targets
    assert list(told["reachable_ms"]) == ["cpu"] and told["spec"]["architecture"] == "resolution=8 width=1"
    assert export(client, job, "ffff", query="?validate_only=true", target="cpu").status_code == 404
    infeasible = searched(client, seed=fake_engine.INFEASIBLE)
    assert export(client, infeasible, query="?validate_only=true").json()["code"] == "infeasible_budget"
