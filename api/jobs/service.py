"""Operations on jobs: the rules between the routes and the statements. Not here: checks of a spec (`preflight.py`)."""

from collections.abc import Callable
from functools import partial
from typing import Any

from sqlalchemy import Connection

from api import pagination
from api.database import Database, to_datetime
from api.errors import InvalidRequest, JobCancelling, JobEnded, JobNotEnded, UnknownJob
from api.idempotency import Idempotent
from api.ids import new_id
from api.job_states import ENDED, LEASED, State
from api.jobs import events_table, repository, waiting
from api.jobs.batch_answer import BatchAnswer
from api.jobs.batches import searches_in
from api.jobs.checkpoints import checkpoints
from api.jobs.engine_spec import datasets_of, needs_of, own_network
from api.jobs.events_table import StoredEvent
from api.jobs.input_spec import check_uploads
from api.jobs.preflight import Preflight
from api.jobs.schemas import (
    LEVELS,
    MAX_LABELS,
    Answer,
    Attempt,
    CandidatePage,
    Checkpoints,
    EventPage,
    ExportAnswer,
    Fronts,
    JobCreate,
    JobDocument,
    JobEvent,
    JobPage,
    JobPatch,
    LogLevel,
    LogLine,
    LogPage,
    SearchAnswer,
    WaitingFor,
    merged,
)
from api.jobs.specs import WIRE_SPEC
from api.problem_document import FieldProblem
from api.quotas import Quotas
from api.settings import Settings
from api.tenancy import Subject
from nas.events import EVENT, CandidateEvent, LogEvent

Precondition = Callable[[JobDocument], None]


class Jobs:
    """Jobs of one database."""

    def __init__(self, database: Database, settings: Settings) -> None:
        self._database = database
        self._settings = settings
        self._quotas = Quotas(settings)
        self.preflight = Preflight(database, settings)

    def create(
        self, subject: Subject, new: JobCreate, idempotent: Idempotent | None = None
    ) -> tuple[JobDocument, bool]:
        """Queues a job.

        Returns:
            The job, and whether it was made by this request; not when the same idempotency key made it before.

        Raises:
            UnknownJob, UnknownArchitecture, InvalidRequest: an export names a search or an architecture that is none.
            UnknownDataset, UnknownNetwork: the spec names a data set or a network that does not exist.
            UnknownTarget: it names a target that does not exist.
            InvalidSpace: its space does not exist, is not valid, or does not fit the images.
            QuotaExceeded: the tenant has as many jobs as it may have.
            IdempotencyMismatch: the key came with another body before.
        """
        if idempotent is not None:
            with self._database.read() as connection:
                stored = idempotent.stored_answer(connection, subject)
            if stored is not None:
                return JobDocument.model_validate_json(stored), False
        spec = self.preflight.check(subject, new.spec)
        job_id = new_id("job")
        longest_s = self._settings.max_job_s
        job = repository.NewJob(
            id=job_id,
            tenant_id=subject.tenant_id,
            kind=spec.kind,
            spec=spec.model_dump(mode="json", exclude_none=True),
            max_attempts=self._settings.max_attempts,
            max_duration_s=min(new.max_duration_s or longest_s, longest_s),
            labels=new.labels,
            datasets=datasets_of(spec),
            networks=() if (own := own_network(spec)) is None else (own,),
            needs=needs_of(spec),
            searches=searches_in(spec),
        )
        with self._database.write() as connection:
            self._quotas.lock_limits(connection, subject.tenant_id)
            if idempotent is not None:  # again, under the tenant's lock
                stored = idempotent.stored_answer(connection, subject)
                if stored is not None:
                    return JobDocument.model_validate_json(stored), False
            self._quotas.check_jobs(connection, subject.tenant_id, job.searches)
            check_uploads(connection, job)
            repository.add(connection, job)
            made = self._document(connection, subject, job_id)
            if idempotent is not None:
                idempotent.store_answer(connection, subject, 201, made.model_dump_json().encode())
        return made, True

    def get(self, subject: Subject, job_id: str) -> JobDocument:
        """A job with all of its attempts.

        Raises:
            UnknownJob: there is none of that id.
        """
        with self._database.read() as connection:
            return self._document(connection, subject, job_id)

    def page(
        self,
        subject: Subject,
        filters: repository.JobFilter,
        order: repository.JobOrder,
        *,
        size: int,
        token: str | None,
    ) -> JobPage:
        """Jobs in an order.

        Raises:
            InvalidPageToken: the token is not from this list with this filter.
        """
        binding = f"jobs {subject.tenant_id} {filters} {order}"
        after = pagination.read_token(token, binding) if token else None
        with self._database.read() as connection:
            rows = repository.page(
                connection, subject.tenant_id, filters, order, after=after, limit=pagination.clamp_page_size(size) + 1
            )
            reasons = waiting.waiting_reasons(connection, rows, self._settings.max_running)
        page_rows, next_token = pagination.paginate(rows, size, binding, partial(repository.sort_key, order))
        items = tuple(job_document(row, reasons.get(row.id)) for row in page_rows)
        return JobPage(items=tuple(map(without_test_details, items)), next_page_token=next_token)

    def events(self, subject: Subject, job_id: str, *, after: int, size: int) -> EventPage:
        """Events with numbers above `after`.

        Raises:
            UnknownJob: there is none of that id.
        """
        stored, ended = self.stored_events(
            subject.tenant_id, job_id, after=after, size=pagination.clamp_page_size(size)
        )
        items = tuple(JobEvent(seq=e.seq, at=to_datetime(e.at), event=EVENT.validate_json(e.data)) for e in stored)
        return EventPage(items=items, next_after=items[-1].seq if items else after, ended=ended)

    def stored_events(self, tenant_id: str, job_id: str, *, after: int, size: int) -> tuple[list[StoredEvent], bool]:
        """At most `size` events with numbers above `after`, as they are stored, and whether no event will ever follow them.

        Raises:
            UnknownJob: there is none of that id.
        """
        with self._database.read() as connection:
            job = repository.state_of(connection, tenant_id, job_id)
            if job is None:
                raise unknown_job(job_id)
            state, last = job
            stored = events_table.page(connection, job_id, after=after, limit=size) if last > after else []
        return stored, state in ENDED and (stored[-1].seq if stored else after) >= last

    def candidates(self, subject: Subject, job_id: str, *, size: int, token: str | None) -> CandidatePage:
        """Evaluated architectures, in the order of evaluation.

        Raises:
            UnknownJob, InvalidPageToken: as they say.
        """
        rows, next_token = self._event_page(subject, job_id, "candidates", events_table.candidate_page, size, token)
        items = tuple(CandidateEvent.model_validate_json(row.data) for row in rows)
        return CandidatePage(items=items, next_page_token=next_token)

    def logs(self, subject: Subject, job_id: str, *, level: LogLevel, size: int, token: str | None) -> LogPage:
        """Lines for people of at least a level, in their order.

        Raises:
            UnknownJob, InvalidPageToken: as they say.
        """
        read = partial(events_table.log_page, levels=LEVELS[LEVELS.index(level) :])
        what = "log" if level == "info" else f"log {level}"
        rows, next_token = self._event_page(subject, job_id, what, read, size, token)
        lines = [LogLine.of(row.seq, to_datetime(row.at), LogEvent.model_validate_json(row.data)) for row in rows]
        return LogPage(items=tuple(lines), next_page_token=next_token)

    def fronts(self, subject: Subject, job_id: str) -> Fronts:
        """The newest front of each target: of trained networks once there is one, of candidates before that.

        Raises:
            UnknownJob: there is none of that id.
        """
        with self._database.read() as connection:
            self._state_of(connection, subject, job_id)
            found = events_table.fronts_of(connection, job_id)
        estimates = tuple(front for front in found if front.of == "candidates")
        return Fronts(items=tuple({front.target: front for front in found}.values()), estimates=estimates)

    def checkpoints(self, subject: Subject, job_id: str) -> Checkpoints:
        """Its finished stages and checkpoints.

        Raises:
            UnknownJob: there is none of that id.
        """
        with self._database.read() as connection:
            self._state_of(connection, subject, job_id)
            return checkpoints(connection, job_id)

    def update_labels(self, subject: Subject, job_id: str, patch: JobPatch, check: Precondition) -> JobDocument:
        """Sets and removes labels, if `check` accepts the current version.

        Raises:
            UnknownJob: there is none of that id.
            InvalidRequest: there would be too many.
        """
        with self._database.write() as connection:
            before = self._document(connection, subject, job_id)
            check(before)
            labels = merged(before.labels, patch.labels)
            if len(labels) > MAX_LABELS:
                raise _too_many_labels()
            repository.set_labels(connection, subject.tenant_id, job_id, labels)
            return self._document(connection, subject, job_id)

    def remove(self, subject: Subject, job_id: str, check: Precondition) -> None:
        """Removes a job that ended, with its events and candidates. Its models stay.

        Raises:
            UnknownJob: there is none of that id.
            JobNotEnded: it has not ended.
        """
        with self._database.write() as connection:
            job = self._document(connection, subject, job_id)
            check(job)
            if not repository.remove(connection, subject.tenant_id, job_id):
                raise JobNotEnded(
                    f"The job {job_id} is {job.state}.", fix="Cancel it first.", facts={"state": job.state}
                )

    def cancel(self, subject: Subject, job_id: str) -> JobDocument:
        """Cancels a job. Idempotent.

        Raises:
            UnknownJob: there is none of that id.
            JobEnded: it succeeded or failed before.
        """
        return self._request(subject, job_id, repository.request_cancel, unless=("succeeded", "failed"))

    def pause(self, subject: Subject, job_id: str) -> JobDocument:
        """Pauses a job until it is resumed. Idempotent.

        Raises:
            UnknownJob: there is none of that id.
            JobEnded: it has ended.
            JobCancelling: it is about to be cancelled.
        """
        return self._request(subject, job_id, repository.request_pause, unless=(*ENDED, "cancelling"))

    def resume(self, subject: Subject, job_id: str, *, any_device: bool = False) -> JobDocument:
        """Queues a paused job again. Idempotent.

        With `any_device` it is no longer bound to the devices of its first worker, only to those that its spec names.

        Raises:
            UnknownJob: there is none of that id.
            JobEnded: it has ended.
            JobCancelling: it is about to be cancelled.
        """

        def change(connection: Connection, job_id: str) -> None:
            if any_device:
                spec = WIRE_SPEC.validate_python(repository.spec(connection, job_id))
                repository.set_needs(connection, job_id, needs_of(spec))
            repository.resume(connection, job_id)

        return self._request(subject, job_id, change, unless=(*ENDED, "cancelling"))

    def running(self) -> int:
        """How many jobs of all tenants have a worker."""
        with self._database.read() as connection:
            return repository.count_all(connection, *LEASED)

    def _request(
        self, subject: Subject, job_id: str, change: Callable[[Connection, str], None], *, unless: tuple[State, ...]
    ) -> JobDocument:
        with self._database.write() as connection:
            state, _ = self._state_of(connection, subject, job_id)
            if state in unless:
                raise _too_late(job_id, state)
            change(connection, job_id)
            return self._document(connection, subject, job_id)

    def _event_page(
        self,
        subject: Subject,
        job_id: str,
        what: str,
        read: Callable[..., list[StoredEvent]],
        size: int,
        token: str | None,
    ) -> tuple[list[StoredEvent], str | None]:
        binding = f"{what} {subject.tenant_id} {job_id}"
        after = pagination.read_number(token, binding) if token else 0
        size = pagination.clamp_page_size(size)
        with self._database.read() as connection:
            self._state_of(connection, subject, job_id)
            rows = read(connection, job_id, after=after, limit=size + 1)
        more = len(rows) > size
        return rows[:size], pagination.number_token(rows[size - 1].seq, binding) if more else None

    def _state_of(self, connection: Connection, subject: Subject, job_id: str) -> tuple[State, int]:
        found = repository.state_of(connection, subject.tenant_id, job_id)
        if found is None:
            raise unknown_job(job_id)
        return found

    def _document(self, connection: Connection, subject: Subject, job_id: str) -> JobDocument:
        row = repository.find(connection, subject.tenant_id, job_id)
        if row is None:
            raise unknown_job(job_id)
        attempts = tuple(
            Attempt(
                attempt=a.attempt,
                worker=a.worker,
                started_at=to_datetime(a.started_at),
                ended_at=None if a.ended_at is None else to_datetime(a.ended_at),
                outcome=a.outcome,
            )
            for a in (repository.attempts(connection, job_id) if row.started_at is not None else ())
        )
        reasons = waiting.waiting_reasons(connection, [row], self._settings.max_running)
        return job_document(row, reasons.get(job_id)).model_copy(update={"attempts": attempts})


def job_document(row: repository.JobRow, waiting_for: WaitingFor | None) -> JobDocument:
    """A row as a job in lists."""

    def time_of(value: int | None) -> Any:
        return None if value is None else to_datetime(value)

    return JobDocument.model_validate(
        {
            "id": row.id,
            "kind": row.kind,
            "state": row.state,
            "phase": row.phase,
            "progress": row.progress,
            "attempt": row.attempt,
            "max_attempts": row.max_attempts,
            "spec": row.spec,
            "labels": row.labels,
            "max_duration_s": row.max_duration_ms / 1000,
            "waiting_for": waiting_for,
            "pause_requested_at": time_of(row.pause_requested_at),
            "result": row.result,
            "error": row.error,
            "last_event": row.event_seq,
            "created_at": to_datetime(row.created_at),
            "started_at": time_of(row.started_at),
            "finished_at": time_of(row.finished_at),
            "active_s": row.total_active_ms / 1000,
        }
    )


def without_test_details(job: JobDocument) -> JobDocument:
    """A job without the confusion matrices of its models and the cells of a batch: many of them are too large for lists."""
    match job.result:
        case SearchAnswer(models=models):
            trimmed = {target: model.model_copy(update={"test": None}) for target, model in models.items()}
            result: Answer = job.result.model_copy(update={"models": trimmed})
        case ExportAnswer(model=model):
            result = job.result.model_copy(update={"model": model.model_copy(update={"test": None})})
        case BatchAnswer():
            result = job.result.without_cells()
        case _:
            return job
    return job.model_copy(update={"result": result})


def unknown_job(job_id: str) -> UnknownJob:
    """The error for an id of no job of the tenant."""
    return UnknownJob(f"There is no job {job_id!r}.", fix="List the jobs with GET /v1/jobs.")


def _too_late(job_id: str, state: State) -> Exception:
    if state == "cancelling":
        return JobCancelling(
            f"The job {job_id} is being cancelled.",
            fix="Wait until it has stopped, and queue its spec again: it resumes from what is stored.",
        )
    return JobEnded(f"The job {job_id} is {state}.", fix="GET the job for its result.", facts={"state": state})


def _too_many_labels() -> Exception:
    wrong = FieldProblem(pointer="/labels", detail=f"a job has at most {MAX_LABELS} labels")
    return InvalidRequest(f"A job has at most {MAX_LABELS} labels.", fix="Remove some.", fields=(wrong,))
