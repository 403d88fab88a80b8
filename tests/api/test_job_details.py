"""What a page that shows jobs asks for: curves, one candidate in full, orders and filters, time at work; on both engines."""

import json
import random
from collections.abc import Sequence
from typing import Any, Literal

import pytest
from sqlalchemy import insert, update
from starlette.testclient import TestClient

from api.jobs import events_table
from api.models import repository as models
from api.settings import Settings
from api.tables import job_attempts, jobs
from latency_models.table import fit
from nas.events import (
    CandidateEvent,
    CheckpointEvent,
    Event,
    FinalistEvent,
    FrontEvent,
    LogEvent,
    MeasurementEvent,
    MetricEvent,
    PhaseEvent,
    PlanEvent,
)
from search_spaces.registry import space
from tests.api.conftest import body, both_engines, other_key, subject_of
from tests.latency_models.synthetic import INFO, profile
from tests.metrics import as_accuracy

pytestmark = both_engines

SPACE = {"name": "tiny", "stages": [{"block": "basic", "channels": [8, 16], "depth": [1, 2], "kernel": [3, 5]}]}


def queued(client: TestClient, told: Sequence[Event] = (), **changes: Any) -> str:
    """A queued job that told these events."""
    job_id: str = client.post("/v1/jobs", json=body(**changes)).json()["id"]
    tell(client, job_id, told)
    return job_id


def tell(client: TestClient, job_id: str, told: Sequence[Event]) -> None:
    with client.app.state.database.write() as connection:  # type: ignore[attr-defined]
        events_table.append(connection, job_id, told)


def metric(name: str, step: int, value: float, target: str | None = None) -> MetricEvent:
    phase = "training" if target is None else "fine_tuning"
    return MetricEvent(phase=phase, name=name, step=step, value=value, target=target)


# --- Curves


def test_curves_by_phase_target_and_name(client: TestClient) -> None:
    points = [metric("loss_largest", step, 1 / (step + 1)) for step in range(0, 100, 10)]
    front = FrontEvent(target="cpu", budget_ms=1.0, evaluations=3, points=(), hypervolume=0.25)
    old = FrontEvent(target="cpu", budget_ms=1.0, evaluations=9, points=())
    trained = FrontEvent(of="trained", target="cpu", budget_ms=1.0, evaluations=2, points=(), hypervolume=0.5)
    again = metric("loss_largest", 90, 0.5)  # a training that was taken up again tells a step once more
    job_id = queued(client, [*points, metric("tune_loss", 0, 2.0, "cpu"), front, old, trained, again])
    answer = client.get(f"/v1/jobs/{job_id}/metrics").json()
    assert answer["last_event"] == client.get(f"/v1/jobs/{job_id}").json()["last_event"] == 16
    training, tune, area = answer["items"]
    assert training["steps"] == list(range(0, 100, 10)) and training["values"][-1] == 0.5 and training["count"] == 10
    assert (training["phase"], training["target"]) == ("training", None)
    assert (tune["phase"], tune["target"], tune["values"]) == ("fine_tuning", "cpu", [2.0])
    assert (area["phase"], area["name"], area["steps"], area["values"]) == ("searching", "hypervolume", [3], [0.25])
    few = client.get(f"/v1/jobs/{job_id}/metrics", params={"points": 4}).json()["items"][0]
    assert (few["steps"], few["count"]) == ([0, 10, 80, 90], 10)
    for points_wanted in (3, 5001):
        assert client.get(f"/v1/jobs/{job_id}/metrics", params={"points": points_wanted}).status_code == 422


def test_the_curve_of_a_finalist_has_nothing_of_the_one_before(client: TestClient) -> None:
    first = [metric("tune_loss", step, 2.0, "cpu") for step in (0, 10, 20)]
    job_id = queued(client, [*first, *(metric("tune_loss", step, 1.0, "cpu") for step in (0, 10))])
    (curve,) = client.get(f"/v1/jobs/{job_id}/metrics").json()["items"]
    assert (curve["steps"], curve["values"]) == ([0, 10], [1.0, 1.0])


def test_what_another_tenant_owns_is_not_there(client: TestClient) -> None:
    job_id = queued(client, [metric("loss", 0, 1.0)])
    tenant = client.post("/v1/tenants", json={"name": "other"}).json()["id"]
    headers = {"Authorization": f"Bearer {other_key(client, tenant)}"}
    for what in ("metrics", "candidates/abc", "logs", "checkpoints"):
        assert client.get(f"/v1/jobs/{job_id}/{what}", headers=headers).json()["code"] == "unknown_job"


# --- Fronts


def test_finished_fronts_take_the_place_of_estimates_which_stay(client: TestClient) -> None:
    def front(target: str, evaluations: int, of: Literal["candidates", "trained"] = "candidates") -> FrontEvent:
        return FrontEvent(of=of, target=target, budget_ms=1.0, evaluations=evaluations, points=())

    def read() -> dict[str, list[tuple[str, str, int]]]:
        found = client.get(f"/v1/jobs/{job_id}/pareto-front").json()
        return {name: [(f["target"], f["of"], f["evaluations"]) for f in fronts] for name, fronts in found.items()}

    job_id = queued(client, [front("a", 10), front("b", 20), front("a", 30)])
    estimates = [("a", "candidates", 30), ("b", "candidates", 20)]
    assert read() == {"items": estimates, "estimates": estimates}
    tell(client, job_id, [front("a", 2, "trained"), front("a", 4, "trained")])
    assert read() == {"items": [("a", "trained", 4), ("b", "candidates", 20)], "estimates": estimates}
    tell(client, job_id, [front("c", 2, "trained")])  # searched without a supernet
    assert read()["items"][2] == ("c", "trained", 2) and read()["estimates"] == estimates


# --- One candidate


def searched(client: TestClient, settings: Settings, *, stored: bool) -> tuple[str, str]:
    """A job that evaluated an architecture of `SPACE` on the digits, with the latency table in its store or not; their ids."""
    made = space(SPACE, resolution=8, channels=1, classes=10)
    rng = random.Random(0)
    networks = list({n.id: n for n in (made.network(made.sample(rng)) for _ in range(60))}.values())
    blob = json.dumps(fit([profile(n, rng) for n in networks], INFO).to_json()).encode()
    digest = settings.store_of(subject_of(client).tenant_id).put(blob) if stored else "ab" * 32
    chosen = made.largest()
    common = {"architecture": str(chosen), "architecture_id": chosen.id, "metric": as_accuracy(0.9)}
    told: list[Event] = [
        PhaseEvent(phase="profiling", status="reused", target="toy", outputs={"table": digest}),
        CandidateEvent(number=0, latency_ms={"toy": 0.1}, feasible={"toy": True}, **common),
        CandidateEvent(number=1, latency_ms={"toy": 0.1}, feasible={"toy": True}, **common),
        *2 * (measured(chosen.id),),
        measured("other"),
    ]
    return queued(client, told, space=SPACE), chosen.id


def measured(architecture_id: str) -> MeasurementEvent:
    return MeasurementEvent(
        target="toy", architecture_id=architecture_id, of="candidate", kind="measured", latency_ms=0.11, p50_ms=0.12,
        p95_ms=0.13, noise=0.01,
    )  # fmt: skip


def test_a_candidate_in_full(client: TestClient, settings: Settings) -> None:
    job_id, architecture_id = searched(client, settings, stored=True)
    found = client.get(f"/v1/jobs/{job_id}/candidates/{architecture_id}")
    assert found.status_code == 200, found.text
    document = found.json()
    assert (document["architecture_id"], document["metric"]["value"], document["notes"]) == (architecture_id, 0.9, [])
    network = document["network"]
    assert network["input_shape"] == [1, 8, 8] and network["layers"][0]["name"] == "stem.conv"
    choices = {c["name"]: c for stage in network["stages"] for c in stage["choices"]}
    assert choices["s1.depth"] == {"name": "s1.depth", "value": 2, "alternatives": [1, 2], "block": None}
    (target,) = document["targets"]
    assert (target["target"], target["notes"], target["model"]) == ("toy", [], None)
    assert target["evaluation"]["number"] == 0 and len(target["measurements"]) == 1
    prediction = target["prediction"]
    assert sum(part["latency_ms"] for part in prediction["parts"]) == pytest.approx(prediction["latency_ms"])
    layers = [part["name"] for part in prediction["parts"] if part["of"] == "layer"]
    assert layers == [layer["name"] for layer in network["layers"]] and prediction["kind"] == "predicted"


def test_a_candidate_whose_table_is_gone(client: TestClient, settings: Settings) -> None:
    job_id, architecture_id = searched(client, settings, stored=False)
    document = client.get(f"/v1/jobs/{job_id}/candidates/{architecture_id}").json()
    assert document["network"]["layers"] and document["targets"][0]["prediction"] is None
    assert document["targets"][0]["table_sha256"] == "ab" * 32
    assert "not in the store" in document["targets"][0]["notes"][0]


def test_a_candidate_that_cannot_be_built_any_more(client: TestClient) -> None:
    common = {"architecture": "resolution=8", "architecture_id": "a1", "metric": as_accuracy(0.9)}
    told = [CandidateEvent(number=0, latency_ms={"cpu": 0.1}, feasible={"cpu": True}, **common)]
    job_id = queued(client, told)
    outcome = model_outcome()
    with client.app.state.database.write() as connection:  # type: ignore[attr-defined]
        tenant = subject_of(client).tenant_id
        models.add(connection, tenant, "mdl_" + "0" * 26, job_id, "cpu", outcome, [])
    document = client.get(f"/v1/jobs/{job_id}/candidates/a1").json()
    assert document["network"] is None and "cannot be built" in document["notes"][0]
    (target,) = document["targets"]
    assert target["model"]["model_id"] == "mdl_" + "0" * 26 and target["model"]["latency_ms"]["measured"] == 0.1
    assert (target["table_sha256"], target["prediction"]) == (None, None) and target["notes"]


def model_outcome() -> dict[str, Any]:
    return {
        "architecture": "resolution=8", "architecture_id": "a1",
        "latency_ms": {
            "budget": 0.2, "predicted": 0.1, "predicted_error": 0.01, "measured": 0.1, "measured_p50": 0.11,
            "measured_p95": 0.12, "kind": "measured",
        },
        "metric": {"fp32": as_accuracy(0.985).model_dump(), "int8": as_accuracy(0.98).model_dump()},
        "size_bytes": {"fp32": 4000, "int8": 1000},
        "budget": {"reachable_ms": [0.05, 1.5], "architectures": "100", "architectures_within": "40", "active": True},
    }  # fmt: skip


def finalist(architecture_id: str, number: int, accuracy: float, architecture: str = "resolution=8") -> FinalistEvent:
    return FinalistEvent(
        target="toy", architecture=architecture, architecture_id=architecture_id, round=number, rounds=2,
        images=1000 * (number + 1), metric=as_accuracy(accuracy), standard_error=0.02, latency_ms=0.11, kind="measured",
    )  # fmt: skip


def test_a_finalist_is_there_before_it_is_a_candidate(client: TestClient) -> None:
    first, second = finalist("a1", 0, 0.8), finalist("a1", 1, 0.9)
    # A job that was taken up again tells the first round once more.
    job_id = queued(client, [first, finalist("b2", 0, 0.7), first, second])
    document = client.get(f"/v1/jobs/{job_id}/candidates/a1").json()
    assert (document["architecture"], document["metric"]["value"]) == ("resolution=8", 0.9)
    (target,) = document["targets"]
    assert [(f["round"], f["images"], f["metric"]["value"]) for f in target["finalists"]] == [
        (0, 1000, 0.8),
        (1, 2000, 0.9),
    ]
    assert (target["target"], target["evaluation"]) == ("toy", None)
    assert client.get(f"/v1/jobs/{job_id}/candidates/c3").status_code == 404


def test_a_network_is_drawn_at_the_size_that_the_plan_decided(client: TestClient) -> None:
    chosen = space(SPACE, resolution=6, channels=1, classes=10).largest()
    plan = PlanEvent(resolution=6, supernet=False, note="smaller images")
    job_id = queued(client, [plan, finalist(chosen.id, 0, 0.8, str(chosen))], space=SPACE)  # the digits have 8
    document = client.get(f"/v1/jobs/{job_id}/candidates/{chosen.id}").json()
    assert document["network"]["input_shape"] == [1, 6, 6] and document["notes"] == []


def test_an_architecture_that_was_not_evaluated(client: TestClient, settings: Settings) -> None:
    job_id, architecture_id = searched(client, settings, stored=False)
    for other in ("a1", architecture_id[:-1], f"_{architecture_id[1:]}", "architecture_id"):
        refused = client.get(f"/v1/jobs/{job_id}/candidates/{other}")
        assert (refused.status_code, refused.json()["code"]) == (404, "unknown_candidate")


# --- Checkpoints, logs


def test_the_newest_state_of_an_unfinished_training_is_listed(client: TestClient) -> None:
    def state(step: int, *, restored: bool = False, target: str | None = None) -> CheckpointEvent:
        phase = "training" if target is None else "fine_tuning"
        return CheckpointEvent(phase=phase, target=target, step=step, total=90, restored=restored)

    def listed() -> list[tuple[Any, ...]]:
        items = client.get(f"/v1/jobs/{job_id}/checkpoints").json()["items"]
        return [(c["kind"], c["phase"], c["target"], c["step"], c["total"], c["reused"]) for c in items]

    job_id = queued(client, [PhaseEvent(phase="training", status="started"), state(10), state(20)])
    assert listed() == [("checkpoint", "training", None, 20, 90, False)]
    tell(client, job_id, [state(20, restored=True)])
    assert listed() == [("checkpoint", "training", None, 20, 90, True)]
    tell(client, job_id, [PhaseEvent(phase="training", status="finished", seconds=3.0)])
    training = ("stage", "training", None, None, None, False)
    assert listed() == [training]
    # Two stages of one phase: what is told after the first has ended belongs to the second.
    tell(client, job_id, [state(5, target="cpu"), PhaseEvent(phase="fine_tuning", status="finished", target="cpu")])
    fine_tuning = ("stage", "fine_tuning", "cpu", None, None, False)
    assert listed() == [training, fine_tuning]
    tell(client, job_id, [state(7, target="cpu")])
    assert listed() == [training, fine_tuning, ("checkpoint", "fine_tuning", "cpu", 7, 90, False)]


def test_what_is_stored_of_all_finalists_is_told_as_one(client: TestClient) -> None:
    def ended(status: Literal["finished", "reused"], seconds: float | None) -> PhaseEvent:
        return PhaseEvent(phase="fine_tuning", status=status, target="cpu", seconds=seconds)

    job_id = queued(
        client, [ended("reused", None), ended("finished", 10.0), ended("finished", 2.5), ended("reused", None)]
    )
    (stage,) = client.get(f"/v1/jobs/{job_id}/checkpoints").json()["items"]
    assert (stage["phase"], stage["reused"], stage["seconds"]) == ("fine_tuning", False, 12.5)


def test_logs_by_level(client: TestClient) -> None:
    tricky = 'says "level":"error", and \\"level\\":\\"error\\"'
    told = [("info", tricky), ("warning", "w1"), ("error", "e"), ("info", "i"), ("warning", "w2")]
    job_id = queued(client, [LogEvent(level=level, message=text) for level, text in told])
    address = f"/v1/jobs/{job_id}/logs"

    def read(**params: Any) -> list[str]:
        return [line["message"] for line in client.get(address, params=params).json()["items"]]

    assert read() == read(level="info") == [text for _, text in told]
    assert read(level="warning") == ["w1", "e", "w2"]
    assert read(level="error") == ["e"]
    first = client.get(address, params={"level": "warning", "page_size": 2}).json()
    assert read(level="warning", page_size=2, page_token=first["next_page_token"]) == ["w2"]
    assert client.get(address, params={"page_token": first["next_page_token"]}).json()["code"] == "invalid_page_token"
    assert client.get(address, params={"level": "debug"}).status_code == 422


# --- Lists of jobs


@pytest.mark.parametrize(
    ("order", "expected"),
    [("-created_at", "54321"), ("created_at", "12345"), ("state", "42531"), ("-state", "53142")],
)
def test_jobs_in_an_order_page_by_page(client: TestClient, order: str, expected: str) -> None:
    ids = {queued(client): number for number in "12345"}
    with client.app.state.database.write() as connection:  # type: ignore[attr-defined]
        for job_id, number in ids.items():
            state = "failed" if number in "24" else "running"
            connection.execute(update(jobs).where(jobs.c.id == job_id).values(state=state))
    shown = token = ""
    while True:
        params: dict[str, Any] = {"order_by": order, "page_size": 2, **({"page_token": token} if token else {})}
        page = client.get("/v1/jobs", params=params).json()
        shown += "".join(ids[job["id"]] for job in page["items"])
        token = page["next_page_token"]
        if token is None:
            break
        other = client.get(
            "/v1/jobs", params={**params, "order_by": "state" if order != "state" else "-state", "page_token": token}
        )
        assert other.json()["code"] == "invalid_page_token"
    assert shown == expected
    assert client.get("/v1/jobs", params={"order_by": "phase"}).status_code == 422


def test_jobs_for_a_target(client: TestClient) -> None:
    on_cpu = queued(client, targets=[{"target": "cpu:threads=2", "latency_ms": 1.0}])
    board = "alveo-u55c"
    on_both = queued(client, targets=[{"target": "cpu", "latency_ms": 1}, {"target": board, "latency_ms": 1}])
    training = client.post("/v1/jobs", json={"spec": {"kind": "supernet_training", "data": "digits"}}).json()["id"]

    def listed(**params: str) -> list[str]:
        return [job["id"] for job in client.get("/v1/jobs", params=params).json()["items"]]

    assert listed(target="cpu") == [on_both, on_cpu] and listed(target=board) == [on_both]
    assert listed(target="cp") == [] and listed() == [training, on_both, on_cpu]
    assert listed(target="cpu", order_by="created_at", state="queued", kind="search") == [on_cpu, on_both]


def test_the_time_at_work_counts_ended_attempts_and_the_running_one(client: TestClient) -> None:
    job_id = queued(client)
    found = client.get(f"/v1/jobs/{job_id}")
    assert found.json()["active_s"] == 0.0
    with client.app.state.database.write() as connection:  # type: ignore[attr-defined]
        connection.execute(update(jobs).where(jobs.c.id == job_id).values(active_ms=2500))
    assert client.get(f"/v1/jobs/{job_id}").json()["active_s"] == 2.5
    began = found.json()["created_at"]
    with client.app.state.database.write() as connection:  # type: ignore[attr-defined]
        made = connection.execute(jobs.select().where(jobs.c.id == job_id)).one().created_at - 60_000
        attempt = {"job_id": job_id, "epoch": 1, "attempt": 1, "worker": "w", "started_at": made}
        connection.execute(insert(job_attempts).values(attempt))
    first = client.get(f"/v1/jobs/{job_id}")
    assert 62.5 <= first.json()["active_s"] < 120 and began == first.json()["created_at"]
    (listed,) = client.get("/v1/jobs").json()["items"]
    assert listed["active_s"] >= first.json()["active_s"]
    # The clock is no version of the job.
    assert first.headers["etag"] == found.headers["etag"]
    assert (
        client.patch(
            f"/v1/jobs/{job_id}", json={"labels": {"a": "b"}}, headers={"If-Match": first.headers["etag"]}
        ).status_code
        == 200
    )


# --- The catalogue


def test_forms_say_what_options_take(client: TestClient) -> None:
    targets = {item["id"]: item for item in client.get("/v1/targets").json()["items"]}
    (threads,) = targets["cpu"]["forms"]
    assert (threads["name"], threads["kind"], threads["default"], threads["bare"]) == ("threads", "integer", "1", False)
    build, clock, *others = targets["alveo-u50"]["forms"]
    assert (build["name"], build["kind"], build["bare"]) == ("build", "choice", True)
    assert build["default"] == build["values"][0] and set(build["values"]) <= set(targets["alveo-u50"]["options"])
    assert (clock["name"], clock["kind"], clock["default"]) == ("clock", "number", None)
    assert {(form["name"], form["kind"]) for form in others} == {("engines", "text"), ("tenants", "text")}


def test_spaces_show_their_choices(client: TestClient) -> None:
    spaces = {item["id"]: item for item in client.get("/v1/search-spaces").json()["items"]}
    for name, item in spaces.items():
        made = space(name, resolution=32, channels=3, classes=10)
        assert item["choices"] == {choice.name: list(choice.values) for choice in made.choices}
