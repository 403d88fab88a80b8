"""Cancelling and pausing the real engine in each of its phases, over HTTP: how soon it stops, what it frees, how it goes on."""

import shutil
import time
from collections.abc import Iterator
from datetime import datetime
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import select
from starlette.testclient import TestClient

from api.settings import Settings
from api.tables import jobs
from api.testing.server import children, eventually
from hw_targets.lock import measuring
from nas import pipeline
from nas.result import SearchResult
from nas.spec import SearchSpec
from tests.api.conftest import body, other_key, serving, subject_of
from tests.api.held_engine import WORK
from tests.work import profile_digits

PHASES = ("preparing", "profiling", "training", "searching", "verifying", "fine_tuning", "delivering")
"""In the order in which they are first met, so that those before the held one are in the store by then."""
SPEC: dict[str, Any] = {
    "data": "digits", "space": "resnet", "effort": "quick", "threads": 1,
    "targets": [{"target": "cpu", "latency_ms": "60%"}],
}  # fmt: skip
STOPS_S = 2.0
FREE_S = 30.0


@pytest.fixture(scope="module")
def service(tmp_path_factory: pytest.TempPathFactory) -> Iterator[TestClient]:
    """A service with the settings that users get, whose engine can be slowed down."""
    home = tmp_path_factory.mktemp("stopping") / "home"
    with serving(Settings(home=home, engine="tests.api.held_engine:search", request_burst=100_000)) as client:
        yield client


@pytest.fixture(scope="module")
def whole(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, SearchResult]:
    """A store with data and latency table, and what an unbroken search makes of it."""
    folder = tmp_path_factory.mktemp("whole")
    profile_digits(folder / "store", WORK.profile)
    shutil.copytree(folder / "store", folder / "profiled")
    return folder / "profiled", pipeline.search(SearchSpec.model_validate({**SPEC, "work": WORK}), out=folder)


def hold(client: TestClient, phase: str) -> None:
    """Slows the phase down; none when it is empty."""
    (client.app.state.settings.home / "phase").write_text(phase)  # type: ignore[attr-defined]


def begin(client: TestClient, phase: str) -> str:
    """Queues a search and waits until it is in a phase, and in the middle of it where it is long enough."""
    hold(client, phase)
    address = f"/v1/jobs/{client.post('/v1/jobs', json=body(**SPEC)).json()['id']}"
    reach(client, address, phase)
    return address


def reach(client: TestClient, address: str, phase: str) -> None:
    def there() -> bool:
        job = client.get(address).json()
        assert job["finished_at"] is None, job
        return job["phase"] == phase and (job["progress"] is not None or phase in ("preparing", "delivering"))

    eventually(there)


def stopped(client: TestClient, address: str, state: str) -> dict[str, Any]:
    """The job once it has stopped, in time and with everything freed."""
    job: dict[str, Any] = eventually(lambda: (j := client.get(address).json())["state"] == state and j, within_s=FREE_S)
    worker = client.app.state.supervisor.pid()  # type: ignore[attr-defined]
    assert worker is None or children(worker) == []
    with measuring("cpu", patience_s=FREE_S), client.app.state.database.read() as connection:  # type: ignore[attr-defined]
        assert connection.scalar(select(jobs.c.lease_owner).where(jobs.c.id == job["id"])) is None
    return job


def moment(text: str) -> float:
    return datetime.fromisoformat(text).timestamp()


def new_work(client: TestClient, address: str, since: float) -> list[dict[str, Any]]:
    """Events later than a moment that tell of work."""
    items = client.get(f"{address}/events", params={"page_size": 1000}).json()["items"]
    return [
        item
        for item in items
        if moment(item["at"]) > since and item["event"]["type"] not in ("state", "end", "log")
    ]  # fmt: skip


@pytest.mark.parametrize("phase", PHASES)
def test_a_cancelled_job_stops_in_two_seconds_and_frees_what_it_held(service: TestClient, phase: str) -> None:
    address = begin(service, phase)
    asked = service.post(f"{address}/cancel").json()
    assert asked["state"] == "cancelling"
    items = service.get(f"{address}/events", params={"page_size": 1000}).json()["items"]
    (requested,) = [moment(i["at"]) for i in items if i["event"] == {"type": "state", "state": "cancelling"}]
    job = stopped(service, address, "cancelled")
    assert job["phase"] == phase and job["attempts"][-1]["outcome"] == "cancelled"
    assert moment(job["finished_at"]) - requested < FREE_S
    assert new_work(service, address, requested + STOPS_S) == []


def test_a_job_paused_in_phase_after_phase_goes_the_way_of_an_unbroken_one(
    service: TestClient, whole: tuple[Path, SearchResult]
) -> None:
    profiled, unbroken = whole
    client = TestClient(service.app, base_url=str(service.base_url))
    client.headers["Authorization"] = f"Bearer {other_key(service, 'another')}"
    store: Path = service.app.state.settings.store  # type: ignore[attr-defined]
    shutil.copytree(profiled / "blobs", store / "blobs", dirs_exist_ok=True)
    shutil.copytree(profiled / "stages", store / "namespaces" / subject_of(client).tenant_id / "stages")
    address = begin(client, PHASES[2])
    for phase in PHASES[2:]:
        hold(client, phase)
        reach(client, address, phase)
        asked = time.time()
        client.post(f"{address}/pause")
        stopped(client, address, "paused")
        assert new_work(client, address, asked + STOPS_S) == []
        assert client.post(f"{address}/resume").json()["state"] == "queued"
    hold(client, "")
    job = eventually(lambda: (j := client.get(address).json())["finished_at"] and j)
    assert (job["state"], job["attempt"]) == ("succeeded", 1), job["error"]
    assert [a["outcome"] for a in job["attempts"]] == ["paused"] * 5 + ["succeeded"]
    assert job["result"]["estimates"] == unbroken.model_dump(mode="json")["estimates"]
    found = client.get(f"{address}/candidates").json()["items"]
    assert [one["number"] for one in found] == list(range(len(found)))
    int8, fp32 = (unbroken.models["cpu"].metric.int8, unbroken.models["cpu"].metric.fp32)
    if job["result"]["models"]["cpu"]["architecture_id"] == unbroken.models["cpu"].architecture_id:
        assert job["result"]["models"]["cpu"]["metric"] == {"fp32": fp32.model_dump(), "int8": int8.model_dump()}
