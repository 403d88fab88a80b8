"""What all resources share: versions, labels, idempotency, quotas, deleting, looking ahead; on both engines."""

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest
from sqlalchemy import select, update
from starlette.testclient import TestClient

from api.jobs import events_table
from api.settings import Settings
from api.tables import idempotency, jobs
from api.testing import fake_engine
from nas.events import CandidateEvent, Event, FrontEvent, LogEvent, PhaseEvent
from tests.api.conftest import body, both_engines, serving
from tests.api.test_datasets import digits
from tests.metrics import as_accuracy

pytestmark = both_engines


def end(client: TestClient, job_id: str) -> None:
    """Cancels a queued job."""
    assert client.post(f"/v1/jobs/{job_id}/cancel").json()["state"] == "cancelled"


def at_once(post: Callable[[], Any], count: int) -> list[Any]:
    """The answers to requests that are sent at the same moment."""
    with ThreadPoolExecutor(count) as pool:
        return [future.result() for future in [pool.submit(post) for _ in range(count)]]


def test_a_request_that_is_sent_again_makes_one_job(client: TestClient) -> None:
    headers = {"Idempotency-Key": "mine"}
    first = client.post("/v1/jobs", json=body(), headers=headers)
    again = client.post("/v1/jobs", json=body(), headers=headers)
    assert first.status_code == again.status_code == 201 and first.json() == again.json()
    assert "idempotency-replayed" not in first.headers and again.headers["idempotency-replayed"] == "true"
    assert again.headers["location"] == first.headers["location"]
    other = client.post("/v1/jobs", json=body(seed=1), headers=headers)
    assert (other.status_code, other.json()["code"]) == (422, "idempotency_mismatch")
    assert len(client.get("/v1/jobs").json()["items"]) == 1
    with client.app.state.database.write() as connection:  # type: ignore[attr-defined]
        connection.execute(update(idempotency).values(created_at=1))
    client.app.state.maintenance.sweep()  # type: ignore[attr-defined]
    assert client.post("/v1/jobs", json=body(seed=1), headers=headers).status_code == 201


def test_requests_at_the_same_moment_make_one_job(client: TestClient) -> None:
    answers = at_once(lambda: client.post("/v1/jobs", json=body(), headers={"Idempotency-Key": "at-once"}), 6)
    assert {answer.status_code for answer in answers} == {201}
    assert len({answer.json()["id"] for answer in answers}) == 1
    assert len(client.get("/v1/jobs").json()["items"]) == 1


def test_labels_are_set_and_removed_and_found_by(client: TestClient) -> None:
    job = client.post("/v1/jobs", json={**body(), "labels": {"project": "a", "team": "x y"}}).json()
    client.post("/v1/jobs", json={**body(), "labels": {"project": "b"}})
    changed = client.patch(f"/v1/jobs/{job['id']}", json={"labels": {"team": None, "stage": "1"}}).json()
    assert changed["labels"] == {"project": "a", "stage": "1"}
    found = client.get("/v1/jobs", params={"label": ["project=a", "stage=1"]}).json()["items"]
    assert [one["id"] for one in found] == [job["id"]]
    assert client.get("/v1/jobs", params={"label": ["project=a", "stage=2"]}).json()["items"] == []
    assert client.get("/v1/jobs", params={"label": "no label"}).status_code == 422
    many = {f"l{n}": "" for n in range(40)}
    assert client.patch(f"/v1/jobs/{job['id']}", json={"labels": many}).json()["errors"][0]["pointer"] == "/labels"


def test_a_change_names_the_version_that_it_means(client: TestClient) -> None:
    made = client.post("/v1/jobs", json=body())
    address, etag = made.headers["location"], made.headers["etag"]
    patched = client.patch(address, json={"labels": {"a": "b"}}, headers={"If-Match": etag})
    assert patched.status_code == 200 and patched.headers["etag"] == client.get(address).headers["etag"] != etag
    stale = client.patch(address, json={"labels": {"a": "c"}}, headers={"If-Match": etag})
    assert (stale.status_code, stale.json()["code"]) == (412, "precondition_failed")
    assert client.delete(address, headers={"If-Match": etag}).status_code == 412
    assert client.patch(address, json={"labels": {}}, headers={"If-Match": "*"}).status_code == 200
    assert client.patch(address, json={"labels": {}}, headers={"If-Match": "nonsense"}).status_code == 412


def test_filters_by_kind_and_time(client: TestClient) -> None:
    first = client.post("/v1/jobs", json=body()).json()
    second = client.post("/v1/jobs", json={"spec": {"kind": "profiling", "target": "cpu"}}).json()
    with client.app.state.database.write() as connection:  # type: ignore[attr-defined]
        connection.execute(update(jobs).where(jobs.c.id == first["id"]).values(created_at=1000))
    listed = client.get("/v1/jobs", params={"kind": "profiling"}).json()["items"]
    assert [job["id"] for job in listed] == [second["id"]]
    listed = client.get("/v1/jobs", params={"created_after": "2020-01-01T00:00:00Z"}).json()["items"]
    assert [job["id"] for job in listed] == [second["id"]]


def test_a_job_is_deleted_when_it_has_ended(client: TestClient) -> None:
    job_id = client.post("/v1/jobs", json=body()).json()["id"]
    refused = client.delete(f"/v1/jobs/{job_id}")
    assert (refused.status_code, refused.json()["code"]) == (409, "job_not_ended")
    end(client, job_id)
    assert client.delete(f"/v1/jobs/{job_id}").status_code == 204
    for address in ("", "/events", "/logs", "/candidates"):
        assert client.get(f"/v1/jobs/{job_id}{address}").status_code == 404


def test_a_queued_job_is_paused_and_resumed(client: TestClient) -> None:
    job_id = client.post("/v1/jobs", json=body()).json()["id"]
    for _ in range(2):
        assert client.post(f"/v1/jobs/{job_id}/pause").json()["state"] == "paused"
    for _ in range(2):
        assert client.post(f"/v1/jobs/{job_id}/resume").json()["state"] == "queued"
    client.post(f"/v1/jobs/{job_id}/pause")
    end(client, job_id)
    refused = client.post(f"/v1/jobs/{job_id}/resume")
    assert (refused.status_code, refused.json()["code"]) == (409, "job_ended")
    events = client.get(f"/v1/jobs/{job_id}/events").json()["items"]
    states = [item["event"]["state"] for item in events if item["event"]["type"] == "state"]
    assert states == ["queued", "paused", "queued", "paused", "cancelled"]


def test_a_tenant_has_so_many_jobs(settings: Settings) -> None:
    with serving(settings.model_copy(update={"max_queued": 2})) as client:
        made = [client.post("/v1/jobs", json=body()).json()["id"] for _ in range(2)]
        refused = client.post("/v1/jobs", json=body())
        assert (refused.status_code, refused.json()["code"]) == (403, "quota_exceeded")
        end(client, made[0])
        assert client.post("/v1/jobs", json=body()).status_code == 201


def test_what_a_job_would_take_is_told_without_queueing_it(client: TestClient) -> None:
    told = client.post("/v1/jobs", json=body(), params={"validate_only": True})
    assert told.status_code == 200, told.text
    document = told.json()
    assert document["spec"]["space"] == "mobilenet" and document["architectures"] == "9" * 26
    assert document["reachable_ms"] == {"cpu": [0.2, 1.5]} and document["warnings"] == ["busy"]
    assert document["seconds"] == {"profiling": 1.0, "training": 2.0, "searching": 3.0, "fine_tuning": 4.0}
    assert (document["resolution"], document["supernet"]) == (8, False)
    assert document["note"] == "2 networks are trained at 8 x 8 pixels."
    profiling = client.post("/v1/jobs?validate_only=true", json={"spec": {"kind": "profiling", "target": "cpu"}}).json()
    assert (profiling["resolution"], profiling["supernet"], profiling["note"]) == (8, None, "")
    refused = client.post("/v1/jobs", json=body(seed=fake_engine.INFEASIBLE), params={"validate_only": True})
    assert (refused.status_code, refused.json()["code"]) == (422, "infeasible_budget")
    assert refused.json()["facts"] == {"reachable_ms": [0.2, 1.5]}
    assert client.get("/v1/jobs").json()["items"] == []


@pytest.mark.parametrize(
    ("seed", "told", "timeout_s"),
    [
        (fake_engine.GREEDY, "more memory than it may", 60.0),
        (fake_engine.SLOW, "longer than", 3.0),
        (fake_engine.KILL_ALWAYS, "ended", 60.0),
    ],
)
def test_looking_ahead_is_bounded(settings: Settings, seed: int, told: str, timeout_s: float) -> None:
    bounds = {"estimate_memory_bytes": 4 * 2**30, "check_timeout_s": timeout_s}
    with serving(settings.model_copy(update=bounds)) as client:
        refused = client.post("/v1/jobs", json=body(seed=seed), params={"validate_only": True})
        assert (refused.status_code, refused.json()["code"]) == (422, "check_failed")
        assert told in refused.json()["detail"] and "smaller" in refused.json()["fix"]


def test_what_a_job_told_is_found_by_kind(client: TestClient) -> None:
    job_id = client.post("/v1/jobs", json=body()).json()["id"]
    told: list[Event] = [
        PhaseEvent(phase="profiling", status="reused", target="cpu", seconds=None),
        PhaseEvent(phase="searching", status="started", target="cpu", seconds=None),
        *(
            CandidateEvent(
                number=n, architecture="a", architecture_id=str(n), metric=as_accuracy(0.5), latency_ms={"cpu": 1.0}, feasible={"cpu": True}
            )
            for n in range(3)
        ),
        FrontEvent(target="cpu", budget_ms=1.0, evaluations=1, points=()),
        FrontEvent(target="cpu", budget_ms=1.0, evaluations=3, points=()),
        *(LogEvent(level="info", message=str(n)) for n in range(3)),
        PhaseEvent(phase="searching", status="finished", target="cpu", seconds=2.0),
    ]  # fmt: skip
    with client.app.state.database.write() as connection:  # type: ignore[attr-defined]
        events_table.append(connection, job_id, told)
    address = f"/v1/jobs/{job_id}"
    for what, field in (("candidates", "number"), ("logs", "message")):
        first = client.get(f"{address}/{what}", params={"page_size": 2}).json()
        rest = client.get(f"{address}/{what}", params={"page_token": first["next_page_token"]}).json()
        assert [int(item[field]) for item in first["items"] + rest["items"]] == [0, 1, 2]
        assert rest["next_page_token"] is None
        wrong = client.get(f"{address}/{'logs' if what == 'candidates' else 'candidates'}", params={
            "page_token": first["next_page_token"]
        })  # fmt: skip
        assert wrong.json()["code"] == "invalid_page_token"
    fronts = client.get(f"{address}/pareto-front").json()
    assert [front["evaluations"] for front in fronts["items"]] == [3] and fronts["items"] == fronts["estimates"]
    checkpoints = client.get(f"{address}/checkpoints").json()["items"]
    assert [(c["phase"], c["reused"], c["seconds"]) for c in checkpoints] == [
        ("profiling", True, None),
        ("searching", False, 2.0),
    ]


def test_a_job_that_is_being_cancelled_neither_pauses_nor_resumes(client: TestClient) -> None:
    job_id = client.post("/v1/jobs", json=body()).json()["id"]
    with client.app.state.database.write() as connection:  # type: ignore[attr-defined]
        connection.execute(update(jobs).where(jobs.c.id == job_id).values(state="cancelling"))
    for change in ("pause", "resume"):
        refused = client.post(f"/v1/jobs/{job_id}/{change}")
        assert (refused.status_code, refused.json()["code"]) == (409, "job_cancelling")
        assert "being cancelled" in refused.json()["detail"]
    assert client.post(f"/v1/jobs/{job_id}/cancel").status_code == 200


@pytest.mark.parametrize("kind", ["deploy", "", None, 3])
def test_an_unknown_kind_is_named(client: TestClient, kind: object) -> None:
    problem = client.post("/v1/jobs", json={"spec": {"kind": kind}}).json()
    assert [error["pointer"] for error in problem["errors"]] == ["/spec/kind"]


def test_an_upload_that_is_sent_again_makes_one_data_set(client: TestClient, settings: Settings) -> None:
    def post(content: bytes, name: str = "mine") -> Any:
        headers = {"Idempotency-Key": "mine", "Content-Type": "application/zip"}
        return client.post("/v1/datasets", params={"name": name}, content=content, headers=headers)

    first, again = post(digits()), post(digits())
    assert first.status_code == again.status_code == 201 and first.json() == again.json()
    assert "idempotency-replayed" not in first.headers and again.headers["idempotency-replayed"] == "true"
    for other in (post(digits(63)), post(digits(), "other")):
        assert (other.status_code, other.json()["code"]) == (422, "idempotency_mismatch")
    assert [path.name for path in settings.datasets.iterdir()] == [first.json()["id"]]
    assert not list(settings.incoming.iterdir())


def test_uploads_at_the_same_moment_make_one_data_set(client: TestClient, settings: Settings) -> None:
    headers = {"Idempotency-Key": "at-once", "Content-Type": "application/zip"}
    answers = at_once(lambda: client.post("/v1/datasets", content=digits(), headers=headers), 3)
    assert {answer.status_code for answer in answers} == {201}
    assert {answer.json()["id"] for answer in answers} == {path.name for path in settings.datasets.iterdir()}


def test_a_key_that_is_asked_for_again_is_named_and_its_secret_not_kept(client: TestClient) -> None:
    def post(name: str = "ci") -> Any:
        return client.post(
            "/v1/api-keys", json={"name": name, "scopes": ["jobs:read"]}, headers={"Idempotency-Key": "k"}
        )

    answers = at_once(post, 4)
    (made,) = [answer.json() for answer in answers if answer.status_code == 201]
    refused = [answer.json() for answer in answers if answer.status_code != 201]
    assert [(one["code"], one["facts"]) for one in refused] == [("secret_shown", {"key_id": made["id"]})] * 3
    assert [key["name"] for key in client.get("/v1/api-keys").json()["items"]].count("ci") == 1
    with client.app.state.database.read() as connection:  # type: ignore[attr-defined]
        stored = connection.execute(select(idempotency.c.answer)).scalar_one()
    assert made["secret"] not in stored.decode() and made["id"] in stored.decode()
    assert post("other").json()["code"] == "idempotency_mismatch"


def test_a_tenant_that_is_made_again_is_the_same(client: TestClient) -> None:
    def post(name: str = "vision") -> Any:
        return client.post("/v1/tenants", json={"name": name}, headers={"Idempotency-Key": "t"})

    answers = at_once(post, 4)
    assert {answer.status_code for answer in answers} == {201} and len({a.json()["id"] for a in answers}) == 1
    assert sorted(answer.headers.get("idempotency-replayed", "") for answer in answers) == ["", "true", "true", "true"]
    assert post("other").json()["code"] == "idempotency_mismatch"
    assert client.post("/v1/tenants", json={"name": "vision"}).json()["code"] == "tenant_exists"
