"""Jobs over HTTP: what is taken, what is refused, pages, cancelling."""

import json
from pathlib import Path
from typing import Any, Final

import pytest
from hypothesis import HealthCheck, given
from hypothesis import settings as examples
from hypothesis import strategies as st
from pydantic import ValidationError
from starlette.testclient import TestClient

from api.jobs.engine_spec import engine_spec
from api.jobs.specs import WIRE_SPEC, SearchWireSpec
from api.settings import Settings
from hw_targets.registry import TargetEntry, parse, targets
from nas.spec import SearchSpec
from tests.api.conftest import body, serving

NOBODY = "0" * 26

STAGE = {"block": "inverted_residual", "channels": [8, 16], "depth": [1, 2], "kernel": [3, 5]}
TINY = {"name": "tiny", "stem": {"channels": 8}, "stages": [STAGE]}


def test_a_job_is_created_queued_with_its_first_event(client: TestClient, search: dict[str, Any]) -> None:
    created = client.post("/v1/jobs", json=search)
    job = created.json()
    assert created.status_code == 201
    assert created.headers["location"] == f"/v1/jobs/{job['id']}"
    assert (job["state"], job["kind"], job["attempt"], job["last_event"]) == ("queued", "search", 0, 1)
    assert job["spec"]["space"] == "mobilenet" and job["spec"]["seed"] == 0
    found = client.get(created.headers["location"])
    assert found.json() == job and found.headers["etag"] == created.headers["etag"]


def test_a_longest_duration_above_the_servers_is_taken_as_that(client: TestClient, search: dict[str, Any]) -> None:
    for wanted, taken in ((3600, 3600), (30 * 86_400, 7 * 86_400), (None, 7 * 86_400)):
        assert client.post("/v1/jobs", json={**search, "max_duration_s": wanted}).json()["max_duration_s"] == taken
    assert client.post("/v1/jobs", json={**search, "max_duration_s": 31 * 86_400}).status_code == 422


def test_an_inline_space_is_taken(client: TestClient) -> None:
    created = client.post("/v1/jobs", json=body(space=TINY))
    assert created.status_code == 201
    assert created.json()["spec"]["space"] == TINY


@pytest.mark.parametrize(
    ("changes", "pointer"),
    [
        ({"data": "/etc/passwd"}, "/spec/data"),
        ({"data": "runs/data.npz"}, "/spec/data"),
        ({"data": "../digits"}, "/spec/data"),
        ({"space": "my_space.yaml"}, "/spec/space"),
        ({"space": "space.py:function"}, "/spec/space"),
        ({"space": "/root/space"}, "/spec/space"),
        ({"space": {**TINY, "name": "a/b"}}, "/spec/space"),
        ({"space": {**TINY, "x.py": 1}}, "/spec/space"),
        ({"space": {"stages": [{"deep": ["os.py"]}]}}, "/spec/space"),
        ({"space": {"a": [0] * 3000}}, "/spec/space"),
        ({"space": 5}, "/spec/space"),
        ({"start_from": "resnet50"}, "/spec/start_from"),
        ({"start_from": "model.onnx"}, "/spec/start_from"),
        ({"start_from": "/root/model.onnx"}, "/spec/start_from"),
        ({"start_from": None}, "/spec/start_from"),
        ({"method": "guess"}, "/spec/method"),
        ({"kind": "supernet_training", "targets": ["cpu"], "method": "prune"}, "/spec/method"),
        ({"targets": [{"target": "cpu:/dev/mem", "latency_ms": 1}]}, "/spec/targets/0/target"),
        ({"targets": [{"target": "cpu", "latency_ms": "quick"}]}, "/spec/targets/0/latency_ms"),
        ({"targets": [{"target": "cpu", "latency_ms": -1}]}, "/spec/targets/0/latency_ms"),
        ({"targets": [{"target": "cpu", "latency_ms": 1}] * 2}, "/spec/targets"),
        ({"targets": []}, "/spec/targets"),
        ({"targets": [{"target": "cpu", "latency_ms": True}]}, "/spec/targets/0/latency_ms"),
        ({"targets": [{"target": "cpu", "latency_ms": [1]}]}, "/spec/targets/0/latency_ms"),
        ({"targets": [{"target": "cpu"}]}, "/spec/targets/0/latency_ms"),
        ({"seed": 2**31}, "/spec/seed"),
        ({"seed": False}, "/spec/seed"),
        ({"threads": "2"}, "/spec/threads"),
        ({"minutes": 0}, "/spec/minutes"),
        ({"out": "runs"}, "/spec/out"),
        ({"a/b~": 1}, "/spec/a~1b~0"),
        ({"kind": "deploy"}, "/spec/kind"),
    ],
)
def test_a_spec_that_is_not_of_the_wire_is_refused(client: TestClient, changes: dict[str, Any], pointer: str) -> None:
    refused = client.post("/v1/jobs", json=body(**changes))
    problem = refused.json()
    assert refused.status_code == 422
    assert problem["code"] == "invalid_request"
    assert [error["pointer"] for error in problem["errors"]] == [pointer]
    assert client.get("/v1/jobs").json()["items"] == []


@pytest.mark.parametrize(
    ("changes", "status", "code"),
    [
        ({"data": f"ds_{NOBODY}"}, 404, "unknown_dataset"),
        ({"targets": [{"target": "abacus", "latency_ms": 1}]}, 404, "unknown_target"),
        ({"targets": [{"target": "cpu:beads=2", "latency_ms": 1}]}, 404, "unknown_target"),
        (
            {"targets": [{"target": name, "latency_ms": n + 1} for n, name in enumerate(["cpu", "cpu:threads=1"])]},
            400,
            "invalid_spec",
        ),
        ({"space": "hyperspace"}, 400, "invalid_space"),
        ({"start_from": "efficientnet_lite0", "space": "mobilenet"}, 400, "source_unavailable"),
        ({"space": {**TINY, "stages": []}}, 400, "invalid_space"),
        (
            {"space": {**TINY, "stages": [{**STAGE, "stride": 2}] * 5}},
            400,
            "invalid_space",
        ),
    ],
)
def test_a_spec_that_cannot_run_is_refused(client: TestClient, changes: dict[str, Any], status: int, code: str) -> None:
    refused = client.post("/v1/jobs", json=body(**changes))
    assert (refused.status_code, refused.json()["code"]) == (status, code)
    assert refused.json()["fix"]


LITE0, LITE1 = "efficientnet_lite0", "efficientnet_lite1"
LARGE = {"resolution": 32}
"""From this size on images are taken for photographs."""


@pytest.mark.parametrize(
    ("changes", "start_from", "space"),
    [
        ({}, "none", "mobilenet"),
        (LARGE, LITE0, "efficientnet_lite"),
        ({**LARGE, "start_from": "none"}, "none", "mobilenet"),
        ({**LARGE, "start_from": LITE1}, LITE1, "efficientnet_lite:variant=lite1"),
        ({**LARGE, "space": "efficientnet_lite"}, LITE0, "efficientnet_lite"),
        ({**LARGE, "space": "resnet"}, "none", "resnet"),
        ({**LARGE, "space": TINY}, "none", TINY),
        ({**LARGE, "kind": "supernet_training", "targets": ["cpu"]}, LITE0, "efficientnet_lite"),
    ],
)
def test_a_job_keeps_what_auto_stands_for(
    client: TestClient, monkeypatch: pytest.MonkeyPatch, changes: dict[str, Any], start_from: str, space: Any
) -> None:
    monkeypatch.setattr("nas.stages.choose_source.installed", lambda _: True)
    monkeypatch.setattr("nas.stages.choose_source.file_of", lambda _: Path("weights"))
    created = client.post("/v1/jobs", json=body(**changes))
    assert created.status_code == 201
    spec = created.json()["spec"]
    assert (spec["start_from"], spec["space"], spec["method"]) == (start_from, space, "auto")


def test_without_weights_auto_starts_from_scratch_and_a_name_is_refused(
    client: TestClient, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("importlib.util.find_spec", lambda _: None)
    spec = client.post("/v1/jobs", json=body(**LARGE, space="auto")).json()["spec"]
    assert (spec["start_from"], spec["space"]) == ("none", "mobilenet")
    refused = client.post("/v1/jobs", json=body(**LARGE, space="auto", start_from=LITE1))
    assert (refused.status_code, refused.json()["code"]) == (400, "source_unavailable")
    assert "pip install 'hwnas[pretrained]'" in refused.json()["fix"]


@given(text=st.text(max_size=40), separator=st.sampled_from(["/", "\\", "\0", ".py", ".yaml", ".YML", ".npz", ".."]))
@examples(max_examples=60, suppress_health_check=[HealthCheck.too_slow])
def test_no_path_passes_in_any_field(text: str, separator: str) -> None:
    for spec in (
        {"data": text + separator},
        {"space": separator + text},
        {"space": {"name": text + separator}},
        {"space": {"stages": [{text + separator: 1}]}},
        {"targets": [{"target": "cpu" + separator + text, "latency_ms": 1}]},
    ):
        with pytest.raises(ValidationError):
            SearchWireSpec.model_validate({**body()["spec"], **spec})


GIVEN: Final = {"integer": "2", "number": "287.5", "text": "2+1"}


@pytest.mark.parametrize("entry", [entry for entry in targets() if entry.forms], ids=lambda entry: entry.name)
def test_every_option_of_every_target_passes(entry: TargetEntry) -> None:
    for form in entry.forms:
        for value in form.values or (GIVEN[form.kind],):
            name = f"{entry.name}:{value if form.bare else f'{form.name}={value}'}"
            found = SearchWireSpec.model_validate(body(targets=[{"target": name, "latency_ms": 1}])["spec"])
            assert parse(found.targets[0].target) == (entry.name, {value: ""} if form.bare else {form.name: value})


def test_engines_of_each_kernel_are_asked_for(client: TestClient) -> None:
    made = client.post(
        "/v1/jobs", json=body(targets=[{"target": "alveo-u250:engines=2+2,tenants=1+1", "latency_ms": 1}])
    )
    assert made.status_code == 201
    assert [job["id"] for job in client.get("/v1/jobs?target=alveo-u250").json()["items"]] == [made.json()["id"]]


def test_the_local_spec_names_only_files_of_the_home(tmp_path: Any) -> None:
    folder = tmp_path / "datasets" / f"ds_{NOBODY}"
    folder.mkdir(parents=True)
    wire = SearchWireSpec.model_validate(body(data=f"ds_{NOBODY}", seed=3)["spec"])
    assert engine_spec(wire, Settings(home=tmp_path)).data == str(folder / "images")
    (folder / "data.npz").touch()
    local = engine_spec(wire, Settings(home=tmp_path))
    assert local.data == str(folder / "data.npz")
    assert (local.seed, local.effort, local.targets[0].latency_ms) == (3, "quick", "40%")


LIMITS: Final = {"macs": 50_000_000, "params": None, "weight_bytes": 300_000, "peak_memory_bytes": None}
HOW: Final = {"fit": "pad", "augment": "photo", "metric": "macro_f1", "class_weights": "none"}


@pytest.mark.parametrize(
    "spec",
    [
        {**body()["spec"], **HOW, "budget_on": "p95", "searcher": "tpe", "limits": LIMITS, "at_once": 4},
        {"kind": "supernet_training", "data": "digits", "minutes": 7.5, **HOW},
    ],
    ids=["search", "supernet"],
)
def test_how_networks_are_trained_and_judged_reaches_the_engine(tmp_path: Path, spec: dict[str, Any]) -> None:
    local = engine_spec(WIRE_SPEC.validate_python(spec), Settings(home=tmp_path)).model_dump()
    wanted = {
        name: spec[name] for name in (*HOW, "budget_on", "searcher", "limits", "at_once", "minutes") if name in spec
    }
    assert {name: local[name] for name in wanted} == wanted


@pytest.mark.parametrize(
    ("limits", "pointer", "said"),
    [
        ({"energy_mj": 5}, "/spec/limits", "use one of macs, params, weight_bytes, peak_memory_bytes"),
        ({"macs": 0}, "/spec/limits/macs", "between 1 and"),
        ({"macs": -5}, "/spec/limits/macs", "between 1 and"),
        ({"macs": 1.5}, "/spec/limits/macs", "whole number"),
        ({"macs": True}, "/spec/limits/macs", "whole number"),
        ({"macs": "5 apples"}, "/spec/limits/macs", "no amount"),
        ([5], "/spec/limits", ""),
    ],
)
def test_what_is_no_limit_is_rejected_at_its_field(client: TestClient, limits: object, pointer: str, said: str) -> None:
    answer = client.post("/v1/jobs", json={"spec": {**body()["spec"], "limits": limits}})
    assert (answer.status_code, answer.json()["code"]) == (422, "invalid_request")
    (error,) = answer.json()["errors"]
    assert error["pointer"].replace("/search", "") == pointer and said in error["detail"]


def test_limits_are_kept_with_the_job_as_numbers(client: TestClient) -> None:
    job = client.post("/v1/jobs", json={"spec": {**body()["spec"], "limits": {"weight_bytes": "300k"}}}).json()
    assert job["spec"]["limits"]["weight_bytes"] == 300_000
    assert client.post("/v1/jobs", json={"spec": body()["spec"]}).json()["spec"]["limits"] is None


def test_a_supernet_is_trained_for_the_targets_that_are_named(tmp_path: Path, client: TestClient) -> None:
    def names(**fields: Any) -> list[str]:
        wire = WIRE_SPEC.validate_python({"kind": "supernet_training", "data": "digits", **fields})
        return [one.target for one in engine_spec(wire, Settings(home=tmp_path)).targets]

    assert (names(), names(targets=["alveo-u50", "cpu"])) == (["cpu"], ["alveo-u50", "cpu"])
    for named, code in ((["warp"], "unknown_target"), (["cpu", "cpu"], "invalid_request"), ([], "invalid_request")):
        spec = {"kind": "supernet_training", "data": "digits", "targets": named}
        assert client.post("/v1/jobs", json={"spec": spec}).json()["code"] == code


def test_what_a_spec_leaves_out_is_the_engines_default(tmp_path: Path) -> None:
    local = engine_spec(SearchWireSpec.model_validate(body()["spec"]), Settings(home=tmp_path))
    given = {"data", "targets", "effort"}
    defaults = {name: field.default for name, field in SearchSpec.model_fields.items() if name not in given}
    assert local.model_dump(exclude=given) == defaults


def test_pages_walk_all_jobs_once_newest_first(client: TestClient) -> None:
    made = [client.post("/v1/jobs", json=body(seed=n)).json()["id"] for n in range(7)]
    seen: list[str] = []
    token = None
    while True:
        page = client.get("/v1/jobs", params={"page_size": 3, **({"page_token": token} if token else {})}).json()
        assert len(page["items"]) <= 3
        seen += [job["id"] for job in page["items"]]
        token = page["next_page_token"]
        if token is None:
            break
    assert seen == sorted(made, reverse=True)


def test_a_page_token_belongs_to_its_filter(client: TestClient) -> None:
    for n in range(2):
        client.post("/v1/jobs", json=body(seed=n))
    token = client.get("/v1/jobs", params={"page_size": 1, "state": "queued"}).json()["next_page_token"]
    assert client.get("/v1/jobs", params={"page_size": 1, "state": "queued", "page_token": token}).status_code == 200
    for params in ({"page_token": token}, {"page_token": token, "state": "failed"}, {"page_token": token[:-2]}):
        refused = client.get("/v1/jobs", params=params)
        assert (refused.status_code, refused.json()["code"]) == (400, "invalid_page_token")
    assert client.get("/v1/jobs", params={"page_token": "%"}).status_code == 422


def test_a_filter_selects(client: TestClient, search: dict[str, Any]) -> None:
    job = client.post("/v1/jobs", json=search).json()
    client.post("/v1/jobs", json=search)
    client.post(f"/v1/jobs/{job['id']}/cancel")
    cancelled = client.get("/v1/jobs", params={"state": "cancelled"}).json()["items"]
    assert [found["id"] for found in cancelled] == [job["id"]]


def test_a_queued_job_is_cancelled_at_once_and_again_without_effect(client: TestClient, search: dict[str, Any]) -> None:
    job = client.post("/v1/jobs", json=search).json()
    for _ in range(2):
        cancelled = client.post(f"/v1/jobs/{job['id']}/cancel")
        assert cancelled.status_code == 200
        assert cancelled.json()["state"] == "cancelled"
        assert cancelled.json()["finished_at"] is not None
    events = client.get(f"/v1/jobs/{job['id']}/events").json()
    assert [item["event"] for item in events["items"]] == [
        {"type": "state", "state": "queued"},
        {"type": "state", "state": "cancelled"},
        {"type": "end", "state": "cancelled"},
    ]
    assert events["ended"] and events["next_after"] == 3


@pytest.mark.parametrize("address", ["", "/events", "/cancel"])
def test_an_unknown_job_is_a_problem(client: TestClient, address: str) -> None:
    method = "POST" if address == "/cancel" else "GET"
    missing = client.request(method, f"/v1/jobs/job_{NOBODY}{address}")
    assert (missing.status_code, missing.json()["code"]) == (404, "unknown_job")
    assert client.request(method, f"/v1/jobs/7{address}").status_code == 422


def test_events_come_in_pages(client: TestClient, search: dict[str, Any]) -> None:
    job = client.post("/v1/jobs", json=search).json()["id"]
    client.post(f"/v1/jobs/{job}/cancel")
    first = client.get(f"/v1/jobs/{job}/events", params={"page_size": 2}).json()
    rest = client.get(f"/v1/jobs/{job}/events", params={"after": first["next_after"]}).json()
    assert [item["seq"] for item in first["items"]] == [1, 2] and not first["ended"]
    assert [item["seq"] for item in rest["items"]] == [3] and rest["ended"]


@pytest.mark.parametrize(
    "text",
    [
        '{"spec": NaN}',
        '{"spec": -Infinity}',
        '{"spec": 1e999}',
        '{"spec": 1, "spec": 2}',
        "{",
        "\x00",
        "[" * 100 + "]" * 100,
        "[" * 100_000,
        "9" * 5000,
    ],
)
def test_lenient_json_is_refused(client: TestClient, text: str) -> None:
    refused = client.post("/v1/jobs", content=text, headers={"Content-Type": "application/json"})
    assert (refused.status_code, refused.json()["code"]) == (400, "malformed_body")
    assert "sys." not in refused.text


@pytest.mark.parametrize(
    ("media_type", "status"),
    [
        ("application/json", 201),
        ("Application/JSON; charset=utf-8", 201),
        ("application/vnd.hwnas+json", 201),
        ("text/plain", 415),
        ("application/x-www-form-urlencoded", 415),
        ("application/jsonp", 415),
        ("", 415),
    ],
)
def test_a_body_is_declared_as_json(client: TestClient, search: dict[str, Any], media_type: str, status: int) -> None:
    answer = client.post("/v1/jobs", content=json.dumps(search), headers={"Content-Type": media_type})
    assert answer.status_code == status
    if status == 415:
        assert answer.json()["code"] == "unsupported_media_type" and "application/json" in answer.json()["fix"]


def test_a_missing_body_is_told_as_missing(client: TestClient) -> None:
    refused = client.post("/v1/jobs")
    assert (refused.status_code, refused.json()["code"]) == (422, "invalid_request")


def test_jobs_survive_a_restart(settings: Settings, search: dict[str, Any]) -> None:
    with serving(settings) as before:
        job = before.post("/v1/jobs", json=search).json()
    with serving(settings) as after:
        assert after.get(f"/v1/jobs/{job['id']}").json() == job
        assert len(after.get(f"/v1/jobs/{job['id']}/events").json()["items"]) == 1
