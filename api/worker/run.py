"""One job from its claim to its end: runs the engine, stores what it tells, and ends, fails or hands back the job."""

import logging
import shutil
import threading
from collections.abc import Mapping, Sequence
from typing import Any, Final

from sqlalchemy import Connection
from sqlalchemy.exc import DBAPIError

from api.blobs import Blobs
from api.database import Database
from api.errors import InternalError, LeaseLost
from api.home import home_error, home_forbidden, home_full
from api.jobs import leases
from api.jobs.ahead import Ahead
from api.jobs.events_table import append
from api.jobs.repository import move
from api.problem_document import problem_of
from api.settings import Settings
from api.worker.claimed import Held, Keeper, stop
from api.worker.devices import Devices
from api.worker.handlers import HANDLERS, Done, Workplace
from api.worker.outbox import Outbox
from nas.errors import Cancelled, OutOfSpace, UnwritableFolder
from nas.events import Event
from search_spaces.errors import HwnasError

log = logging.getLogger("hwnas.worker")

PAUSES_S: Final = (0.2, 1.0, 5.0, 15.0)
"""Between tries to store the end of a job, while its lease is kept."""


class JobRun:
    """One attempt at a job."""

    def __init__(self, database: Database, settings: Settings, claim: leases.Claim, drain: threading.Event) -> None:
        self._database = database
        self._settings = settings
        self._held = Held(claim, drain)
        self._outbox = Outbox(database, self._held, settings.flush_s, settings.lease_s)

    def run(self) -> None:
        """Runs the attempt; whatever happens to the job is stored, and nothing is raised."""
        told = {"job_id": self._held.claim.job_id}
        try:
            with Keeper(self._database, self._held, self._settings):
                self._store(self._attempt())
        except LeaseLost:
            log.warning("the lease is lost, nothing more is stored", extra=told)
        except Exception:
            log.exception("the end could not be stored; the lease will run out", extra=told)

    def _attempt(self) -> Done | HwnasError:
        """Runs the engine; its result, or the error that ended it."""
        claim, settings = self._held.claim, self._settings
        place = Workplace(
            settings=settings,
            tenant_id=claim.tenant_id,
            form=lambda data: Ahead(self._database, settings).form(claim.tenant_id, data),
            out=settings.runs / claim.job_id,
            blobs=Blobs(settings.artifacts),
            on_event=self._outbox.put,
            cancelled=self._held.must_stop,
            hold=Devices(self._database, self._held, self._outbox.put, settings.poll_s).hold,
        )
        try:
            place.out.mkdir(exist_ok=True, mode=0o700)
            done = HANDLERS[claim.kind](claim.job_id, claim.spec, place)
        except HwnasError as error:
            if isinstance(error, OutOfSpace | UnwritableFolder):  # the engine tells of paths
                return home_full() if isinstance(error, OutOfSpace) else home_forbidden()
            return error
        except Exception as error:
            log.exception("the job failed", extra={"job_id": claim.job_id})
            return (home_error(error) if isinstance(error, OSError) else None) or _defect()
        shutil.rmtree(place.out, ignore_errors=True)
        return done

    def _store(self, end: Done | HwnasError) -> None:
        """Stores the end of the attempt; tries again for a while when the database does not answer."""
        left, columns = self._outbox.close()
        for pause in PAUSES_S:
            try:
                with self._database.write() as connection:
                    self._finish(connection, end, left, columns)
                return
            except DBAPIError:
                if self._held.lost.wait(pause):
                    raise _lost() from None
                log.exception("the end could not be stored yet", extra={"job_id": self._held.claim.job_id})
        raise TimeoutError("the database did not answer")

    def _finish(
        self, connection: Connection, end: Done | HwnasError, left: Sequence[Event], columns: Mapping[str, Any]
    ) -> None:
        """Everything that the end of the attempt changes, in one transaction; `left` are events not stored yet.

        Raises:
            LeaseLost: nothing was changed, since the job is another worker's.
        """
        claim, held = self._held.claim, self._held
        if held.lost.is_set() or append(connection, claim.job_id, left, epoch=claim.epoch, **columns) is None:
            raise _lost()
        moved: bool
        if isinstance(end, Done):
            end.store(connection)
            moved = move(connection, claim.job_id, "succeeded", epoch=claim.epoch, result=end.result, progress=None)
        elif isinstance(end, Cancelled) and held.must_stop():
            moved = stop(connection, held)
        else:
            error: dict[str, Any] = problem_of(end).model_dump(mode="json")
            moved = move(connection, claim.job_id, "failed", epoch=claim.epoch, error=error)
        if not moved:
            raise _lost()


def _defect() -> HwnasError:
    return InternalError("The search met an error of the program.", fix="See the server's log under the job's id.")


def _lost() -> LeaseLost:
    return LeaseLost("The job is another worker's by now.", fix="Nothing is to be done.")
