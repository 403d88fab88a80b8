"""Leases: who may work on a job, and who may not any more. Times are set in the table, so nothing waits."""

import tempfile
from collections.abc import Iterator
from itertools import pairwise
from pathlib import Path

import pytest
from hypothesis import settings as examples
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, precondition, rule
from sqlalchemy import select, update

from api.database import Database, utc_ms
from api.ids import new_id
from api.jobs import leases, repository
from api.jobs.states import ENDED, TRANSITIONS, State
from api.tables import job_events, jobs
from nas.events import EVENT, LogEvent

LOG = LogEvent(level="info", message="something")


@pytest.fixture
def database(tmp_path: Path) -> Iterator[Database]:
    """An empty database."""
    made = Database(f"sqlite:///{tmp_path / 'test.sqlite3'}")
    made.create()
    yield made
    made.close()


def queue(database: Database, max_attempts: int = 2) -> str:
    """Queues a job."""
    job_id = new_id("job")
    with database.write() as connection:
        repository.add(connection, job_id, "search", {}, max_attempts)
    return job_id


def take(database: Database, owner: str = "me") -> leases.Claim | None:
    """Claims a job for 30 s."""
    with database.write() as connection:
        return leases.claim(connection, owner, 30)


def run_out(database: Database) -> int:
    """Lets all leases run out and takes their jobs back."""
    with database.write() as connection:
        connection.execute(update(jobs).values(lease_expires_at=1))
        return leases.take_back(connection)


def state(database: Database, job_id: str) -> str:
    """The state of a job."""
    with database.read() as connection:
        return str(connection.scalar(select(jobs.c.state).where(jobs.c.id == job_id)))


def told(database: Database, job_id: str) -> list[str]:
    """The events of a job in words, checked for their numbers."""
    with database.read() as connection:
        stored = repository.events(connection, job_id, after=0, limit=1000)
    assert [event.seq for event in stored] == list(range(1, len(stored) + 1))
    events = [EVENT.validate_json(event.data) for event in stored]
    return [f"{event.type} {getattr(event, 'state', '')}".strip() for event in events]


def test_the_oldest_job_is_claimed_first_and_by_one_alone(database: Database) -> None:
    first, second = queue(database), queue(database)
    claims = [take(database), take(database), take(database)]
    assert [claim.job_id if claim else None for claim in claims] == [first, second, None]
    assert state(database, first) == "running"


def test_a_lost_job_is_tried_again_and_then_fails(database: Database) -> None:
    job_id = queue(database, max_attempts=2)
    for attempt in (1, 2):
        claim = take(database)
        assert claim is not None and claim.attempt == attempt
        assert run_out(database) == 1
    assert take(database) is None
    assert state(database, job_id) == "failed"
    assert told(database, job_id) == [
        "state queued",
        *("state running", "log", "state queued"),
        *("state running", "log", "state failed", "end failed"),
    ]
    with database.read() as connection:
        error = connection.scalar(select(jobs.c.error))
    assert error is not None and error["code"] == "worker_lost" and error["facts"] == {"attempts": 2}


def test_a_worker_without_its_lease_writes_nothing(database: Database) -> None:
    job_id = queue(database)
    old = take(database)
    assert old is not None
    run_out(database)
    new = take(database)
    assert new is not None and new.epoch > old.epoch
    before = told(database, job_id)
    with database.write() as connection:
        assert repository.append(connection, job_id, [LOG], epoch=old.epoch) is None
        assert not repository.move(connection, job_id, "succeeded", epoch=old.epoch, result={})
        assert not leases.renew(connection, job_id, old.epoch, 30)
        assert not leases.hand_back(connection, job_id, old.epoch)
        assert leases.cancel_requested(connection, job_id, old.epoch) is None
    assert told(database, job_id) == before
    with database.write() as connection:
        assert repository.append(connection, job_id, [LOG], epoch=new.epoch) == len(before) + 1


def test_nothing_follows_the_last_event(database: Database) -> None:
    job_id = queue(database)
    claim = take(database)
    assert claim is not None
    with database.write() as connection:
        assert repository.move(connection, job_id, "succeeded", epoch=claim.epoch, result={})
        assert repository.append(connection, job_id, [LOG], epoch=claim.epoch) is None
    assert told(database, job_id)[-1] == "end succeeded"


def test_a_renewed_lease_is_not_taken_back(database: Database) -> None:
    queue(database)
    claim = take(database)
    assert claim is not None
    with database.write() as connection:
        connection.execute(update(jobs).values(lease_expires_at=utc_ms() + 10))
        assert leases.renew(connection, claim.job_id, claim.epoch, 30)
        assert leases.take_back(connection) == 0
        left = connection.scalar(select(jobs.c.lease_expires_at - utc_ms()))
    assert left is not None and 29_000 <= left <= 30_000


def test_a_job_that_is_handed_back_keeps_its_attempts(database: Database) -> None:
    job_id = queue(database)
    claim = take(database)
    assert claim is not None
    with database.write() as connection:
        assert leases.hand_back(connection, job_id, claim.epoch)
    again = take(database)
    assert again is not None and again.attempt == 1 and again.epoch > claim.epoch


def test_a_lost_job_that_was_to_be_cancelled_is_cancelled(database: Database) -> None:
    job_id = queue(database)
    claim = take(database)
    assert claim is not None
    with database.write() as connection:
        repository.request_cancel(connection, job_id)
        assert leases.cancel_requested(connection, job_id, claim.epoch)
    assert state(database, job_id) == "cancelling"
    run_out(database)
    assert state(database, job_id) == "cancelled"


def test_only_leases_of_the_dead_expire(database: Database) -> None:
    mine, other = queue(database), queue(database)
    take(database, "host/home_1/a")
    take(database, "host/homeX1/b")
    with database.write() as connection:
        assert leases.expire(connection, "host/home_1/") == 1
        assert leases.take_back(connection) == 1
    assert (state(database, mine), state(database, other)) == ("queued", "running")


def test_a_transaction_that_fails_leaves_nothing(database: Database) -> None:
    job_id = queue(database)

    def fail() -> None:
        with database.write() as connection:
            repository.append(connection, job_id, [LOG])
            raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        fail()
    assert told(database, job_id) == ["state queued"]


class JobMachine(RuleBasedStateMachine):
    """One job under whatever a worker, a client and time may do to it: only documented ways, never a gap in its events."""

    @initialize()
    def start(self) -> None:
        """A queued job."""
        self.folder = tempfile.TemporaryDirectory()
        self.database = Database(f"sqlite:///{self.folder.name}/test.sqlite3")
        self.database.create()
        self.job_id = queue(self.database, max_attempts=3)
        self.state = "queued"
        self.epochs = [0]

    def teardown(self) -> None:
        """Closes the database."""
        if hasattr(self, "database"):
            self.database.close()
            self.folder.cleanup()

    @rule()
    def claims(self) -> None:
        """A worker looks for work."""
        claim = take(self.database)
        if claim is not None:
            self.epochs.append(claim.epoch)

    @rule(back=st.integers(0, 3), end=st.sampled_from(ENDED))
    def ends(self, back: int, end: State) -> None:
        """A worker, perhaps one of long ago, ends the job."""
        with self.database.write() as connection:
            repository.move(connection, self.job_id, end, epoch=self.epochs[max(-1 - back, -len(self.epochs))])

    @rule(back=st.integers(0, 3))
    def tells(self, back: int) -> None:
        """A worker, perhaps one of long ago, stores an event."""
        with self.database.write() as connection:
            repository.append(connection, self.job_id, [LOG], epoch=self.epochs[max(-1 - back, -len(self.epochs))])

    @rule()
    def hands_back(self) -> None:
        """The server stops."""
        with self.database.write() as connection:
            leases.hand_back(connection, self.job_id, self.epochs[-1])

    @rule()
    def cancels(self) -> None:
        """A client cancels."""
        with self.database.write() as connection:
            repository.request_cancel(connection, self.job_id)

    @rule()
    def is_lost(self) -> None:
        """The worker dies."""
        run_out(self.database)

    @invariant()
    @precondition(lambda self: hasattr(self, "database"))
    def goes_documented_ways(self) -> None:
        """Each event of a state follows from the one before by the table; the end is the last."""
        words = told(self.database, self.job_id)
        states = [word.split()[1] for word in words if word.startswith("state ")]
        for before, after in pairwise(states):
            assert after in TRANSITIONS[before], (before, after)  # type: ignore[index]
        assert states[-1] == state(self.database, self.job_id)
        assert ("end" in {word.split()[0] for word in words}) == (states[-1] in ENDED)
        if states[-1] in ENDED:
            assert words[-1] == f"end {states[-1]}"
        with self.database.read() as connection:
            assert connection.scalar(select(jobs.c.event_seq)) == len(connection.execute(select(job_events)).all())


TestJobMachine = JobMachine.TestCase
TestJobMachine.settings = examples(max_examples=40, stateful_step_count=15, deadline=None)
