"""Keys, sessions and tenants: who gets in, and what of others is seen (nothing)."""

import re
from collections.abc import Iterator
from typing import Any

import pytest
from fastapi.routing import APIRoute
from starlette.testclient import TestClient

from api.app import ROUTERS
from api.blobs import BlobStore
from api.errors import UnusablePepper
from api.ids import new_id
from api.keys.secrets import Pepper, key_id_of, new_key
from api.latency_tables import repository as tables
from api.models import repository as models
from api.routes.public import PUBLIC, require_authentication
from api.settings import Settings
from api.tables import api_keys
from api.tenancy import SCOPES
from tests.api.conftest import body, both_engines, other_key, serving, subject_of
from tests.api.test_models import OUTCOME

pytestmark = [both_engines, pytest.mark.usefixtures("engine")]

SUMMARY = {
    "target": "cpu", "device": "a", "runtime": "b", "fingerprint": "c", "space": "d", "resolution": 8, "keys": 1,
    "architectures": "9", "reachable_ms": [0.1, 0.2], "table_sha256": "0", "seconds": 1.0, "warnings": [],
    "accuracy_report": {
        "mape": 0.01, "rmspe": 0.01, "within_5": 1.0, "within_10": 1.0, "kendall_tau": None,
        "kendall_tau_fastest_tenth": None, "noise_mape": 0.01, "fitted": 40, "tested": 10, "method": "held_out",
    },
}  # fmt: skip


def as_key(secret: str) -> dict[str, str]:
    return {"Authorization": f"Bearer {secret}"}


def routes() -> Iterator[tuple[str, str]]:
    """Every method and path that the application serves."""
    for router in ROUTERS:
        for route in router.routes:
            assert isinstance(route, APIRoute)
            for method in sorted(route.methods or ()):
                yield method, route.path
    yield from (("GET", "/openapi.json"), ("HEAD", "/openapi.json"))


@pytest.fixture
def owned(client: TestClient, settings: Settings) -> dict[str, str]:
    """The ids of one of each thing that the first tenant owns, by the name of the path's parameter."""
    tenant_id = subject_of(client).tenant_id
    job = client.post("/v1/jobs", json=body()).json()["id"]
    made = settings.home / "made.onnx"
    made.write_bytes(b"model")
    blob = BlobStore(settings.artifacts).add(made)
    model, dataset, network = new_id("mdl"), new_id("ds"), new_id("net")
    file = {"name": "model.int8.onnx", "sha256": blob.sha256, "size_bytes": 5, "media_type": "application/octet-stream"}
    from api.upload_rows import DATASETS, NETWORKS

    found = {"classes": 2, "channels": 1, "side": 8, "only_side": False, "prunable_share": 1.0, "frozen": []}
    summary = {
        "classes": ["a", "b"], "resolution": 8, "channels": 1, "images": {"train": 2, "val": 1, "test": 1}, "skipped": 0,
        "warnings": [],
    }  # fmt: skip
    with client.app.state.database.write() as connection:  # type: ignore[attr-defined]
        models.add(connection, tenant_id, model, job, "cpu", OUTCOME, [file])
        tables.add(connection, tenant_id, job, SUMMARY)
        DATASETS.add(
            connection, id=dataset, tenant_id=tenant_id, name="mine", format="npz", sha256="0" * 64, size_bytes=1,
            summary=summary,
        )  # fmt: skip
        NETWORKS.add(
            connection, id=network, tenant_id=tenant_id, name="mine", sha256="0" * 64, size_bytes=1, summary=found
        )
    return {
        "job_id": job,
        "model_id": model,
        "name": "model.int8.onnx",
        "dataset_id": dataset,
        "network_id": network,
        "key_id": subject_of(client).key_id,
        "tenant_id": tenant_id,
        "architecture_id": "a1",
        "target_id": "cpu",
        "code": "not_found",
    }


def filled(path: str, ids: dict[str, str]) -> str:
    return re.sub(r"\{(\w+)\}", lambda match: ids[match[1]], path)


def test_without_a_key_only_the_written_list_answers(client: TestClient, owned: dict[str, str]) -> None:
    del client.headers["Authorization"]
    open_routes = set()
    for method, path in routes():
        response = client.request(method, filled(path, owned), follow_redirects=False)
        if response.status_code != 401:
            open_routes.add((method, path))
    assert open_routes == PUBLIC  # signing in with nothing is refused in its own way


def test_the_list_is_written_down() -> None:
    from tests.api.test_rest_page import PAGE

    section = PAGE.partition("These addresses need no key:")[2].partition("\n\n")[0]
    listed = {tuple(found.split(" ", 1)) for found in re.findall(r"`([A-Z]+ [^`]+)`", section)}
    assert listed == {(method, path) for method, path in PUBLIC if method != "HEAD"}


def test_with_another_tenants_key_nothing_is_there(client: TestClient, owned: dict[str, str]) -> None:
    stranger = as_key(other_key(client, "strangers"))
    before = client.get(f"/v1/jobs/{owned['job_id']}").json()
    mine = {"{job_id}", "{model_id}", "{dataset_id}", "{network_id}", "{key_id}"}
    checked = 0
    for method, path in routes():
        if any(name in path for name in mine):
            content = {"json": {"labels": {"a": "b"}}} if method == "PATCH" else {}
            response = client.request(method, filled(path, owned), headers=stranger, **content)  # type: ignore[arg-type]
            assert response.status_code == 404, (method, path)
            checked += 1
    assert checked >= 20
    assert client.get(f"/v1/jobs/{owned['job_id']}").json() == before
    for path in ("/v1/jobs", "/v1/models", "/v1/datasets", "/v1/networks", "/v1/targets/cpu/latency-tables"):
        assert len(client.get(path).json()["items"]) == 1
        assert client.get(path, headers=stranger).json()["items"] == []
    keys = client.get("/v1/api-keys", headers=stranger).json()["items"]
    assert [key["id"] for key in keys] == [key_id_of(stranger["Authorization"][7:])]
    refused = client.post("/v1/jobs", json=body(data=owned["dataset_id"]), headers=stranger)
    assert (refused.status_code, refused.json()["code"]) == (404, "unknown_dataset")
    started = client.post("/v1/jobs", json=body(start_from=owned["network_id"], space="auto"), headers=stranger)
    assert (started.status_code, started.json()["code"]) == (404, "unknown_network")
    assert client.get("/v1/tenants", headers=stranger).status_code == 403


def test_a_token_of_another_tenants_list_is_refused(client: TestClient) -> None:
    for seed in range(2):
        client.post("/v1/jobs", json=body(seed=seed))
    token = client.get("/v1/jobs", params={"page_size": 1}).json()["next_page_token"]
    stranger = as_key(other_key(client, "strangers"))
    assert client.get("/v1/jobs", params={"page_token": token}, headers=stranger).status_code == 400


def test_a_route_that_nobody_guards_stops_the_program() -> None:
    from fastapi import APIRouter

    router = APIRouter()
    router.add_api_route("/v1/secrets", lambda: "all")
    public = APIRouter()
    public.add_api_route("/livez", lambda: "ok")
    with pytest.raises(AssertionError, match="open to everyone"):
        require_authentication(router.routes)
    require_authentication(public.routes)


@pytest.mark.parametrize("scope", sorted(set(SCOPES) - {"admin"}))
def test_a_key_does_what_its_scopes_say(client: TestClient, owned: dict[str, str], scope: str) -> None:
    secret = other_key(client, "default", scope)
    key = as_key(secret)
    asks = {
        "jobs:read": ("GET", "/v1/jobs"),
        "jobs:write": ("POST", f"/v1/jobs/{owned['job_id']}/pause"),
        "datasets:read": ("GET", "/v1/datasets"),
        "datasets:write": ("DELETE", f"/v1/datasets/{owned['dataset_id']}"),
        "models:read": ("GET", "/v1/models"),
        "models:write": ("DELETE", f"/v1/models/{owned['model_id']}"),
        "keys:read": ("GET", "/v1/api-keys"),
        "keys:write": ("DELETE", f"/v1/api-keys/{key_id_of(secret)}"),
    }
    for needed, (method, path) in asks.items():
        response = client.request(method, path, headers=key)
        if needed == scope:
            assert response.status_code in (200, 204)
        else:
            assert (response.status_code, response.json()["code"]) == (403, "scope_missing")


def test_a_key_gives_no_more_than_it_has(client: TestClient) -> None:
    small = as_key(other_key(client, "default", "keys:write", "jobs:read"))
    wanted: dict[str, Any] = {"name": "more", "scopes": ["jobs:read", "jobs:write"]}
    assert client.post("/v1/api-keys", json=wanted, headers=small).json()["code"] == "scope_missing"
    made = client.post("/v1/api-keys", json={"name": "less", "scopes": ["jobs:read"]}, headers=small)
    assert made.status_code == 201 and client.get("/v1/jobs", headers=as_key(made.json()["secret"])).status_code == 200
    other = client.post("/v1/tenants", json={"name": "vision"}).json()["id"]
    assert client.post("/v1/api-keys", json={**wanted, "tenant_id": other}, headers=small).status_code == 403
    given = client.post("/v1/api-keys", json={**wanted, "tenant_id": other})
    assert given.status_code == 201 and given.json()["tenant_id"] == other
    twice = client.post("/v1/tenants", json={"name": "vision"})
    assert (twice.status_code, twice.json()["code"]) == (409, "tenant_exists")


def test_an_administrator_makes_keys_and_no_more(client: TestClient) -> None:
    admin = as_key(other_key(client, "default", "admin"))
    other = client.post("/v1/tenants", json={"name": "vision"}, headers=admin).json()["id"]
    wanted = {"name": "theirs", "scopes": ["jobs:read"], "tenant_id": other}
    made = client.post("/v1/api-keys", json=wanted, headers=admin)
    assert (made.status_code, made.json()["tenant_id"]) == (201, other)
    for method, path in (("GET", "/v1/api-keys"), ("GET", "/v1/jobs"), ("POST", "/v1/jobs")):
        assert client.request(method, path, headers=admin).json()["code"] == "scope_missing"


def test_a_key_revokes_none_that_does_more(client: TestClient) -> None:
    small = as_key(other_key(client, "default", "keys:write", "jobs:read"))
    above = [key_id_of(other_key(client, "default", *scopes)) for scopes in (["admin"], ["jobs:read", "jobs:write"])]
    for key_id in above:
        refused = client.delete(f"/v1/api-keys/{key_id}", headers=small)
        assert (refused.status_code, refused.json()["code"]) == (403, "scope_missing")
        assert client.get(f"/v1/api-keys/{key_id}").json()["revoked_at"] is None
    within = key_id_of(other_key(client, "default", "jobs:read"))
    assert client.delete(f"/v1/api-keys/{within}", headers=small).status_code == 204
    assert [client.delete(f"/v1/api-keys/{key_id}").status_code for key_id in above] == [204, 204]


def test_a_revoked_and_an_expired_key_are_refused_at_once(client: TestClient) -> None:
    made = client.post("/v1/api-keys", json={"name": "k", "scopes": ["jobs:read"], "expires_in_s": 1000}).json()
    key = as_key(made["secret"])
    assert client.get("/v1/jobs", headers=key).status_code == 200
    found = client.get(f"/v1/api-keys/{made['id']}")
    assert found.json()["last_used_at"] and "secret" not in found.json()
    assert client.delete(f"/v1/api-keys/{made['id']}", headers={"If-Match": '"other"'}).status_code == 412
    assert client.delete(f"/v1/api-keys/{made['id']}", headers={"If-Match": found.headers["etag"]}).status_code == 204
    refused = client.get("/v1/jobs", headers=key)
    assert refused.status_code == 401 and refused.headers["www-authenticate"].startswith("Bearer")
    late = client.post("/v1/api-keys", json={"name": "k", "scopes": ["jobs:read"], "expires_in_s": 1000}).json()
    with client.app.state.database.write() as connection:  # type: ignore[attr-defined]
        connection.execute(api_keys.update().where(api_keys.c.id == late["id"]).values(expires_at=1))
    assert client.get("/v1/jobs", headers=as_key(late["secret"])).status_code == 401


WELL_FORMED = f"Bearer {new_key(new_id('key'))}"


@pytest.mark.parametrize(
    "header", ["Bearer", "Bearer nas_1", "Basic abc", pytest.param(WELL_FORMED, id="well formed"), "x"]
)
def test_what_is_no_key(client: TestClient, header: str) -> None:
    refused = client.get("/v1/jobs", headers={"Authorization": header})
    assert (refused.status_code, refused.json()["code"]) == (401, "unauthenticated")


def test_the_first_key_is_made_once(settings: Settings) -> None:
    with serving(settings) as client:
        first = client.headers["Authorization"]
        assert client.app.state.keys.create_first() is None  # type: ignore[attr-defined]
    with serving(settings) as client:
        assert client.get("/v1/tenants", headers={"Authorization": first}).status_code == 200


def test_the_database_holds_no_secret(client: TestClient, settings: Settings) -> None:
    secret = client.headers["Authorization"][7:]
    with client.app.state.database.read() as connection:  # type: ignore[attr-defined]
        rows = str(connection.execute(api_keys.select()).all())
    assert secret not in rows and secret.split("_")[2] not in rows
    assert settings.pepper.stat().st_mode & 0o777 == 0o600
    assert "..." in repr(Pepper.load(settings.pepper, create=False))


@pytest.mark.parametrize("content", [None, "", "ab" * 15, "no digits", "é"])
def test_keys_whose_pepper_is_lost_are_no_reason_to_make_another(settings: Settings, content: str | None) -> None:
    with serving(settings):
        pass
    if content is None:
        settings.pepper.unlink()
    else:
        settings.pepper.write_text(content)
    with pytest.raises(UnusablePepper, match="cannot be read"), serving(settings):
        pass
    assert (settings.pepper.read_text() if settings.pepper.exists() else None) == content


def test_a_browser_signs_in_and_out(client: TestClient) -> None:
    secret = client.headers.pop("Authorization")[7:]
    assert client.post("/v1/sessions", json={"key": "nas_wrong"}).status_code == 401
    signed = client.post("/v1/sessions", json={"key": secret})
    cookie = signed.headers["set-cookie"]
    assert signed.status_code == 201 and "HttpOnly" in cookie and "SameSite=strict" in cookie
    assert client.get("/v1/jobs").status_code == 200
    refused = client.post("/v1/jobs", json=body())
    assert (refused.status_code, refused.json()["code"]) == (403, "csrf_token_missing")
    csrf = client.get("/v1/sessions").json()["csrf_token"]
    assert client.post("/v1/jobs", json=body(), headers={"X-CSRF-Token": csrf}).status_code == 201
    assert client.post("/v1/jobs", json=body(), headers={"X-CSRF-Token": csrf[:-1]}).status_code == 403
    stolen = dict(client.cookies)
    assert client.delete("/v1/sessions", headers={"X-CSRF-Token": csrf}).status_code == 204
    client.cookies.update(stolen)
    assert client.get("/v1/jobs").status_code == 401


def test_revoking_a_key_ends_its_sessions(client: TestClient) -> None:
    made = client.post("/v1/api-keys", json={"name": "k", "scopes": ["jobs:read"]}).json()
    first = client.headers.pop("Authorization")
    client.post("/v1/sessions", json={"key": made["secret"]})
    assert client.get("/v1/jobs").status_code == 200
    assert client.delete(f"/v1/api-keys/{made['id']}", headers={"Authorization": first}).status_code == 204
    assert client.get("/v1/jobs").status_code == 401


def test_of_servers_that_start_at_once_one_creates_the_first_key(
    client: TestClient, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("api.keys.repository.any_tenant", lambda _connection: False)
    assert client.app.state.keys.create_first() is None  # type: ignore[attr-defined]
    assert len(client.get("/v1/api-keys").json()["items"]) == 1


def test_too_many_requests_are_told_when_to_come_again(settings: Settings) -> None:
    slow = settings.model_copy(update={"requests_per_s": 0.01, "request_burst": 2})
    with serving(slow) as client:
        assert client.get("/v1/jobs").headers["ratelimit"] == '"key";r=1'
        client.get("/v1/jobs")
        refused = client.get("/v1/jobs")
        assert (refused.status_code, refused.json()["code"]) == (429, "too_many_requests")
        assert 1 <= int(refused.headers["retry-after"]) <= 101
        assert client.get("/livez").status_code == 200
