"""Leases: which worker may write to a job. Times are set in the table, so nothing waits."""

import pytest
from sqlalchemy import select, update

from api.database import Database, utc_ms
from api.ids import new_id
from api.jobs import events_table, leases, repository
from api.keys import repository as keys
from api.tables import candidates, job_attempts, jobs
from nas.errors import ClusterLost
from nas.events import EVENT, CandidateEvent, LogEvent
from tests.api.conftest import both_engines
from tests.metrics import as_accuracy

pytestmark = both_engines

LOG = LogEvent(level="info", message="something")


def tenant(database: Database, name: str = "default", **limits: int) -> str:
    """The id of a tenant, made when there is none of that name."""
    with database.write() as connection:
        found = keys.tenant(connection, name=name)
        if found is not None:
            return str(found.id)
        tenant_id = new_id("ten")
        keys.add_tenant(connection, tenant_id, name, dict(limits))
        return tenant_id


def queue(
    database: Database, max_attempts: int = 2, *, tenant_id: str = "", max_duration_s: float = 3600, **needs: str | None
) -> str:
    """Queues a job."""
    job_id = new_id("job")
    tenant_id = tenant_id or tenant(database)
    with database.write() as connection:
        job = repository.NewJob(job_id, tenant_id, "search", {}, max_attempts, max_duration_s, needs=needs)
        repository.add(connection, job)
    return job_id


def claim_next(
    database: Database, owner: str = "me", capabilities: leases.WorkerCapabilities | None = None
) -> leases.Claim | None:
    """Claims a job for 30 s."""
    with database.write() as connection:
        return leases.claim(connection, owner, 30, capabilities or leases.WorkerCapabilities(("search",), {"cpu": "a"}))


def expire_all(database: Database) -> int:
    """Expires all leases and reclaims their jobs."""
    with database.write() as connection:
        connection.execute(update(jobs).values(lease_expires_at=1))
        return leases.reclaim_expired(connection)


def state(database: Database, job_id: str) -> str:
    """The state of a job."""
    with database.read() as connection:
        return str(connection.scalar(select(jobs.c.state).where(jobs.c.id == job_id)))


def event_words(database: Database, job_id: str) -> list[str]:
    """The events of a job in words, checked for their numbers."""
    with database.read() as connection:
        stored = events_table.page(connection, job_id, after=0, limit=1000)
    assert [event.seq for event in stored] == list(range(1, len(stored) + 1))
    events = [EVENT.validate_json(event.data) for event in stored]
    return [f"{event.type} {getattr(event, 'state', '')}".strip() for event in events]


def test_the_oldest_job_is_claimed_first_and_by_one_alone(database: Database) -> None:
    first, second = queue(database), queue(database)
    claims = [claim_next(database), claim_next(database), claim_next(database)]
    assert [claim.job_id if claim else None for claim in claims] == [first, second, None]
    assert state(database, first) == "running"


def test_a_lost_job_is_tried_again_and_then_fails(database: Database) -> None:
    job_id = queue(database, max_attempts=2)
    for attempt in (1, 2):
        claim = claim_next(database)
        assert claim is not None and claim.attempt == attempt
        assert expire_all(database) == 1
    assert claim_next(database) is None
    assert state(database, job_id) == "failed"
    assert event_words(database, job_id) == [
        "state queued",
        *("state running", "log", "state queued"),
        *("state running", "log", "state failed", "end failed"),
    ]
    with database.read() as connection:
        error = connection.scalar(select(jobs.c.error))
    assert error is not None and error["code"] == "worker_lost" and error["facts"] == {"attempts": 2}


def test_a_worker_without_its_lease_writes_nothing(database: Database) -> None:
    job_id = queue(database)
    old = claim_next(database)
    assert old is not None
    expire_all(database)
    new = claim_next(database)
    assert new is not None and new.epoch > old.epoch
    before = event_words(database, job_id)
    with database.write() as connection:
        assert events_table.append(connection, job_id, [LOG], epoch=old.epoch) is None
        assert not repository.transition(connection, job_id, "succeeded", epoch=old.epoch, result={})
        assert not leases.renew(connection, job_id, old.epoch, 30)
        assert not leases.requeue(connection, job_id, old.epoch)
        assert leases.read_signal(connection, job_id, old.epoch) == "lost"
    assert event_words(database, job_id) == before
    with database.write() as connection:
        assert events_table.append(connection, job_id, [LOG], epoch=new.epoch) == len(before) + 1


def test_nothing_follows_the_last_event(database: Database) -> None:
    job_id = queue(database)
    claim = claim_next(database)
    assert claim is not None
    with database.write() as connection:
        assert repository.transition(connection, job_id, "succeeded", epoch=claim.epoch, result={})
        assert events_table.append(connection, job_id, [LOG], epoch=claim.epoch) is None
    assert event_words(database, job_id)[-1] == "end succeeded"


def test_a_renewed_lease_is_not_taken_back(database: Database) -> None:
    queue(database)
    claim = claim_next(database)
    assert claim is not None
    with database.write() as connection:
        connection.execute(update(jobs).values(lease_expires_at=utc_ms() + 10))
        assert leases.renew(connection, claim.job_id, claim.epoch, 30)
        assert leases.reclaim_expired(connection) == 0
        left = connection.scalar(select(jobs.c.lease_expires_at - utc_ms()))
    assert left is not None and 29_000 <= left <= 30_000


def test_a_job_that_is_handed_back_keeps_its_attempts(database: Database) -> None:
    job_id = queue(database)
    claim = claim_next(database)
    assert claim is not None
    with database.write() as connection:
        assert leases.requeue(connection, job_id, claim.epoch)
    again = claim_next(database)
    assert again is not None and again.attempt == 1 and again.epoch > claim.epoch


def test_a_job_without_a_cluster_waits_and_only_attempts_that_began_count(database: Database) -> None:
    error = ClusterLost("The cluster was lost.", fix="Start it again.")
    job_id = queue(database)
    for counts, attempts in ((False, 0), (True, 1), (False, 1)):
        claim = claim_next(database)
        assert claim is not None
        with database.write() as connection:
            assert leases.retry_later(connection, job_id, claim.epoch, error, counts=counts)
        assert state(database, job_id) == "queued" and claim_next(database) is None, "it waits first"
        with database.write() as connection:
            waits = connection.scalar(select(jobs.c.not_before - utc_ms()))
            assert waits is not None and 29_000 < waits <= 30_000
            connection.execute(update(jobs).values(not_before=0))
            assert connection.scalar(select(jobs.c.attempt)) == attempts
    claim = claim_next(database)
    assert claim is not None and claim.attempt == 2
    with database.write() as connection:
        assert leases.retry_later(connection, job_id, claim.epoch, error, counts=True)
        stored = connection.scalar(select(jobs.c.error))
    assert state(database, job_id) == "failed" and stored is not None and stored["code"] == "cluster_lost"


def test_a_lost_job_that_was_to_be_cancelled_is_cancelled(database: Database) -> None:
    job_id = queue(database)
    claim = claim_next(database)
    assert claim is not None
    with database.write() as connection:
        repository.request_cancel(connection, job_id)
        assert leases.read_signal(connection, job_id, claim.epoch) == "cancel"
    assert state(database, job_id) == "cancelling"
    expire_all(database)
    assert state(database, job_id) == "cancelled"


def test_only_leases_of_the_dead_expire(database: Database) -> None:
    mine, other = queue(database), queue(database)
    claim_next(database, "host/home_1/a")
    claim_next(database, "host/homeX1/b")
    with database.write() as connection:
        assert leases.expire_leases(connection, "host/home_1/") == 1
        assert leases.reclaim_expired(connection) == 1
    assert (state(database, mine), state(database, other)) == ("queued", "running")


def test_a_transaction_that_fails_leaves_nothing(database: Database) -> None:
    job_id = queue(database)

    def fail() -> None:
        with database.write() as connection:
            events_table.append(connection, job_id, [LOG])
            raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        fail()
    assert event_words(database, job_id) == ["state queued"]


def attempts(database: Database, job_id: str) -> list[tuple[int, str | None]]:
    """The attempts at a job with their outcomes."""
    with database.read() as connection:
        return [(row.attempt, row.outcome) for row in repository.attempts(connection, job_id)]


def test_all_attempts_are_kept(database: Database) -> None:
    job_id = queue(database, max_attempts=2)
    claim_next(database)
    expire_all(database)
    claim = claim_next(database, "another")
    assert claim is not None and attempts(database, job_id) == [(1, "lost"), (2, None)]
    with database.write() as connection:
        repository.transition(connection, job_id, "failed", epoch=claim.epoch)
    assert attempts(database, job_id) == [(1, "lost"), (2, "failed")]


def test_a_paused_job_rests_until_it_is_resumed(database: Database) -> None:
    job_id = queue(database)
    claim = claim_next(database)
    assert claim is not None
    with database.write() as connection:
        repository.request_pause(connection, job_id)
        assert leases.read_signal(connection, job_id, claim.epoch) == "pause"
        assert leases.pause(connection, job_id, claim.epoch)
    assert claim_next(database) is None and state(database, job_id) == "paused"
    with database.write() as connection:
        repository.resume(connection, job_id)
    again = claim_next(database)
    assert again is not None and again.attempt == 1
    with database.read() as connection:
        assert leases.read_signal(connection, job_id, again.epoch) == "continue"
    assert attempts(database, job_id) == [(1, "paused"), (1, None)]


def test_a_request_to_pause_can_be_taken_back(database: Database) -> None:
    job_id = queue(database)
    claim = claim_next(database)
    assert claim is not None
    with database.write() as connection:
        repository.request_pause(connection, job_id)
        repository.resume(connection, job_id)
        assert leases.read_signal(connection, job_id, claim.epoch) == "continue"


def test_a_lost_job_that_was_to_pause_is_paused(database: Database) -> None:
    job_id = queue(database)
    claim_next(database)
    with database.write() as connection:
        repository.request_pause(connection, job_id)
    expire_all(database)
    assert state(database, job_id) == "paused"


def test_a_job_has_so_much_time_in_all_of_its_attempts(database: Database) -> None:
    job_id = queue(database, max_attempts=5, max_duration_s=100)
    for _ in range(2):
        claim = claim_next(database)
        assert claim is not None
        with database.write() as connection:
            connection.execute(update(job_attempts).values(started_at=job_attempts.c.started_at - 60_000))
        with database.read() as connection:
            request = leases.read_signal(connection, job_id, claim.epoch)
        expire_all(database)
    assert request == "timeout"
    with database.read() as connection:
        active_ms = connection.scalar(select(jobs.c.active_ms))
    assert active_ms is not None and 120_000 <= active_ms < 180_000


def test_tenants_take_turns(database: Database) -> None:
    one, other = sorted((tenant(database, "one"), tenant(database, "other")))  # who was never served, by id
    first = [queue(database, tenant_id=one) for _ in range(3)]
    late = queue(database, tenant_id=other)
    claims = [claim_next(database) for _ in range(4)]
    assert [claim.job_id for claim in claims if claim] == [first[0], late, first[1], first[2]]


def test_a_tenant_runs_so_many_jobs_at_once(database: Database) -> None:
    small = tenant(database, "small", max_running=1)
    held, _waiting = queue(database, tenant_id=small), queue(database, tenant_id=small)
    claim = claim_next(database)
    assert claim is not None and claim.job_id == held and claim_next(database) is None
    with database.write() as connection:
        repository.transition(connection, held, "succeeded", epoch=claim.epoch)
    assert claim_next(database) is not None


def test_a_worker_takes_only_what_it_can_run(database: Database) -> None:
    queue(database)
    with database.write() as connection:
        assert leases.claim(connection, "me", 30, leases.WorkerCapabilities(("export",), {"cpu": "a"})) is None
        assert leases.claim(connection, "me", 30, leases.WorkerCapabilities(("export", "search"), {})) is not None


def test_a_worker_takes_only_what_it_can_measure(database: Database) -> None:
    tenant_id = tenant(database)
    with database.write() as connection:
        for number, needs in enumerate((("fpga", "cpu"), ("cpu",))):
            job = repository.NewJob(f"job_{number}", tenant_id, "search", {}, 1, 60, needs=dict.fromkeys(needs))
            repository.add(connection, job)
    claim = claim_next(database)
    assert claim is not None and claim.job_id == "job_1" and claim_next(database) is None
    with database.write() as connection:
        both = leases.claim(connection, "other", 30, leases.WorkerCapabilities(("search",), {"cpu": "a", "fpga": "f"}))
    assert both is not None and both.job_id == "job_0"


def test_a_candidate_that_is_told_again_is_stored_once(database: Database) -> None:
    job_id = queue(database)
    claim = claim_next(database)
    assert claim is not None

    def candidate(number: int, target: str = "cpu") -> CandidateEvent:
        return CandidateEvent(
            number=number, architecture="a", architecture_id="1", metric=as_accuracy(0.5), latency_ms={target: 1.0}, feasible={target: True}
        )  # fmt: skip

    with database.write() as connection:
        events_table.append(connection, job_id, [candidate(0), candidate(1)], epoch=claim.epoch)
        last = events_table.append(
            connection, job_id, [candidate(0), candidate(1), LOG, candidate(2)], epoch=claim.epoch
        )
        assert events_table.append(connection, job_id, [candidate(0, "gpu")], epoch=claim.epoch) == (last or 0) + 1
        stored = connection.execute(select(candidates.c.target, candidates.c.number)).all()
    assert sorted(map(tuple, stored)) == [("cpu", 0), ("cpu", 1), ("cpu", 2), ("gpu", 0)]
    assert event_words(database, job_id)[2:] == ["candidate", "candidate", "log", "candidate", "candidate"]
