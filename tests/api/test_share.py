"""Where a worker's jobs compute, and their fair share of a cluster."""

from pathlib import Path

import pytest

from api.database import Database
from api.settings import Settings
from api.testing.server import eventually, fast_settings
from api.worker import share
from api.worker.share import FairShare
from tests.api.conftest import both_engines, serving
from tests.api.test_leases import claim_next, queue, tenant


@both_engines
def test_a_cluster_is_divided_among_tenants_and_then_among_their_jobs(
    database: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(share, "CHECK_S", -1.0)
    mine, theirs = tenant(database), tenant(database, "theirs")
    own = FairShare(database, mine)
    queue(database, tenant_id=mine)
    assert claim_next(database) and own.of(64) == 64  # alone
    queue(database, tenant_id=theirs)
    queue(database, tenant_id=theirs)
    assert claim_next(database) and own.of(64) == 32  # a job of each; the third waits
    assert claim_next(database)
    assert (own.of(64), FairShare(database, theirs).of(64)) == (32, 16)  # two of theirs share their half
    assert FairShare(database, theirs).of(3) == 1  # never none


def test_a_share_is_not_counted_more_often_than_every_two_seconds(database: Database) -> None:
    own = FairShare(database, tenant(database))
    assert own.of(8) == 8
    database.close()
    assert own.of(8) == 8


def test_jobs_compute_where_the_setting_says(tmp_path: Path) -> None:
    settings = fast_settings(tmp_path / "home", worker=True, executor="processes:3")
    with serving(settings) as client:
        spec = {"kind": "batch", "data": ["digits"], "targets": ["cpu"], "budgets": ["40%"]}
        address = f"/v1/jobs/{client.post('/v1/jobs', json={'spec': spec}).json()['id']}"
        eventually(lambda: client.get(address).json()["finished_at"])
        assert client.get(f"{address}/logs").json()["items"][0]["message"] == "executor processes:3"


@pytest.mark.parametrize("text", ["slurm", "processes:0", "ray: head"])
def test_another_executor_is_refused(text: str, tmp_path: Path) -> None:
    with pytest.raises(ValueError, match="executor"):
        Settings(home=tmp_path, executor=text)
