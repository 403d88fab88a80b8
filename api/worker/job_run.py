"""One attempt at a job: runs the engine, stores its events, and ends the job or returns it to the queue."""

import logging
import shutil
import threading
from collections.abc import Mapping, Sequence
from functools import partial
from typing import Any, Final

from sqlalchemy import Connection
from sqlalchemy.exc import DBAPIError

from api.blobs import BlobStore
from api.database import Database
from api.errors import InternalError, LeaseLost
from api.home_errors import home_error, home_forbidden, home_full
from api.jobs import leases
from api.jobs.events_table import append
from api.jobs.input_spec import dataset_name, input_spec
from api.jobs.repository import transition
from api.problem_document import problem_of
from api.settings import Settings
from api.worker.claimed_job import ClaimedJob, LeaseHeartbeat, end_stopped_job
from api.worker.context import JobContext, JobOutcome
from api.worker.device_claims import DeviceClaims
from api.worker.handlers import HANDLERS
from api.worker.outbox import Outbox
from api.worker.share import FairShare
from nas.errors import Cancelled, ClusterLost, ClusterUnreachable, OutOfSpace, UnwritableFolder
from nas.events import Event
from nas.execution.executor import Executor, open_executor
from search_spaces.errors import HwnasError

log = logging.getLogger("hwnas.worker")

RETRY_S: Final = (0.2, 1.0, 5.0, 15.0)
"""Pauses between attempts to store the end of a job, while its lease is renewed."""


class JobRun:
    """One attempt at a job."""

    def __init__(self, database: Database, settings: Settings, claim: leases.Claim, drain: threading.Event) -> None:
        self._database = database
        self._settings = settings
        self._job = ClaimedJob(claim, drain)
        self._outbox = Outbox(database, self._job, settings.flush_s, settings.lease_s)

    def run(self) -> None:
        """Runs the attempt and stores how it ended. Raises nothing."""
        fields = {"job_id": self._job.claim.job_id}
        try:
            with LeaseHeartbeat(self._database, self._job, self._settings):
                self._store(self._attempt())
        except LeaseLost:
            log.warning("the lease is lost, nothing more is stored", extra=fields)
        except Exception:
            log.exception("the outcome could not be stored; the lease will expire", extra=fields)

    def _attempt(self) -> JobOutcome | HwnasError:
        """Runs the engine. Returns its outcome, or the error that ended it."""
        claim, settings = self._job.claim, self._settings
        context = JobContext(
            settings=settings,
            tenant_id=claim.tenant_id,
            input_spec=partial(input_spec, self._database, claim.tenant_id),
            out=settings.runs / claim.job_id,
            blobs=BlobStore(settings.artifacts),
            on_event=self._outbox.put,
            cancelled=self._job.should_stop,
            claim=DeviceClaims(self._database, self._job, self._outbox.put, settings.poll_s).hold,
            dataset_name=partial(dataset_name, self._database, claim.tenant_id),
            executor=self._open_executor,
        )
        try:
            context.out.mkdir(exist_ok=True, mode=0o700)
            outcome = HANDLERS[claim.kind](claim.job_id, claim.spec, context)
        except HwnasError as error:
            if isinstance(error, OutOfSpace | UnwritableFolder):  # the engine's message has paths
                return home_full() if isinstance(error, OutOfSpace) else home_forbidden()
            return error
        except Exception as error:
            log.exception("the job failed", extra={"job_id": claim.job_id})
            return (home_error(error) if isinstance(error, OSError) else None) or _internal_error()
        shutil.rmtree(context.out, ignore_errors=True)
        return outcome

    def _open_executor(self) -> Executor:
        """Where the job's work runs. A cluster is shared with other jobs."""
        share = FairShare(self._database, self._job.claim.tenant_id)
        executor = open_executor(self._settings.executor, most=lambda: share.of(executor.workers))
        return executor

    def _store(self, outcome: JobOutcome | HwnasError) -> None:
        """Stores how the attempt ended; retries for a while when the database does not answer."""
        events, columns = self._outbox.close()
        for pause in RETRY_S:
            try:
                with self._database.write() as connection:
                    self._commit(connection, outcome, events, columns)
                return
            except DBAPIError:
                if self._job.lost.wait(pause):
                    raise _lease_lost() from None
                log.exception("the outcome could not be stored yet", extra={"job_id": self._job.claim.job_id})
        raise TimeoutError("the database did not answer")

    def _commit(
        self,
        connection: Connection,
        outcome: JobOutcome | HwnasError,
        events: Sequence[Event],
        columns: Mapping[str, Any],
    ) -> None:
        """Stores the outcome with the events that are not stored yet, in one transaction.

        Raises:
            LeaseLost: nothing was changed, since another worker has the job.
        """
        claim, job = self._job.claim, self._job
        if job.lost.is_set() or append(connection, claim.job_id, events, epoch=claim.epoch, **columns) is None:
            raise _lease_lost()
        changed: bool
        if isinstance(outcome, JobOutcome):
            outcome.store(connection)
            changed = transition(
                connection, claim.job_id, "succeeded", epoch=claim.epoch, result=outcome.result, progress=None
            )
        elif isinstance(outcome, Cancelled | ClusterLost | ClusterUnreachable) and job.should_stop():
            changed = end_stopped_job(connection, job)
        elif isinstance(outcome, ClusterLost | ClusterUnreachable):
            begun = isinstance(outcome, ClusterLost)
            changed = leases.retry_later(connection, claim.job_id, claim.epoch, outcome, counts=begun)
        else:
            error: dict[str, Any] = problem_of(outcome).model_dump(mode="json")
            changed = transition(connection, claim.job_id, "failed", epoch=claim.epoch, error=error)
        if not changed:
            raise _lease_lost()


def _internal_error() -> HwnasError:
    return InternalError("The search met an error of the program.", fix="See the server's log under the job's id.")


def _lease_lost() -> LeaseLost:
    return LeaseLost("Another worker has the job.", fix="Nothing is to be done.")
