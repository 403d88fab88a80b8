"""Whose device: a job stays on that of its first worker, says what it waits for, and measures it alone."""

import threading
import time
from importlib.metadata import version
from typing import Any

import pytest
from sqlalchemy import update
from starlette.testclient import TestClient

from api.database import Database
from api.jobs import device_leases, leases, repository
from api.jobs.leases import WorkerCapabilities
from api.jobs.waiting import waiting_reasons
from api.tables import jobs, tenants
from api.version import program_version
from api.worker.claimed_job import ClaimedJob
from api.worker.device_claims import DeviceClaims
from api.worker_registry import WorkerInfo, live_workers, record_heartbeat, remove
from hw_targets.target import TargetInfo
from nas.errors import Cancelled
from nas.events import Event, LogEvent
from tests.api.conftest import body, both_engines
from tests.api.test_leases import claim_next, expire_all, queue, tenant

pytestmark = both_engines

A = WorkerCapabilities(("search",), {"cpu": "a", "dpu": "1"}, {"dpu"})
B = WorkerCapabilities(("search",), {"cpu": "b", "dpu": "2"}, {"dpu"})
ALONE = "board/0"


def info(fingerprint: str, name: str = "cpu", device_id: str = "") -> TargetInfo:
    """A measured target of some device."""
    return TargetInfo(name, "measured", "int8", "runtime 1", f"device {fingerprint}", fingerprint, device_id)


def hold(database: Database, claim: leases.Claim | None, device: str = ALONE) -> bool:
    """Asks for a device."""
    assert claim is not None
    with database.write() as connection:
        return device_leases.acquire(connection, device, claim.job_id, claim.epoch)


def test_a_job_stays_on_the_device_of_its_first_worker(database: Database) -> None:
    queue(database, 5, cpu=None)
    assert claim_next(database, "first", B) is not None
    expire_all(database)
    assert claim_next(database, "other", A) is None
    claim = claim_next(database, "like the first", B)
    assert claim is not None
    with database.write() as connection:
        assert leases.requeue(connection, claim.job_id, claim.epoch)
    assert claim_next(database, "other", A) is None


def test_a_job_that_names_a_device_goes_there_alone(database: Database) -> None:
    queue(database, 5, cpu="a")
    assert claim_next(database, "b", B) is None
    assert claim_next(database, "a", A) is not None


def test_a_simulated_target_binds_to_no_machine(database: Database) -> None:
    queue(database, 5, dpu=None)
    assert claim_next(database, "a", A) is not None
    expire_all(database)
    assert claim_next(database, "b", B) is not None


def test_a_job_can_be_freed_of_its_device(client: TestClient) -> None:
    database: Database = client.app.state.database  # type: ignore[attr-defined]
    free = client.post("/v1/jobs", json=body()).json()["id"]
    asked = {"targets": [{"target": "cpu", "latency_ms": 1, "device": "b"}]}
    fixed = client.post("/v1/jobs", json=body(**asked)).json()["id"]
    for _ in (free, fixed):
        assert claim_next(database, "first", B) is not None
    expire_all(database)
    client.post(f"/v1/jobs/{free}/resume")
    assert claim_next(database, "other", A) is None
    for job_id in (free, fixed):
        client.post(f"/v1/jobs/{job_id}/resume", params={"any_device": True})
    claim = claim_next(database, "other", A)
    assert claim is not None and claim.job_id == free and claim_next(database, "other", A) is None


def test_a_queued_job_says_what_it_waits_for(client: TestClient) -> None:
    database: Database = client.app.state.database  # type: ignore[attr-defined]
    job_id = client.post("/v1/jobs", json=body()).json()["id"]

    def waiting() -> Any:
        found = client.get(f"/v1/jobs/{job_id}").json()["waiting_for"]
        assert client.get("/v1/jobs").json()["items"][0]["waiting_for"] == found
        return found

    assert waiting() == {"detail": "No worker is running.", "target": None, "device": None}
    with database.write() as connection:
        record_heartbeat(connection, WorkerInfo("one", {"cpu": info("b")}))
    assert waiting() is None
    assert claim_next(database, "one", B) is not None
    expire_all(database)
    with database.write() as connection:
        remove(connection, "one")
        record_heartbeat(connection, WorkerInfo("two", {"cpu": info("a")}))
    assert (waiting()["target"], waiting()["device"]) == ("cpu", "b")
    client.post(f"/v1/jobs/{job_id}/pause")
    assert waiting() is None


def test_a_worker_tells_the_version_of_the_program(database: Database) -> None:
    with database.write() as connection:
        record_heartbeat(connection, WorkerInfo("one", {}))
        (row,) = live_workers(connection)
    assert row.version == program_version() == version("hwnas")


def test_a_queued_job_says_that_its_tenant_may_run_no_more(client: TestClient) -> None:
    database: Database = client.app.state.database  # type: ignore[attr-defined]
    first, second = (client.post("/v1/jobs", json=body(seed=seed)).json()["id"] for seed in range(2))

    def limit(most: int) -> None:
        with database.write() as connection:
            connection.execute(update(tenants).values(limits={"max_running": most}))

    def told() -> dict[str, Any]:
        return {
            job["id"]: job["waiting_for"] and job["waiting_for"]["detail"]
            for job in client.get("/v1/jobs").json()["items"]
        }

    with database.write() as connection:
        record_heartbeat(connection, WorkerInfo("one", {"cpu": info("b")}))
    assert told() == {first: None, second: None}
    limit(0)
    assert set(told().values()) == {"The tenant may run no more than 0 jobs at once."}
    limit(1)
    assert told() == {first: None, second: None} and claim_next(database, "one", B) is not None
    assert told() == {first: None, second: "The tenant may run no more than 1 jobs at once."}


def test_only_queued_jobs_wait(database: Database) -> None:
    queue(database)
    claim = claim_next(database)
    with database.read() as connection:
        row = repository.find(connection, tenant(database), claim.job_id if claim else "")
        assert row is not None and waiting_reasons(connection, [row], 100) == {}


def test_targets_are_listed_with_the_devices_of_living_workers(client: TestClient) -> None:
    database: Database = client.app.state.database  # type: ignore[attr-defined]
    with database.write() as connection:
        for number, found in enumerate(("a", "b", "b")):
            record_heartbeat(connection, WorkerInfo(f"worker {number}", {"cpu": info(found)}))
    devices = {item["id"]: item["devices"] for item in client.get("/v1/targets").json()["items"]}
    assert devices.pop("cpu") == [
        {"fingerprint": "a", "device": "device a", "workers": 1},
        {"fingerprint": "b", "device": "device b", "workers": 2},
    ]
    assert not any(devices.values())


def test_a_device_is_measured_by_one_job_at_a_time(database: Database) -> None:
    queue(database), queue(database)
    one, two = claim_next(database), claim_next(database)
    assert hold(database, one) and not hold(database, two)
    assert hold(database, one)  # asked for again
    assert hold(database, two, "another board")
    with database.write() as connection:
        assert two is not None and one is not None
        device_leases.release(connection, ALONE, two.job_id, two.epoch)
    assert not hold(database, two)
    with database.write() as connection:
        device_leases.release(connection, ALONE, one.job_id, one.epoch)
    assert hold(database, two)


def test_a_device_of_a_dead_worker_is_free(database: Database) -> None:
    queue(database), queue(database)
    one, two = claim_next(database), claim_next(database)
    assert one is not None and hold(database, one) and not hold(database, two)
    with database.write() as connection:
        connection.execute(update(jobs).where(jobs.c.id == one.job_id).values(lease_expires_at=1))
    assert hold(database, two)  # who waits finds out, also when no worker looks for jobs
    assert not hold(database, one)


def test_a_worker_that_lost_its_job_gets_no_device(database: Database) -> None:
    queue(database)
    old = claim_next(database)
    assert hold(database, old)
    expire_all(database)
    assert not hold(database, old)
    new = claim_next(database)
    assert hold(database, new) and not hold(database, old)
    with database.write() as connection:
        assert old is not None and new is not None
        device_leases.release(connection, ALONE, old.job_id, old.epoch)
    queue(database)
    assert not hold(database, claim_next(database))


def test_of_several_workers_that_ask_at_once_one_gets_the_device(database: Database) -> None:
    for _ in range(4):
        queue(database)
    claims = [claim_next(database) for _ in range(4)]
    got: list[bool] = []

    def ask(claim: leases.Claim | None) -> None:
        got.append(hold(database, claim))

    threads = [threading.Thread(target=ask, args=(claim,)) for claim in claims]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sorted(got) == [False, False, False, True]


class Board:
    """A target that is measured."""

    info = info("f", name="board", device_id="//board.lab")


def worker(database: Database) -> tuple[ClaimedJob, DeviceClaims, list[Event]]:
    """A worker with a job, its claims to devices, and what it tells."""
    queue(database)
    claim = claim_next(database)
    assert claim is not None
    told: list[Event] = []
    job = ClaimedJob(claim, threading.Event())
    return job, DeviceClaims(database, job, told.append, 0.02), told


def test_a_worker_waits_for_a_device_and_tells_so_once(database: Database) -> None:
    _, one, _ = worker(database)
    _, two, told = worker(database)
    measured = threading.Event()

    def measure() -> None:
        with two.hold(Board()):  # type: ignore[arg-type]
            measured.set()

    thread = threading.Thread(target=measure)
    with one.hold(Board()):  # type: ignore[arg-type]
        thread.start()
        assert not measured.wait(0.3)
    assert measured.wait(10)
    thread.join()
    assert told == [LogEvent(level="info", message="Waits for device f, which another job is measuring.")]


@pytest.mark.parametrize("why", ["cancel", "pause", "timeout", "drain", "lost"])
def test_a_worker_that_waits_for_a_device_can_be_stopped(database: Database, why: str) -> None:
    _, one, _ = worker(database)
    job, two, _ = worker(database)
    threading.Timer(0.1, getattr(job, why).set).start()
    with one.hold(Board()):  # type: ignore[arg-type]
        began = time.monotonic()
        with pytest.raises(Cancelled), two.hold(Board()):  # type: ignore[arg-type]
            pass
        assert time.monotonic() - began < 10  # else it would wait for as long as the other measures
