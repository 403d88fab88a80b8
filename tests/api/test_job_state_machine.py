"""One job under whatever workers, clients and time may do to it, in any order."""

import threading
from itertools import pairwise
from typing import ClassVar

from hypothesis import settings as examples
from hypothesis import strategies as st
from hypothesis.stateful import (
    RuleBasedStateMachine,
    initialize,
    invariant,
    precondition,
    rule,
    run_state_machine_as_test,
)
from sqlalchemy import delete, select

from api.database import Database
from api.job_states import ENDED, LEASED, TRANSITIONS, State
from api.jobs import device_leases, events_table, leases, repository
from api.tables import job_attempts, job_events, jobs
from api.worker.claimed_job import ClaimedJob, end_stopped_job
from tests.api.conftest import both_engines
from tests.api.test_leases import LOG, claim_next, event_words, expire_all, queue, state

pytestmark = both_engines


class JobMachine(RuleBasedStateMachine):
    """One job under whatever a worker, a client and time may do to it: only documented ways, never a gap in its events."""

    opened: "ClassVar[staticmethod[[], Database]]"

    @initialize()
    def start(self) -> None:
        """A queued job."""
        self.database = type(self).opened()
        with self.database.write() as connection:
            connection.execute(delete(jobs))
        self.job_id = queue(self.database, max_attempts=3, cpu=None)
        self.bound: str | None = None
        self.state = "queued"
        self.epochs = [0]

    @rule(device=st.sampled_from("ab"))
    def claims(self, device: str) -> None:
        """A worker looks for work: one of two, with a device each."""
        claim = claim_next(self.database, "me", leases.WorkerCapabilities(("search",), {"cpu": device}))
        if claim is not None:
            self.epochs.append(claim.epoch)
            assert self.bound in (None, device)
            self.bound = device

    @rule()
    def is_freed(self) -> None:
        """A client takes any device."""
        with self.database.write() as connection:
            repository.set_needs(connection, self.job_id, {"cpu": None})
        self.bound = None

    @rule(back=st.integers(0, 3))
    def measures(self, back: int) -> None:
        """A worker, perhaps one of long ago, asks for a device: only the one that has the job gets it."""
        epoch = self.epochs[max(-1 - back, -len(self.epochs))]
        with self.database.write() as connection:
            got = device_leases.acquire(connection, "cpu", self.job_id, epoch)
            current = connection.scalar(select(jobs.c.lease_epoch))
        assert got == (epoch == current and state(self.database, self.job_id) in LEASED)

    @rule(back=st.integers(0, 3), end=st.sampled_from(ENDED))
    def ends(self, back: int, end: State) -> None:
        """A worker, perhaps one of long ago, ends the job."""
        with self.database.write() as connection:
            repository.transition(connection, self.job_id, end, epoch=self.epochs[max(-1 - back, -len(self.epochs))])

    @rule(back=st.integers(0, 3))
    def tells(self, back: int) -> None:
        """A worker, perhaps one of long ago, stores an event."""
        with self.database.write() as connection:
            events_table.append(connection, self.job_id, [LOG], epoch=self.epochs[max(-1 - back, -len(self.epochs))])

    @rule()
    def hands_back(self) -> None:
        """The server stops."""
        with self.database.write() as connection:
            leases.requeue(connection, self.job_id, self.epochs[-1])

    @rule()
    def cancels(self) -> None:
        """A client cancels."""
        with self.database.write() as connection:
            repository.request_cancel(connection, self.job_id)

    @rule()
    def pauses(self) -> None:
        """A client pauses."""
        with self.database.write() as connection:
            repository.request_pause(connection, self.job_id)

    @rule()
    def resumes(self) -> None:
        """A client resumes."""
        with self.database.write() as connection:
            repository.resume(connection, self.job_id)

    @rule(back=st.integers(0, 3))
    def stops(self, back: int) -> None:
        """The engine of a worker, perhaps one of long ago, stops as it was asked to."""
        epoch = self.epochs[max(-1 - back, -len(self.epochs))]
        claim = leases.Claim(self.job_id, "", epoch, "search", {}, 1)
        with self.database.write() as connection:
            end_stopped_job(connection, ClaimedJob(claim, threading.Event()))

    @rule()
    def is_lost(self) -> None:
        """The worker dies."""
        expire_all(self.database)

    @invariant()
    @precondition(lambda self: hasattr(self, "database"))
    def goes_documented_ways(self) -> None:
        """Each event of a state follows from the one before by the table; the end is the last."""
        words = event_words(self.database, self.job_id)
        states = [word.split()[1] for word in words if word.startswith("state ")]
        for before, after in pairwise(states):
            assert after in TRANSITIONS[before], (before, after)  # type: ignore[index]
        assert states[-1] == state(self.database, self.job_id)
        assert ("end" in {word.split()[0] for word in words}) == (states[-1] in ENDED)
        if states[-1] in ENDED:
            assert words[-1] == f"end {states[-1]}"
        with self.database.read() as connection:
            assert connection.scalar(select(jobs.c.event_seq)) == len(connection.execute(select(job_events)).all())
            running = connection.scalars(select(job_attempts.c.epoch).where(job_attempts.c.ended_at.is_(None))).all()
            leased = connection.scalar(select(jobs.c.lease_owner)) is not None
        assert leased == (states[-1] in LEASED) == (len(running) == 1)


def test_any_course_of_events(database: Database) -> None:
    machine = type("Machine", (JobMachine,), {"opened": staticmethod(lambda: database)})
    run_state_machine_as_test(machine, settings=examples(max_examples=30, stateful_step_count=15, deadline=None))
