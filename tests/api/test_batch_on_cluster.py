"""The service with PostgreSQL and a Ray cluster: a batch over REST, followed by its events, through deaths of a worker and a node."""

import os
import signal
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from api.client import Client
from api.jobs.schemas import JobEvent
from api.settings import Settings
from api.testing.postgres import Postgres
from api.testing.server import Server, eventually
from tests.api.little_engine import SETTINGS
from tests.ray_cluster import RayCluster

SPEC: dict[str, Any] = {
    "kind": "batch",
    "data": ["digits"],
    "spaces": ["resnet"],
    "targets": ["alveo-u50", "kv260"],
    "budgets": ["50%", "80%", 0.000001],
    "search": {"effort": "quick", "threads": 1},
}


@pytest.fixture
def served(tmp_path: Path, postgres: Postgres, ray_cluster: RayCluster) -> Iterator[Server]:
    """A server whose worker uses the cluster."""
    settings = Settings(
        home=tmp_path / "home",
        database=postgres.fresh(),
        executor=f"ray:{ray_cluster.address}",
        poll_s=0.1,
        control_s=0.1,
        heartbeat_s=0.5,
        lease_s=3.0,
        **SETTINGS,
    )
    server = Server(settings)
    try:
        server.start()
        yield server
    finally:
        server.kill()


def test_a_batch_survives_its_worker_and_a_node(served: Server, ray_cluster: RayCluster) -> None:
    third = ray_cluster.add_node(num_cpus=3)  # the roomiest: work is there first
    with Client(served.url, key=served.key) as client:
        job = client.submit(SPEC)
        seen: list[JobEvent] = []
        begun = threading.Event()

        def follow() -> None:
            with Client(served.url, key=served.key) as own:
                for one in own.events(job.id):
                    seen.append(one)
                    if one.event.type == "cell":
                        begun.set()

        follower = threading.Thread(target=follow)
        follower.start()
        assert begun.wait(120)
        ray_cluster.kill_node(third)
        eventually(lambda: any(one.event.type == "cell" and one.event.state == "succeeded" for one in seen), 200)
        (worker,) = served.workers()
        os.kill(worker, signal.SIGKILL)
        eventually(lambda: job.refresh().state in ("succeeded", "failed"), 300)
        follower.join(60)
        assert not follower.is_alive()
        document = served.http.get(f"/v1/jobs/{job.id}").json()
        assert document["state"] == "succeeded", document["error"]
        assert [attempt["outcome"] for attempt in document["attempts"]] == ["lost", "succeeded"]
        assert document["result"]["counts"] == {"succeeded": 4, "infeasible": 2}
        assert any(cell["found"] for cell in document["result"]["cells"]), "what the first worker had is not run again"
        assert [one.seq for one in seen] == list(range(1, document["last_event"] + 1)), "each event came once"
