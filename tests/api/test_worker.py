"""The worker at its job: success, failure, being killed, cancelling. A real worker process runs the fake engine."""

from typing import Any

import pytest
from sqlalchemy.exc import OperationalError
from starlette.testclient import TestClient

from api.errors import UnknownJob
from api.jobs.schemas import JobEvent
from api.testing import fake_engine
from api.testing.server import eventually
from tests.api.conftest import body, other_key


def run(client: TestClient, **changes: Any) -> dict[str, Any]:
    """Queues a job and waits for its end."""
    job: dict[str, Any] = client.post("/v1/jobs", json=body(**changes)).json()
    return wait(client, job["id"])


def wait(client: TestClient, job_id: str) -> dict[str, Any]:
    """Waits for the end of a job."""

    def ended() -> dict[str, Any] | None:
        job: dict[str, Any] = client.get(f"/v1/jobs/{job_id}").json()
        return job if job["finished_at"] else None

    found: dict[str, Any] = eventually(ended)
    return found


def events(client: TestClient, job_id: str) -> list[dict[str, Any]]:
    """All events of a job, checked to be numbered without a gap."""
    page = client.get(f"/v1/jobs/{job_id}/events", params={"page_size": 1000}).json()
    assert [item["seq"] for item in page["items"]] == list(range(1, len(page["items"]) + 1))
    return [item["event"] for item in page["items"]]


def begin(client: TestClient, seed: int) -> str:
    """Queues a job and waits until its engine tells something."""
    job_id: str = client.post("/v1/jobs", json=body(seed=seed)).json()["id"]
    eventually(lambda: client.get(f"/v1/jobs/{job_id}").json()["progress"])
    return job_id


def test_a_search_ends_with_its_result_and_all_its_events(busy: TestClient) -> None:
    targets = [{"target": "cpu", "latency_ms": 0.2}, {"target": "cpu:threads=2", "latency_ms": "40%"}]
    job = run(busy, targets=targets)
    told = events(busy, job["id"])
    assert (job["state"], job["attempt"], job["error"]) == ("succeeded", 1, None)
    assert set(job["result"]["models"]) == {"cpu", "cpu:threads=2"}
    assert job["result"]["models"]["cpu"]["metric"]["int8"] == {
        "name": "accuracy",
        "value": 0.98,
        "higher_is_better": True,
    }
    assert "bundle" not in str(job["result"]) and "run" not in job["result"]
    assert [event["number"] for event in told if event["type"] == "candidate"] == list(range(fake_engine.STEPS))
    told_fronts = [(event["target"], event["of"]) for event in told if event["type"] == "front"]
    assert told_fronts == [(t, of) for t in ("cpu", "cpu:threads=2") for of in ("candidates", "trained")]
    assert (
        job["result"]["fronts"]["cpu"][0]["metric"]["value"] == 0.985
    )  # of the trained network; 0.98 was the estimate
    assert job["result"]["estimates"]["cpu"][0]["metric"]["value"] == 0.98 and job["result"]["metric"] == "accuracy"
    states = [event["state"] for event in told if event["type"] == "state"]
    assert states == ["queued", "running", "succeeded"]
    assert told[-1] == {"type": "end", "state": "succeeded"}
    assert job["last_event"] == len(told)


def test_what_it_delivers_can_be_downloaded(busy: TestClient) -> None:
    job = run(busy)
    model_id = job["result"]["models"]["cpu"]["model_id"]
    listed = busy.get("/v1/models", params={"job": job["id"]}).json()["items"]
    assert [model["id"] for model in listed] == [model_id]
    model = busy.get(f"/v1/models/{model_id}").json()
    assert model == {**listed[0], "test": fake_engine.TEST.model_dump(mode="json")}
    assert job["result"]["models"]["cpu"]["test"] == model["test"]
    (found,) = [one for one in busy.get("/v1/jobs").json()["items"] if one["id"] == job["id"]]
    assert found["result"]["models"]["cpu"]["test"] is None  # a thousand classes have a million numbers
    assert tuple(file["name"] for file in model["artifacts"]) == fake_engine.FILES
    for file in model["artifacts"]:
        content = busy.get(file["url"]).content
        assert len(content) == file["size_bytes"]


def test_an_error_of_the_engine_is_the_jobs_error(busy: TestClient) -> None:
    job = run(busy, seed=fake_engine.INFEASIBLE)
    assert job["state"] == "failed" and job["result"] is None and job["attempt"] == 1
    error = job["error"]
    assert (error["code"], error["status"], error["type"]) == ("infeasible_budget", 422, "/problems/infeasible_budget")
    assert error["facts"] == {"reachable_ms": [0.2, 1.5]} and error["fix"] == "Allow 0.2 ms."


def test_a_defect_fails_the_job_and_tells_nothing_of_itself(busy: TestClient) -> None:
    job = run(busy, seed=fake_engine.DEFECT)
    assert (job["state"], job["error"]["code"]) == ("failed", "internal_error")
    assert "ZeroDivision" not in str(job["error"])


def test_a_killed_worker_is_replaced_and_the_job_tried_again(busy: TestClient) -> None:
    job = run(busy, seed=fake_engine.KILL_ONCE)
    told = events(busy, job["id"])
    assert (job["state"], job["attempt"]) == ("succeeded", 2)
    states = [event["state"] for event in told if event["type"] == "state"]
    assert states == ["queued", "running", "queued", "running", "succeeded"]
    assert len(busy.get("/v1/models", params={"job": job["id"]}).json()["items"]) == 1


def test_a_job_that_kills_its_worker_each_time_fails(busy: TestClient) -> None:
    job = run(busy, seed=fake_engine.KILL_ALWAYS)
    assert (job["state"], job["attempt"], job["error"]["code"]) == ("failed", 2, "worker_lost")
    assert run(busy)["state"] == "succeeded"


def test_a_running_job_is_cancelled(busy: TestClient) -> None:
    job_id = begin(busy, fake_engine.SLOW)
    assert busy.post(f"/v1/jobs/{job_id}/cancel").json()["state"] == "cancelling"
    job = wait(busy, job_id)
    assert job["state"] == "cancelled"
    assert [event["state"] for event in events(busy, job_id) if event["type"] == "state"] == [
        "queued",
        "running",
        "cancelling",
        "cancelled",
    ]
    refused = busy.post(f"/v1/jobs/{run(busy)['id']}/cancel")
    assert (refused.status_code, refused.json()["code"]) == (409, "job_ended")


def test_a_running_job_pauses_and_goes_on(busy: TestClient) -> None:
    job_id = begin(busy, fake_engine.SLOW)
    asked = busy.post(f"/v1/jobs/{job_id}/pause").json()
    assert asked["state"] == "paused" or asked["pause_requested_at"]
    eventually(lambda: busy.get(f"/v1/jobs/{job_id}").json()["state"] == "paused")
    assert busy.post(f"/v1/jobs/{job_id}/resume").json()["state"] == "queued"
    job = eventually(lambda: (j := busy.get(f"/v1/jobs/{job_id}").json())["state"] == "running" and j)
    assert job["attempt"] == 1 and [a["outcome"] for a in job["attempts"]] == ["paused", None]
    busy.post(f"/v1/jobs/{job_id}/cancel")
    assert wait(busy, job_id)["state"] == "cancelled"
    numbers = [event["number"] for event in events(busy, job_id) if event["type"] == "candidate"]
    assert numbers == list(range(len(numbers)))


def test_a_job_that_takes_too_long_is_ended(busy: TestClient) -> None:
    wanted = {**body(seed=fake_engine.SLOW), "max_duration_s": 0.3}
    job = wait(busy, busy.post("/v1/jobs", json=wanted).json()["id"])
    assert (job["state"], job["error"]["code"]) == ("failed", "job_too_long")


def test_a_profile_and_a_supernet(busy: TestClient) -> None:
    job = wait(busy, busy.post("/v1/jobs", json={"spec": {"kind": "profiling", "target": "cpu"}}).json()["id"])
    assert job["state"] == "succeeded" and job["result"]["table_sha256"] == "ab" * 32
    newest = busy.get("/v1/targets/cpu/latency-tables").json()["items"][0]
    assert newest["job_id"] == job["id"] and newest["summary"] == job["result"]
    spec = {"kind": "supernet_training", "data": "digits"}
    job = wait(busy, busy.post("/v1/jobs", json={"spec": spec}).json()["id"])
    assert (job["state"], job["result"]["supernet_sha256"]) == ("succeeded", "ab" * 32)


def test_an_export_outlives_the_job_of_its_search(busy: TestClient) -> None:
    search = run(busy, targets=[{"target": "cpu", "latency_ms": 0.2}, {"target": "cpu:threads=2", "latency_ms": 1}])
    spec = {"kind": "export", "job": search["id"], "architecture_id": "a1", "target": "cpu:threads=2"}
    made = busy.post("/v1/jobs", json={"spec": spec}).json()
    assert made["spec"]["architecture"] == "resolution=8" and made["spec"]["search"] == search["spec"]
    assert busy.delete(f"/v1/jobs/{search['id']}").status_code == 204
    job = wait(busy, made["id"])
    assert (job["state"], job["kind"], job["error"]) == ("succeeded", "export", None)
    assert (job["result"]["target"], job["result"]["within_budget"]) == ("cpu:threads=2", False)
    assert job["result"]["warnings"] and "bundle" not in str(job["result"])
    model = busy.get(f"/v1/models/{job['result']['model']['model_id']}").json()
    assert (model["job_id"], model["architecture"]) == (job["id"], "resolution=8")
    assert tuple(file["name"] for file in model["artifacts"]) == fake_engine.FILES
    assert busy.post("/v1/jobs", json={"spec": spec}).json()["code"] == "unknown_job"


def test_an_engine_that_does_not_stop_is_ended_with_its_process(busy: TestClient) -> None:
    job_id = begin(busy, fake_engine.DEAF)
    busy.post(f"/v1/jobs/{job_id}/cancel")
    assert wait(busy, job_id)["state"] == "cancelled"
    assert events(busy, job_id)[-1] == {"type": "end", "state": "cancelled"}
    assert run(busy)["state"] == "succeeded"


@pytest.mark.parametrize("after", [0, 5, 1000])
def test_a_stream_of_a_finished_job(busy: TestClient, after: int) -> None:
    job = run(busy)
    headers = {"Accept": "text/event-stream", "Last-Event-ID": str(after)}
    stream = busy.get(f"/v1/jobs/{job['id']}/events", headers=headers)
    ids = [int(line[4:]) for line in stream.text.splitlines() if line.startswith("id: ")]
    assert ids == list(range(after + 1, job["last_event"] + 1))
    if ids:
        assert stream.headers["content-type"].startswith("text/event-stream")
    else:
        assert stream.status_code == 204


@pytest.mark.parametrize(
    ("error", "last"),
    [(UnknownJob("Gone.", fix="-"), None), (OperationalError("", {}, OSError()), "event: reconnect\ndata: {}\n\n")],
)
def test_a_stream_whose_job_or_database_goes_ends_in_order(
    busy: TestClient, monkeypatch: pytest.MonkeyPatch, error: Exception, last: str | None
) -> None:
    job_id = begin(busy, fake_engine.SLOW)
    jobs = busy.app.state.jobs  # type: ignore[attr-defined]
    read, asked = jobs.stored_events, 0

    def fails_later(*words: Any, **more: Any) -> Any:
        nonlocal asked
        asked += 1
        if asked > 2:
            raise error
        return read(*words, **more)

    monkeypatch.setattr(jobs, "stored_events", fails_later)
    stream = busy.get(f"/v1/jobs/{job_id}/events", headers={"Accept": "text/event-stream"})
    assert stream.status_code == 200 and "event: progress" in stream.text
    assert stream.text.endswith(last or "\n\n") and ("reconnect" in stream.text) == (last is not None)
    monkeypatch.undo()
    busy.post(f"/v1/jobs/{job_id}/cancel")
    wait(busy, job_id)


def test_who_may_not_see_a_stream_gets_none(busy: TestClient) -> None:
    job_id = run(busy)["id"]
    stream = {"Accept": "text/event-stream"}
    other = {"Authorization": f"Bearer {other_key(busy, 'another')}"}
    answers = [
        busy.get(f"/v1/jobs/{job_id}/events", headers={**stream, "Authorization": "Bearer nas_1"}),
        busy.get(f"/v1/jobs/{job_id}/events", headers={**stream, **other}),
        busy.get(f"/v1/jobs/job_{'0' * 26}/events", headers=stream),
    ]
    assert [a.status_code for a in answers] == [401, 404, 404]
    assert {a.headers["content-type"] for a in answers} == {"application/problem+json"}


def test_each_event_of_a_stream_has_the_form_of_a_page(busy: TestClient) -> None:
    job_id = run(busy)["id"]
    stream = busy.get(f"/v1/jobs/{job_id}/events", headers={"Accept": "text/event-stream"}).text
    page = busy.get(f"/v1/jobs/{job_id}/events", params={"page_size": 1000}).json()["items"]
    data = [line.removeprefix("data: ") for line in stream.splitlines() if line.startswith("data: ")]
    assert [JobEvent.model_validate_json(one).model_dump(mode="json") for one in data] == page


def test_a_stream_that_lives_too_long_asks_to_come_again(busy: TestClient, monkeypatch: pytest.MonkeyPatch) -> None:
    job_id = begin(busy, fake_engine.SLOW)
    short = busy.app.state.settings.model_copy(update={"stream_life_s": 0.2, "stream_ping_s": 0.01})  # type: ignore[attr-defined]
    monkeypatch.setattr(busy.app.state, "settings", short)  # type: ignore[attr-defined]
    stream = busy.get(f"/v1/jobs/{job_id}/events", headers={"Accept": "text/event-stream"})
    assert stream.text.endswith("event: reconnect\ndata: {}\n\n") and ": ping" in stream.text
    bad = busy.get(f"/v1/jobs/{job_id}/events", headers={"Accept": "text/event-stream", "Last-Event-ID": "one"})
    assert bad.status_code == 422 and bad.json()["errors"][0]["parameter"] == "last-event-id"
    busy.post(f"/v1/jobs/{job_id}/cancel")
    wait(busy, job_id)
