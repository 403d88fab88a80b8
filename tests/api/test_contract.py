"""The committed description of the interface: it is this program's, complete, and a break is noticed."""

import copy
from collections.abc import Callable
from typing import Any

import pytest

from api.contract import breaking_changes, committed, current, serialized

Change = Callable[[dict[str, Any]], object]


def test_the_committed_description_is_this_programs() -> None:
    now = current()
    assert breaking_changes(committed(), now) == []
    assert serialized(committed()) == serialized(now), "run python -m api.contract"


def test_every_body_has_an_example() -> None:
    document = committed()
    schemas = document["components"]["schemas"]
    lacking = set()
    for path, methods in document["paths"].items():
        for method, operation in methods.items():
            contents = [operation.get("requestBody", {}), *operation["responses"].values()]
            for content in contents:
                schema = content.get("content", {}).get("application/json", {}).get("schema", {})
                for one in schema.get("anyOf", [schema]):
                    if "$ref" in one and not schemas[one["$ref"].rpartition("/")[2]].get("examples"):
                        lacking.add((method, path, one["$ref"]))
    assert lacking == set()
    assert document["openapi"].startswith("3.1")


def test_every_link_leads_to_an_operation() -> None:
    operations = {o["operationId"]: o for methods in committed()["paths"].values() for o in methods.values()}
    links = [
        link
        for operation in operations.values()
        for answer in operation["responses"].values()
        for link in answer.get("links", {}).values()
    ]
    assert len(links) > 10
    for link in links:
        names = {parameter["name"] for parameter in operations[link["operationId"]]["parameters"]}
        assert set(link["parameters"]) <= names


JOB = ("paths", "/v1/jobs/{job_id}", "get")


def _forget(document: dict[str, Any], *path: str) -> None:
    for name in path[:-1]:
        document = document[name]
    del document[path[-1]]


@pytest.mark.parametrize(
    ("change", "told"),
    [
        (lambda d: _forget(d, *JOB), "GET /v1/jobs/{job_id} is gone"),
        (lambda d: d["paths"]["/v1/jobs"]["get"]["parameters"].pop(0), "does not know the query parameter"),
        (lambda d: _forget(d, "components", "schemas", "JobDocument", "properties", "state"), "has no state any more"),
        (lambda d: d["components"]["schemas"]["JobCreate"]["required"].append("labels"), "needs ['labels']"),
        (lambda d: _forget(d, "paths", "/v1/jobs", "post", "responses", "201"), "does not answer 201 any more"),
        (lambda d: d["components"]["schemas"]["JobPage"]["properties"]["items"].update(type="object"), "is object, not array"),
    ],
)  # fmt: skip
def test_a_break_is_named(change: Change, told: str) -> None:
    old = current()
    new = copy.deepcopy(old)
    change(new)
    assert any(told in line for line in breaking_changes(old, new)), breaking_changes(old, new)


def test_an_addition_is_no_break() -> None:
    old = current()
    new = copy.deepcopy(old)
    new["paths"]["/v2"] = {}
    new["components"]["schemas"]["JobDocument"]["properties"]["colour"] = {"type": "string"}
    assert breaking_changes(old, new) == []
