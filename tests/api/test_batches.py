"""Batches over REST: what is rejected, counted and stored, and that a killed worker's cells are not run again."""

import csv
import json
from collections.abc import Iterator
from typing import Any

import httpx2
import pytest
from starlette.testclient import TestClient

from api.jobs.batches import engine_batch, searches_in
from api.jobs.specs import WIRE_SPEC
from api.settings import Settings
from api.testing import fake_engine
from api.testing.server import Server, eventually
from api.worker.outbox import job_columns
from nas.events import BatchEvent, Event
from tests.api.conftest import both_engines, other_key
from tests.api.test_datasets import digits

MATRIX: dict[str, Any] = {
    "kind": "batch",
    "data": ["digits"],
    "spaces": ["mobilenet", "resnet"],
    "targets": ["cpu"],
    "budgets": ["40%", 0.2],
    "search": {"effort": "quick"},
}


def batch(client: Any, query: str = "", **changes: Any) -> Any:
    """The answer to a batch."""
    return client.post(f"/v1/jobs{query}", json={"spec": {**MATRIX, **changes}})


def ended(client: Any, job_id: str) -> dict[str, Any]:
    """The job once it has ended."""

    def found() -> Any:
        job = client.get(f"/v1/jobs/{job_id}").json()
        return job if job["state"] in ("succeeded", "failed", "cancelled") else None

    job: dict[str, Any] = eventually(found)
    return job


def events(client: Any, job_id: str, kind: str) -> list[dict[str, Any]]:
    """The events of a type."""
    items = client.get(f"/v1/jobs/{job_id}/events", params={"page_size": 1000}).json()["items"]
    return [one["event"] for one in items if one["event"]["type"] == kind]


def test_a_batch_runs_and_its_files_and_models_are_there(busy: TestClient) -> None:
    made = batch(busy)
    assert made.status_code == 201 and made.json()["kind"] == "batch"
    job = ended(busy, made.json()["id"])
    result = job["result"]
    assert (job["state"], result["counts"], len(result["cells"])) == ("succeeded", {"succeeded": 4}, 4)
    assert job["progress"] is None and not {"run"} & {name for cell in result["cells"] for name in cell if cell[name]}
    for cell in result["cells"]:
        model = busy.get(f"/v1/models/{cell['model']['model_id']}").json()
        assert (model["cell"], model["target"], model["job_id"]) == (cell["id"], "cpu", job["id"])
        assert cell["data"] == "digits" and cell["model"]["test"] is None and model["test"] is not None
        assert busy.get(model["artifacts"][0]["url"]).status_code == 200
    files = busy.get(f"/v1/jobs/{job['id']}/artifacts").json()["items"]
    assert {file["name"]: file["media_type"] for file in files} == {
        "report.csv": "text/csv; charset=utf-8",
        "report.html": "text/html; charset=utf-8",
        "report.json": "application/json",
    }
    text = busy.get(f"/v1/jobs/{job['id']}/artifacts/report.csv").text
    assert [row["cell"] for row in csv.DictReader(text.splitlines())] == [cell["id"] for cell in result["cells"]]
    assert busy.head(files[0]["url"]).headers["Content-Length"] == str(files[0]["size_bytes"])
    missing = busy.get(f"/v1/jobs/{job['id']}/artifacts/none.csv")
    assert (missing.status_code, missing.json()["code"]) == (404, "unknown_artifact")
    listed = busy.get("/v1/jobs", params={"kind": "batch"}).json()["items"][0]["result"]
    assert (listed["cells"], listed["counts"]) == ([], {"succeeded": 4})


def test_a_batch_is_followed_by_its_events(busy: TestClient) -> None:
    job = ended(busy, batch(busy).json()["id"])
    cells = [(one["cell"], one["state"]) for one in events(busy, job["id"], "cell")]
    ids = [cell["id"] for cell in job["result"]["cells"]]
    assert cells == [(one, state) for one in ids for state in ("running", "succeeded")]
    assert [one["done"] for one in events(busy, job["id"], "batch")] == [1, 2, 3, 4]
    assert {one["event"]["type"] for one in events(busy, job["id"], "item")} == {"log"}  # no candidates
    assert busy.get(f"/v1/jobs/{job['id']}/candidates").json()["items"] == []
    assert busy.get(f"/v1/jobs/{job['id']}/logs").json()["items"][0]["message"] == "executor local"


def test_the_cells_of_a_batch_are_listed_with_their_states(busy: TestClient) -> None:
    job = ended(busy, batch(busy, seeds=[fake_engine.PLAIN, fake_engine.INFEASIBLE], budgets=["40%"]).json()["id"])
    cells = busy.get(f"/v1/jobs/{job['id']}/cells").json()
    assert [cell["id"] for cell in cells["items"]] == [cell["id"] for cell in job["result"]["cells"]]
    good, bad = cells["items"][:2]
    assert (good["data"], good["space"], good["target"], good["latency_ms"], good["seed"]) == (
        "digits",
        "mobilenet",
        "cpu",
        "40%",
        0,
    )
    assert (good["state"], good["metric"]["value"], good["measured_ms"], good["kind"]) == (
        "succeeded",
        0.98,
        0.1,
        "measured",
    )
    assert (bad["state"], bad["metric"], bad["detail"]) == ("infeasible", None, "No network is as fast.")
    assert cells["last_event"] == job["last_event"]


def test_cells_of_a_queued_batch_are_pending_and_other_jobs_have_none(client: TestClient) -> None:
    job_id = batch(client).json()["id"]
    assert {cell["state"] for cell in client.get(f"/v1/jobs/{job_id}/cells").json()["items"]} == {"pending"}
    other = client.post("/v1/jobs", json={"spec": {"kind": "profiling", "target": "cpu"}}).json()["id"]
    assert client.get(f"/v1/jobs/{other}/cells").json()["items"] == []
    stranger = {"Authorization": f"Bearer {other_key(client, 'others')}"}
    assert client.get(f"/v1/jobs/{job_id}/cells", headers=stranger).status_code == 404


def test_the_progress_of_a_batch_is_its_jobs() -> None:
    told: list[Event] = [
        BatchEvent(stage="supernets", done=1, total=2, cells={"pending": 4}, eta_s=9.0),
        BatchEvent(stage="cells", done=3, total=4, cells={"succeeded": 3, "pending": 1}),
    ]
    assert job_columns(told[:1]) == {
        "phase": "training",
        "progress": {"done": 1, "total": 2, "unit": "supernets", "eta_s": 9.0},
    }
    assert job_columns(told) == {
        "phase": "searching",
        "progress": {"done": 3, "total": 4, "unit": "cells", "eta_s": None},
    }


def test_an_infeasible_cell_does_not_fail_the_batch(busy: TestClient) -> None:
    job = ended(busy, batch(busy, seeds=[fake_engine.PLAIN, fake_engine.INFEASIBLE], budgets=["40%"]).json()["id"])
    assert (job["state"], job["result"]["counts"]) == ("succeeded", {"succeeded": 2, "infeasible": 2})
    wrong = [cell for cell in job["result"]["cells"] if cell["seed"] == fake_engine.INFEASIBLE]
    assert [(cell["model"], cell["error"]["code"]) for cell in wrong] == [(None, "infeasible_budget")] * 2
    assert len(busy.get("/v1/models", params={"job": job["id"]}).json()["items"]) == 2


def test_a_batch_is_cancelled(busy: TestClient) -> None:
    job_id = batch(busy, seeds=[fake_engine.SLOW]).json()["id"]
    eventually(lambda: events(busy, job_id, "cell"))
    busy.post(f"/v1/jobs/{job_id}/cancel")
    assert ended(busy, job_id)["state"] == "cancelled"
    assert busy.get(f"/v1/jobs/{job_id}/artifacts").json()["items"] == []


@pytest.mark.parametrize("engine", ["sqlite", "postgresql"], indirect=True)
def test_after_a_kill_only_missing_cells_run(server: Server) -> None:
    client: httpx2.Client = server.start()
    job = ended(
        client, batch(client, seeds=[fake_engine.PLAIN, fake_engine.KILL_ONCE], spaces=["mobilenet"]).json()["id"]
    )
    assert (job["state"], job["attempt"], job["result"]["counts"]) == ("succeeded", 2, {"succeeded": 4})
    assert {cell["seed"]: cell["found"] for cell in job["result"]["cells"]} == {
        fake_engine.PLAIN: True,  # before the kill
        fake_engine.KILL_ONCE: False,
    }


@both_engines
def test_cells_count_against_the_quota(client: TestClient, settings: Settings) -> None:
    client.app.state.jobs._quotas._settings = settings.model_copy(update={"max_queued": 5})  # type: ignore[attr-defined]
    assert batch(client).status_code == 201
    refused = batch(client)
    assert (refused.status_code, refused.json()["code"]) == (403, "quota_exceeded")
    assert refused.json()["facts"] == {"max_queued": 5, "unfinished": 4, "searches": 4}
    assert "4 cells" in refused.json()["detail"]
    assert batch(client, spaces=["mobilenet"], budgets=["40%"]).status_code == 201


@pytest.mark.parametrize(
    ("changes", "status", "code"),
    [
        ({"data": ["ds_" + "0" * 26]}, 404, "unknown_dataset"),
        ({"spaces": ["nowhere"]}, 400, "invalid_space"),
        ({"targets": ["abacus"]}, 404, "unknown_target"),
        ({"targets": ["cpu", "cpu:threads=1"]}, 400, "invalid_spec"),
        ({"search": {"searcher": "nobody"}}, 400, "unknown_searcher"),
        ({"search": {"start_from": "net_" + "0" * 26}, "spaces": ["auto"]}, 404, "unknown_network"),
        ({"seeds": list(range(64)), "budgets": [f"{n}%" for n in range(10, 30)]}, 400, "invalid_batch"),
        ({"exclude": [{"space": "mobilenet"}, {"space": "resnet"}]}, 400, "invalid_batch"),
        ({"exclude": [{"seed": 7}]}, 400, "invalid_batch"),
        ({"exclude": [{}]}, 422, "invalid_request"),
        ({"seeds": [1, 1]}, 422, "invalid_request"),
        ({"data": []}, 422, "invalid_request"),
        ({"data": ["/etc/passwd"]}, 422, "invalid_request"),
        ({"search": {"data": "digits"}}, 422, "invalid_request"),
        ({"search": {"seed": 3}}, 422, "invalid_request"),
    ],
)
def test_what_cannot_run_is_rejected_at_once(
    client: TestClient, changes: dict[str, Any], status: int, code: str
) -> None:
    refused = batch(client, **changes)
    assert (refused.status_code, refused.json()["code"]) == (status, code), refused.json()
    assert client.get("/v1/jobs").json()["items"] == []


def test_data_of_another_tenant_is_unknown(client: TestClient) -> None:
    stranger = {"Authorization": f"Bearer {other_key(client, 'others')}"}
    theirs = {**stranger, "Content-Type": "application/zip"}
    made = client.post("/v1/datasets", params={"name": "theirs"}, content=digits(), headers=theirs)
    refused = batch(client, data=["digits", made.json()["id"]])
    assert (refused.status_code, refused.json()["code"]) == (404, "unknown_dataset")
    mine = client.post("/v1/jobs", json={"spec": {**MATRIX, "data": [made.json()["id"]]}}, headers=stranger).json()
    assert client.get(f"/v1/jobs/{mine['id']}/artifacts").status_code == 404
    in_use = client.delete(f"/v1/datasets/{made.json()['id']}", headers=stranger)
    assert in_use.status_code == 409


def test_reports_call_data_sets_by_their_names_and_show_no_path(settings: Settings) -> None:
    data = "ds_" + "0" * 26
    wire = WIRE_SPEC.validate_python(
        {**MATRIX, "data": ["digits", data], "exclude": [{"data": data, "space": "resnet"}]}
    )
    assert wire.kind == "batch" and searches_in(wire) == 6
    spec = engine_batch(wire, settings, {"digits": "digits", data: "screws"})
    assert {cell.data for cell in spec.cells()} == {"digits", "screws"} and len(spec.cells()) == 6
    assert str(settings.home) not in json.dumps([[cell.id, cell.group] for cell in spec.cells()])


@pytest.fixture(autouse=True)
def _nothing_is_left(request: pytest.FixtureRequest) -> Iterator[None]:
    """Tests that share a service leave no job behind."""
    yield
    if "busy" in request.fixturenames:
        service: TestClient = request.getfixturevalue("busy")
        for job in service.get("/v1/jobs", params={"kind": "batch"}).json()["items"]:
            assert service.delete(f"/v1/jobs/{job['id']}").status_code == 204


def test_a_batch_is_counted_and_priced(client: TestClient) -> None:
    """The fake estimate: a second for a table, two for a supernet, three for a cell."""
    found = batch(client, "?validate_only=true", seeds=[0, fake_engine.INFEASIBLE])
    assert found.status_code == 200
    priced = found.json()
    assert (priced["cells"], priced["runnable"], priced["infeasible"]) == (2 * 2 * 2, 4, 4)
    assert priced["seconds"] == {"profiling": 2.0, "training": 8.0, "searching": 12.0}
    assert {one["code"] for one in priced["problems"].values()} == {"infeasible_budget"} and len(
        priced["problems"]
    ) == 4
    assert priced["spec"]["search"]["metric"] == "accuracy"
    assert client.get("/v1/jobs").json()["items"] == []


def test_an_estimate_counts_what_is_stored(busy: TestClient) -> None:
    assert batch(busy, "?validate_only=true", seeds=[77]).json()["finished"] == 0
    ended(busy, batch(busy, seeds=[77]).json()["id"])
    assert batch(busy, "?validate_only=true", seeds=[77]).json()["finished"] == 4
